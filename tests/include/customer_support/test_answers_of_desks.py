"""What was said on a ticket, and how long it waited for the customer, as Zammad and Zendesk tell it: by presets alone."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.connection import Connection
from include.customer_support.run import attend
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import quarantine, ticket_clocks, ticket_events, tickets
from include.voc_aggregation.sources import opened
from tests.conftest import NOW
from tests.include.customer_support.test_run import ALL_DAY
from tests.include.customer_support.test_sla import at
from tests.rows import get, product
from tests.server import Asked, Reply, Server, serving

SLA = {"normal": {"first_response_hours": 4, "next_response_hours": 4, "resolution_hours": 8}}
NO_NAMES = {"first_response_at": None, "last_contact_customer_at": None, "last_contact_agent_at": None}


def zammad(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "title": "Coupon refused", "state": "open", "priority": "2 normal", "customer": "kim@example.com",
            "created_at": "2026-03-03T01:00:00.000Z", "updated_at": f"2026-03-03T05:00:00.{number:03}Z",
            "close_at": None} | fields


def article(hour: int, sender: str, body: str, **fields: Any) -> dict[str, Any]:
    return {"sender": sender, "type": "email", "internal": False, "content_type": "text/html", "body": body,
            "created_at": f"2026-03-03T{hour:02}:30:00.000Z"} | fields


ARTICLES = [
    article(1, "Customer", "<p>At checkout.</p><p>Call me: 010-1234-5678</p>"),
    article(2, "Agent", "Who knows him?", type="note", internal=True),
    article(3, "Agent", "Dear Kim,<br>which coupon?"),
    article(5, "Customer", "SPRING", content_type="text/plain"),
    article(6, "System", "Your ticket", type="email"),
]
HISTORY = [
    {"object": "Ticket", "type": "created", "created_at": "2026-03-03T01:00:00.000Z"},
    {"object": "Ticket", "type": "updated", "attribute": "owner", "value_from": "-", "value_to": "Lee",
     "created_at": "2026-03-03T02:00:00.000Z"},
    {"object": "Ticket", "type": "updated", "attribute": "state", "value_from": "new", "value_to": "open",
     "created_at": "2026-03-03T02:00:00.000Z"},
    {"object": "Ticket", "type": "updated", "attribute": "state", "value_from": "open", "value_to": "pending reminder",
     "created_at": "2026-03-03T03:30:00.000Z"},
    {"object": "Ticket", "type": "updated", "attribute": "state", "value_from": "pending reminder", "value_to": "open",
     "created_at": "2026-03-03T05:30:00.000Z"},
]
CLOSED = {"object": "Ticket", "type": "updated", "attribute": "state", "value_from": "open", "value_to": "closed",
          "created_at": "2026-03-03T08:00:00.000Z"}


def work(engine: Engine, server: Server, preset: str, path: str, number: int = 1) -> Result:
    source = {"name": preset, "kind": "http", "preset": preset, "url": server.url + path, "allow_hosts": ["127.0.0.1"]}
    shop = product(support={"sources": [source], "hours": ALL_DAY, "sla": SLA})
    run = Run("customer_support", f"run{number}", Key("shop"), NOW + timedelta(days=3, hours=number))
    return attend(engine, shop, run, Artifacts(os.environ["CLOSED_LOOP_HOME"]), b"secret", opened, lambda _: Connection("http"))


def clocks(engine: Engine) -> dict[str, tuple[str, float | None]]:
    return {row["clock"]: (row["state"], row["used_minutes"]) for row in get(engine, ticket_clocks)}


def desk(listed: list[dict[str, Any]], articles: Callable[[Asked], Reply],
         history: list[dict[str, Any]]) -> Callable[[Asked], Reply]:
    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/api/v1/ticket_articles/by_ticket/"):
            return articles(asked)
        if asked.path.startswith("/api/v1/ticket_history/"):
            return Reply({"history": history, "assets": {}})
        page, size = int(asked.query["page"]), int(asked.query["per_page"])
        return Reply(listed[(page - 1) * size: page * size])

    return answer


def test_zammads_articles_and_history_drive_the_clocks(ledger: Engine) -> None:
    listed, articles, history = [zammad(7)], list(ARTICLES), list(HISTORY)
    with serving(desk(listed, lambda _: Reply(articles), history)) as server:
        assert work(ledger, server, "zammad", "/api/v1/tickets/search")["sources"]["zammad"]["new"] == 1
        [row] = get(ledger, tickets)
        assert (row["subject"], row["body"]) == ("Coupon refused", "At checkout.\nCall me: [phone]")
        assert row["answer"] == "Dear Kim,\nwhich coupon?"
        assert (row["first_response_at"], row["agent_replied_at"]) == (at("03T12:30"), at("03T12:30"))
        assert (row["customer_replied_at"], row["status"]) == (at("03T14:30"), "open")
        assert [(change["what"], change["at"]) for change in get(ledger, ticket_events, kind="status")] == [
            ("waiting", at("03T12:30")), ("open", at("03T14:30"))]
        assert clocks(ledger)["first_response"] == ("met", 150)
        articles.append(article(7, "Agent", "Try it again"))
        history.append(CLOSED)
        listed[0] = zammad(7, state="closed", close_at="2026-03-03T08:00:00.000Z", updated_at="2026-03-03T08:00:00.000Z")
        assert work(ledger, server, "zammad", "/api/v1/tickets/search", 2)["sources"]["zammad"]["changed"] == 1
        assert clocks(ledger) == {"first_response": ("met", 150), "next_response": ("met", 120), "resolution": ("met", 300)}
        before = get(ledger, ticket_events)
        assert work(ledger, server, "zammad", "/api/v1/tickets/search", 3)["sources"]["zammad"]["known"] == 1
        assert get(ledger, ticket_events) == before
    [row] = get(ledger, tickets)
    assert (row["status"], row["resolved_at"], row["answer"]) == ("resolved", at("03T17:00"), "Try it again")


def test_a_desk_that_throttles_fails_and_hides_a_ticket(ledger: Engine) -> None:
    """250 tickets on three pages; articles are refused at first, cut short once, and of one ticket not to be seen."""
    seen: dict[str, int] = {}

    def articles(asked: Asked) -> Reply:
        number = asked.path.rsplit("/", 1)[1]
        seen[number] = seen.get(number, 0) + 1
        if number == "5":
            return Reply({"error": "Not authorized"}, 403)
        if seen[number] == 1 and number in {"7", "30"}:
            return Reply({}, 429, {"Retry-After": "0"}) if number == "7" else Reply(ARTICLES, cut=40)
        return Reply(ARTICLES)

    with serving(desk([zammad(number) for number in range(250)], articles, HISTORY)) as server:
        counts = work(ledger, server, "zammad", "/api/v1/tickets/search")["sources"]["zammad"]
        assert (counts["read"], counts["new"], counts["quarantined"], counts["error"]) == (250, 249, 1, None)
        assert (seen["7"], seen["30"], seen["100"]) == (2, 2, 1)
    [bad] = get(ledger, quarantine)
    assert bad["reason"] == "articles: HTTP 403"
    assert {row["first_response_at"] for row in get(ledger, tickets)} == {at("03T12:30")}


def test_what_came_before_a_desk_went_down_counts(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http_client.FIRST_WAIT", 0.001)
    down = True

    def articles(asked: Asked) -> Reply:
        return Reply({}, 503) if down and asked.path.endswith("/150") else Reply(ARTICLES)

    with serving(desk([zammad(number) for number in range(160)], articles, HISTORY)) as server:
        with pytest.raises(ValueError, match="503"):
            work(ledger, server, "zammad", "/api/v1/tickets/search")
        assert len(get(ledger, tickets)) == 100
        down = False
        assert work(ledger, server, "zammad", "/api/v1/tickets/search", 2)["sources"]["zammad"]["error"] is None
    assert len(get(ledger, tickets)) == 160


def test_zendesks_audits_drive_the_clocks(ledger: Engine) -> None:
    """As developer.zendesk.com has it: audits page by cursor; the requester's are the customer's, private comments nobody's."""
    made = [
        (7, 1, [{"type": "Create", "field_name": "status", "value": "new"},
                {"type": "Comment", "public": True, "body": "Refused"}]),
        (3, 2, [{"type": "Comment", "public": False, "body": "Who knows him?"}]),
        (3, 3, [{"type": "Comment", "public": True, "body": "Which coupon?"},
                {"type": "Change", "field_name": "status", "value": "pending", "previous_value": "new"}]),
        (7, 5, [{"type": "Comment", "public": True, "body": "SPRING"},
                {"type": "Change", "field_name": "status", "value": "open", "previous_value": "pending"}]),
        (3, 8, [{"type": "Comment", "public": True, "body": "Try it again"},
                {"type": "Change", "field_name": "status", "value": "solved", "previous_value": "open"}]),
    ]
    audits = [{"author_id": author, "created_at": f"2026-03-03T{hour:02}:00:00Z", "events": events}
              for author, hour, events in made]
    one = {"id": 9, "subject": "Coupon refused", "description": "Refused", "requester_id": 7, "status": "solved",
           "priority": "normal", "created_at": "2026-03-03T01:00:00Z", "updated_at": "2026-03-03T08:00:00Z"}

    def answer(asked: Asked) -> Reply:
        if asked.path != "/api/v2/tickets/9/audits.json":
            return Reply({"tickets": [one], "after_cursor": "c1", "end_of_stream": True})
        page = int(asked.query.get("page[after]", "0"))
        return Reply({"audits": audits[page: page + 2], "meta": {"has_more": page < 4},
                      "links": {"next": f"{server.url}{asked.path}?page[after]={page + 2}"}})

    with serving(answer) as server:
        work(ledger, server, "zendesk", "/api/v2/incremental/tickets/cursor.json")
        assert len(server.asked) == 4
    [row] = get(ledger, tickets)
    assert (row["first_response_at"], row["answer"], row["status"]) == (at("03T12:00"), "Try it again", "resolved")
    assert (row["customer_replied_at"], row["agent_replied_at"], row["resolved_at"]) == (
        at("03T14:00"), at("03T17:00"), at("03T17:00"))
    assert clocks(ledger) == {"first_response": ("met", 120), "next_response": ("met", 180), "resolution": ("met", 300)}
