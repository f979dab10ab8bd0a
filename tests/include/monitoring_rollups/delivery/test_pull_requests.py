"""Apache DevLake's end-to-end tables of change lead time, and its rule of incidents by time alone."""

import csv
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.monitoring_rollups.delivery.attribution import last_before
from include.monitoring_rollups.delivery.dora import Deployment
from include.monitoring_rollups.delivery.pull_requests import Comment, Commit, Deployed, PullRequest, lead_times
from tests.conftest import NOW, SHARED

CASE = SHARED / "cases" / "devlake-dora" / "change_lead_time"


def table(name: str) -> list[dict[str, str]]:
    with (CASE / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def time(text: str) -> datetime:
    date, _, clock = text.replace("T", " ").split("+")[0].split(".")[0].partition(" ")
    return datetime(*map(int, [*date.split("-"), *clock.split(":")]), tzinfo=UTC)  # type: ignore[arg-type, misc]  # six numbers


@pytest.mark.shared
def test_devlake_s_tables() -> None:
    project = {(row["table"], row["row_id"]) for row in table("project_mapping") if row["project_name"] == "project1"}
    production = {row["id"]: row for row in table("cicd_deployment_commits")
                  if ("cicd_scopes", row["cicd_scope_id"]) in project
                  and (row["result"], row["environment"]) == ("SUCCESS", "PRODUCTION")}
    deployed = [Deployed(row["id"], row["commit_sha"], production[before]["commit_sha"], time(row["started_date"]),
                         time(row["finished_date"]))
                for row in production.values() if (before := row["prev_success_deployment_commit_id"])]
    brought: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in table("commits_diffs"):
        brought[row["old_commit_sha"], row["new_commit_sha"]].add(row["commit_sha"])
    found = lead_times(
        [PullRequest(row["id"], row["author_id"], row["merge_commit_sha"], time(row["created_date"]),
                     time(row["merged_date"]) if row["merged_date"] else None)
         for row in table("pull_requests") if ("repos", row["base_repo_id"]) in project],
        [Commit(row["commit_sha"], row["pull_request_id"], time(row["commit_authored_date"]))
         for row in table("pull_request_commits")],
        [Comment(row["id"], row["pull_request_id"], row["account_id"], time(row["created_date"]))
         for row in table("pull_request_comments")],
        deployed, {key: frozenset(shas) for key, shas in brought.items()})

    expected = table("project_pr_metrics")
    assert len(expected) == 6
    for item, row in zip(found, expected, strict=True):
        values: dict[str, Any] = {
            "id": item.id, "first_commit_sha": item.first_commit and item.first_commit.sha,
            "first_review_id": item.first_review and item.first_review.id,
            "deployment_commit_id": item.deployment and item.deployment.id, "pr_coding_time": item.coding,
            "pr_pickup_time": item.pickup, "pr_review_time": item.review, "pr_deploy_time": item.deploy,
            "pr_cycle_time": item.cycle}
        assert {name: "" if value is None else str(value) for name, value in values.items()} == {
            name: row[name] for name in values}
        times = {"first_commit_authored_date": item.first_commit and item.first_commit.at,
                 "first_comment_date": item.first_review and item.first_review.at,
                 "pr_deployed_date": item.deployment and item.deployment.finished_at}
        assert times == {name: time(row[name]) if row[name] else None for name in times}


def test_incidents_by_time_alone() -> None:
    hour = timedelta(hours=1)
    known = [Deployment("a", "1", "succeeded", NOW - hour, NOW), Deployment("b", "2", "succeeded", NOW, NOW + hour),
             Deployment("c", "3", "rolled_back", NOW, NOW + 2 * hour)]
    assert [last_before(NOW + n * hour, known) for n in (-1, 0, 1, 3)] == [None, "a", "b", "b"]
