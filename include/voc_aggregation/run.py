"""Step 1, needs: what customers and operations say becomes voices, and voices become themes."""

import json
import logging
from collections import Counter
from typing import Any

from sqlalchemy import Connection, Engine

from include import inbox
from include.artifacts import Artifacts
from include.assistant import Assistant
from include.connection import Connections, no_connections
from include.errors import InputError
from include.ledger import search, trail
from include.ledger.engine import upsert
from include.ledger.models import write as write_models
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import intakes, quarantine, theme_events, theme_voices
from include.ledger.tables import voices as voices_table
from include.privacy import contacts, erasure
from include.product import Product
from include.voc_aggregation import copies, features, models, naming, operations, store, support, themes
from include.voc_aggregation.copies import Copies
from include.voc_aggregation.grouping import AGAIN, Grouping, grouped, vectorized
from include.voc_aggregation.hearing import Columns, Understood
from include.voc_aggregation.intake import Heard, Intake, Listener
from include.voc_aggregation.quarantine import replayed
from include.voc_aggregation.second import Pipeline
from include.voc_aggregation.slices import Slices
from include.voc_aggregation.sources.inbox import InboxSource
from include.voc_aggregation.spool import Spool
from include.voc_aggregation.themes import Theme

log = logging.getLogger(__name__)
_FEW = 500  # recent voices that are looked at again even where there are hardly any new ones


def cut(engine: Engine, product: Product, run: Run, artifacts: Artifacts, connections: Connections = no_connections) -> list[str]:
    """The names of the slices to `hear` before `aggregate`, where there are files with so much news; none where it does all."""
    if result_of(engine, run) is not None:
        return []
    names = Slices(artifacts, run).cut(engine, product, connections)
    if names:
        log.info("%s: %s slices to hear: %s", run.product, len(names), ", ".join(names))
    return names


def hear(engine: Engine, product: Product, run: Run, name: str, artifacts: Artifacts, author_key: bytes,
         connections: Connections = no_connections) -> Result:
    """Hear the slice `name` and leave what it came to in the artifact store, once; returns its counts.

    A slice that can't be read says so in its `error`, which becomes its source's.
    """
    slices = Slices(artifacts, run)
    if result_of(engine, run) is not None:  # all is stored
        return {}
    if slices.there(name):
        return slices.read(name).counts
    source, wanted = slices.named(product, name)
    with Spool() as voices, Spool() as rows:
        classifier, _ = models.learnt(engine, run, artifacts, models.running(engine, product.name, artifacts))
        heard = Heard(voices, rows, classifier)
        with Pipeline[Columns, Understood](heard.take, second=False) as pipeline:  # the workers are several already
            intake = Listener(engine, product, run, author_key, heard, connections, pipeline).listen_to(source, wanted)
            pipeline.drain()
        slices.write(name, heard.part(intake, product.name))
    return intake.counts()


def aggregate(engine: Engine, product: Product, run: Run, artifacts: Artifacts, author_key: bytes,
              connections: Connections = no_connections, assistant: Assistant | None = None) -> Result:
    """Listen to all sources of `product`, store what is new, and group it into themes.

    `connections` gives the connections that the sources name, `assistant` names new themes, where there is one. What was `cut`
    must have been heard before.

    Returns `publish` (the product, where voices were stored), `sources` (name to read, stored, duplicates, quarantined and
    error), `voices`, `copies` (those that say what another said), `themes` (how many there are, were created, grew),
    `moved` (voices that went from one theme to another),
    `emerging` (themes that stand out since now, see `trends`), `erased` (rows by table that were too old to be kept),
    `models` (the version that told each field which the rules didn't), `evidence` (artifact names of the contracts' results),
    and `assistant` (how it went), where there is one. Raises InputError when there are sources, all of them failed, and nothing
    new was heard.
    """
    result = result_of(engine, run)
    if result is None:
        with lease(engine, f"voices:{product.name}", run.run_id):
            result = _aggregate(engine, product, run, artifacts, author_key, connections, assistant)
    Slices(artifacts, run).clear()
    errors = [source["error"] for source in result["sources"].values() if source["error"]]
    if errors and len(errors) == len(product.voices.sources) and not result["voices"]:
        raise InputError("no source could be heard:\n" + "\n".join(errors))
    return result


def _aggregate(engine: Engine, product: Product, run: Run, artifacts: Artifacts, author_key: bytes,
               connections: Connections, assistant: Assistant | None) -> Result:
    with Spool() as voices, Spool() as rows:
        classifier, learnt = models.learnt(engine, run, artifacts, models.running(engine, product.name, artifacts))
        heard = Heard(voices, rows, classifier)
        with Pipeline[Columns, Understood](heard.take) as pipeline:
            listener = Listener(engine, product, run, author_key, heard, connections, pipeline, Slices(artifacts, run))
            found = [listener.listen(source) for source in product.voices.sources]
            if inbox.take(engine, product.name, run.run_id):
                found.append(listener.listen(InboxSource()))
            pipeline.drain()
        if product.support:
            found.append(support.listen(engine, run, heard))
        evidence = {intake.source: artifacts.keep(json.dumps(intake.evidence, indent=1).encode(), ".json")[0]
                    for intake in found if intake.evidence}
        known = store.known_themes(engine, product.name)
        weights = store.weights(engine, product.name)
        grouping = _group(engine, product, heard, known, weights)
        found.append(operations.listen(engine, run, heard.voices, known, grouping))
        refused = _name(engine, grouping, heard, assistant)
        same = copies.copies(engine, product.name, heard.ids, heard.times, heard.features)
        old_quotes = store.quoted(engine, sorted({grouping.grown[theme].living for theme in grouping.members}))

        def write(connection: Connection) -> Result:
            _write_intakes(connection, run, found, heard, same)
            replayed(connection, listener.replayed, run.at)
            inbox.empty(connection, product.name, run.run_id)
            write_models(connection, learnt)
            emerging: list[str] = []
            if len(heard.voices):
                _write_themes(connection, run, grouping, old_quotes, same)
                emerging = store.write_figures(connection, run)
            erased = erasure.retain(connection, product, run.at)
            cursors = {intake.source: intake.cursor for intake in found if intake.cursor}
            learned = {"weights": store.remembered(weights)} if heard.ids else {}
            store.remember(connection, product.name, cursors | learned)
            helped = {"assistant": assistant.told() | {"refused": refused}} if assistant else {}
            return _result(product, found, heard, known, grouping, same, evidence) | {
                "emerging": emerging, "erased": erased} | helped

        return finish(engine, run, write)


def _group(engine: Engine, product: Product, heard: Heard, known: list[Theme], weights: features.Weights) -> Grouping:
    if not heard.ids:
        return Grouping()
    for counts in heard.features:
        weights.learn(counts)
    new = vectorized(heard.ids, heard.kinds, heard.languages, heard.times, heard.features, weights)
    rows = store.again(engine, product.name, min(store.POOL, max(_FEW, AGAIN * len(heard.ids))))
    old = vectorized([row["id"] for row in rows], [row["kind"] for row in rows], [row["language"] for row in rows],
                     [row["written_at"] for row in rows], [features.counts(row["text"] for row in rows)], weights)
    customers = [theme for theme in known if theme.group != themes.OPERATION]
    homes = {row["id"]: (row["theme_id"], row["similarity"]) for row in rows if row["theme_id"]}
    return grouped(product.name, new, old, customers, product.voices.min_theme_size, store.POOL, homes)


def _name(engine: Engine, grouping: Grouping, heard: Heard, assistant: Assistant | None) -> list[str]:
    """Name the new themes after their voices, or with the `assistant`; why what it said was refused."""
    refused: list[str] = []
    wanted = {voice for central in grouping.central.values() for voice in central}
    new = [number for number, voice in enumerate(heard.ids) if voice in wanted]
    texts = {row["id"]: row["text"] for row in heard.voices.pick(new)}
    texts |= store.texts(engine, sorted(wanted - texts.keys()))
    for theme in grouping.created:
        if theme.id in grouping.central:
            said = [texts[voice] for voice in grouping.central[theme.id]]
            theme.name = themes.name_from(said)
            if assistant and (why := naming.name(assistant, theme, said)):
                refused.append(why)
    return refused


def _write_intakes(connection: Connection, run: Run, found: list[Intake], heard: Heard, same: Copies) -> None:
    upsert(connection, intakes, [{"run_id": run.run_id, "product": run.product, "source": intake.source, "at": run.at}
                                 | intake.counts() for intake in found])
    for batch in heard.quarantine.batches():
        upsert(connection, quarantine, batch, keep=True)
    for batch in heard.voices.batches():
        upsert(connection, voices_table, [row | same.columns(row["id"]) for row in batch], keep=True)
        search.add(connection, [row["id"] for row in batch])
    contacts.heard(connection, run.product, heard.consents, heard.contact_key)
    trail.record(connection, run, [trail.event(run, "voice.heard", f"{run.product}/{intake.source}", intake.counts())
                                   for intake in found if intake.stored])


def _write_themes(connection: Connection, run: Run, grouping: Grouping,
                  old_quotes: dict[str, list[tuple[str, str, float]]], same: Copies) -> None:
    store.write_themes(connection, run, grouping.grown.values())
    joined: dict[str, list[tuple[str, str, float]]] = {}
    rows: list[dict[str, Any]] = []
    for theme, members in grouping.members.items():
        living = grouping.grown[theme].living
        joined.setdefault(living, []).extend(one for one in members if one[0] not in same.of)
        store.grow(connection, living, len(members), grouping.grown[theme].last_seen)
        rows += [{"theme_id": living, "voice_id": voice, "similarity": near, "quote": False,
                  "home": theme if theme != living else None} for voice, _, near in members]
    upsert(connection, theme_voices, rows, keep=True)
    for theme, ids in grouping.left.items():
        store.leave(connection, theme, ids)
    for theme, members in joined.items():
        store.quote(connection, theme, old_quotes.get(theme, []), members)
    upsert(connection, theme_events, [
        {"theme_id": theme.id, "run_id": run.run_id, "kind": "created", "at": run.at,
         "detail": {"name": theme.name, "size": theme.size}} for theme in grouping.created])
    trail.record(connection, run, [trail.event(run, "theme.changed", theme.id, {
        "name": theme.name, "change": "created", "kind": theme.kind, "size": theme.size}) for theme in grouping.created])
    upsert(connection, theme_events, [
        {"theme_id": theme, "run_id": run.run_id, "kind": "split", "at": run.at,
         "detail": {"from": old, "voices": len(grouping.members[theme]), "homes": {}, "by": run.phase}}
        for theme, old in sorted(grouping.split.items())])


def _result(product: Product, found: list[Intake], heard: Heard, known: list[Theme], grouping: Grouping,
            same: Copies, evidence: dict[str, str]) -> Result:
    created = [theme.id for theme in grouping.created]
    return {
        "publish": [product.name] if len(heard.voices) else [],
        "sources": {intake.source: intake.counts() for intake in found},
        "voices": len(heard.voices),
        "copies": len(same.of),
        "kinds": dict(sorted(Counter(heard.kinds).items())),
        "themes": {"all": sum(theme.into is None for theme in known) + len(created), "created": len(created),
                   "grown": len(grouping.members) - len(created)},
        "moved": sum(map(len, grouping.left.values())),
        "new_themes": created[:20],
        "models": heard.classifier.versions,
        "evidence": evidence,
    }
