"""Which deployment an incident comes from."""

from datetime import timedelta

import pytest

from include.monitoring_rollups.delivery.attribution import Incident, attribute
from include.monitoring_rollups.delivery.dora import Deployment
from tests.conftest import NOW

HOUR = timedelta(hours=1)
OLD = Deployment("old", "1.0.0", "succeeded", NOW - 48 * HOUR, NOW - 48 * HOUR)
NEW = Deployment("new", "1.1.0", "succeeded", NOW - HOUR, NOW - HOUR)


def test_time_alone_is_said_and_not_counted() -> None:
    found = attribute(Incident("i", NOW), [OLD, NEW], {})
    assert found is not None
    assert (found.deployment, found.confidence, found.counts) == ("new", 0.3, False)
    assert attribute(Incident("i", NOW - 72 * HOUR), [OLD, NEW], {}) is None


def test_the_version_that_failed_where_another_did_not() -> None:
    found = attribute(Incident("i", NOW, version="1.0.0", alone=False), [OLD, NEW], {})
    assert found is not None
    assert (found.deployment, found.confidence, found.counts) == ("old", 0.9, True)


def test_evidence_adds_up() -> None:
    incident = Incident("i", NOW, version="1.1.0", parts=frozenset({"checkout", "api"}))
    found = attribute(incident, [OLD, NEW], {"new": frozenset({"checkout"}), "old": frozenset({"teas"})})
    assert found is not None
    assert found.confidence == pytest.approx(1 - 0.5 * 0.4 * 0.7)
    assert found.why == ("version 1.1.0 answered what failed", "it changed checkout",
                         "it was the last deployment before, within a day")


def test_what_was_changed_may_outweigh_what_came_last() -> None:
    found = attribute(Incident("i", NOW, parts=frozenset({"checkout"})), [OLD, NEW], {"old": frozenset({"checkout"})})
    assert found is not None
    assert found.deployment == "old"
