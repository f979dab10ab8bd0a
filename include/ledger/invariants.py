"""What is always true of a ledger, whatever was killed: each function says it in its docstring and yields what breaks it."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, exists, func, or_, select

from include.artifacts import Artifacts
from include.ledger import search
from include.ledger.runs import GATES
from include.ledger.tables import (
    checks,
    commit_stories,
    commits,
    contacts,
    deployment_steps,
    deployments,
    events,
    intakes,
    models,
    outcomes,
    phase_runs,
    quarantine,
    releases,
    rollups,
    scopes,
    signals,
    stories,
    story_themes,
    theme_voices,
    themes,
    tickets,
    voices,
)
from include.ledger.trail import TYPES, event_id

Invariant = Callable[[Connection], Iterator[str]]
_DIGEST = re.compile(r"sha256/[0-9a-f]{2}/([0-9a-f]{64})(\.[a-z.]+)?")


def intakes_add_up(connection: Connection) -> Iterator[str]:
    """Of each run and source: read = stored + duplicates + quarantined."""
    told = intakes.c.stored + intakes.c.duplicates + intakes.c.quarantined
    yield from _each(connection, select(intakes.c.run_id, intakes.c.source, intakes.c.read, told).where(intakes.c.read != told),
                     "run {} of {}: {} read, {} accounted for")


def no_voice_is_lost(connection: Connection) -> Iterator[str]:
    """A source has as many voices as its runs stored, erased ones included."""
    there = dict(_counted(connection, voices.c.product, voices.c.source, func.count()))
    stored = dict(_counted(connection, intakes.c.product, intakes.c.source, func.sum(intakes.c.stored)))
    for place in sorted(there.keys() | stored.keys()):
        if there.get(place, 0) != stored.get(place, 0):
            yield f"{'/'.join(place)}: {stored.get(place, 0)} stored, {there.get(place, 0)} there"


def nothing_set_aside_is_lost(connection: Connection) -> Iterator[str]:
    """Where rows were quarantined they can be looked at; one that comes twice is there once."""
    there = dict(_counted(connection, quarantine.c.product, quarantine.c.source, func.count()))
    told = dict(_counted(connection, intakes.c.product, intakes.c.source, func.sum(intakes.c.quarantined)))
    for place in sorted(there.keys() | told.keys()):
        if not bool(told.get(place, 0)) <= there.get(place, 0) <= told.get(place, 0):
            yield f"{'/'.join(place)}: {told.get(place, 0)} quarantined, {there.get(place, 0)} there"


def voices_can_be_searched(connection: Connection) -> Iterator[str]:
    """A search knows every voice."""
    if connection.dialect.name == "sqlite":  # PostgreSQL keeps its index by itself
        missing = select(voices.c.id).where(voices.c.id.not_in(select(search.ROWS.c.voice_id))).order_by(voices.c.id)
        yield from _each(connection, missing, "voice {} is in no search")


def copies_have_originals(connection: Connection) -> Iterator[str]:
    """A voice that says the same as another names one that is there, and no copy itself."""
    first = voices.alias()
    joined = voices.outerjoin(first, first.c.id == voices.c.duplicate_of)
    wrong = select(voices.c.id, voices.c.duplicate_of).select_from(joined).where(
        voices.c.duplicate_of.is_not(None), or_(first.c.id.is_(None), first.c.duplicate_of.is_not(None)))
    yield from _each(connection, wrong, "voice {} is a copy of {}")


def themes_count_their_voices(connection: Connection) -> Iterator[str]:
    """A theme's size is the number of its voices, all of its own product and none older than it was seen first."""
    held = select(func.count()).where(theme_voices.c.theme_id == themes.c.id).scalar_subquery()
    yield from _each(connection, select(themes.c.id, themes.c.size, held).where(themes.c.size != held), "{} says {} and has {}")
    strange = (select(themes.c.id, voices.c.id).join(theme_voices, theme_voices.c.theme_id == themes.c.id)
               .join(voices, voices.c.id == theme_voices.c.voice_id).where(voices.c.product != themes.c.product))
    yield from _each(connection, strange, "{} has voice {} of another product")
    early = (select(themes.c.id, themes.c.first_seen, voices.c.id).join(theme_voices, theme_voices.c.theme_id == themes.c.id)
             .join(voices, voices.c.id == theme_voices.c.voice_id).where(voices.c.written_at < themes.c.first_seen))
    yield from _each(connection, early, "{} was seen first at {}, and has the older voice {}")


def merged_themes_live_on(connection: Connection) -> Iterator[str]:
    """A theme is merged where it says into which, and that leads to a living one."""
    into = {row.id: row.merged_into for row in connection.execute(select(themes.c.id, themes.c.merged_into))}
    merged = select(themes.c.id).where((themes.c.status == "merged") != themes.c.merged_into.is_not(None))
    yield from _each(connection, merged, "{}: status and merged_into differ")
    yield from (f"{theme} leads to no living theme" for theme in sorted(into) if _living(into, theme) is None)


def _living(into: Mapping[str, str | None], theme: str) -> str | None:
    """The theme that `theme` was merged into in the end; None where there is none, or they lead in a circle."""
    here = theme
    for _ in into:
        further = into.get(here)
        if further is None:
            return here if here in into else None
        here = further
    return None


def stories_rest_on_voices(connection: Connection) -> Iterator[str]:
    """A story of a customer's wish is tied to a theme that has voices, or was merged into one that has."""
    into = {row.id: row.merged_into for row in connection.execute(select(themes.c.id, themes.c.merged_into))}
    heard = set(connection.scalars(select(theme_voices.c.theme_id).distinct()))
    tied: dict[str, set[str | None]] = {}
    for story, theme in connection.execute(select(story_themes.c.story_id, story_themes.c.theme_id)):
        tied.setdefault(story, set()).add(_living(into, theme))
    wanted = select(stories.c.id).where(func.coalesce(stories.c.category, "customer") == "customer").order_by(stories.c.id)
    yield from (f"{story} rests on no voice" for story in connection.scalars(wanted) if not heard & tied.get(story, set()))


def the_chain_is_whole(connection: Connection) -> Iterator[str]:
    """What a commit, a release, a deployment or an outcome names is there."""
    previous = releases.c.product + "|" + releases.c.previous
    deployed = deployments.c.product + "|" + deployments.c.version
    links: list[tuple[str, Column[Any], ColumnElement[Any], Column[Any]]] = [
        ("commit", commits.c.sha, commits.c.release, releases.c.key),
        ("commit", commit_stories.c.sha, commit_stories.c.story_id, stories.c.id),
        ("release", releases.c.key, previous, releases.alias().c.key), ("deployment", deployments.c.id, deployed, releases.c.key),
        ("outcome", outcomes.c.story_id, outcomes.c.release, releases.c.key),
        ("outcome", outcomes.c.story_id, outcomes.c.theme_id, themes.c.id)]
    for what, name, said, there in links:
        missing = select(name, said).where(said.is_not(None), ~exists().where(there == said)).order_by(name)
        yield from _each(connection, missing, f"{what} {{}} names {{}}, which is not there")


def nothing_deployed_without_its_gates(connection: Connection) -> Iterator[str]:
    """Each gate let a release through before it was deployed; a rollback goes to one that was."""
    open_gates = {(row.phase, key) for row in connection.execute(select(phase_runs.c.phase, phase_runs.c.result).where(
        phase_runs.c.phase.in_(GATES))) for key in row.result.get("publish", ())}
    shipped = select(deployments.c.id, deployments.c.product, deployments.c.version).order_by(deployments.c.id)
    for name, product, version in connection.execute(shipped):
        closed = [gate for gate in GATES if (gate, f"{product}|{version}") not in open_gates]
        if closed:
            yield f"deployment {name}: not let through by {' and '.join(closed)}"


def one_running_truth(connection: Connection) -> Iterator[str]:
    """Of a product one release is deployed, the one of its last deployment that succeeded; at most one is under way."""
    for status, table in (("deployed", releases), ("running", deployments)):
        many = (select(table.c.product, func.count()).where(table.c.status == status).group_by(table.c.product)
                .having(func.count() > 1))
        yield from _each(connection, many, f"{{}} has {{}} {status}")
    deployed = {row.product: row.version for row in connection.execute(select(releases.c.product, releases.c.version).where(
        releases.c.status == "deployed"))}
    last = {row.product: row.version for row in connection.execute(select(deployments.c.product, deployments.c.version).where(
        deployments.c.status == "succeeded").order_by(deployments.c.finished_at, deployments.c.started_at))}
    for product in sorted(deployed.keys() | last.keys()):
        if deployed.get(product) != last.get(product):
            yield f"{product}: {deployed.get(product)} is said to run, {last.get(product)} was deployed last"


def the_trail_is_untouched(connection: Connection) -> Iterator[str]:
    """Each event of the trail says in its columns what stands in its document."""
    for row in connection.execute(select(events).order_by(events.c.id)):
        told = row.body["context"]
        same = (told["id"], told["type"], row.body["subject"]["id"], datetime.fromisoformat(told["timestamp"]))
        if (row.id, row.type, row.subject, row.at) != same:
            yield f"event {row.id} differs from its document"


def the_trail_is_gapless(connection: Connection) -> Iterator[str]:
    """What has a row has its event: stories, themes, releases, decided scopes, deployments, outcomes."""
    told: dict[str, set[str]] = {}
    for kind, subject in connection.execute(select(events.c.type, events.c.subject).distinct()):
        told.setdefault(kind, set()).add(subject)
    rows: list[tuple[str, str, Select[Any]]] = [
        ("story", "ticket.created", select(stories.c.id)), ("theme", "theme.changed", select(themes.c.id)),
        ("scope", "scope.decided", select(scopes.c.id).where(scopes.c.status.in_(("approved", "rejected")))),
        ("outcome", "outcome.measured", select(outcomes.c.story_id + "/" + outcomes.c.theme_id + "/" + outcomes.c.release)),
        ("build", "testsuiterun.finished", select(releases.c.key + "/" + func.substr(releases.c.commit, 1, 12)))]
    for what, kind, ids in rows:
        yield from (f"{what} {name} has no {kind}" for name in connection.scalars(ids)
                    if name not in told.get(TYPES[kind], set()))
    yield from _untold_deployments(connection)


def _untold_deployments(connection: Connection) -> Iterator[str]:
    ids = set(connection.scalars(select(events.c.id).where(events.c.type.like("dev.cdevents.service.%"))))
    ended = select(deployments).where(deployments.c.status.in_(("succeeded", "rolled_back"))).order_by(deployments.c.id)
    for row in connection.execute(ended):
        back = row.status == "rolled_back" or row.kind == "rollback"
        kinds = ("service.rolledback",) if back else ("service.deployed", "service.upgraded")
        run_id = row.id.removeprefix(f"{row.product}|{row.version}/")
        if not ids & {event_id(kind, f"{row.environment}/{row.product}", run_id) for kind in kinds}:
            yield f"deployment {row.id} has no {' or '.join(kinds)}"


def figures_are_possible(connection: Connection) -> Iterator[str]:
    """No more errors than requests, nothing ended before it began."""
    for table, name in ((deployment_steps, deployment_steps.c.deployment_id), (rollups, rollups.c.product)):
        wrong = select(name, table.c.errors, table.c.requests).where(table.c.errors > table.c.requests)
        yield from _each(connection, wrong, f"{table.name} {{}}: {{}} errors of {{}} requests")
    for table, begun, ended in ((deployments, deployments.c.started_at, deployments.c.finished_at),
                                (signals, signals.c.first_at, signals.c.last_at),
                                (tickets, tickets.c.created_at, tickets.c.resolved_at)):
        key = next(iter(table.primary_key))
        yield from _each(connection, select(key, begun, ended).where(ended < begun), f"{table.name} {{}}: from {{}} to {{}}")


def what_was_erased_is_gone(connection: Connection) -> Iterator[str]:
    """A tombstone bears no words and no author; who withdrew their consent can't be reached."""
    kept: list[tuple[Table, Column[Any], ColumnElement[bool]]] = [
        (voices, voices.c.id, voices.c.erased_at.is_not(None) & ((voices.c.text != "") | voices.c.author.is_not(None))),
        (tickets, tickets.c.id, tickets.c.erased_at.is_not(None) & ((tickets.c.body != "") | tickets.c.author.is_not(None))),
        (quarantine, quarantine.c.id, quarantine.c.erased_at.is_not(None) & (quarantine.c.row != "")),
        (contacts, contacts.c.author, contacts.c.withdrawn_at.is_not(None) & contacts.c.handle.is_not(None))]
    for table, name, condition in kept:
        found = select(name).where(condition).order_by(name)
        yield from _each(connection, found, f"{table.name} {{}} still holds what was erased")


INVARIANTS: tuple[Invariant, ...] = (
    intakes_add_up, no_voice_is_lost, nothing_set_aside_is_lost, voices_can_be_searched, copies_have_originals,
    themes_count_their_voices, merged_themes_live_on, stories_rest_on_voices, the_chain_is_whole,
    nothing_deployed_without_its_gates, one_running_truth, the_trail_is_untouched, the_trail_is_gapless, figures_are_possible,
    what_was_erased_is_gone)


def artifacts_are_whole(connection: Connection, artifacts: Artifacts) -> Iterator[str]:
    """What the ledger names by its digest lies in the store, and has that digest."""
    named = [(releases.c.key, column) for column in (releases.c.artifact, releases.c.sbom, releases.c.provenance)]
    named += [(checks.c.rule, checks.c.evidence), (models.c.field, models.c.artifact)]
    for name, column in named:
        for whose, artifact in connection.execute(select(name, column).where(column.is_not(None)).distinct().order_by(name)):
            yield from (f"{whose}: {why}" for why in _wrong(artifacts, artifact))


def _wrong(artifacts: Artifacts, name: str) -> Iterator[str]:
    digest = _DIGEST.fullmatch(name)
    try:
        content = artifacts.read(name)
    except FileNotFoundError:
        yield f"{name} is not there"
        return
    if digest and hashlib.sha256(content).hexdigest() != digest[1]:
        yield f"{name} was changed"


def _each(connection: Connection, query: Select[Any], text: str) -> Iterator[str]:
    yield from (text.format(*row) for row in connection.execute(query))


def _counted(connection: Connection, product: Column[Any], source: Column[Any],
             count: ColumnElement[Any]) -> list[tuple[tuple[str, str], int]]:
    rows = connection.execute(select(product, source, count).group_by(product, source))
    return [((row[0], row[1]), int(row[2])) for row in rows]
