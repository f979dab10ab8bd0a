"""Themes and voices, a page at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, func, select

from include.ledger import search
from include.ledger.tables import stories, story_themes, theme_events, theme_voices, themes, voices
from include.loop_metrics import LIVE
from include.loop_page import paging, shapes

QUOTED, CUT = 5, 2000  # quotes of a theme; characters of a voice in a list
LOOKED_AT = 5000  # voices that one page looks through at most: then it says how far it came
FEW = 4  # times as many as are wanted are looked through first, and so many times more each time
_TOLD = ("id", "source", "origin", "language", "kind", "kinds", "severity", "sentiment", "rating", "written_at", "erased_at")
_SHORT = (*(voices.c[name] for name in _TOLD), func.substr(voices.c.text, 1, CUT + 1).label("text"))
_THEME = tuple(themes.c[name] for name in shapes.Theme.model_fields)


@dataclass(frozen=True)
class Filter:
    """What is asked for; None: any. Of themes `since` and `until` are about the voice heard last."""

    kind: str | None = None
    language: str | None = None
    severity: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def where(self, columns: Any, at: str) -> list[ColumnElement[bool]]:
        """As conditions on `columns` of a table; `at` names the time."""
        found = [columns[name] == value for name in ("kind", "language", "severity")
                 if (value := getattr(self, name)) is not None]
        return found + self.within(columns[at])

    def within(self, at: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """As conditions on a time alone."""
        return [*([at >= self.since] if self.since else []), *([at < self.until] if self.until else [])]


def page_of_themes(connection: Connection, product: str, asked: Filter, status: str | None, sort: Literal["size", "last_seen"],
                   after: str | None, limit: int) -> shapes.Paged[shapes.Theme]:
    """Themes of a product, the largest or those heard last first. `status` None: live ones."""
    query = themes_query(product, asked, status, sort, after, limit)
    rows = connection.execute(query).mappings().all()
    items = [shapes.Theme(**row) for row in rows[:limit]]
    last = rows[limit - 1] if len(rows) > limit else None
    return shapes.Paged(items=items, next=paging.mark(last[sort], last["id"]) if last else None)


def themes_query(product: str, asked: Filter, status: str | None, sort: str, after: str | None, limit: int) -> Select[Any]:
    """One more theme than `limit`, in order."""
    order = (themes.c[sort], themes.c.id)
    where = [themes.c.product == product, *asked.where(themes.c, "last_seen"),
             themes.c.status == status if status else themes.c.status.in_(LIVE)]
    if after:
        where.append(paging.beyond(order, paging.place(after, int if sort == "size" else datetime, str)))
    return select(*_THEME).where(*where).order_by(*(column.desc() for column in order)).limit(limit + 1)


def theme(connection: Connection, product: str, id: str) -> shapes.ThemeDetail | None:
    """One theme, None where the product has no such."""
    row = connection.execute(select(*_THEME).where(themes.c.id == id, themes.c.product == product)).mappings().first()
    if row is None:
        return None
    quotes = connection.execute(
        select(*_SHORT).join(theme_voices, theme_voices.c.voice_id == voices.c.id)
        .where(theme_voices.c.theme_id == id, theme_voices.c.quote).limit(QUOTED)).mappings()
    told = connection.execute(
        select(stories.c.id, stories.c.title, stories.c.status, stories.c.kind)
        .join(story_themes, story_themes.c.story_id == stories.c.id)
        .where(story_themes.c.theme_id == id).order_by(stories.c.id).limit(paging.MOST)).mappings()
    happened = connection.execute(
        select(theme_events).where(theme_events.c.theme_id == id).order_by(theme_events.c.at.desc()).limit(50)).mappings()
    return shapes.ThemeDetail(**row, quotes=[_voice(quote) for quote in quotes], stories=[shapes.Story(**one) for one in told],
                              events=[shapes.ThemeEvent(**event) for event in happened])


def voice(connection: Connection, product: str, id: str) -> shapes.Voice | None:
    """One voice with all of its text."""
    row = connection.execute(select(voices).where(voices.c.id == id, voices.c.product == product)).mappings().first()
    return _voice(row, None) if row else None


def page_of_voices(connection: Connection, product: str, asked: Filter, theme: str | None, words: list[str],
                   after: str | None, limit: int) -> shapes.Paged[shapes.Voice]:
    """Voices of a product, or of one of its themes, that have words beginning with each of `words`.

    The newest first: by when they were written, or heard where words are looked for; those of a theme by id. A page looks
    through LOOKED_AT voices at most: a filter that few pass may find fewer than `limit`, and go on from there.
    """
    walk = _searched(connection, words) if words else _of_theme(theme) if theme else _all(product, asked)
    found = list[Any]()
    looked, size = 0, FEW * limit
    while looked < LOOKED_AT:
        size = min(size, LOOKED_AT - looked)
        rows = connection.execute(walk.query(after, size)).all()
        passed = [row for row in rows if row.product == product and _passes(row, asked)]
        found += _in_theme(connection, theme, passed) if words and theme else passed
        if len(found) > limit:
            return _page(connection, found[:limit], paging.mark(*walk.place(found[limit - 1])))
        if len(rows) < size:
            return _page(connection, found, None)
        looked, size, after = looked + size, FEW * size, paging.mark(*walk.place(rows[-1]))
    return _page(connection, found, after)


@dataclass(frozen=True)
class Walk:
    """A way through voices: `query(after, size)` has the next ones in order, `place` says where one of them stands."""

    query: Callable[[str | None, int], Select[Any]]
    place: Callable[[Any], tuple[Any, ...]]


_LOOKED = tuple(voices.c[name] for name in ("id", "product", "written_at", "kind", "language", "severity"))


def _all(product: str, asked: Filter) -> Walk:
    """A product's voices, as they were written."""
    order = (voices.c.written_at, voices.c.id)

    def query(after: str | None, size: int) -> Select[Any]:
        beyond = [paging.beyond(order, paging.place(after, datetime, str))] if after else []
        return (select(*_LOOKED).where(voices.c.product == product, *asked.within(voices.c.written_at), *beyond)
                .order_by(*(column.desc() for column in order)).limit(size))

    return Walk(query, lambda row: (row.written_at, row.id))


def _of_theme(theme: str) -> Walk:
    """A theme's voices, by id, which is the order that its index has."""
    def query(after: str | None, size: int) -> Select[Any]:
        beyond = [theme_voices.c.voice_id < paging.place(after, str)[0]] if after else []
        ids = (select(theme_voices.c.voice_id).where(theme_voices.c.theme_id == theme, *beyond)
               .order_by(theme_voices.c.voice_id.desc()).limit(size).subquery())
        return select(*_LOOKED).join(ids, ids.c.voice_id == voices.c.id).order_by(voices.c.id.desc())

    return Walk(query, lambda row: (row.id,))


def _searched(connection: Connection, words: list[str]) -> Walk:
    """The voices that have these words, as they were heard."""
    kinds = (int,) if connection.dialect.name == "sqlite" else (str, str)

    def query(after: str | None, size: int) -> Select[Any]:
        found = search.found(connection, words, paging.place(after, *kinds) if after else ()).limit(size).subquery()
        return (select(found.c.place, *_LOOKED).join_from(found, voices, voices.c.id == found.c.id)
                .order_by(found.c.place.desc(), voices.c.id.desc()))

    return Walk(query, search.place_of)


def _in_theme(connection: Connection, theme: str, rows: list[Any]) -> list[Any]:
    its = set(connection.scalars(select(theme_voices.c.voice_id).where(
        theme_voices.c.theme_id == theme, theme_voices.c.voice_id.in_([row.id for row in rows]))))
    return [row for row in rows if row.id in its]


def _passes(row: Any, asked: Filter) -> bool:
    return (all(getattr(asked, name) in {None, getattr(row, name)} for name in ("kind", "language", "severity"))
            and not (asked.since and row.written_at < asked.since) and not (asked.until and row.written_at >= asked.until))


def _page(connection: Connection, found: list[Any], end: str | None) -> shapes.Paged[shapes.Voice]:
    """The voices that were `found`, as they are."""
    ids = [row.id for row in found]
    rows = {row["id"]: row for row in connection.execute(select(*_SHORT).where(voices.c.id.in_(ids))).mappings()}
    return shapes.Paged(items=[_voice(rows[id]) for id in ids if id in rows], next=end)


def _voice(row: Mapping[Any, Any], longest: int | None = CUT) -> shapes.Voice:
    text = row["text"]
    return shapes.Voice(**{name: row[name] for name in _TOLD if name != "erased_at"}, text=text[:longest],
                        cut=longest is not None and len(text) > longest, erased=row["erased_at"] is not None)
