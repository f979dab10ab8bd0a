"""What listening reads from the ledger and writes to it."""

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Engine, and_, case, delete, exists, func, select, update

from include.ledger import trail
from include.ledger.engine import reading, upsert
from include.ledger.runs import Run
from include.ledger.signals import OF_THE_LOOP
from include.ledger.tables import cursors, signals, theme_events, theme_voices, themes, voices
from include.voc_aggregation.features import WIDTH, Weights
from include.voc_aggregation.severity import LEVELS, worst
from include.voc_aggregation.themes import Theme, quotes
from include.voc_aggregation.trends import NONE, PARTS, figures, weeks

IN = 10_000  # values in one IN: SQLite takes at most 32,766
POOL = 20_000  # unthemed voices that get another chance
PHASE = "voc_aggregation"  # splits bear it where a nightly run made them, and not a person
_LOOKED_THROUGH = 5  # times as many of the newest voices are looked through for them
_EVER = datetime(1, 1, 1, tzinfo=UTC)


def cursor(engine: Engine, product: str, name: str) -> Any:
    """What was remembered under `name`, None where nothing was."""
    with reading(engine) as connection:
        return connection.scalar(select(cursors.c.value).where(cursors.c.name == _cursor(product, name)))


def remember(connection: Connection, product: str, values: dict[str, Any]) -> None:
    """Remember each of `values` under its name."""
    upsert(connection, cursors, [{"name": _cursor(product, name), "value": value} for name, value in values.items()])


def _cursor(product: str, name: str) -> str:
    return f"voices:{product}:{name}"


def known(engine: Engine, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that are voices already."""
    found: set[str] = set()
    with reading(engine) as connection:
        for start in range(0, len(ids), IN):
            found.update(connection.scalars(select(voices.c.id).where(voices.c.id.in_(ids[start: start + IN]))))
    return found


def open_signals(engine: Engine, product: str) -> list[dict[str, Any]]:
    """The product's open signals, by fingerprint; those about the loop itself are told to people, and are no voices."""
    with reading(engine) as connection:
        rows = connection.execute(select(signals).where(
            signals.c.product == product, signals.c.status == "open", signals.c.kind.not_in(OF_THE_LOOP))
            .order_by(signals.c.fingerprint)).mappings()
        return [dict(row) for row in rows]


def known_themes(engine: Engine, product: str) -> list[Theme]:
    """The product's themes by id; those merged into others say which living theme holds their voices."""
    with reading(engine) as connection:
        rows = connection.execute(select(themes).where(themes.c.product == product).order_by(themes.c.id)).mappings().all()
    merged = {row["id"]: row["merged_into"] for row in rows if row["merged_into"]}
    return [_theme(dict(row), living(merged, row["id"])) for row in rows]


def living(merged: Mapping[str, str], theme: str) -> str:
    """The theme that `theme` came to be in, as `merged` (theme to the one that it was merged into) says."""
    while theme in merged:
        theme = merged[theme]
    return theme


def _theme(row: dict[str, Any], into: str) -> Theme:
    plain = {name: row[name] for name in ("id", "name", "language", "kind", "status", "first_seen", "last_seen")}
    state = row["state"]
    theme = Theme(group=state["group"], columns=state["columns"], weights=state["weights"], size=state.get("size", row["size"]),
                  into=into if into != row["id"] else None, **plain)
    theme.kinds.update(state["kinds"])
    theme.languages.update(state["languages"])
    return theme


def again(engine: Engine, product: str, limit: int) -> list[dict[str, Any]]:
    """Customers' voices to look at again, newest first: id, text, kind, language, written_at, theme_id, similarity.

    Up to `limit` that belong to no theme yet, and those of the newest `limit` voices that do, without quotes. What a person
    corrected is settled: the voices of those themes stay.
    """
    newest = (select(voices.c.id, voices.c.text, voices.c.kind, voices.c.language, voices.c.written_at, voices.c.origin)
              .where(voices.c.product == product, voices.c.erased_at.is_(None))
              .order_by(voices.c.written_at.desc(), voices.c.id))
    recent = newest.limit(limit).subquery()
    before = (select(voices.c.written_at).where(voices.c.product == product).order_by(voices.c.written_at.desc())
              .offset(_LOOKED_THROUGH * limit).limit(1).scalar_subquery())
    unthemed = newest.where(voices.c.written_at > func.coalesce(before, _EVER), voices.c.origin == "customer",
                            ~exists().where(theme_voices.c.voice_id == voices.c.id)).limit(limit)
    themed = (select(recent, theme_voices.c.theme_id, theme_voices.c.similarity)
              .join(theme_voices, theme_voices.c.voice_id == recent.c.id)
              .where(recent.c.origin == "customer", ~theme_voices.c.quote, theme_voices.c.home.is_(None)))
    with reading(engine) as connection:
        settled = _corrected(connection, product)
        rows: list[dict[str, Any]] = [dict(row) | {"theme_id": None} for row in connection.execute(unthemed).mappings()]
        rows += [dict(row) for row in connection.execute(themed).mappings() if row["theme_id"] not in settled]
    return sorted(rows, key=lambda row: (-row["written_at"].timestamp(), row["id"]))


def _corrected(connection: Connection, product: str) -> set[str]:
    """The themes that a person merged, split, or took that back."""
    happened = connection.execute(select(theme_events).join(themes, themes.c.id == theme_events.c.theme_id).where(
        themes.c.product == product, theme_events.c.kind.in_(("merged", "split", "undone"))))
    found: set[str] = set()
    for row in happened:
        if row.detail["by"] != PHASE:
            found |= {row.theme_id, row.detail.get("into", row.theme_id), row.detail.get("from", row.theme_id)}
    return found


def texts(engine: Engine, ids: Sequence[str]) -> dict[str, str]:
    """What the voices `ids` say."""
    found: dict[str, str] = {}
    with reading(engine) as connection:
        for start in range(0, len(ids), IN):
            rows = connection.execute(select(voices.c.id, voices.c.text).where(voices.c.id.in_(ids[start: start + IN])))
            found.update((row.id, row.text) for row in rows)
    return found


def quoted(engine: Engine, ids: Sequence[str]) -> dict[str, list[tuple[str, str, float]]]:
    """The quotes of the themes `ids`: theme to (voice, language, similarity)."""
    found: dict[str, list[tuple[str, str, float]]] = {}
    columns = (theme_voices.c.theme_id, theme_voices.c.voice_id, voices.c.language, theme_voices.c.similarity)
    with reading(engine) as connection:
        for start in range(0, len(ids), IN):
            query = (select(*columns).join(voices, voices.c.id == theme_voices.c.voice_id)
                     .where(theme_voices.c.quote, theme_voices.c.theme_id.in_(ids[start: start + IN]))
                     .order_by(theme_voices.c.theme_id, theme_voices.c.voice_id))
            for theme, voice, language, similarity in connection.execute(query):
                found.setdefault(theme, []).append((voice, language, similarity))
    return found


def weights(engine: Engine, product: str) -> Weights:
    """What columns weigh among the product's voices so far."""
    value = cursor(engine, product, "weights")
    if value is None:
        return Weights()
    having = np.frombuffer(zlib.decompress(base64.b64decode(value["having"])), dtype="<u4").astype(np.int64)
    return Weights(value["voices"], having if len(having) == WIDTH else np.zeros(WIDTH, np.int64))


def remembered(weights: Weights) -> dict[str, Any]:
    """`weights` as a value to remember."""
    packed = zlib.compress(weights.having.astype("<u4").tobytes(), 6)
    return {"voices": weights.voices, "having": base64.b64encode(packed).decode()}


def write_themes(connection: Connection, run: Run, changed: Iterable[Theme]) -> None:
    """Insert or update `changed`; the status, name and size of a known theme stay as they are."""
    rows = [{"id": theme.id, "product": run.product, "name": theme.name, "language": theme.language, "kind": theme.kind,
             "status": theme.status, "merged_into": None, "size": 0, "first_seen": theme.first_seen,
             "last_seen": theme.last_seen, "state": theme.state(), "per_week": 0.0, "trend": None,
             "summary": theme.summary} for theme in changed]
    upsert(connection, themes, rows, keep=True)
    for row in rows:
        moved = {name: row[name] for name in ("language", "kind", "first_seen", "last_seen", "state")}
        connection.execute(update(themes).where(themes.c.id == row["id"]).values(moved))


def leave(connection: Connection, theme: str, ids: Sequence[str]) -> None:
    """The voices `ids` are no longer in `theme`."""
    for start in range(0, len(ids), IN):
        connection.execute(delete(theme_voices).where(theme_voices.c.theme_id == theme,
                                                      theme_voices.c.voice_id.in_(ids[start: start + IN])))
    connection.execute(update(themes).where(themes.c.id == theme).values(size=themes.c.size - len(ids)))


def grow(connection: Connection, theme: str, voices: int, last_seen: datetime) -> None:
    """A living theme took in `voices` more, the last of them written at `last_seen`."""
    connection.execute(update(themes).where(themes.c.id == theme).values(
        size=themes.c.size + voices, last_seen=case((themes.c.last_seen < last_seen, last_seen), else_=themes.c.last_seen)))


def write_figures(connection: Connection, run: Run) -> list[str]:
    """Set rate, trend, severity and weeks of the product's living themes at the run's time; the ids of those that emerge now.

    A theme stays emerging for a week, and as long as it stands out.
    """
    first = connection.scalar(select(func.min(voices.c.written_at)).where(voices.c.product == run.product)) or run.at
    counted = [func.sum(case((_within(run.at, part), 1), else_=0)) for part in PARTS]
    lately = (voices.c.product == run.product, _within(run.at, (0, PARTS[-1][1])))
    every = connection.execute(select(*counted).where(*lately)).one()
    levels = [func.sum(case((voices.c.severity == level, 1), else_=0)) for level in LEVELS]
    by_theme = connection.execute(
        select(theme_voices.c.theme_id, *counted, *levels).join(voices, voices.c.id == theme_voices.c.voice_id)
        .where(*lately).group_by(theme_voices.c.theme_id).order_by(theme_voices.c.theme_id)).all()
    counts = {row[0]: np.array(row[1: 1 + len(PARTS)]) for row in by_theme}
    told = {row[0]: worst(row[1 + len(PARTS):]) for row in by_theme}
    found = figures(counts, np.array([count or 0 for count in every]), (run.at - first) / timedelta(days=1))
    new: list[str] = []
    for row in connection.execute(select(themes).where(themes.c.product == run.product, themes.c.merged_into.is_(None))
                                  .order_by(themes.c.id)).mappings().all():
        figure = found.get(row["id"], NONE)
        since = row["emerging_since"]
        if figure.emerging and not since:
            new.append(row["id"])
            since = run.at
            record(connection, run, row["id"], "emerging", {"p": round(figure.emerging[0], 6), "days": figure.emerging[1]})
        elif since and not figure.emerging and run.at - since >= timedelta(days=7):
            since = None
        now = figure.numbers() | {"emerging_since": since, "severity": told.get(row["id"]) or row["severity"],
                                  "weeks": weeks(counts[row["id"]]) if row["id"] in counts else None}
        if any(row[name] != value for name, value in now.items()):
            connection.execute(update(themes).where(themes.c.id == row["id"]).values(now))
    return new


def _within(at: datetime, part: tuple[int, int]) -> ColumnElement[bool]:
    start, end = (at - timedelta(days=days) for days in part)
    return and_(voices.c.written_at <= start, voices.c.written_at > end)


def record(connection: Connection, run: Run, theme: str, kind: str, detail: dict[str, Any]) -> None:
    """Write down what happened to a theme, in its events and in the trail."""
    upsert(connection, theme_events, [{"theme_id": theme, "run_id": run.run_id, "kind": kind, "at": run.at, "detail": detail}])
    event = trail.event(run, "theme.changed", theme, {"change": kind} | {
        name: value for name, value in detail.items() if isinstance(value, str | int | float)})
    trail.record(connection, run, [event])


def quote(connection: Connection, theme: str, before: Sequence[tuple[str, str, float]],
          joined: Sequence[tuple[str, str, float]]) -> None:
    """Choose the quotes of a theme from those that it had `before` and the voices that `joined` it."""
    chosen, had = quotes([*before, *joined]), {voice for voice, _, _ in before}
    for ids, value in ((had - chosen, False), (chosen - had, True)):
        if ids:
            connection.execute(update(theme_voices).where(theme_voices.c.theme_id == theme, theme_voices.c.voice_id.in_(ids))
                               .values(quote=value))
