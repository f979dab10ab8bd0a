"""What a person is asked about a deployment, and what a step's verdicts look like."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from include.deployment.freeze import Frozen
from include.deployment.record import Release
from include.ledger.runs import Result
from include.markup import markdown
from include.parts.deployment import Deployment

COLUMNS = ("metric", "baseline", "candidate", "effect", "interval", "threshold", "samples", "decision")


def unsure(deployment: Deployment, title: str, release: Release, why: str, steps: Iterable[Mapping[str, Any]]) -> Result:
    """The canary could not tell: shall it go on all the same?"""
    body = (f"{markdown(why, 1000)}\n\nAll traffic is back on the running version. *Accept*: the canary is walked again, and "
            f"steps without enough requests, or with a marginal score, go on; errors still turn it back. *Reject*: the release "
            f"is not deployed.\n\n{table(found for step in steps for found in step['findings'])}")
    subject = f"Go on with {markdown(title, 80)} {release.version}? Its canary could not tell."
    return _question("canary", deployment, subject, body)


def override(deployment: Deployment, title: str, release: Release, frozen: Frozen, at: datetime) -> Result:
    """Releases are frozen: shall this one go live all the same? A window ends by itself, and the question with it."""
    until = f" until {frozen.until:%Y-%m-%d %H:%M} UTC" if frozen.until else ""
    body = (f"{markdown(frozen.why, 1000)}.\n\n*Accept*, with a reason in the note: it is deployed all the same, and rolled back "
            f"where its canary can't tell. *Reject*: it stays a candidate, and can be deployed later by hand.")
    subject = f"Deploy {markdown(title, 80)} {release.version} although releases are frozen{until}?"
    asked = _question("freeze", deployment, subject, body)
    if frozen.until:
        hours = max(0.01, (frozen.until - at.astimezone(UTC)).total_seconds() / 3600)
        asked |= {"timeout_hours": hours, "on_timeout": "accept", "until": frozen.until.isoformat()}
    return asked


def table(findings: Iterable[Mapping[str, Any]]) -> str:
    """Verdicts as a Markdown table; they bear the columns of `deployment_verdicts`."""
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS))]
    return "\n".join(lines + [_line(_cells(found)) for found in findings])


def _cells(found: Mapping[str, Any]) -> list[str]:
    interval = "" if found["low"] is None else f"{_number(found['low'])} to {_number(found['high'])}"
    return [found["metric"].replace("_", " "), *(_number(found[name]) for name in ("baseline", "candidate", "effect")), interval,
            _number(found["threshold"]), f"{found['baseline_samples']} and {found['candidate_samples']}", found["decision"]]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _question(gate: str, deployment: Deployment, subject: str, body: str) -> Result:
    timeout = {"timeout_hours": deployment.answer_hours, "on_timeout": "reject"} if deployment.answer_hours else {}
    return {"publish": [], "ask": True, "gate": gate, "subject": subject, "body": body,
            "assigned": list(deployment.approvers)} | timeout
