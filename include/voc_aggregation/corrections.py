"""What people correct about themes: merge, split, rename, and take it back.

Every voice is at home in one theme. A merge moves the voices to another theme and remembers their home, so that taking it back
returns each to where it came from, those heard since then too. A split makes a new theme; taking it back merges the new one
into the old. Ids stay and are never given twice; each correction is an event in `theme_events` that is never rewritten: what
took it back is another event (`undone`). Nightly runs go on from there: voices near a merged theme go to the one that took it
in, and what a person kept apart is not merged by itself.

Each function is one transaction, does nothing where the run has done it before, and waits while a run hears the product's voices.
`who` is the person who asked. They return `publish` (the product's key), `change` and `themes` (the ids it was about).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, func, select, update

from include.errors import InputError
from include.ledger.runs import Result, Run, finish, lease
from include.ledger.tables import theme_events, theme_voices, voices
from include.ledger.tables import themes as themes_table
from include.markup import plain
from include.voc_aggregation import features, store, themes
from include.voc_aggregation.features import Weights
from include.voc_aggregation.grouping import theme_id
from include.voc_aggregation.themes import OPERATION

MERGED, SPLIT, RENAMED, UNDONE = "merged", "split", "renamed", "undone"
LONGEST_NAME = 120
_CENTRAL = 2_000  # voices that a theme's centroid is made of when others were split off
_CENTRAL_NAMES = 12
_QUOTABLE = 200
Row = dict[str, Any]


def merge(engine: Engine, run: Run, who: str, ids: Sequence[str], into: str | None = None) -> Result:
    """Merge the themes `ids` into one of them: `into`, or the one with the most voices.

    Raises InputError for fewer than two themes, one that is unknown, another product's or merged already, for an `into` that
    is none of `ids`, and where praise would be merged with complaints.
    """
    def write(connection: Connection) -> list[str]:
        found = [_living(connection, run.product, theme) for theme in dict.fromkeys(ids)]
        if len(found) < 2:
            raise InputError(f"merge: needs two themes or more, got {', '.join(ids) or 'none'}")
        if into is not None and into not in ids:
            raise InputError(f"merge: {into!r} is none of the themes to merge ({', '.join(ids)})")
        if len({row["state"].get("group") == themes.PRAISE for row in found}) > 1:
            raise InputError(f"merge: praise and complaints stay apart ({', '.join(ids)})")
        target = into or min(found, key=lambda row: (-row["size"], row["first_seen"], row["id"]))["id"]
        others = [row for row in found if row["id"] != target]
        for row in others:
            absorb(connection, row["id"], target)
            store.record(connection, run, row["id"], MERGED,
                         {"into": target, "status": row["status"], "voices": row["size"], "by": who})
        return [target, *(row["id"] for row in others)]

    return _corrected(engine, run, who, MERGED, write)


def split(engine: Engine, run: Run, who: str, theme: str, voice_ids: Sequence[str] = (), words: str = "",
          name: str | None = None) -> Result:
    """Split voices off `theme` into a new theme: those of `voice_ids`, or all whose text contains `words` (any case).

    The new theme is called `name`, or after its most central voice. Raises InputError for a theme that is unknown, another
    product's or merged, for voices that are not in it, and where no voice or all of them would go.
    """
    def write(connection: Connection) -> list[str]:
        old = _living(connection, run.product, theme)
        chosen = _chosen(connection, old, voice_ids, words)
        new = _split_off(connection, store.weights(engine, run.product), run, old, chosen)
        _set(connection, new, name=_name(name) if name else _central_name(connection, new))
        store.record(connection, run, new, SPLIT, {"from": theme, "voices": len(chosen), "homes": _homes(chosen), "by": who})
        return [new, theme]

    return _corrected(engine, run, who, SPLIT, write)


def rename(engine: Engine, run: Run, who: str, theme: str, name: str) -> Result:
    """Give `theme` another name, which nightly runs leave alone.

    Raises InputError for a theme that is unknown, another product's or merged, and for a name that is empty, longer than 120
    characters, or the one that it has.
    """
    def write(connection: Connection) -> list[str]:
        row = _living(connection, run.product, theme)
        new = _name(name)
        if new == row["name"]:
            raise InputError(f"rename: theme {theme!r} is called {new!r} already")
        _set(connection, theme, name=new)
        store.record(connection, run, theme, RENAMED, {"name": new, "before": row["name"], "by": who})
        return [theme]

    return _corrected(engine, run, who, RENAMED, write)


def undo(engine: Engine, run: Run, who: str, theme: str) -> Result:
    """Take back the newest correction of `theme` that still holds: that it was merged into another, split off another (by a
    person or a nightly run), or renamed.

    A merged theme comes back with its own voices, those heard since then too; one that was split off goes back to where it
    came from. Raises InputError for a theme that is unknown or another product's, where nothing is left to take back, and
    where what was split off has been merged since: that is taken back first.
    """
    def write(connection: Connection) -> list[str]:
        row = _theme(connection, run.product, theme)
        event = _newest(connection, theme)
        if event is None:
            raise InputError(f"undo: nothing of theme {theme!r} is left to take back")
        touched = _TAKE_BACK[event["kind"]](connection, run, row, event["detail"])
        store.record(connection, run, theme, UNDONE, {"kind": event["kind"], "run_id": event["run_id"], "by": who,
                                                 "apart": touched if event["kind"] == MERGED else []})
        return [theme, *touched]

    return _corrected(engine, run, who, UNDONE, write)


def absorb(connection: Connection, theme: str, into: str) -> None:
    """Move all voices of `theme` to the theme `into`, where they remember their home."""
    moved = theme_voices.c.theme_id == theme
    connection.execute(update(theme_voices).where(moved).values(
        theme_id=into, home=func.coalesce(theme_voices.c.home, theme_voices.c.theme_id), quote=False))
    _set(connection, theme, merged_into=into, status=MERGED, size=0, per_week=0.0, trend=None, per_week_low=None,
         per_week_high=None, trend_low=None, trend_high=None, emerging_since=None)
    refresh(connection, into)


def _corrected(engine: Engine, run: Run, who: str, change: str, write: Callable[[Connection], list[str]]) -> Result:
    if not who.strip():
        raise InputError(f"{change}: nobody is named who asked for it")
    with lease(engine, f"voices:{run.product}", run.run_id):
        return finish(engine, run, lambda connection: {"publish": [run.product], "change": change, "themes": write(connection)})


def _theme(connection: Connection, product: str, theme: str) -> Row:
    row = connection.execute(select(themes_table).where(themes_table.c.id == theme)).mappings().one_or_none()
    if row is None:
        raise InputError(f"there is no theme {theme!r}")
    if row["product"] != product:
        raise InputError(f"theme {theme!r} belongs to {row['product']!r}, not to {product!r}")
    return dict(row)


def _living(connection: Connection, product: str, theme: str) -> Row:
    row = _theme(connection, product, theme)
    if row["merged_into"]:
        raise InputError(f"theme {theme!r} was merged into {row['merged_into']!r}: correct that one, or undo the merge first")
    return row


def _set(connection: Connection, theme: str, **values: Any) -> None:
    connection.execute(update(themes_table).where(themes_table.c.id == theme).values(values))


def _name(name: str) -> str:
    new = plain(name, LONGEST_NAME + 1).strip()
    if not new or len(new) > LONGEST_NAME:
        raise InputError(f"a name has 1 to {LONGEST_NAME} characters, not {len(new)}")
    return new


def refresh(connection: Connection, theme: str) -> None:
    """Size, times and quotes of a theme, from its voices."""
    size, first, last = connection.execute(
        select(func.count(), func.min(voices.c.written_at), func.max(voices.c.written_at))
        .join_from(theme_voices, voices).where(theme_voices.c.theme_id == theme)).one()
    _set(connection, theme, size=size, **({"first_seen": first, "last_seen": last} if size else {}))
    near = connection.execute(
        select(voices.c.id, voices.c.language, theme_voices.c.similarity).join_from(theme_voices, voices)
        .where(theme_voices.c.theme_id == theme, voices.c.erased_at.is_(None), voices.c.duplicate_of.is_(None))
        .order_by(theme_voices.c.similarity.desc(), voices.c.id).limit(_QUOTABLE)).all()
    chosen = themes.quotes([(row.id, row.language, row.similarity) for row in near])
    of_theme = update(theme_voices).where(theme_voices.c.theme_id == theme)
    connection.execute(of_theme.where(theme_voices.c.quote).values(quote=False))
    connection.execute(of_theme.where(theme_voices.c.voice_id.in_(sorted(chosen))).values(quote=True))


def _chosen(connection: Connection, old: Row, voice_ids: Sequence[str], words: str) -> list[Row]:
    """The voices to split off, in the order of their ids."""
    if bool(voice_ids) == bool(words.strip()):
        raise InputError("split: name either the voices or words that their texts contain")
    query = (select(voices.c.id, voices.c.text, voices.c.kind, voices.c.language, voices.c.written_at, theme_voices.c.home)
             .join_from(theme_voices, voices).where(theme_voices.c.theme_id == old["id"]).order_by(voices.c.id))
    there = [dict(row) for row in connection.execute(query).mappings()]
    wanted = set(voice_ids)
    if strange := sorted(wanted - {row["id"] for row in there}):
        raise InputError(f"split: not in theme {old['id']!r}: {', '.join(strange[:10])}")
    said = words.strip().casefold()
    chosen = [row for row in there if (row["id"] in wanted if wanted else said in row["text"].casefold())]
    if not chosen or len(chosen) == len(there):
        raise InputError(f"split: {'all' if chosen else 'none'} of the {len(there)} voices of theme {old['id']!r} would go")
    return chosen


def _homes(chosen: Iterable[Row]) -> dict[str, list[str]]:
    """Which of the voices were at home in a merged theme: theme to voices."""
    homes: dict[str, list[str]] = {}
    for row in chosen:
        if row["home"]:
            homes.setdefault(row["home"], []).append(row["id"])
    return homes


def _split_off(connection: Connection, weights: Weights, run: Run, old: Row, chosen: list[Row]) -> str:
    """Move the voices into a new theme; its id. Both themes learn again what they are about."""
    group, ids, at = old["state"]["group"], [row["id"] for row in chosen], chosen[0]["written_at"]
    new = theme_id(run.product, group, f"split {run.run_id} {old['id']}")
    made = themes.Theme(new, old["name"], group, old["language"], old["kind"], "open", 0, at, at)
    store.write_themes(connection, run, [made])
    _move(connection, ids, old["id"], new, None)
    for theme in (new, old["id"]):
        _relearn(connection, weights, theme, group)
        refresh(connection, theme)
    return new


def _move(connection: Connection, ids: Sequence[str], theme: str, into: str, home: str | None) -> None:
    """Move the voices `ids` of `theme` to `into`, where their home is `home` (None: there)."""
    for start in range(0, len(ids), store.IN):
        connection.execute(update(theme_voices).where(
            theme_voices.c.theme_id == theme, theme_voices.c.voice_id.in_(ids[start: start + store.IN]))
            .values(theme_id=into, home=home, quote=False))


def _relearn(connection: Connection, weights: Weights, theme: str, group: str) -> None:
    """What a theme is about, from the voices that are at home in it, of which the nearest make its centroid."""
    at_home = (theme_voices.c.theme_id == theme, theme_voices.c.home.is_(None))
    of_theme = select(voices).join(theme_voices, theme_voices.c.voice_id == voices.c.id).where(*at_home)
    near = connection.execute(of_theme.where(voices.c.erased_at.is_(None)).order_by(
        theme_voices.c.similarity.desc(), voices.c.id).limit(_CENTRAL)).all()
    if not near:
        return
    said = (voices.c.kind, voices.c.language)
    counted = of_theme.with_only_columns(*said, func.count()).group_by(*said)
    known = themes.Theme(theme, "", group, "", "", "", 0, near[0].written_at, near[0].written_at)
    for kind, language, count in connection.execute(counted):
        known.kinds[kind] += count
        known.languages[language] += count
    known.size = known.kinds.total()
    vectors = weights.apply(features.counts(row.text for row in near))
    known.columns, known.weights = themes.centroid(np.asarray(vectors.sum(axis=0)).ravel())
    _, similarity = themes.nearest(vectors, themes.centroids([known]))
    for row, nearness in zip(near, similarity, strict=True):
        connection.execute(update(theme_voices).where(theme_voices.c.theme_id == theme, theme_voices.c.voice_id == row.id)
                           .values(similarity=round(float(nearness), 4)))
    _set(connection, theme, state=known.state(), language=themes.most_common(known.languages),
         kind=OPERATION if group == OPERATION else themes.most_common(known.kinds))


def _central_name(connection: Connection, theme: str) -> str:
    texts = connection.scalars(
        select(voices.c.text).join_from(theme_voices, voices)
        .join(themes_table, themes_table.c.id == theme_voices.c.theme_id)
        .where(theme_voices.c.theme_id == theme, voices.c.erased_at.is_(None), voices.c.language == themes_table.c.language)
        .order_by(theme_voices.c.similarity.desc(), voices.c.id).limit(_CENTRAL_NAMES))
    return themes.name_from(list(texts))


def _newest(connection: Connection, theme: str) -> Row | None:
    """The newest correction of a theme that was not taken back."""
    happened = connection.execute(
        select(theme_events).where(theme_events.c.theme_id == theme, theme_events.c.kind.in_([*_TAKE_BACK, UNDONE]))
        .order_by(theme_events.c.at.desc(), theme_events.c.run_id.desc(), theme_events.c.kind)).mappings().all()
    undone = {(row["detail"]["kind"], row["detail"]["run_id"]) for row in happened if row["kind"] == UNDONE}
    return next((dict(row) for row in happened if row["kind"] != UNDONE and (row["kind"], row["run_id"]) not in undone), None)


def _merges(connection: Connection, product: str) -> dict[str, str]:
    """Themes that are merged, with the one that each was merged into."""
    rows = connection.execute(select(themes_table.c.id, themes_table.c.merged_into).where(
        themes_table.c.product == product, themes_table.c.merged_into.is_not(None)))
    return {row.id: row.merged_into for row in rows}


def _unmerge(connection: Connection, run: Run, row: Row, detail: Row) -> list[str]:
    merged = _merges(connection, run.product)
    theme, holder = row["id"], store.living(merged, row["id"])
    del merged[theme]
    homes = [home for home in (theme, *merged) if store.living(merged, home) == theme]
    for home in homes:
        connection.execute(update(theme_voices).where(theme_voices.c.theme_id == holder, theme_voices.c.home == home)
                           .values(theme_id=theme, home=home if home != theme else None, quote=False))
    _set(connection, theme, merged_into=None, status=detail["status"])
    for changed in (theme, holder):
        refresh(connection, changed)
    return [holder]


def _rejoin(connection: Connection, run: Run, row: Row, detail: Row) -> list[str]:
    if row["merged_into"]:
        raise InputError(f"undo: theme {row['id']!r} was merged into {row['merged_into']!r} since it was split off")
    merged = _merges(connection, run.product)
    into = store.living(merged, detail["from"])
    homes = {home: store.living(merged, home) for home in detail["homes"]}
    for home, ids in detail["homes"].items():
        _move(connection, ids, row["id"], homes[home], home if homes[home] != home else None)
    absorb(connection, row["id"], into)
    touched = sorted({*homes.values()} - {into})
    for theme in touched:
        refresh(connection, theme)
    return [into, *touched]


def _call_back(connection: Connection, run: Run, row: Row, detail: Row) -> list[str]:
    _set(connection, row["id"], name=detail["before"])
    return []


_TAKE_BACK: dict[str, Callable[[Connection, Run, Row, Row], list[str]]] = {
    MERGED: _unmerge, SPLIT: _rejoin, RENAMED: _call_back}
