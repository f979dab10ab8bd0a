"""Lead time of pull requests by stage, counted as Apache DevLake's DORA plugin counts it. Pure.

Minutes, rounded up; a span that would be negative is None. coding: from the first commit to the pull request; pickup: from there
to the first comment of someone else; review: from that to the merge; deploy: from the merge to the end of the first deployment
that brought it; cycle: coding + (merged - created) + deploy.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class PullRequest:
    """A pull request of the project; `merged_at` is None until it is merged."""

    id: str
    author: str
    merge_commit: str
    created_at: datetime
    merged_at: datetime | None


@dataclass(frozen=True)
class Commit:
    """A commit of a pull request."""

    sha: str
    pull_request: str
    at: datetime


@dataclass(frozen=True)
class Comment:
    """A comment on a pull request."""

    id: str
    pull_request: str
    author: str
    at: datetime


@dataclass(frozen=True)
class Deployed:
    """A commit that was deployed to production with success after `previous`, an earlier such commit of the same place."""

    id: str
    commit: str
    previous: str
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True)
class LeadTime:
    """The stages of a merged pull request, in minutes, with what they were counted from."""

    id: str
    first_commit: Commit | None
    first_review: Comment | None
    deployment: Deployed | None
    coding: int | None
    pickup: int | None
    review: int | None
    deploy: int | None
    cycle: int


def lead_times(pull_requests: Iterable[PullRequest], commits: Iterable[Commit], comments: Iterable[Comment],
               deployed: Iterable[Deployed], brought: Mapping[tuple[str, str], frozenset[str]]) -> list[LeadTime]:
    """The stages of every merged pull request, by id. `brought` are the commits between (previous, deployed) commits."""
    first_commit: dict[str, Commit] = {}
    for commit in sorted(commits, key=lambda item: (item.at, item.sha), reverse=True):
        first_commit[commit.pull_request] = commit
    later = sorted(comments, key=lambda item: (item.at, item.id))
    deployment: dict[str, Deployed] = {}
    for item in sorted(deployed, key=lambda item: (item.started_at, item.id), reverse=True):
        deployment |= dict.fromkeys(brought.get((item.previous, item.commit), frozenset()), item)
    return [_stages(item, item.merged_at, first_commit.get(item.id),
                    next((c for c in later if c.pull_request == item.id and c.author != item.author), None),
                    deployment.get(item.merge_commit))
            for item in sorted(pull_requests, key=lambda item: item.id) if item.merged_at]


def _stages(item: PullRequest, merged: datetime, commit: Commit | None, review: Comment | None,
            deployment: Deployed | None) -> LeadTime:
    coding = _minutes(commit.at, item.created_at) if commit else None
    deploy = _minutes(merged, deployment.finished_at) if deployment else None
    return LeadTime(item.id, commit, review, deployment, coding,
                    _minutes(item.created_at, review.at) if review else None,
                    _minutes(review.at, merged) if review else None, deploy,
                    (coding or 0) + (_minutes(item.created_at, merged) or 0) + (deploy or 0))


def _minutes(start: datetime, end: datetime) -> int | None:
    seconds = (end - start).total_seconds()
    return None if seconds < 0 else math.ceil(seconds / 60)
