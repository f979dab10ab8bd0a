"""Whether those who approved a release are others than those who wrote it. No name is kept: only whether they are the same."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, or_, select

from include.ledger.tables import commit_stories, commits, decisions, scope_items
from include.mirror import Mirror

NOBODY = frozenset(("automatic", "timeout"))
_FIELDS = "%an%n%ae%n%cn%n%ce%n%(trailers:key=Co-authored-by,valueonly,unfold)"
# Who commits for others: the web interface of a code host.
HOSTS = frozenset(("github", "noreply@github.com", "gitlab", "web-flow"))


def shas_of(connection: Connection, product: str, release: str) -> list[str]:
    """The commits that a release brought."""
    return list(connection.scalars(select(commits.c.sha).where(commits.c.product == product, commits.c.release == release)
                                   .order_by(commits.c.sha)))


def committers(mirror: Mirror, shas: Collection[str]) -> set[str]:
    """Names and mail addresses of those who wrote or committed `shas`, in lower case."""
    said = mirror.out("log", "--no-walk", f"--format=tformat:{_FIELDS}", *shas).decode(errors="replace") if shas else ""
    parts = said.replace("<", "\n").replace(">", "\n").splitlines()
    return {part.strip().casefold() for part in parts if part.strip()} - HOSTS


def approvals(connection: Connection, product: str, release: str, written_by: Collection[str],
              identities: Mapping[str, Iterable[str]]) -> list[dict[str, Any]]:
    """The decisions that let a release come to be: on itself, and on the scopes with the stories that its commits tie to.

    One row each, in order: `gate`, `subject`, `decision`, `person` (someone decided, not a rule), `wrote` (and also wrote part
    of the release). A user is known among `written_by` by name, by mail address or what stands before its @, or by what
    `identities` lists for them.
    """
    tied = select(commit_stories.c.story_id).join(
        commits, (commits.c.product == commit_stories.c.product) & (commits.c.sha == commit_stories.c.sha)).where(
        commits.c.product == product, commits.c.release == release)
    scoped = select(scope_items.c.scope_id).where(scope_items.c.story_id.in_(tied), scope_items.c.chosen)
    rows = connection.execute(select(decisions).where(or_(decisions.c.subject == release, decisions.c.subject.in_(scoped)))
                              .order_by(decisions.c.gate, decisions.c.subject))
    known = set(written_by) | {name.split("@")[0] for name in written_by if "@" in name}
    return [{"gate": row.gate, "subject": row.subject, "decision": row.decision, "person": row.by not in NOBODY,
             "wrote": not known.isdisjoint(_names(row.by, identities))} for row in rows]


def _names(user: str, identities: Mapping[str, Iterable[str]]) -> set[str]:
    return {name.strip().casefold() for name in (user, *identities.get(user, ()))}
