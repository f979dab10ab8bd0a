"""The CDEvents trail: each kind of event is valid by the specification's own schemas."""

import json
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from sqlalchemy import Engine, func, select

from include.key import Key
from include.ledger.engine import reading, writing
from include.ledger.runs import Run
from include.ledger.tables import events
from include.ledger.trail import TYPES, event, record
from tests.conftest import NOW, SHARED

CASES = SHARED / "cases" / "cdevents"
pytestmark = pytest.mark.shared
RUN = Run("deployment", "run-1", Key.parse("shop|1.0.1"), NOW)
ENVIRONMENT = {"environment": {"id": "production"}}
CONTENT: dict[str, dict[str, Any]] = {
    "ticket.created": {"summary": "s", "creator": "c", "uri": "story/1"},
    "ticket.updated": {"uri": "story/1"},
    "ticket.closed": {"uri": "story/1", "resolution": "completed"},
    "approval.closed": {"decision": "approved", "status": "approved", "responder": "urn:closed-loop:user:admin",
                        "approvalDetailsUrl": "decisions/1", "resourceTargetUrl": "releases/1"},
    "artifact.packaged": {"change": {"id": "abc"}}, "testsuiterun.finished": {"outcome": "success", **ENVIRONMENT},
    "service.deployed": {"artifactId": "a", **ENVIRONMENT}, "service.upgraded": {"artifactId": "a", **ENVIRONMENT},
    "service.rolledback": {"artifactId": "a", **ENVIRONMENT}, "incident.detected": ENVIRONMENT, "incident.resolved": ENVIRONMENT,
}


@cache
def validator(name: str) -> Draft202012Validator:
    """The schema of one event type; the others are there for its references."""
    schema = json.loads((CASES / name).read_text())
    links = [json.loads(path.read_text()) for path in (CASES / "schemas" / "links").glob("*.json")]
    registry = Registry().with_resources((link["$id"], Resource.from_contents(link)) for link in links)
    return Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())


def schema_of(kind: str) -> str:
    return "custom/schema.json" if "cdeventsx" in TYPES[kind] else f"schemas/{kind.replace('.', '')}.json"


@pytest.mark.parametrize("kind", TYPES)
def test_each_event_is_valid(kind: str) -> None:
    validator(schema_of(kind)).validate(event(RUN, kind, "some-subject", CONTENT.get(kind, {})))


def test_the_schemas_refuse_a_wrong_event() -> None:
    wrong = event(RUN, "service.deployed", "shop", {"artifactId": "a"})
    assert not validator(schema_of("service.deployed")).is_valid(wrong)


def test_an_event_is_there_once(ledger: Engine) -> None:
    for _ in range(2):
        with writing(ledger) as connection:
            record(connection, RUN, [event(RUN, "service.deployed", "shop|1.0.1", CONTENT["service.deployed"])])
    with reading(ledger) as connection:
        assert connection.scalar(select(func.count()).select_from(events)) == 1
        assert connection.scalar(select(events.c.body))["subject"]["id"] == "shop|1.0.1"
