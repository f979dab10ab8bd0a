"""When no release may go live: in the product's windows, and while its error budget is spent (but for fixes)."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from include.deployment.record import Release, brought
from include.ledger.tables import commit_stories, commits, slo_status, stories
from include.markup import plain
from include.parts.calendar import DAYS
from include.parts.deployment import Freeze, Window
from include.product import Product


@dataclass(frozen=True)
class Frozen:
    """Why a release may not go live now, and until when; None: until somebody says so, or what is to be mended is."""

    why: str
    until: datetime | None = None


def frozen(connection: Connection, product: Product, release: Release, previous: Release, at: datetime) -> Frozen | None:
    """What holds `release` back at `at`, where anything does."""
    if product.deployment is None:
        return None
    freeze = product.deployment.freeze
    if found := by_window(freeze, at):
        return found
    spent = _spent(connection, product.name) if freeze.budget and product.slo else None
    return Frozen(spent) if spent and not is_fix(*_kinds(connection, product.name, release, previous)) else None


def by_window(freeze: Freeze, at: datetime) -> Frozen | None:
    """The first window that `at` lies in, with its end."""
    local = at.astimezone(ZoneInfo(freeze.zone))
    for window in freeze.windows:
        if _holds(window, local):
            until = datetime.combine(local.date(), _time(window.end), local.tzinfo) if window.end != "24:00" else (
                datetime.combine(local.date() + timedelta(days=1), time(0), local.tzinfo))
            hours = f"{window.start} to {window.end} {freeze.zone}"
            return Frozen(f"no release goes live now ({hours}): {plain(window.why)}", until.astimezone(UTC))
    return None


def is_fix(kinds: list[tuple[str, str]], asked: list[str]) -> bool:
    """Whether a release only mends: all of its stories are bugs or came from operation, or all of its commits are fixes.
    `kinds`: kind and subject of each commit, of which merges say nothing; `asked`: the kinds of its stories."""
    told = [kind for kind, subject in kinds if not (kind == "other" and subject.startswith("Merge "))]
    return (bool(asked) and set(asked) <= {"bug", "operation"}) or (bool(told) and set(told) == {"fix"})


def _holds(window: Window, local: datetime) -> bool:
    return ((window.since or local.date()) <= local.date() <= (window.until or local.date())
            and DAYS[local.weekday()] in window.days and window.start <= f"{local:%H:%M}" < window.end)


def _time(text: str) -> time:
    return time.fromisoformat(text)


def _spent(connection: Connection, product: str) -> str | None:
    """The SLO whose budget is spent, as it was measured last."""
    newest = select(func.max(slo_status.c.at)).where(slo_status.c.product == product).scalar_subquery()
    rows = connection.execute(select(slo_status).where(slo_status.c.product == product, slo_status.c.at == newest)
                              .order_by(slo_status.c.slo)).all()
    for row in rows:
        if row.budget_left is not None and row.budget_left <= 0:
            return (f"the error budget of {plain(row.slo)} is spent: {row.sli:.3%} of {row.requests} requests were good, "
                    f"the objective is {row.target:.3%}").replace("%", " %") + "; until it is not, only fixes go live"
    return None


def _kinds(connection: Connection, product: str, release: Release, previous: Release) -> tuple[list[tuple[str, str]], list[str]]:
    keys = brought(connection, product, previous, release)
    rows = connection.execute(select(commits.c.kind, commits.c.subject).where(
        commits.c.product == product, commits.c.release.in_(keys))).all()
    asked = connection.scalars(
        select(stories.c.kind).join(commit_stories, commit_stories.c.story_id == stories.c.id)
        .join(commits, (commits.c.product == commit_stories.c.product) & (commits.c.sha == commit_stories.c.sha))
        .where(commits.c.product == product, commits.c.release.in_(keys)))
    return [(row.kind, row.subject) for row in rows], list(asked)
