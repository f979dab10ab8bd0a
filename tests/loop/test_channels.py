"""Five kinds of channels at once under a real scheduler, one of them broken, and a file so big that tasks share it."""

import imaplib
import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from include import inbox
from include.ledger.tables import intakes, themes, voices
from tests.conftest import NOW
from tests.dovecot import program
from tests.dovecot import server as dovecot
from tests.loop.stage import PATIENCE, SETTINGS, EmptyStage, with_products
from tests.server import Reply, serving

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(2 * PATIENCE)]
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


def put(stage: EmptyStage, port: int) -> None:
    """Something to hear in the file, the database, the mailbox and the inbox."""
    (stage.home / "reviews.csv").write_text("id,text\n" + "".join(f"{n},{SAID[n % 4]} {n}\n" for n in range(100)), "utf-8")
    with closing(sqlite3.connect(stage.home / "crm.db")) as database, database:
        database.execute("CREATE TABLE calls (id, note)")
        database.executemany("INSERT INTO calls VALUES (?, ?)", enumerate(SAID))
    with imaplib.IMAP4("127.0.0.1", port, timeout=10) as client:
        client.login("five", "secret")
        client.append("INBOX", "", "", b"Subject: x\r\nMessage-ID: <1@x>\r\n\r\nCall me at 010-1234-5678, the coupon fails\r\n")
    inbox.receive(stage.ledger, "five", [inbox.Sent(text="The coupon code fails", id="w1")], b"secret", NOW)


@pytest.mark.skipif(program() is None, reason="Dovecot is not installed")
def test_four_are_heard_and_the_fifth_says_why_not(tmp_path: Path) -> None:
    with dovecot() as mailbox, serving(lambda _: Reply(b"down", 500)) as api:
        mail = {"conn_type": "imap", "host": "127.0.0.1", "port": mailbox.port, "login": "five",
                "password": "secret"}  # pragma: allowlist secret
        crm = {"conn_type": "sqlite", "host": str(tmp_path / "stage" / "home" / "crm.db")}
        connections = {"AIRFLOW_CONN_MAIL": json.dumps(mail), "AIRFLOW_CONN_CRM": json.dumps(crm)}
        product = PRODUCT.format(url=api.url.rstrip("/"))
        with with_products(tmp_path / "stage", SETTINGS | connections, five=product) as stage:
            put(stage, mailbox.port)
            stage.loop.trigger("nightly_cycle")
            runs = [run for run in stage.loop.rest(PATIENCE) if run["dag_id"] == "voc_aggregation"]
            tasks = [(task["task_id"], task["map_index"], task["state"]) for run in runs for task in stage.loop.tasks(run)]
            events = stage.loop.events()
            assert [run["state"] for run in runs] == ["success"]
            assert sorted(tasks) == [("aggregate", -1, "success"), ("group", -1, "success"),
                                     *(("hear", number, "success") for number in range(3))]
            assert events.count(("voice/themes", "five")) == 1
            stored = Counter(voice["source"] for voice in stage.rows(voices))
            assert stored == {"reviews": 100, "calls": 4, "mails": 1, "intake": 1}
            assert len(stage.rows(themes)) >= 2
            [(wrong, error)] = [(row["source"], row["error"]) for row in stage.rows(intakes) if row["error"]]
            assert wrong == "issues" and "HTTP 500" in error
