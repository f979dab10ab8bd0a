"""Five kinds of channels at once under a real scheduler, one of them broken, and a file so big that tasks share it."""

import imaplib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from include import inbox
from include.ledger.engine import connect, reading, upgrade
from include.ledger.tables import intakes, themes, voices
from local.airflow import LocalAirflow
from local.loop import Loop
from tests.conftest import NOW
from tests.dovecot import program
from tests.dovecot import server as dovecot
from tests.loop.stage import SETTINGS, free_ports
from tests.server import Reply, serving

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(300)]
PRODUCT = """\
name: five
title: Five channels
owner: team-five
voices:
  slice_rows: 40
  sources:
    - {{name: reviews, path: reviews.csv, format: csv, columns: {{id: id}}}}
    - {{name: calls, kind: sql, connection: crm, query: SELECT * FROM calls, columns: {{text: note, id: id}}}}
    - {{name: mails, kind: imap, connection: mail, tls: false}}
    - {{name: issues, kind: http, url: "{url}/issues", allow_hosts: [127.0.0.1], total_seconds: 5}}
"""
SAID = ("The coupon isn't applied at checkout", "쿠폰이 적용되지 않아요", "Delivery was late", "배송이 늦어요")


def put(home: Path, port: int) -> None:
    """Something to hear in the file, the database, the mailbox and the inbox."""
    (home / "reviews.csv").write_text("id,text\n" + "".join(f"{n},{SAID[n % 4]} {n}\n" for n in range(100)), "utf-8")
    with closing(sqlite3.connect(home / "crm.db")) as database, database:
        database.execute("CREATE TABLE calls (id, note)")
        database.executemany("INSERT INTO calls VALUES (?, ?)", enumerate(SAID))
    with imaplib.IMAP4("127.0.0.1", port, timeout=10) as client:
        client.login("five", "secret")
        client.append("INBOX", "", "", b"Subject: x\r\nMessage-ID: <1@x>\r\n\r\nCall me at 010-1234-5678, the coupon fails\r\n")
    upgrade(url := f"sqlite:///{home / 'ledger.db'}")
    inbox.receive(connect(url), "five", [inbox.Sent(text="The coupon code fails", id="w1")], b"secret", NOW)


@pytest.mark.skipif(program() is None, reason="Dovecot is not installed")
def test_four_are_heard_and_the_fifth_says_why_not(tmp_path: Path, home: Path) -> None:
    with dovecot() as mailbox, serving(lambda _: Reply(b"down", 500)) as api:
        put(home, mailbox.port)
        (tmp_path / "products").mkdir()
        (tmp_path / "products" / "five.yaml").write_text(PRODUCT.format(url=api.url.rstrip("/")))
        mail = {"conn_type": "imap", "host": "127.0.0.1", "port": mailbox.port, "login": "five",
                "password": "secret"}  # pragma: allowlist secret
        airflow = LocalAirflow(home, free_ports(1), SETTINGS | {
            "CLOSED_LOOP_PRODUCTS": str(tmp_path / "products"), "AIRFLOW_CONN_MAIL": json.dumps(mail),
            "AIRFLOW_CONN_CRM": json.dumps({"conn_type": "sqlite", "host": str(home / "crm.db")})})
        loop = Loop(airflow)
        try:
            airflow.start()
            loop.unpause()
            loop.trigger("nightly_cycle")
            runs = [run for run in loop.rest(150) if run["dag_id"] == "voc_aggregation"]
            tasks = [(task["task_id"], task["map_index"], task["state"]) for run in runs for task in loop.tasks(run)]
            events = loop.events()
        finally:
            airflow.stop()
    assert [run["state"] for run in runs] == ["success"]
    assert sorted(tasks) == [("aggregate", -1, "success"), ("group", -1, "success"),
                             *(("hear", number, "success") for number in range(3))]
    assert events.count(("voice/themes", "five")) == 1
    with reading(connect(f"sqlite:///{home / 'ledger.db'}")) as connection:
        counted = connection.execute(select(voices.c.source, func.count()).group_by(voices.c.source))
        stored = {row[0]: row[1] for row in counted}
        wrong = select(intakes.c.source, intakes.c.error).where(intakes.c.error.is_not(None))
        errors = {row[0]: row[1] for row in connection.execute(wrong)}
        assert len(connection.execute(select(themes.c.id)).all()) >= 2
    assert stored == {"reviews": 100, "calls": 4, "mails": 1, "intake": 1}
    assert list(errors) == ["issues"]
    assert "HTTP 500" in errors["issues"]
