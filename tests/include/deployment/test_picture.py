"""A deployment as a picture: its steps, rates and verdicts stand in it, and nothing hostile does."""

from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import Engine

from include.deployment.picture import MAX_STEPS, newest, picture, picture_of
from include.ledger.tables import deployment_steps, deployment_verdicts, deployments
from tests import rows
from tests.conftest import NOW

HOSTILE = "</text><script>alert(1)</script><img src=x onerror=y> & \x1b[31m\u202e"
DEPLOYMENT: dict[str, Any] = {
    "id": "d", "product": "shop", "version": "1.1.0", "environment": "production", "previous": "1.0.0", "status": "rolled_back",
    "reason": "6.3 % of 80 requests failed", "started_at": NOW, "finished_at": NOW, "kind": "canary", "by": None}


def step(number: int, weight: int, rate: float, verdict: str, why: str = "why") -> dict[str, Any]:
    return {"deployment_id": "d", "step": number, "weight": weight, "requests": 80, "errors": round(80 * rate),
            "error_rate": rate, "limit": 0.05, "verdict": verdict, "why": why, "at": NOW}


def verdict(number: int, metric: str, decision: str, **fields: Any) -> dict[str, Any]:
    return {"deployment_id": "d", "step": number, "metric": metric, "baseline": 0.0125, "candidate": 0.0625, "effect": 0.05,
            "low": -0.01, "high": 0.12, "threshold": 20.0, "baseline_samples": 81, "candidate_samples": 80, "decision": decision,
            "why": "why", "at": NOW} | fields


STEPS = [step(0, 10, 0.0, "pass"), step(1, 50, 0.0625, "fail")]
VERDICTS = [verdict(0, "error_rate", "pass"), verdict(1, "error_rate", "fail"),
            verdict(1, "latency_ms", "pass", low=None, high=None)]


def texts(svg: str) -> list[str]:
    return [item.text or "" for item in ElementTree.fromstring(svg).iter() if item.tag.endswith("text")]  # noqa: S314 - ours


def test_it_tells_traffic_rates_and_verdicts_of_each_step() -> None:
    said = texts(picture(DEPLOYMENT, STEPS, VERDICTS))
    assert said[0] == "shop 1.1.0 to production, from 1.0.0: rolled back"
    assert {"10 %, 80 requests", "50 %, 80 requests", "1.25 %, 0 %", "1.25 %, 6.25 %", "latency ms", "81 and 80",
            "-0.01 to 0.12"} <= set(said)
    assert said.count("fail") == 2 and said[-1] == "6.3 % of 80 requests failed"


def test_hostile_text_is_text() -> None:
    svg = picture(DEPLOYMENT | {"version": HOSTILE, "environment": HOSTILE, "reason": HOSTILE, "kind": HOSTILE},
                  [step(0, 10, 0.0, HOSTILE, HOSTILE)], [verdict(0, HOSTILE, HOSTILE)])
    tags = {item.tag.rpartition("}")[2] for item in ElementTree.fromstring(svg).iter()}  # noqa: S314 - ours
    assert tags <= {"svg", "style", "rect", "text", "circle"}
    assert any("<script>alert(1)</script>" in text for text in texts(svg)) and "\x1b" not in svg and "\u202e" not in svg


def test_many_steps_and_none_are_drawn() -> None:
    assert texts(picture(DEPLOYMENT, [], []))[-1] == "6.3 % of 80 requests failed"
    svg = picture(DEPLOYMENT | {"reason": "word " * 500, "previous": None}, [step(n, 1, 0.0, "pass") for n in range(100)], [])
    assert svg.count("<circle") == MAX_STEPS and "from" not in texts(svg)[0]


def test_the_newest_canary_is_found_in_the_ledger(ledger: Engine) -> None:
    with ledger.connect() as connection:
        assert newest(connection, "shop") is None
        with pytest.raises(KeyError):
            picture_of(connection, "d")
    rows.put(ledger, deployments, DEPLOYMENT, DEPLOYMENT | {"id": "first", "version": "1.0.0", "previous": None})
    rows.put(ledger, deployment_steps, *STEPS, STEPS[0] | {"deployment_id": "first"})
    rows.put(ledger, deployment_verdicts, *VERDICTS)
    with ledger.connect() as connection:
        assert newest(connection, "shop") == "d" and newest(connection, "shop", "1.0.0") == "first"
        assert newest(connection, "other") is None
        assert picture_of(connection, "d") == picture(DEPLOYMENT, STEPS, VERDICTS)
