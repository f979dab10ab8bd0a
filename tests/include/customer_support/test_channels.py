"""Tickets come from the same channels as voices: another desk's API, a database, a mailbox."""

import imaplib
import os
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, create_engine, text

from include.artifacts import Artifacts
from include.connection import Connection
from include.customer_support.run import attend
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import ticket_events, tickets
from include.parts.desk import Support, TicketMail
from include.product import read_product
from include.voc_aggregation.sources import opened
from tests.conftest import NOW
from tests.dovecot import program
from tests.dovecot import server as dovecot
from tests.include.customer_support.test_sla import at
from tests.rows import get, product
from tests.server import Asked, Reply, serving

ZAMMAD = {"id": 7, "title": "Coupon refused at checkout", "state": "pending reminder", "priority": "3 high",
          "customer": "kim@example.com", "created_at": "2026-03-03T01:00:00.000Z",
          "updated_at": "2026-03-03T03:00:00.000Z", "close_at": None,
          "first_response_at": "2026-03-03T02:00:00.000Z", "last_contact_customer_at": "2026-03-03T01:00:00.000Z",
          "last_contact_agent_at": "2026-03-03T03:00:00.000Z"}


def work(engine: Engine, source: dict[str, Any], connection: Connection, run_id: str = "run1") -> Result:
    shop = product(support={"sources": [source]})
    run = Run("customer_support", run_id, Key("shop"), NOW + timedelta(days=3))
    return attend(engine, shop, run, Artifacts(os.environ["CLOSED_LOOP_HOME"]), b"secret", opened, lambda _: connection)


def nothing_more(asked: Asked) -> Reply | None:
    """No articles and no history of any ticket (what they tell: test_answers_of_desks.py)."""
    if asked.path.startswith("/api/v1/ticket_articles/by_ticket/"):
        return Reply([])
    return Reply({"history": []}) if asked.path.startswith("/api/v1/ticket_history/") else None


def test_zammads_tickets_by_a_preset_alone(ledger: Engine) -> None:
    def answer(asked: Asked) -> Reply:
        return nothing_more(asked) or Reply([ZAMMAD] if asked.query.get("page") == "1" else [])

    with serving(answer) as server:
        source = {"name": "zammad", "kind": "http", "preset": "zammad", "url": f"{server.url}/api/v1/tickets/search",
                  "auth": {"connection": "desk", "by": "header", "prefix": "Token token="}, "allow_hosts": ["127.0.0.1"]}
        assert work(ledger, source, Connection("http", password="s"))["sources"]["zammad"]["new"] == 1
        [row] = get(ledger, tickets)
        assert (row["external_id"], row["status"], row["priority"], row["category"]) == ("7", "waiting", "high", "payment")
        assert (row["first_response_at"], row["agent_replied_at"]) == (at("03T11:00"), at("03T12:00"))
        ZAMMAD.update(state="closed", close_at="2026-03-03T04:00:00.000Z", updated_at="2026-03-03T04:00:00.000Z")
        assert work(ledger, source, Connection("http", password="s"), "run2")["sources"]["zammad"]["changed"] == 1
        [row] = get(ledger, tickets)
        assert (row["status"], row["resolved_at"]) == ("resolved", at("03T13:00"))


def test_zammads_pages_and_its_limit(ledger: Engine) -> None:
    """As docs.zammad.org has it: a list with names for `expand`, `page` and `per_page`, oldest change first; and a proxy before
    it that answers 429 without a word of how long."""
    found: list[dict[str, Any]] = [
        ZAMMAD | {"id": number, "updated_at": f"2026-03-03T03:{number // 60:02}:{number % 60:02}.000Z", "state": "open",
                  "close_at": None} for number in range(250)]

    pages: list[str] = []

    def answer(asked: Asked) -> Reply:
        if more := nothing_more(asked):
            return more
        pages.append(asked.query["page"])
        if len(pages) == 2:
            return Reply(b"slow down", 429, {"Content-Type": "text/plain"})
        assert asked.headers["authorization"] == "Token token=s"
        assert (asked.query["expand"], asked.query["sort_by"], asked.query["order_by"]) == ("true", "updated_at", "asc")
        since = asked.query["query"].removeprefix("updated_at:[").removesuffix(" TO *]")
        page, size = int(asked.query["page"]), int(asked.query["per_page"])
        return Reply([one for one in found if one["updated_at"] >= since][(page - 1) * size: page * size])

    with serving(answer) as server:
        source = {"name": "zammad", "kind": "http", "preset": "zammad", "url": f"{server.url}/api/v1/tickets/search",
                  "auth": {"connection": "desk", "by": "header", "prefix": "Token token="}, "allow_hosts": ["127.0.0.1"]}
        assert work(ledger, source, Connection("http", password="s"))["sources"]["zammad"]["new"] == 250
        assert pages == ["1", "2", "2", "3", "4"]
        found[3] |= {"state": "pending reminder", "updated_at": "2026-03-03T04:00:00.000Z"}
        counts = work(ledger, source, Connection("http", password="s"), "run2")["sources"]["zammad"]
        assert (counts["read"], counts["changed"], counts["known"]) == (2, 1, 1)
    [change] = get(ledger, ticket_events, kind="status")
    assert (change["what"], change["at"]) == ("waiting", at("03T13:00"))


def test_a_desks_own_database(ledger: Engine, tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    with create_engine(f"sqlite:///{path}").begin() as connection:
        connection.execute(text("create table t (id integer, subject text, body text, created_at text)"))
        connection.execute(text("insert into t values (1, '배송이 늦어요', '택배가 안 와요', '2026-03-01')"))
        connection.execute(text("insert into t values (2, '', '', '2026-03-01')"))
    source = {"name": "db", "kind": "sql", "connection": "desk", "query": "select id, subject, body, created_at from t"}
    counts = work(ledger, source, Connection("sqlite", host=str(path)))["sources"]["db"]
    assert (counts["new"], counts["quarantined"], counts["error"]) == (1, 1, None)
    assert [(row["category"], row["language"]) for row in get(ledger, tickets)] == [("delivery", "ko")]


def test_a_mailbox_needs_no_columns() -> None:
    support = Support.model_validate({"sources": [{"name": "mail", "kind": "imap", "connection": "mailbox"}]})
    [source] = support.sources
    assert isinstance(source, TicketMail)
    assert source.columns.names() == ["text", "id", "written_at", "author"]


@pytest.mark.parametrize(("wrong", "says"), [
    ({"hours": {"zone": "Asia/Soul"}}, "there is no time zone 'Asia/Soul'"),
    ({"hours": {"holidays": ["XX"]}}, "no holidays are known of 'XX'"),
    ({"hours": {"week": {"mon": "18:00-09:00"}}}, "closes before it opens: mon"),
    ({"sources": [{"name": "a", "path": "a.csv", "format": "csv", "columns": {"id": None}}]}, "a ticket needs `id` and"),
    ({"sources": [{"name": "a", "path": "a.csv", "format": "csv"}] * 2}, "names taken twice: a"),
    ({"sla": {"soon": {}}}, "Input should be 'urgent', 'high', 'normal' or 'low'"),
    ({"sources": [{"name": "a", "kind": "http", "preset": "zendusk", "url": "http://a"}]}, "there is no preset 'zendusk'"),
])
def test_a_wrong_desk_is_named(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Support.model_validate(wrong)


def test_a_product_file_with_a_desk(tmp_path: Path) -> None:
    path = tmp_path / "tea.yaml"
    path.write_text("name: tea\ntitle: T\nowner: o\nsupport:\n  hours: {zone: Asia/Seoul, holidays: [KR], closed: [2026-12-24]}\n"
                    "  sla: {urgent: {first_response_hours: 0.5}}\n")
    support = read_product(path).support
    assert support is not None
    assert support.sla["urgent"].first_response_hours == 0.5


def test_zendesks_export_by_a_preset_alone(ledger: Engine) -> None:
    """As developer.zendesk.com shows the cursor-based export: cursors until end_of_stream, and a limit with Retry-After."""
    made = [{"id": number, "subject": "Coupon refused", "description": "at checkout", "requester_id": 7, "status": status,
             "priority": "high", "created_at": "2026-03-03T01:00:00Z", "updated_at": "2026-03-03T03:00:00Z"}
            for number, status in enumerate(("open", "pending", "solved"))]

    pages: list[str | None] = []

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/audits.json"):
            return Reply({"audits": [], "meta": {"has_more": False}, "links": {"next": None}})
        pages.append(asked.query.get("cursor"))
        if len(pages) == 2:
            limit = {"Retry-After": "0", "X-Rate-Limit": "10", "X-Rate-Limit-Remaining": "0"}
            return Reply({"error": "TooManyRequests"}, 429, limit)
        page = int(asked.query.get("cursor", "c0")[1:])
        return Reply({"tickets": made[page: page + 1], "after_cursor": f"c{page + 1}", "before_cursor": None, "before_url": None,
                      "after_url": f"{server.url}/x?cursor=c{page + 1}", "end_of_stream": page == 2})

    with serving(answer) as server:
        source = {"name": "zendesk", "kind": "http", "preset": "zendesk", "auth": {"connection": "desk", "by": "basic"},
                  "url": f"{server.url}/api/v2/incremental/tickets/cursor.json", "allow_hosts": ["127.0.0.1"]}
        assert work(ledger, source, Connection("http", login="a/token", password="s"))["sources"]["zendesk"]["new"] == 3
        assert pages == [None, "c1", "c1", "c2"]
    assert [row["status"] for row in get(ledger, tickets)].count("waiting") == 1
    assert {row["status"] for row in get(ledger, tickets)} == {"open", "waiting", "resolved"}


def mail(number: int, subject: str, text: str, **headers: str) -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "Kim <kim@example.com>", subject
    message["Message-ID"], message["Date"] = f"<{number}@example.com>", "Tue, 03 Mar 2026 10:00:00 +0900"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes().replace(b"\n", b"\r\n")


@pytest.mark.skipif(program() is None and not os.environ.get("CI"), reason="Dovecot is not installed")
def test_a_real_mailbox_is_a_desk(ledger: Engine) -> None:
    """Each mail is a ticket, once; what a machine wrote is set aside; of a reply only the customer's own words count."""
    source = {"name": "mails", "kind": "imap", "connection": "mail", "tls": False}
    with dovecot() as box, imaplib.IMAP4("127.0.0.1", box.port, timeout=30) as client:
        client.login("desk", "secret")

        def put(*mails: bytes) -> None:
            for one in mails:
                assert client.append("INBOX", "", "", one)[0] == "OK"

        def counts(number: int) -> dict[str, Any]:
            connection = Connection("imap", "127.0.0.1", box.port, "desk", "secret")
            found: dict[str, Any] = work(ledger, source, connection, f"run{number}")["sources"]["mails"]
            return found

        put(mail(1, "긴급: 배송이 안 왔어요", "운송장 번호가 조회되지 않습니다. 010-1234-5678로 전화 주세요"),
            mail(2, "Re: your order", "Where is my refund?\n\nOn Mon, 2 Mar 2026 Shop wrote:\n> Thank you for the coupon"),
            mail(3, "Out of office", "I am away", Auto_Submitted="auto-replied"))
        first = counts(1)
        assert (first["read"], first["new"], first["quarantined"], first["error"]) == (3, 2, 1, None)
        put(mail(4, "Login", "I cannot log in"))
        second = counts(2)
        assert (second["read"], second["new"]) == (1, 1)
        assert counts(3)["read"] == 0
    found = {row["subject"]: row for row in get(ledger, tickets)}
    assert {name: (row["category"], row["language"], row["priority"]) for name, row in found.items()} == {
        "긴급: 배송이 안 왔어요": ("delivery", "ko", "urgent"), "Re: your order": ("refund", "en", "normal"),
        "Login": ("account", "en", "normal")}
    assert found["Re: your order"]["body"] == "Where is my refund?"
    assert "[phone]" in found["긴급: 배송이 안 왔어요"]["body"]
    assert found["Login"]["created_at"] == at("03T10:00")
    assert len({row["author"] for row in found.values()}) == 1
