"""A ledger as a whole turn of the loop leaves it, with what customers can write to hurt a page."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from include.ledger.tables import (
    checks,
    commit_stories,
    commits,
    decisions,
    delivery_metrics,
    deployment_steps,
    deployment_verdicts,
    incidents,
    outcomes,
    phase_runs,
    signals,
    slo_status,
    tickets,
)
from tests.conftest import NOW
from tests.rows import deployment, put, release, story, theme

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> \u202egnal\u202c **쿠폰** " + "가" * 100_000

def run(ledger: Engine, phase: str, hours: float, key: str = "shop", **result: Any) -> None:
    """A run of a phase, so many hours ago."""
    put(ledger, phase_runs, {"phase": phase, "run_id": f"{phase} {hours}", "key": key, "at": NOW - timedelta(hours=hours),
                             "result": {"publish": []} | result})


def turned(ledger: Engine) -> None:
    """What a whole turn leaves: a theme to its outcome, gates, a canary, operation, metrics, and what waits."""
    theme(ledger, "t-coupon", [NOW - timedelta(days=day) for day in range(1, 8)], name="Coupon refused", size=7, severity="high",
          weeks=[0, 1, 2, 1, 3], text="The coupon was refused at checkout")
    theme(ledger, "t-late", [NOW - timedelta(days=9)], name="<b>늦은 배송</b>", size=1, language="ko", kind="feature",
          text=HOSTILE)
    story(ledger, "S-0000000001", "t-coupon", title="Apply the coupon", status="released")
    story(ledger, "S-0000000002", "t-late", title="Track the parcel", status="draft")
    put(ledger, commits, {"product": "shop", "sha": "c" * 40, "author": None, "at": NOW - timedelta(days=1), "kind": "fix",
                          "subject": "fix: apply the coupon", "release": "shop|1.1.0"})
    put(ledger, commit_stories, {"product": "shop", "sha": "c" * 40, "story_id": "S-0000000001"})
    release(ledger, "1.0.0", at=NOW - timedelta(days=20), status="superseded")
    release(ledger, "1.1.0", at=NOW - timedelta(hours=9), status="deployed", previous="1.0.0")
    release(ledger, "1.2.0", at=NOW - timedelta(hours=2), previous="1.1.0")
    deployment(ledger, "1.1.0", NOW - timedelta(hours=6), NOW - timedelta(hours=5), id="shop|1.1.0/deployment 6", kind="canary")
    for step, weight in ((1, 10), (2, 100)):
        put(ledger, deployment_steps, {"deployment_id": "shop|1.1.0/deployment 6", "step": step, "weight": weight, "requests": 40,
                                       "errors": 1, "error_rate": 0.025, "limit": 0.05, "verdict": "pass", "why": "good",
                                       "at": NOW - timedelta(hours=6 - step / 10)})
        put(ledger, deployment_verdicts, {
            "deployment_id": "shop|1.1.0/deployment 6", "step": step, "metric": "latency_ms", "baseline": 2.0, "candidate": 2.1,
            "effect": 0.1, "low": -0.1, "high": 0.3, "threshold": 1.5, "baseline_samples": 40, "candidate_samples": 40,
            "decision": "pass", "why": "as good as the baseline", "at": NOW})
    for rule, outcome in (("licences", "pass"), ("privacy", "not_shown")):
        put(ledger, checks, {
            "key": "shop|1.1.0", "rule": rule, "run_id": "c", "outcome": outcome, "severity": "high", "serves": "a law",
            "detail": "d", "evidence": "sha256/aa/aa.json", "digest": "sha256:aa", "at": NOW, "waiver": None})
    put(ledger, decisions, {"subject": "shop|1.1.0", "gate": "user_testing", "decision": "accepted", "by": "ada", "note": "good",
                            "at": NOW})
    put(ledger, outcomes, {
        "story_id": "S-0000000001", "theme_id": "t-coupon", "release": "shop|1.1.0", "exposure": "requests", "before_voices": 7,
        "before_exposure": 100.0, "after_voices": 0, "after_exposure": 50.0, "effect": 0.0, "low": 0.0, "high": 0.6,
        "verdict": "too early", "at": NOW, "dispersion": 1.0, "known_by": NOW + timedelta(days=3), "closed_at": None})
    put(ledger, tickets, {
        "id": "k-1", "product": "shop", "source": "desk", "external_id": "1", "subject": "Coupon?", "body": "b", "language": "en",
        "author": None, "status": "open", "priority": "high", "urgency": "high", "triage": "needs_person", "confidence": 0.1,
        "created_at": NOW, "updated_at": NOW, "voice_id": "t-coupon-0", "heard_at": NOW})
    for hours, budget in ((30, 0.9), (6, 0.4)):
        put(ledger, slo_status, {"product": "shop", "slo": "availability", "run_id": str(hours), "target": 0.99, "sli": 0.995,
                                 "budget_left": budget, "burn_rate": 2.0, "requests": 5000, "at": NOW - timedelta(hours=hours)})
        put(ledger, delivery_metrics, {
            "product": "shop", "metric": "lead_time", "run_id": str(hours), "team": "t", "value": hours / 2, "unit": "hours",
            "n": 3, "band": "high", "band_of": "DORA 2024", "definition": "hours from a commit to …",
            "evidence": {}, "since": NOW - timedelta(days=90), "at": NOW - timedelta(hours=hours)})
        run(ledger, "outcome_review", hours, loop={"heard": 8, "answered": 7, "answered_share": 0.875, "relieved": 0})
    put(ledger, signals, {
        "fingerprint": "f-1", "product": "shop", "kind": "slo", "severity": "high", "title": "Budget burns", "detail": {},
        "status": "open", "release": None, "first_at": NOW - timedelta(hours=3), "last_at": NOW})
    put(ledger, incidents, {
        "id": "i-1", "product": "shop", "cause": "slo", "severity": "high", "title": "Checkout fails", "signals": ["f-1"],
        "status": "open", "owner": "team-shop", "opened_at": NOW - timedelta(hours=3), "resolved_at": None,
        "timeline": [{"at": NOW.isoformat(), "what": "opened", "who": None, "text": "<i>Budget burns</i>"}],
        "postmortem": "sha256/bb/bb.md", "page": "sha256/bb/bb.html", "at": NOW})
    run(ledger, "voc_aggregation", 40, publish=["shop"])
    run(ledger, "voc_aggregation", 4)
    run(ledger, "build_and_test", 9, publish=["shop|1.1.0"])
    run(ledger, "compliance_checks", 8, key="shop|1.1.0", publish=["shop|1.1.0"])
    run(ledger, "user_testing", 7, key="shop|1.1.0", publish=["shop|1.1.0"])
    run(ledger, "deployment", 6, key="shop|1.1.0", publish=["shop|1.1.0"])
    run(ledger, "compliance_checks", 1.5, key="shop|1.2.0")
    run(ledger, "user_testing.ask", 1, key="shop|1.2.0", ask=True, subject="Try Tea shop 1.2.0")
