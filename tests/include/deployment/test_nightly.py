"""The nightly check: a signal opens where what runs differs from what is declared, once, and is resolved when it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.deployment import nightly
from include.deployment.environment import Environment
from include.deployment.nightly import check
from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import signals
from tests.conftest import NOW
from tests.include.deployment.shop import product
from tests.include.deployment.test_faults import until
from tests.include.deployment.test_reconcile import deployed
from tests.rows import get


def night(number: int) -> Run:
    return Run("monitoring_rollups", f"night-{number}", Key("shop"), NOW + timedelta(days=number))


def test_drift_is_signalled_once_and_resolved(ledger: Engine, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "PAUSE", 0.1)
    assert check(ledger, product(), night(0))["status"] == "agrees"  # nothing was ever deployed
    shop = deployed(ledger, artifacts)
    assert check(ledger, shop, replace(night(0), key=Key("shop", "1.0.0")))["status"] == "rests"
    until(lambda: check(ledger, shop, replace(night(1), run_id="calm"))["status"] == "agrees")

    place = Environment(shop)
    [item] = place.replicas()
    place.haproxy.command(f"set server app/{item.name} weight 0")
    found = check(ledger, shop, night(2))
    assert (found["publish"], found["differences"]) == (["shop"], ["haproxy: share of 1.0.0 in percent: wanted 100.0, found 0.0"])
    assert check(ledger, shop, night(2)) == found
    assert check(ledger, shop, night(3))["publish"] == []
    [row] = get(ledger, signals)
    assert (row["kind"], row["status"], row["severity"], row["first_at"]) == ("drift", "open", "medium", night(2).at)
    assert row["title"] == f"What runs of Tea shop is not what is declared: {found['differences'][0]}"

    place.share("1.0.0", 100)
    assert check(ledger, shop, night(4))["resolved"] == [row["fingerprint"]]
    assert [item["status"] for item in get(ledger, signals)] == ["resolved"]
