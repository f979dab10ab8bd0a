"""The desk at work: tickets in, triaged, timed, heard as voices, signalled once, answered from what is known."""

import csv
import json
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.customer_support.run import attend
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import (
    commit_stories,
    commits,
    events,
    quarantine,
    signals,
    suggestions,
    theme_voices,
    themes,
    ticket_clocks,
    ticket_events,
    tickets,
    voices,
)
from include.product import Product
from include.voc_aggregation.run import aggregate
from include.voc_aggregation.sources import opened
from tests import rows
from tests.conftest import NOW
from tests.crash import dump, ledger_after_kills
from tests.rows import get, product, put, trail_problems

FIELDS = ("id", "subject", "body", "created_at", "who", "status", "priority", "category", "first", "asked", "replied", "resolved",
          "answer", "csat", "comment")
COLUMNS = {"author": "who", "status": "status", "priority": "priority", "category": "category", "first_response_at": "first",
           "customer_replied_at": "asked", "agent_replied_at": "replied", "resolved_at": "resolved", "answer": "answer",
           "rating": "csat", "rating_comment": "comment"}
ALL_DAY = {"zone": "UTC", "week": dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "00:00-24:00")}
SLA = {"urgent": {"first_response_hours": 1, "resolution_hours": 8},
       "normal": {"first_response_hours": 8, "resolution_hours": 48}}


def desk(*sources: dict[str, Any], **support: Any) -> Product:
    plain = {"name": "desk", "format": "csv", "path": "tickets.csv", "columns": COLUMNS}
    listed = [plain | source for source in sources or ({},)]
    return product(support={"sources": listed, "hours": ALL_DAY, "sla": SLA} | support)


def hours(count: float) -> datetime:
    return NOW - timedelta(hours=count)


def ticket(number: int, subject: str, ago: float = 2, **fields: Any) -> dict[str, Any]:
    made = {"id": f"T{number}", "subject": subject, "body": "", "created_at": hours(ago), "who": f"kim{number}@example.com"}
    return made | fields


def write(path: Path, tickets: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, restval="")
        writer.writeheader()
        writer.writerows(tickets)


def work(engine: Engine, product: Product, number: int = 1, later: float = 0) -> Result:
    run = Run("customer_support", f"run{number}", Key(product.name), NOW + timedelta(hours=later))
    return attend(engine, product, run, Artifacts(os.environ["CLOSED_LOOP_HOME"]), b"secret", opened)


def hear(engine: Engine, product: Product, artifacts: Artifacts, number: int = 1) -> Result:
    run = Run("voc_aggregation", f"voc{number}", Key(product.name), NOW + timedelta(minutes=number))
    return aggregate(engine, product, run, artifacts, b"secret")


FEW = [
    ticket(1, "My coupon was not applied at checkout", body="Call me at 010-1234-5678"),
    ticket(2, "긴급: 배송이 아직 안 왔어요", body="운송장 번호가 조회되지 않습니다", status="waiting for customer"),
    ticket(3, "Hello there", body="Just that."),
    ticket(4, "Refund please", 50, status="solved", first=hours(49), resolved=hours(40),
           answer="Dear Mina,\nyour refund is on its way.", csat=5, comment="Quick refund, thank you!"),
]


def test_tickets_are_taken_in_redacted_and_triaged(ledger: Engine, home: Path) -> None:
    write(home / "tickets.csv", FEW)
    routes = [{"team": "money", "category": "payment"}, {"team": "post-ko", "category": "delivery", "language": "ko"}]
    result = work(ledger, desk(routes=routes, areas={"cart": ["coupon", "checkout"]}))
    assert result["publish"] == ["shop"]
    assert result["sources"]["desk"] == {"read": 4, "new": 4, "changed": 0, "known": 0, "quarantined": 0, "error": None}
    found = {row["external_id"]: row for row in get(ledger, tickets)}
    assert {name: (row["category"], row["language"], row["urgency"], row["team"], row["triage"], row["status"])
            for name, row in found.items()} == {
        "T1": ("payment", "en", "normal", "money", "rule", "open"),
        "T2": ("delivery", "ko", "urgent", "post-ko", "rule", "waiting"),
        "T3": (None, "en", "normal", "team-shop", "needs_person", "open"),
        "T4": ("refund", "en", "normal", "team-shop", "rule", "resolved")}
    assert found["T1"]["body"] == "Call me at [phone]"
    assert found["T1"]["area"] == "cart"
    assert "kim1" not in json.dumps(dump(ledger))
    assert result["needs_person"] == [found["T3"]["id"]]
    assert {row["kind"] for row in get(ledger, ticket_events, ticket_id=found["T4"]["id"])} == {"created", "status", "routed"}
    assert trail_problems(ledger) == []
    assert len(get(ledger, events)) >= 5


def test_nothing_new_changes_and_publishes_nothing(ledger: Engine, home: Path) -> None:
    write(home / "tickets.csv", FEW)
    work(ledger, desk(sla={}))
    before = dump(ledger, {"phase_runs", "leases"})
    again = work(ledger, desk(sla={}), 2)
    assert (again["publish"], again["sources"]["desk"]["read"]) == ([], 0)
    assert dump(ledger, {"phase_runs", "leases"}) == before
    (home / "tickets.csv").write_text((home / "tickets.csv").read_text() + "\n")
    assert work(ledger, desk(sla={}), 3)["sources"]["desk"] == {
        "read": 4, "new": 0, "changed": 0, "known": 4, "quarantined": 0, "error": None}
    assert dump(ledger, {"phase_runs", "leases", "cursors"}) == {
        name: found for name, found in before.items() if name != "cursors"}


def test_the_same_run_again_says_the_same(ledger: Engine, home: Path) -> None:
    write(home / "tickets.csv", FEW)
    first = work(ledger, desk())
    before = dump(ledger)
    write(home / "tickets.csv", FEW[:1])
    assert work(ledger, desk()) == first
    assert dump(ledger) == before


def test_what_was_erased_stays_erased(ledger: Engine, home: Path, artifacts: Artifacts) -> None:
    write(home / "tickets.csv", FEW[:1])
    work(ledger, desk())
    [row] = get(ledger, tickets)
    put(ledger, tickets, row | {"subject": "", "body": "", "author": None, "erased_at": NOW})
    write(home / "tickets.csv", [FEW[0] | {"status": "pending"}])
    assert work(ledger, desk(), 2)["sources"]["desk"]["known"] == 1
    assert get(ledger, tickets)[0]["subject"] == ""
    assert hear(ledger, desk(), artifacts)["sources"]["support"]["read"] == 0


def test_a_product_without_a_desk_rests(ledger: Engine) -> None:
    assert work(ledger, product())["publish"] == []


def test_bad_rows_are_set_aside_and_counted(ledger: Engine, home: Path) -> None:
    write(home / "tickets.csv", [
        ticket(1, "Good"), ticket(2, ""), ticket(3, "No date", created_at="soon"), ticket(4, "Early", first=hours(9)),
        ticket(5, "Tomorrow", -48), ticket(6, "Seven stars a@example.com", csat=7), ticket(7, "x" * 30_000), {"subject": "No id"},
        ticket(8, "Much", csat="very", who="Kim Minsu")])
    result = work(ledger, desk())
    assert result["sources"]["desk"] == {"read": 9, "new": 1, "changed": 0, "known": 0, "quarantined": 8, "error": None}
    assert {row["place"]: row["reason"] for row in get(ledger, quarantine)} == {
        "line 3": "no text", "line 4": "created is no time", "line 5": "first_response_at is before the ticket's creation",
        "line 6": "created in the future", "line 7": "csat outside 1 to 5", "line 8": "text longer than 20,000 characters",
        "line 9": "no id", "line 10": "csat is no number"}
    written = json.dumps(dump(ledger))
    assert "a@example.com" not in written
    assert "Minsu" not in written
    assert sum(row["author"] is not None for row in get(ledger, quarantine)) == 7


def test_one_broken_source_stops_no_other(ledger: Engine, home: Path) -> None:
    write(home / "tickets.csv", FEW)
    both = desk({}, {"name": "gone", "path": "gone.csv"})
    result = work(ledger, both)
    assert result["sources"]["desk"]["new"] == 4
    assert "gone.csv: no such file" in result["sources"]["gone"]["error"]
    with pytest.raises(InputError, match=r"gone\.csv: no such file"):
        work(ledger, desk({"name": "gone", "path": "gone.csv"}), 2)
    assert work(ledger, desk({"name": "later", "path": "later.csv", "missing_ok": True}), 3)["publish"] == []


def test_a_promise_warns_breaks_and_is_heard_once(ledger: Engine, home: Path) -> None:
    write(home / "tickets.csv", [ticket(1, "URGENT: the site is down", 0.5), ticket(2, "URGENT: site is down", 0.5)])
    shop = desk(escalate_to="lead")
    assert work(ledger, shop)["clocks"] == {"running": 4}
    assert get(ledger, signals) == []
    warned = work(ledger, shop, 2, later=0.3)
    assert (warned["publish"], len(warned["signals"]["opened"])) == (["shop"], 1)
    [signal] = get(ledger, signals)
    assert signal["title"] == "Tea shop: first response is nearly due for 2 urgent tickets"
    assert (signal["kind"], signal["severity"], signal["status"]) == ("sla", "medium", "open")
    assert work(ledger, shop, 3, later=0.4)["publish"] == []
    breached = work(ledger, shop, 4, later=0.75)
    assert (breached["publish"], len(breached["signals"]["over"])) == (["shop"], 1)
    assert [row["severity"] for row in get(ledger, signals, status="open")] == ["high"]
    told = sorted((row["kind"], row["at"]) for row in get(ledger, ticket_events) if row["kind"] in {"warned", "breached"})
    assert [kind for kind, _ in told] == ["breached"] * 2 + ["warned"] * 2
    assert max(at for kind, at in told if kind == "warned") < hours(-0.5) < min(at for kind, at in told if kind == "breached")
    assert [row["detail"]["to"] for row in get(ledger, ticket_events, kind="escalated")] == ["lead"] * 4
    write(home / "tickets.csv", [ticket(number, "URGENT: the site is down", 0.5, first=hours(-0.8)) for number in (1, 2)])
    answered = work(ledger, shop, 5, later=1)
    assert (answered["publish"], len(answered["signals"]["over"])) == ([], 1)
    assert {row["status"] for row in get(ledger, signals)} == {"resolved"}
    assert {row["state"] for row in get(ledger, ticket_clocks, clock="first_response")} == {"missed"}
    assert trail_problems(ledger) == []


def test_clocks_pause_while_the_customer_is_awaited(ledger: Engine, home: Path) -> None:
    def state(number: int, later: float, **fields: Any) -> tuple[str, datetime | None]:
        write(home / "tickets.csv", [ticket(1, "A question", 10, first=hours(9), **fields)])
        work(ledger, desk(), number, later)
        [clock] = get(ledger, ticket_clocks, clock="resolution")
        return clock["state"], clock["due_at"]

    assert state(1, 0) == ("running", hours(-38))
    assert state(2, 2, status="pending", replied=hours(0)) == ("paused", None)
    assert state(3, 100, status="pending", replied=hours(0)) == ("paused", None)
    assert state(4, 101, status="open", asked=hours(-100), replied=hours(0)) == ("running", hours(-138))


def test_each_change_of_status_is_history(ledger: Engine, home: Path) -> None:
    """Two within one file, one that was seen between two runs, and one of which the source doesn't say when it was."""
    shop = desk({"columns": COLUMNS | {"updated_at": "replied"}}, sla={})

    def line(ago: float, status: str, **fields: Any) -> dict[str, Any]:
        return ticket(1, "A question", 10, status=status, replied=hours(ago), **fields)

    write(home / "tickets.csv", [line(9, "open"), line(8, "pending"), line(7, "open")])
    work(ledger, shop)
    write(home / "tickets.csv", [line(6, "pending")])
    work(ledger, shop, 2, later=1)
    write(home / "tickets.csv", [line(6, "open")])
    work(ledger, shop, 3, later=2)
    write(home / "tickets.csv", [line(-3, "solved", resolved=hours(-2.5))])
    work(ledger, shop, 4, later=4)
    history = sorted((row["at"], row["detail"]["from"], row["what"]) for row in get(ledger, ticket_events, kind="status"))
    assert history == [(hours(8), "open", "waiting"), (hours(7), "waiting", "open"), (hours(6), "open", "waiting"),
                       (hours(-2), "waiting", "open"), (hours(-2.5), "open", "resolved")]


def test_a_promise_that_is_taken_back_signals_no_more(ledger: Engine, home: Path) -> None:
    write(home / "tickets.csv", [ticket(1, "URGENT: the site is down", 3)])
    assert len(work(ledger, desk())["signals"]["opened"]) == 1
    assert len(work(ledger, desk(sla={}), 2)["signals"]["over"]) == 1
    assert {row["state"] for row in get(ledger, ticket_clocks)} == {"dropped"}
    assert work(ledger, desk(sla={}), 3)["clocks"] == {}


def test_a_learned_category_and_a_persons_correction(ledger: Engine, home: Path) -> None:
    words = {"tea": "sencha", "post": "courier", "money": "invoice"}
    taught = [ticket(number, f"about my {word} {number}", 200, category=name, status="solved", resolved=hours(100))
              for number, (name, word) in enumerate(list(words.items()) * 30)]
    asked = [ticket(900, "the invoice"), ticket(901, "밥은 먹었어요?")]
    write(home / "tickets.csv", taught + asked)
    result = work(ledger, desk())
    assert result["triage"] == {"given": 90, "model": 1, "needs_person": 1}
    assert (result["model"]["version"], result["model"]["macro_f1"], result["model"]["accuracy"]) == (1, 1, 1)
    [unsure] = get(ledger, tickets, triage="needs_person")
    assert result["needs_person"] == [unsure["id"]]
    write(home / "tickets.csv", [*taught, asked[0], asked[1] | {"category": "tea"}])
    again = work(ledger, desk(), 2, later=1)
    assert (again["needs_person"], again["sources"]["desk"]["changed"]) == ([], 1)
    [mended] = get(ledger, tickets, id=unsure["id"])
    assert (mended["category"], mended["triage"], mended["confidence"]) == ("tea", "given", 1.0)


def test_a_spike_is_heard_once_and_is_over(ledger: Engine, home: Path) -> None:
    usual = [ticket(number, "The parcel", 24 * (8 + number * 2)) for number in range(26)]
    spike = [ticket(number, "The parcel is lost", 24 * 2) for number in range(100, 130)]
    write(home / "tickets.csv", usual)
    assert work(ledger, desk(sla={}))["signals"] == {"opened": [], "over": []}
    write(home / "tickets.csv", usual + spike)
    assert work(ledger, desk(sla={}), 2)["publish"] == ["shop"]
    [signal] = get(ledger, signals)
    assert signal["title"] == "Tea shop: 30 tickets about delivery in 7 days, where 3.4 are usual"
    assert work(ledger, desk(sla={}), 3, later=24)["publish"] == []
    assert work(ledger, desk(sla={}), 4, later=24 * 8)["signals"]["over"] == [signal["fingerprint"]]


def test_a_shipped_story_is_suggested_to_those_who_wait(ledger: Engine, home: Path) -> None:
    write(home / "tickets.csv", [ticket(1, "My coupon is not applied at checkout")])
    assert work(ledger, desk())["suggestions"] == 0
    rows.story(ledger, "s1", title="Coupons are applied at checkout", want="the coupon applied", status="released")
    rows.release(ledger, "1.0.1", status="deployed")
    put(ledger, commits, {"product": "shop", "sha": "a" * 40, "author": None, "at": NOW, "subject": "fix", "kind": "fix",
                          "breaking": False, "release": "shop|1.0.1"})
    put(ledger, commit_stories, {"product": "shop", "sha": "a" * 40, "story_id": "s1"})
    assert work(ledger, desk(), 2)["suggestions"] == 1
    assert work(ledger, desk(), 3)["suggestions"] == 0
    assert [(row["kind"], row["source_id"]) for row in get(ledger, suggestions)] == [("story", "s1")]


def test_answers_are_suggested_from_what_is_known_and_never_sent(ledger: Engine, home: Path) -> None:
    quote = "The coupon is not applied at checkout"
    rows.theme(ledger, "coupons", [hours(500), hours(400)], text=quote, name="Coupon not applied")
    rows.release(ledger, "1.0.1", status="deployed")
    rows.story(ledger, "s1", "coupons", title="Coupons are applied at checkout", want="the coupon applied", status="released")
    put(ledger, commits, {"product": "shop", "sha": "a" * 40, "author": None, "at": NOW, "subject": "fix", "kind": "fix",
                          "breaking": False, "release": "shop|1.0.1"})
    put(ledger, commit_stories, {"product": "shop", "sha": "a" * 40, "story_id": "s1"})
    write(home / "tickets.csv", [
        ticket(1, "My coupon is not applied at checkout"),
        ticket(2, "Coupon was not applied", 90, status="solved", resolved=hours(80),
               answer="Hi Mina Park,\nwe applied the coupon for you, call 010-1234-5678."),
        ticket(3, "쿠폰 적용이 안 돼요", 90, status="solved", resolved=hours(80), answer="김민아님, 쿠폰을 적용해 드렸습니다."),
        ticket(4, "쿠폰 적용이 안 되네요"), ticket(5, "Zzz")])
    assert work(ledger, desk())["suggestions"] == 4
    ids = {row["external_id"]: row["id"] for row in get(ledger, tickets)}
    english = {row["kind"]: row for row in get(ledger, suggestions, ticket_id=ids["T1"])}
    assert english["ticket"]["source_id"] == ids["T2"]
    assert english["ticket"]["text"] == "Hi [name],\nwe applied the coupon for you, call [phone]."
    assert english["theme"]["text"].startswith("2 customers told us of this since")
    assert english["story"]["text"] == "In version 1.0.1: Coupons are applied at checkout"
    [korean] = get(ledger, suggestions, ticket_id=ids["T4"])
    assert (korean["source_id"], korean["text"]) == (ids["T3"], "[name]님, 쿠폰을 적용해 드렸습니다.")
    assert {row["status"] for row in get(ledger, suggestions)} == {"proposed"}
    assert get(ledger, suggestions, ticket_id=ids["T5"]) == []


def test_tickets_are_voices_of_a_theme_and_csat_comes_back_once(ledger: Engine, home: Path, artifacts: Artifacts) -> None:
    same = [ticket(number, text) for number, text in enumerate([
        "The coupon isn't applied at checkout", "쿠폰이 적용되지 않아요", "Coupon code SPRING does not work when I pay"], 20)]
    write(home / "tickets.csv", FEW + same)
    (home / "reviews.csv").write_text("text\nI like this shop\n")
    reviews = {"sources": [{"name": "reviews", "format": "csv", "path": "reviews.csv"}]}
    shop = desk().model_copy(update={"voices": product(voices=reviews).voices})
    work(ledger, shop)
    heard = hear(ledger, shop, artifacts)
    assert heard["sources"]["reviews"]["stored"] == 1
    assert heard["sources"]["support"]["stored"] == 8
    assert heard["publish"] == ["shop"]
    assert len(get(ledger, voices, source="support", origin="customer")) == 8
    tied = {row["voice_id"]: row["theme_id"] for row in get(ledger, theme_voices)}
    coupon = {row["external_id"]: tied.get(row["voice_id"]) for row in get(ledger, tickets)}
    assert coupon["T1"] is not None
    assert coupon["T1"] == coupon["T20"] == coupon["T21"] == coupon["T22"]
    [csat] = [row for row in get(ledger, voices) if row["rating"]]
    assert (csat["rating"], csat["kind"], csat["text"]) == (5.0, "praise", "Quick refund, thank you!")
    assert hear(ledger, shop, artifacts, 2)["publish"] == []
    write(home / "tickets.csv", FEW + [row | {"status": "solved", "resolved": hours(1), "csat": 1} for row in same])
    assert work(ledger, shop, 2)["publish"] == ["shop"]
    before = len(get(ledger, themes))
    assert hear(ledger, shop, artifacts, 3)["sources"]["support"]["stored"] == 3
    assert hear(ledger, shop, artifacts, 4)["publish"] == []
    assert len(get(ledger, themes)) == before
    assert [row["sentiment"] < 0 for row in get(ledger, voices) if row["rating"] == 1] == [True] * 3


def prepare(engine: Engine, folder: Path) -> None:
    write(folder / "tickets.csv", FEW)
    crash(engine, folder, 1, 0)
    write(folder / "tickets.csv", [*FEW, ticket(9, "URGENT: the coupon fails", 0), {"id": "bad"}])


def crash(engine: Engine, folder: Path, number: int, later: float) -> Result:
    shop = desk({"path": str(folder / "tickets.csv")}, escalate_to="lead")
    return work(engine, shop, number, later)


def scenario(engine: Engine, folder: Path) -> Result:
    return crash(engine, folder, 2, 0.9)


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=16) == 16
