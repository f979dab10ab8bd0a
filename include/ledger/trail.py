"""The audit trail: each lifecycle step as a CDEvents 0.6 event (cdevents.dev); a customer's voice as a custom subject.

An event's id follows from its type, its subject and the run, so that a run that comes again adds nothing.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import events

SPEC_VERSION = "0.6.0-draft"
TYPES = {
    "ticket.created": "dev.cdevents.ticket.created.0.2.0",
    "ticket.updated": "dev.cdevents.ticket.updated.0.2.0",
    "ticket.closed": "dev.cdevents.ticket.closed.0.2.0",
    "change.merged": "dev.cdevents.change.merged.0.3.0",
    "build.finished": "dev.cdevents.build.finished.0.3.0",
    "testsuiterun.finished": "dev.cdevents.testsuiterun.finished.0.3.0",
    "artifact.packaged": "dev.cdevents.artifact.packaged.0.3.0",
    "approval.closed": "dev.cdevents.approval.closed.0.1.0",
    "service.deployed": "dev.cdevents.service.deployed.0.3.0",
    "service.upgraded": "dev.cdevents.service.upgraded.0.3.0",
    "service.rolledback": "dev.cdevents.service.rolledback.0.3.0",
    "incident.detected": "dev.cdevents.incident.detected.0.3.0",
    "incident.resolved": "dev.cdevents.incident.resolved.0.3.0",
    "voice.heard": "dev.cdeventsx.closedloop-voice.heard.0.1.0",
    "theme.changed": "dev.cdeventsx.closedloop-theme.changed.0.1.0",
    "compliance.checked": "dev.cdeventsx.closedloop-compliance.checked.0.1.0",
    "scope.decided": "dev.cdeventsx.closedloop-scope.decided.0.1.0",
    "solution.decided": "dev.cdeventsx.closedloop-solution.decided.0.1.0",
    "outcome.measured": "dev.cdeventsx.closedloop-outcome.measured.0.1.0",
}
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "closed-loop/events")


def event_id(kind: str, subject: str, run_id: str) -> str:
    """The id of the event `kind` (a key of TYPES) of a run about `subject`."""
    return str(uuid.uuid5(_NAMESPACE, f"{TYPES[kind]} {subject} {run_id}"))


def event(run: Run, kind: str, subject: str, content: dict[str, Any], at: datetime | None = None) -> dict[str, Any]:
    """One CDEvents document: `kind` is a key of TYPES, `subject` the id of what it happened to, `content` its fields."""
    context = {
        "specversion": SPEC_VERSION,
        "id": event_id(kind, subject, run.run_id),
        "source": f"/closed-loop/{run.product}/{run.phase}",
        "type": TYPES[kind],
        "timestamp": (at or run.at).isoformat(),
        "chainId": str(uuid.uuid5(_NAMESPACE, str(run.key))),
    }
    return {"context": context, "subject": {"id": subject, "content": content}}


def record(connection: Connection, run: Run, documents: list[dict[str, Any]]) -> None:
    """Append CDEvents documents of this run to the trail; those already there stay as they are."""
    upsert(connection, events, [
        {"id": item["context"]["id"], "product": run.product, "type": item["context"]["type"], "subject": item["subject"]["id"],
         "at": datetime.fromisoformat(item["context"]["timestamp"]), "body": item} for item in documents
    ], keep=True)
