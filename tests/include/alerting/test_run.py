"""A look at the loop on a real ledger: what is late, stuck or silent, and what is known of incidents."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from include.alerting.__main__ import main
from include.alerting.late import note
from include.alerting.run import look, stirs
from include.artifacts import Artifacts
from include.errors import InputError
from include.key import Key
from include.ledger.engine import writing
from include.ledger.runs import Run, finish
from include.ledger.tables import (
    alerts,
    coarse_rollups,
    commits,
    decisions,
    deployment_steps,
    incidents,
    intakes,
    phase_runs,
    rollups,
    signals,
)
from include.product import Product
from tests import rows
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.include.alerting.test_messages import signal

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SOURCE = {"name": "reviews", "path": "reviews.csv", "format": "csv"}


def shop(**alerts: Any) -> Product:
    return rows.product(alerts=alerts, voices={"sources": [SOURCE]})


def a_run(number: int = 0, after: timedelta = timedelta(0)) -> Run:
    return Run("alerting", f"r{number}", Key("shop"), NOW + after)


def states(engine: Engine) -> dict[str, str]:
    return {row["kind"]: row["status"] for row in rows.get(engine, signals)}


def hear(engine: Engine, stored: int, *days: int) -> None:
    rows.put(engine, intakes, *({"run_id": f"n{n}", "product": "shop", "source": "reviews", "read": stored, "stored": stored,
                                 "duplicates": 0, "quarantined": 0, "error": None, "at": NOW + n * DAY} for n in days))


def test_a_source_gone_silent_is_a_signal_until_it_speaks(ledger: Engine, artifacts: Artifacts) -> None:
    hear(ledger, 3, *range(-12, -4))
    hear(ledger, 0, *range(-4, 0))
    assert look(ledger, shop(), a_run(), artifacts)["opened"] == {"silent": 1}
    assert look(ledger, shop(), a_run(1), artifacts)["opened"] == {}  # it is known
    [found] = rows.get(ledger, signals)
    assert found["title"].startswith("Tea shop: The source reviews has said nothing new for 4 days, since 2026-02-25")
    assert look(ledger, shop(silent_hours={"reviews": 200}), a_run(2), artifacts)["resolved"] == {"silent": 1}
    assert look(ledger, shop(silent_hours={"reviews": 48}), a_run(3), artifacts)["opened"] == {"silent": 1}
    hear(ledger, 2, 0)
    assert look(ledger, shop(), a_run(4), artifacts)["resolved"] == {"silent": 1}


def test_traffic_is_missed_by_what_was_looked_at(ledger: Engine, artifacts: Artifacts) -> None:
    numbers = {"product": "shop", "version": "1.0.0", "route": "/", "requests": 5, "errors": 0, "p50": 1.0, "p95": 1.0,
               "p99": 1.0, "durations": {}}
    rows.put(ledger, coarse_rollups, *(numbers | {"span": "hour", "minute": NOW - n * HOUR} for n in range(60, 40, -1)))
    rows.put(ledger, rollups, numbers | {"minute": NOW - 41 * HOUR})
    assert look(ledger, shop(), a_run(), artifacts)["opened"] == {}  # nobody has looked since
    rows.put(ledger, phase_runs, {"phase": "monitoring_rollups", "run_id": "m", "key": "shop", "at": NOW, "result": {}})
    assert look(ledger, shop(), a_run(1), artifacts)["opened"] == {"silent": 1}


def test_a_log_that_is_silent_while_others_speak_is_a_signal(ledger: Engine, artifacts: Artifacts) -> None:
    def heard(*days: int, **counts: int) -> None:
        rows.put(ledger, phase_runs, *({"phase": "monitoring_rollups", "run_id": f"m{n}", "key": "shop", "at": NOW + n * DAY,
                                        "result": {"heard": {f"{name}.log": n for name, n in counts.items()}}} for n in days))

    def two(**alerts: Any) -> Product:
        return rows.product(alerts=alerts, monitoring={"logs": [{"path": "a.log"}, {"path": "b.log"}]})

    heard(*range(-16, -5), a=5, b=5)
    heard(*range(-5, -2), a=5, b=0)
    assert look(ledger, two(), a_run(), artifacts)["opened"] == {}  # three days are not more than three times its longest silence
    heard(-2, a=5, b=0)
    heard(-1, 0, a=0, b=0)  # then nobody speaks, which is another matter
    assert look(ledger, two(), a_run(1), artifacts)["opened"] == {"silent": 1}
    [found] = rows.get(ledger, signals)
    assert found["title"].startswith("Tea shop: The log b.log has said nothing, while others speak, for 4 days, since 2026-02-24")
    assert look(ledger, two(silent_hours={"log b.log": 96}), a_run(2), artifacts)["resolved"] == {"silent": 1}
    assert look(ledger, two(silent_hours={"log b.log": 95}), a_run(3), artifacts)["opened"] == {"silent": 1}
    assert look(ledger, shop(), a_run(4), artifacts)["resolved"] == {"silent": 1}  # the log is no longer one of its own


def test_a_release_that_waits_names_its_gate(ledger: Engine, artifacts: Artifacts) -> None:
    rows.release(ledger, "1.1.0", status="candidate", at=NOW - 4 * DAY)
    assert look(ledger, shop(gate_hours=200), a_run(), artifacts)["opened"] == {}
    assert look(ledger, shop(), a_run(1), artifacts)["opened"] == {"gate": 2}
    rows.put(ledger, decisions, {"subject": "shop|1.1.0", "gate": "user_testing", "decision": "accepted", "by": "kim", "note": "",
                                 "at": NOW - DAY})
    rows.put(ledger, phase_runs, {"phase": "compliance_checks", "run_id": "c", "key": "shop|1.1.0", "at": NOW - DAY,
                                  "result": {"publish": [], "failed": "no-secrets"}})
    assert look(ledger, shop(), a_run(2), artifacts)["resolved"] == {"gate": 1}
    [stuck] = rows.get(ledger, signals, status="open")
    assert stuck["detail"]["gate"] == "compliance_checks"
    with writing(ledger) as connection:
        connection.execute(update(phase_runs).values(result={"publish": ["shop|1.1.0"]}))
    assert look(ledger, shop(), a_run(3), artifacts)["resolved"] == {"gate": 1}
    assert look(ledger, shop(gate_hours=12), a_run(4), artifacts)["opened"] == {"gate": 1}  # now it waits at deployment


def context(run: str = "d1", key: str | None = "shop|1.1.0", **more: str) -> dict[str, Any]:
    return {"dag_run": {"dag_id": "deployment", "dag_run_id": run, "partition_key": key, "run_after": NOW.isoformat()} | more,
            "deadline": {"id": "x", "deadline_time": NOW + 3 * HOUR}}


@pytest.fixture
def known_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.yaml").write_text("name: shop\ntitle: Tea shop\nowner: team-shop\nalerts: {}\n")
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))


@pytest.mark.usefixtures("known_shop")
def test_a_late_phase_is_a_signal_until_it_or_a_later_run_is_over(ledger: Engine, artifacts: Artifacts) -> None:
    said = note(ledger, context(), 3, 3)
    assert note(ledger, context(), 3, 3) == said and len(said["signals"]) == 1
    assert note(ledger, context("d2"), 3, 3)["signals"] == []  # one a phase and key
    [late] = rows.get(ledger, signals)
    assert late["title"] == "Tea shop: deployment of shop|1.1.0 is not over within 3 hours" and late["release"] == "shop|1.1.0"
    assert look(ledger, shop(), a_run(after=4 * HOUR), artifacts)["resolved"] == {}
    finish(ledger, Run("deployment", "d3", Key("shop", "1.2.0"), NOW + 5 * HOUR), lambda _: {"publish": []})
    assert look(ledger, shop(), a_run(1, 6 * HOUR), artifacts)["resolved"] == {"late": 1}


@pytest.mark.usefixtures("known_shop")
def test_a_product_says_how_long_a_phase_may_take(ledger: Engine, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(file.read_text().replace("alerts: {}", "alerts: {phase_hours: {deployment: 48, build_and_test: 0.5}}"))
    assert note(ledger, context(), 72, 72)["rests"] == "it may take 48 hours"
    assert note(ledger, context(dag_id="user_testing"), 48, 72)["rests"] == "it may take 3 days"  # which is another product's
    assert len(note(ledger, context(), 48, 72)["signals"]) == 1
    assert len(note(ledger, context(dag_id="build_and_test"), 0.5, 3)["signals"]) == 1
    assert [row["title"].partition("not over within ")[2] for row in rows.get(ledger, signals)] == ["48 hours", "0.5 hours"]


@pytest.mark.usefixtures("known_shop")
def test_a_run_that_is_over_or_about_nothing_known_is_not_late(ledger: Engine) -> None:
    finish(ledger, Run("deployment", "d1", Key("shop", "1.1.0"), NOW), lambda _: {"publish": []})
    assert note(ledger, context(), 3, 3)["rests"] == "it is over"
    assert "no key" in note(ledger, context("d4", None), 3, 3)["rests"]
    assert "unknown product" in note(ledger, context("d5", "other"), 3, 3)["rests"]
    assert rows.get(ledger, signals) == []


def test_signals_of_the_loop_are_no_voices(ledger: Engine) -> None:
    from include.voc_aggregation.store import open_signals

    rows.put(ledger, signals, signal(), *(signal(fingerprint=kind, kind=kind) for kind in ("late", "gate", "silent")))
    assert [row["kind"] for row in open_signals(ledger, "shop")] == ["slo"]


def fault(engine: Engine, folder: Path | None = None) -> None:
    """A canary went wrong, was rolled back, and somebody took it on."""
    rows.release(engine, "1.1.0", status="rolled_back")
    rows.deployment(engine, "1.1.0", NOW - HOUR, NOW, id="d1", status="rolled_back", reason="7 % failed")
    rows.put(engine, deployment_steps, {"deployment_id": "d1", "step": 1, "weight": 10, "requests": 100, "errors": 7,
                                        "error_rate": 0.07, "limit": 0.02, "verdict": "worse", "why": "7 % failed", "at": NOW})
    rows.put(engine, commits, {"product": "shop", "sha": "a" * 40, "author": None, "at": NOW - DAY, "subject": "feat: <b>new</b>",
                               "kind": "feat", "breaking": False, "release": "shop|1.1.0"})
    with writing(engine) as connection:
        connection.execute(insert(signals).values(signal(
            kind="deployment", detail={"deployment": "d1"}, acknowledged_by="kim", acknowledged_at=NOW + HOUR)))
        connection.execute(insert(signals).values(signal(fingerprint="f2", detail={
            "deployment": "d1", "requests": 100, "errors": 7, "routes": [{"route": "/pay", "requests": 50, "errors": 7}]})))


def test_an_incident_has_a_timeline_an_owner_and_a_draft(ledger: Engine, artifacts: Artifacts) -> None:
    fault(ledger)
    [name] = look(ledger, shop(), a_run(), artifacts)["incidents"]
    assert look(ledger, shop(), a_run(1, HOUR), artifacts)["incidents"] == []  # nothing new
    with writing(ledger) as connection:
        connection.execute(update(signals).values(status="resolved", last_at=NOW + 2 * HOUR))
    assert look(ledger, shop(language="ko"), a_run(2, 3 * HOUR), artifacts)["incidents"] == [name]
    [row] = rows.get(ledger, incidents)
    assert (row["owner"], row["status"], row["resolved_at"], row["cause"]) == ("kim", "resolved", NOW + 2 * HOUR, "deployment d1")
    assert [fact["what"] for fact in row["timeline"]] == ["deployment", "opened", "opened", "rolled_back", "step", "acknowledged",
                                                          "resolved", "resolved"]
    text, page = (artifacts.read(row[name]).decode() for name in ("postmortem", "page"))
    assert "/pay: 7 / 50" in page and "&lt;b&gt;new" in page and "사후 분석" in text
    assert look(ledger, shop(), a_run(3, 4 * HOUR), artifacts)["incidents"] == []


def test_the_command_shows_incidents_what_was_not_told_and_the_draft(
        sqlite_ledger: Engine, artifacts: Artifacts, capsys: pytest.CaptureFixture[str]) -> None:
    fault(sqlite_ledger)
    [name] = look(sqlite_ledger, shop(), a_run(), artifacts)["incidents"]
    rows.put(sqlite_ledger, alerts, {
        "fingerprint": "f1", "opened_at": NOW, "state": "opened", "channel": "post", "product": "shop", "status": "failed",
        "attempts": 2, "problem": "refused", "made_at": NOW, "tried_at": NOW, "sent_at": None})
    there = ["--ledger", str(sqlite_ledger.url), "--artifacts", artifacts.root]
    main(["show", "shop", *there])
    assert capsys.readouterr().out == (f"{name}  open  high  2026-03-02 02:00  kim: Errors\n"
                                       "f1 opened to post: failed, 2 times: refused\n")
    main(["postmortem", name, *there])
    assert capsys.readouterr().out.startswith(f"# Post-mortem (draft): {name.replace('-', chr(92) + '-')}")
    with pytest.raises(InputError, match="no incident 'I-0'"):
        main(["postmortem", "I-0", *there])


def test_who_declares_no_alerts_is_not_watched(ledger: Engine, artifacts: Artifacts) -> None:
    fault(ledger)
    assert look(ledger, rows.product(), a_run(), artifacts)["rests"] and rows.get(ledger, incidents) == []


def scenario(engine: Engine, folder: Path) -> Any:
    return look(engine, shop(), a_run(), Artifacts(str(folder / "artifacts")))


def prepare(engine: Engine, folder: Path) -> None:
    fault(engine)
    hear(engine, 3, *range(-12, -4))
    hear(engine, 0, *range(-4, 0))
    rows.release(engine, "1.2.0", status="candidate", at=NOW - 4 * DAY)


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=6) > 3


def settled(engine: Engine, artifacts: Artifacts, product: Product, number: int) -> dict[str, Any]:
    """What a look does, where somebody looked before."""
    return {name: found for name, found in look(engine, product, a_run(number), artifacts).items() if found}


def test_a_product_stirs_only_where_a_look_comes_to_something(ledger: Engine, artifacts: Artifacts) -> None:
    assert not stirs(ledger, rows.product(), NOW)  # it declares no alerts
    hear(ledger, 3, *range(-12, -4))
    assert not stirs(ledger, shop(), NOW - 4 * DAY)
    assert not settled(ledger, artifacts, shop(), 0)
    hear(ledger, 0, *range(-4, 0))
    assert stirs(ledger, shop(), NOW)  # a source is silent
    look(ledger, shop(), a_run(1), artifacts)
    assert stirs(ledger, shop(silent_hours={"reviews": 900}), NOW)  # its signal is open
    look(ledger, shop(silent_hours={"reviews": 900}), a_run(2), artifacts)
    assert stirs(ledger, shop(silent_hours={"reviews": 900}), NOW)  # that it is over may have to be told
    assert not stirs(ledger, shop(silent_hours={"reviews": 900}), NOW + 2 * DAY)
    assert not settled(ledger, artifacts, shop(silent_hours={"reviews": 900}), 3)


def test_a_product_stirs_while_somebody_is_to_be_told(ledger: Engine) -> None:
    rows.release(ledger, "1.1.0", status="candidate", at=NOW - 100 * HOUR)
    assert stirs(ledger, shop(gate_hours=99), NOW)
    assert not stirs(ledger, shop(gate_hours=101), NOW)
    told = {"fingerprint": "f", "opened_at": NOW, "state": "opened", "channel": "mail", "product": "shop", "attempts": 1,
            "problem": None, "made_at": NOW, "tried_at": NOW, "sent_at": None}
    for status, expected in (("sent", False), ("given_up", False), ("failed", True), ("sending", True), ("waiting", True)):
        rows.put(ledger, alerts, told | {"status": status})
        assert stirs(ledger, shop(gate_hours=101), NOW) is expected, status


def test_a_product_stirs_for_a_grave_signal_until_it_has_its_incident(ledger: Engine, artifacts: Artifacts) -> None:
    old = NOW - 10 * DAY
    rows.put(ledger, signals, signal(severity="critical", status="resolved", first_at=old, last_at=old))
    assert stirs(ledger, shop(), NOW)
    look(ledger, shop(), a_run(), artifacts)
    assert [row["status"] for row in rows.get(ledger, incidents)] == ["resolved"]
    assert not stirs(ledger, shop(), NOW)
