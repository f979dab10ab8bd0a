"""A tea shop of which every audience has something to hear."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import (
    attestations,
    checks,
    commit_stories,
    commits,
    decisions,
    delivery_metrics,
    notices,
    outcomes,
    scope_items,
    scopes,
    signals,
    slo_status,
    story_blocks,
    theme_events,
)
from include.product import Product
from tests import rows
from tests.conftest import NOW

HOSTILE = "<script>alert(1)</script> #panic() *b* \u202e {{7*7}} =cmd() 010-1234-5678"
DAY = timedelta(days=1)


def shop(**reports: Any) -> Product:
    """The shop, with these reports."""
    waivers = [{"rule": "licence", "owner": "ada", "reason": "the vendor answers in May", "until": "2026-03-20"},
               {"rule": "old", "owner": "bob", "reason": "moved", "until": "2026-02-01"}]
    return rows.product(compliance={"waivers": waivers}, reports={"zone": "Asia/Seoul"} | reports)


def run(number: int = 1, version: str | None = None, days: float = 0) -> Run:
    """A turn of the loop, or what follows a deployment."""
    return Run("stakeholder_reporting", f"run{number}", Key("shop", version), NOW + timedelta(days=days))


def stage(engine: Engine) -> None:
    """Complaints of twelve weeks; a coupon story that shipped and helped; what is planned, blocked, hostile, open."""
    rows.theme(engine, "coupon", [NOW - DAY * n for n in range(40, 70)], name="The coupon is refused", status="resolved")
    rows.theme(engine, "wrap", [NOW - DAY * n for n in range(1, 20)], name="선물 포장이 안 돼요", language="ko", kind="feature",
               per_week=6.5, status="planned")
    rows.theme(engine, "bad", [NOW - timedelta(hours=5)] * 3, name=HOSTILE, per_week=21.0, emerging_since=NOW)
    rows.story(engine, "S-coupon", "coupon", title="Coupons count at checkout", status="resolved",
               relief={"expected": 0.6, "low": 0.4, "high": 0.8})
    rows.story(engine, "S-wrap", "wrap", title="선물 포장을 고를 수 있다", kind="feature", status="scoped", language="ko")
    rows.story(engine, "S-bad", "bad", title=HOSTILE, status="ready")
    rows.story(engine, "S-late", "wrap", title="Wrapped gifts come in time", status="scoped")
    rows.story(engine, "S-leak", title="A leak is closed", status="released", category="security")
    rows.put(engine, story_blocks, {"id": "b1", "story_id": "S-late", "product": "shop", "on_product": "parcels",
                                    "on_story": None, "needs": ">=1.1", "reason": "wrapping", "by": "rule", "since": NOW - DAY,
                                    "until": None, "ended": None})
    _ship(engine)
    _plan(engine)
    _measure(engine)
    _check(engine)


def _ship(engine: Engine) -> None:
    rows.release(engine, "1.0.0", status="superseded", at=NOW - 60 * DAY)
    rows.release(engine, "1.1.0", status="deployed", at=NOW - 20 * DAY, previous="1.0.0")
    rows.deployment(engine, "1.0.0", NOW - 60 * DAY, NOW - 60 * DAY + timedelta(hours=1))
    rows.deployment(engine, "1.1.0", NOW - 20 * DAY, NOW - 20 * DAY + timedelta(hours=1), previous="1.0.0")
    for sha, story, kind in (("a1", "S-coupon", "fix"), ("a2", "S-leak", "fix")):
        rows.put(engine, commits, {"product": "shop", "sha": sha, "author": None, "at": NOW - 21 * DAY, "subject": "fix",
                                   "kind": kind, "breaking": False, "release": "shop|1.1.0"})
        rows.put(engine, commit_stories, {"product": "shop", "sha": sha, "story_id": story})
    rows.put(engine, commits, {"product": "shop", "sha": "a3", "author": None, "at": NOW - 21 * DAY, "subject": "fix: Kim's flaw",
                               "kind": "fix", "breaking": False, "release": "shop|1.1.0"})


def _plan(engine: Engine) -> None:
    rows.put(engine, scopes, {"id": "p1", "product": "shop", "method": "rice", "capacity": 10.0, "used": 4.0,
                              "status": "approved", "decided_by": "ada", "note": None, "at": NOW - DAY, "settings": {}})
    rows.put(engine, scope_items, *(
        {"scope_id": "p1", "story_id": story, "rank": n, "score": 9.0 - n, "factors": {}, "chosen": True, "why": "it fits",
         "iteration": 1, "change": None} for n, story in enumerate(("S-wrap", "S-late"), 1)))


def _measure(engine: Engine) -> None:
    rows.put(engine, outcomes, {
        "story_id": "S-coupon", "theme_id": "coupon", "release": "shop|1.1.0", "exposure": "days", "before_voices": 30,
        "before_exposure": 28.0, "after_voices": 3, "after_exposure": 20.0, "effect": 0.14, "low": 0.03, "high": 0.4,
        "verdict": "relieved", "at": NOW - DAY, "dispersion": 1.0, "known_by": None, "closed_at": None, "brought_by": None})
    rows.put(engine, theme_events, {"theme_id": "coupon", "run_id": "r1", "kind": "resolved", "at": NOW - DAY, "detail": {}})
    rows.put(engine, notices, {
        "story_id": "S-coupon", "author": "kim", "channel": "mail", "product": "shop", "release": "shop|1.1.0",
        "language": "en", "voice_id": "coupon-0", "message_id": "m", "status": "sent", "attempts": 1, "problem": None,
        "made_at": NOW - DAY, "tried_at": NOW - DAY, "sent_at": NOW - DAY, "answer": None})
    for metric, unit, old, new in (("lead_time", "hours", 30.0, 24.5), ("deployment_frequency", "per week", 1.0, 1.4),
                                   ("change_fail_rate", "share", 0.25, 0.125), ("recovery_time", "hours", None, 1.5)):
        rows.put(engine, delivery_metrics, *(
            {"product": "shop", "metric": metric, "run_id": id, "team": "team-shop", "value": value, "unit": unit, "n": 8,
             "band": None, "band_of": None, "definition": "d", "evidence": {}, "since": at - 90 * DAY, "at": at}
            for id, value, at in (("m1", old, NOW - 40 * DAY), ("m2", new, NOW - DAY))))
    rows.put(engine, slo_status, {"product": "shop", "slo": "checkout", "run_id": "m2", "target": 0.99, "sli": 0.995,
                                  "budget_left": 0.4321, "burn_rate": 0.5, "requests": 10_000, "at": NOW - DAY})
    rows.put(engine, signals, {
        "fingerprint": "f1", "product": "shop", "kind": "slo", "severity": "high", "title": f"checkout burns {HOSTILE}",
        "detail": {}, "status": "open", "release": None, "first_at": NOW - DAY, "last_at": NOW, "acknowledged_by": None,
        "acknowledged_at": None})


def _check(engine: Engine) -> None:
    waiver = {"owner": "ada", "reason": "the vendor answers in May", "until": "2026-03-20", "in_force": True}
    rows.put(engine, checks, *(
        {"key": "shop|1.1.0", "rule": rule, "run_id": "c1", "outcome": outcome, "severity": "high", "serves": "GDPR Art. 30",
         "detail": HOSTILE, "evidence": "e", "digest": "d", "at": NOW - DAY, "waiver": given}
        for rule, outcome, given in (("licence", "fail", waiver), ("inventory", "pass", None), ("sast", "not_shown", None))))
    rows.put(engine, attestations, {"product": "shop", "rule": "training", "run_id": "c1", "statement": "All were trained",
                                    "by": "ada", "note": "", "at": NOW - 10 * DAY})
    rows.put(engine, decisions, {"subject": "shop|1.1.0", "gate": "user_testing", "decision": "accepted", "by": "ada",
                                 "note": None, "at": NOW - 20 * DAY})
