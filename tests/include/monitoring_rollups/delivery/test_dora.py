"""DORA's metrics: what counts, on plain rows and on the histories of public projects."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from include.monitoring_rollups.delivery.dora import Change, Deployment, Failure, Metric, band, lead_time, metrics, per_week
from tests.conftest import NOW, SHARED

HISTORY = SHARED / "data" / "release-history"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def deployment(id: str, at: datetime, status: str = "succeeded", *changes: Change, older: bool = False) -> Deployment:
    return Deployment(id, id, status, at - HOUR, at, changes, older)  # type: ignore[arg-type]  # a word of the tests'


def measured(deployments: list[Deployment], failures: list[Failure], days: int = 28) -> dict[str, Metric]:
    return {item.name: item for item in metrics(deployments, failures, NOW - days * DAY, NOW)}


def test_nothing_deployed_is_no_number_but_a_frequency() -> None:
    found = measured([], [])
    assert [(item.name, item.value, item.n, item.band) for item in found.values()] == [
        ("deployment_frequency", 0, 0, None), ("lead_time", None, 0, None), ("change_fail_rate", None, 0, None),
        ("recovery_time", None, 0, None), ("rework_rate", None, 0, None)]
    assert all(item.definition for item in found.values())


def test_five_metrics() -> None:
    feature, fix = Change("c1", NOW - 12 * DAY), Change("c2", NOW - 9 * DAY, "fix")
    known = [
        deployment("old", NOW - 40 * DAY, "succeeded", Change("c0", NOW - 100 * DAY)),
        deployment("a", NOW - 10 * DAY, "succeeded", feature, Change("c0", NOW - 100 * DAY)),  # c0 was deployed before
        deployment("b", NOW - 8 * DAY, "succeeded", fix),                                      # mends a
        deployment("c", NOW - 6 * DAY, "rolled_back"),
        deployment("d", NOW - 5 * DAY, "failed"),                                              # took no traffic
        deployment("e", NOW - 4 * DAY, "succeeded", Change("c3", NOW - 4 * DAY - 2 * HOUR, "fix")),  # after c was rolled back
        deployment("f", NOW - 2 * DAY, "succeeded", Change("c4", NOW - 3 * DAY, "fix")),       # a planned fix
        deployment("later", NOW + DAY),
    ]
    harm = [Failure("i1", "a", NOW - 10 * DAY, NOW - 9 * DAY), Failure("i2", "a", NOW - 9.5 * DAY, NOW - 8 * DAY)]
    found = measured(known, harm)
    assert found["deployment_frequency"].value == 1
    assert found["deployment_frequency"].band == "high"
    assert (found["lead_time"].value, found["lead_time"].n) == (24, 4)  # 48, 24, 2, 24 hours
    fails = found["change_fail_rate"]
    assert (fails.value, fails.n, fails.evidence) == (2 / 5, 5, ("a", "c"))
    assert (found["recovery_time"].value, found["recovery_time"].n) == ((48 + 1) / 2, 2)
    assert (found["rework_rate"].value, found["rework_rate"].evidence) == (0.5, ("b", "e"))


def test_a_failure_that_lasts_is_counted_and_not_timed() -> None:
    found = measured([deployment("a", NOW - DAY)], [Failure("i", "a", NOW - HOUR, None)])
    assert (found["change_fail_rate"].value, found["recovery_time"].value) == (1, None)


def test_going_back_is_rework() -> None:
    assert measured([deployment("a", NOW - DAY), deployment("b", NOW, older=True)], [])["rework_rate"].value == 0.5


def test_what_a_person_rolled_back_failed_and_was_recovered_by_that() -> None:
    known = [
        deployment("a", NOW - 20 * DAY, "succeeded", Change("c1", NOW - 21 * DAY)),
        replace(deployment("b", NOW - 10 * DAY, "succeeded", Change("c2", NOW - 11 * DAY)), undone_at=NOW - 9 * DAY),
        deployment("c", NOW - 8 * DAY, "succeeded", Change("c3", NOW - 9 * DAY, "fix")),
        deployment("d", NOW - 7 * DAY, "succeeded", Change("c4", NOW - 8 * DAY, "fix")),
    ]
    found = measured(known, [])
    assert found["deployment_frequency"].value == 1
    assert (found["change_fail_rate"].value, found["change_fail_rate"].evidence) == (0.25, ("b",))
    assert (found["recovery_time"].value, found["recovery_time"].n) == (25, 1)  # since its deployment began
    assert (found["rework_rate"].value, found["rework_rate"].evidence) == (0.25, ("c",))
    harm = [Failure("i", "b", NOW - 9.5 * DAY, NOW - 9.25 * DAY)]
    assert measured(known, harm)["recovery_time"].value == 12  # since its incident began, until it was taken back
    assert measured(known, [Failure("i", "b", NOW - 9.5 * DAY, None)])["recovery_time"].value is None  # that didn't end it


@pytest.mark.parametrize(("name", "values"), [
    ("deployment_frequency", [8, 1, 0.25, 0.1]), ("lead_time", [23, 168, 719, 721]),
    ("change_fail_rate", [0.05, 0.1, 0.2, 0.21]), ("recovery_time", [0.9, 23, 167, 168]),
])
def test_bands_of_2024(name: str, values: list[float]) -> None:
    assert [band(name, value) for value in values] == ["elite", "high", "medium", "low"]
    assert band("rework_rate", 0.1) is None


@pytest.mark.shared
def test_the_histories_of_public_projects() -> None:
    """Released tags as deployments, commits as changes: the aggregates that were counted from git."""
    for expected in json.loads((HISTORY / "reference_metrics.json").read_text()):
        project = expected["repo"].partition("/")[2]
        with (HISTORY / f"{project}.tags.tsv").open(newline="") as file:
            times = [time(row["date"]) for row in csv.DictReader(file, delimiter="\t") if row["is_semver"] == "True"]
        with (HISTORY / f"{project}.commits.tsv").open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        released = [(time(row["commit_date"]), time(row["first_release_date"])) for row in rows if row["first_release_tag"]]
        hours = lead_time(released)
        assert hours is not None
        assert {
            "commits": len(rows), "reverts": sum(row["is_revert"] == "1" for row in rows), "semver_releases": len(times),
            "releases_per_week": round(per_week(len(times), max(times) - min(times)), 3),
            "median_lead_time_h": round(hours, 1), "released_commits": len(released),
        }.items() <= expected.items()
        in_span = [item for item in times if item > min(times)]
        deployments = [deployment(str(n), at) for n, at in enumerate(in_span)]
        assert metrics(deployments, [], min(times), max(times))[0].n == len(in_span)


def time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
