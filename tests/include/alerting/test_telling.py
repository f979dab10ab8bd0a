"""Alerts arrive once: over a real SMTP server, a real webhook, Slack's form of one, and an Airflow notifier."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from include.alerting.sending import no_notifiers
from include.alerting.telling import tell
from include.connection import Connection, Connections
from include.errors import InputError
from include.key import Key
from include.ledger.engine import connect, writing
from include.ledger.runs import Run
from include.ledger.tables import alerts, signals
from include.product import Product
from tests import mail, rows
from tests.conftest import NOW
from tests.crash import _install
from tests.include.alerting.test_messages import OVER, TAKEN, signal
from tests.server import Reply, Server

MAIL = {"connection": "post", "mail_to": ["oncall@shop.example", "team@shop.example"]}


def hook(host: str = "127.0.0.1", **more: Any) -> dict[str, Any]:
    return {"connection": "hook", "allow_hosts": [host], "severity": "low"} | more


def shop(*channels: dict[str, Any], **more: Any) -> Product:
    return rows.product(alerts={"channels": list(channels)} | more)


def a_run(number: int = 0) -> Run:
    return Run("alerting", f"r{number}", Key("shop"), NOW + timedelta(minutes=5 * number))


@pytest.fixture
def post() -> Iterator[tuple[mail.Post, int]]:
    with mail.serving() as found:
        yield found


def known(port: int = 0, url: str = "") -> Connections:
    return {"post": mail.connection(port), "hook": Connection("http", url, password="token"),
            "slack": Connection("slackwebhook", url, password="/T0/B0/x")}.__getitem__


def state_of(engine: Engine) -> dict[tuple[str, str], tuple[str, int]]:
    return {(row["channel"], row["state"]): (row["status"], row["attempts"]) for row in rows.get(engine, alerts)}


def change(engine: Engine, **fields: Any) -> None:
    with writing(engine) as connection:
        connection.execute(update(signals).values(fields))


def test_a_signal_is_told_by_mail_when_it_opens_is_taken_on_and_is_over(ledger: Engine, post: tuple[mail.Post, int]) -> None:
    box, port = post
    rows.put(ledger, signals, signal(title="<b>오류</b>\r\nBcc: x@y.example"), signal(fingerprint="low", severity="low"))
    told = shop(MAIL, language="ko")
    course: tuple[dict[str, Any], ...] = ({"status": "open"}, TAKEN, OVER)
    for number, fields in enumerate(course):
        change(ledger, **fields)
        for again in (0, 1):
            tell(ledger, told, a_run(2 * number + again), known(port), no_notifiers)
    opened, taken, over = box.mails
    assert opened["To"] == "oncall@shop.example, team@shop.example" and opened["Bcc"] is None
    assert opened["Subject"] == "[Tea shop] 발생: <b>오류</b> Bcc: x@y.example" and opened["Auto-Submitted"] == "auto-generated"
    assert "담당: kim" in taken.get_content() and "해소 시각" in over.get_content()
    assert taken["In-Reply-To"] == over["References"] == opened["Message-ID"] != over["Message-ID"]
    assert set(state_of(ledger).values()) == {("sent", 1)}


def test_a_webhook_gets_json_and_the_key_by_which_it_knows_it(ledger: Engine) -> None:
    rows.put(ledger, signals, signal(severity="low"))
    with Server(lambda asked: Reply({})).up() as server:
        result = tell(ledger, shop(hook()), a_run(), known(url=server.url), no_notifiers)
    [asked] = server.asked
    assert result == {"hook": {"sent": 1}}
    assert asked.headers["authorization"] == "Bearer token" and asked.headers["idempotency-key"] == asked.body["id"]
    assert {name: asked.body[name] for name in ("state", "signal", "severity", "release", "product")} == {
        "state": "opened", "signal": "f1", "severity": "low", "release": "shop|1.1.0", "product": "shop"}


def test_slack_shows_hostile_text_as_text(ledger: Engine) -> None:
    rows.put(ledger, signals, signal(title="<!channel> *down* <https://evil.example|click>"))
    with Server(lambda asked: Reply(b"ok")).up() as server:
        tell(ledger, shop(hook(connection="slack")), a_run(), known(url=server.url), no_notifiers)
    [asked] = server.asked
    assert asked.path == "/T0/B0/x" and "authorization" not in asked.headers
    assert "<" not in asked.body["text"] and "&lt;!channel&gt;" in asked.body["text"]
    assert {block["text"]["type"] for block in asked.body["blocks"]} == {"plain_text"}


def test_the_secret_in_a_webhooks_path_is_not_shown(ledger: Engine) -> None:
    rows.put(ledger, signals, signal())
    result = tell(ledger, shop(hook(connection="slack", allow_hosts=[])), a_run(), known(url="http://127.0.0.1:9"), no_notifiers)
    assert "http://127.0.0.1:9/…" in result["problems"]["slack"] and "/T0/B0/x" not in str(rows.get(ledger, alerts)) + str(result)


def test_one_that_opened_again_is_told_anew_and_not_twice(ledger: Engine, post: tuple[mail.Post, int]) -> None:
    box, port = post
    rows.put(ledger, signals, signal())
    tell(ledger, shop(MAIL), a_run(), known(9), no_notifiers)
    change(ledger, first_at=NOW + timedelta(minutes=4))
    assert tell(ledger, shop(MAIL), a_run(1), known(port), no_notifiers) == {"post": {"sent": 1}}
    assert "02:04 UTC" in box.mails[0].get_content()


def test_a_failure_is_shown_and_tried_again_and_stops_no_other_channel(ledger: Engine, post: tuple[mail.Post, int]) -> None:
    box, port = post
    rows.put(ledger, signals, signal(), signal(fingerprint="f2"))
    answers = [500, 200, 200]
    with Server(lambda asked: Reply({}, status=answers[asked.number - 1])).up() as server:
        first = tell(ledger, shop(hook(), MAIL), a_run(), known(port, server.url), no_notifiers)
        assert first["hook"] == {"failed": 1} and first["post"] == {"sent": 2}
        assert "500" in first["problems"]["hook"]
        [failed] = rows.get(ledger, alerts, status="failed")
        assert "500" in failed["problem"]
        later = tell(ledger, shop(hook(), MAIL), a_run(1), known(port, server.url), no_notifiers)
        assert later == {"hook": {"sent": 2}, "post": {}}
    assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 2 and len(box.mails) == 2


@pytest.mark.parametrize(("channel", "why"), [
    (hook(connection="nowhere"), "there is no connection"), (hook(allow_hosts=[]), "not public"),
    ({"connection": "post"}, "mail_to names nobody"), (MAIL, "Connection refused"),
    ({"notifier": "nowhere.Notifier"}, "there is no notifier")])
def test_a_channel_that_cannot_be_used_says_why(ledger: Engine, channel: dict[str, Any], why: str) -> None:
    def connections(name: str) -> Connection:
        if name == "nowhere":
            raise InputError(f"there is no connection {name!r}")
        return known(9, "http://127.0.0.1:9")(name)

    rows.put(ledger, signals, signal())
    [problem] = tell(ledger, shop(channel), a_run(), connections, no_notifiers)["problems"].values()
    assert why in problem


def test_after_a_day_it_is_given_up_and_what_is_over_is_not_told_late(ledger: Engine) -> None:
    rows.put(ledger, signals, signal(), signal(fingerprint="f2"))
    broken = shop(MAIL)
    tell(ledger, broken, a_run(), known(9), no_notifiers)
    with writing(ledger) as connection:
        connection.execute(update(signals).where(signals.c.fingerprint == "f2").values(status="resolved"))
    tell(ledger, broken, a_run(1), known(9), no_notifiers)
    tell(ledger, broken, a_run(288), known(9), no_notifiers)
    assert {row["fingerprint"]: row["status"] for row in rows.get(ledger, alerts)} == {"f1": "given_up", "f2": "dropped"}
    assert tell(ledger, broken, a_run(289), known(9), no_notifiers) == {"post": {}}


def test_who_declares_no_alerts_is_told_nothing(ledger: Engine) -> None:
    rows.put(ledger, signals, signal())
    assert tell(ledger, rows.product(), a_run(), known(), no_notifiers) == {} and rows.get(ledger, alerts) == []


def test_a_kill_while_it_is_sent_sends_it_again_with_the_same_id(migrated: Path, tmp_path: Path,
                                                                 post: tuple[mail.Post, int]) -> None:
    """Killed before or after every third statement or commit in turn, each time in a process of its own."""
    box, port = post
    for point in range(1, 80, 3):
        file = tmp_path / f"{point}.db"
        file.write_bytes(migrated.read_bytes())
        engine = connect(f"sqlite:///{file}")
        rows.put(engine, signals, signal())
        engine.dispose()
        if (child := os.fork()) == 0:
            _install(engine, point, tmp_path / "note")
            tell(engine, shop(MAIL), a_run(), known(port), no_notifiers)
            os._exit(0)
        _, ended = os.waitpid(child, 0)
        tell(engine, shop(MAIL), a_run(), known(port), no_notifiers)
        [row] = rows.get(engine, alerts)
        engine.dispose()
        sent, box.mails = box.mails, []
        assert row["status"] == "sent" and 1 <= len(sent) <= 2 and len({mail["Message-ID"] for mail in sent}) == 1
        if ended == 0:
            break
    assert len(sent) == 1 and 10 < point < 76
