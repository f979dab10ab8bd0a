"""Themes and voices, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from include.ledger import search
from include.ledger.tables import stories, story_themes, theme_events, theme_voices, themes, voices
from include.loop_page import paging, shapes

LIVE = ("open", "planned", "reopened")
QUOTED, CUT = 5, 2000  # quotes of a theme; characters of a voice in a list
LOOKED_AT = 5000  # voices that one page looks through: then it says how far it came
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


def page_of_voices(connection: Connection, product: str, asked: Filter, theme: str | None, words: Sequence[str],
                   after: str | None, limit: int) -> shapes.Paged[shapes.Voice]:
    """Voices of a product, or of one of its themes, that have words beginning with each of `words`.

    The newest first: by when they were written, or heard where words are looked for; those of a theme by id. A page looks
    through LOOKED_AT voices at most: a filter that few pass may find fewer than `limit`, and go on from there.
    """
    if words:
        return _searched(connection, product, asked, theme, list(words), after, limit)
    if theme:
        return _of_theme(connection, product, asked, theme, after, limit)
    rows = connection.execute(voices_query(product, asked, after)).all()
    order = [(row.written_at, row.id) for row in rows]
    passed = [row.id for row in rows if _passes(row, asked)]
    return _page(connection, passed, limit, {id: paging.mark(at, id) for at, id in order},
                 paging.mark(*order[-1]) if len(order) == LOOKED_AT else None)


def voices_query(product: str, asked: Filter, after: str | None) -> Select[Any]:
    """The voices that a page looks through, in order."""
    order = (voices.c.written_at, voices.c.id)
    where = [voices.c.product == product, *asked.within(voices.c.written_at)]
    if after:
        where.append(paging.beyond(order, paging.place(after, datetime, str)))
    return (select(voices.c.id, voices.c.written_at, voices.c.kind, voices.c.language, voices.c.severity).where(*where)
            .order_by(*(column.desc() for column in order)).limit(LOOKED_AT))


def theme_query(theme: str, after: str | None) -> Select[Any]:
    """The voices of a theme that a page looks through: by id, which is the order that the index has."""
    where = [theme_voices.c.theme_id == theme]
    if after:
        where.append(theme_voices.c.voice_id < paging.place(after, str)[0])
    ids = select(theme_voices.c.voice_id).where(*where).order_by(theme_voices.c.voice_id.desc()).limit(LOOKED_AT).subquery()
    return (select(voices.c.id, voices.c.product, voices.c.written_at, voices.c.kind, voices.c.language, voices.c.severity)
            .join(ids, ids.c.voice_id == voices.c.id).order_by(voices.c.id.desc()))


def _of_theme(connection: Connection, product: str, asked: Filter, theme: str, after: str | None,
              limit: int) -> shapes.Paged[shapes.Voice]:
    rows = connection.execute(theme_query(theme, after)).all()
    passed = [row.id for row in rows if row.product == product and _passes(row, asked)]
    return _page(connection, passed, limit, {row.id: paging.mark(row.id) for row in rows},
                 paging.mark(rows[-1].id) if len(rows) == LOOKED_AT else None)


def _searched(connection: Connection, product: str, asked: Filter, theme: str | None, words: list[str], after: str | None,
              limit: int) -> shapes.Paged[shapes.Voice]:
    before = paging.place(after, int if connection.dialect.name == "sqlite" else str)[0] if after else None
    rows = connection.execute(search_query(connection, words, before)).all()
    passed = [row.id for row in rows if row.product == product and _passes(row, asked)]
    if theme:
        passed = _in_theme(connection, theme, passed)
    return _page(connection, passed, limit, {row.id: paging.mark(_plain(row.place)) for row in rows},
                 paging.mark(_plain(rows[-1].place)) if len(rows) == LOOKED_AT else None)


def search_query(connection: Connection, words: list[str], before: Any) -> Select[Any]:
    """The voices with these words that a page looks through, in order."""
    found = search.found(connection, words, before).limit(LOOKED_AT).subquery()
    return (select(found.c.place, voices.c.id, voices.c.product, voices.c.written_at, voices.c.kind, voices.c.language,
                   voices.c.severity)
            .join_from(found, voices, voices.c.id == found.c.id).order_by(found.c.place.desc()))


def _plain(place: Any) -> Any:
    return place.isoformat() if isinstance(place, datetime) else place


def _in_theme(connection: Connection, theme: str, ids: list[str]) -> list[str]:
    found = set(connection.scalars(select(theme_voices.c.voice_id).where(
        and_(theme_voices.c.theme_id == theme, theme_voices.c.voice_id.in_(ids)))))
    return [id for id in ids if id in found]


def _passes(row: Any, asked: Filter) -> bool:
    return (all(getattr(asked, name) in {None, getattr(row, name)} for name in ("kind", "language", "severity"))
            and not (asked.since and row.written_at < asked.since) and not (asked.until and row.written_at >= asked.until))


def _page(connection: Connection, ids: list[str], limit: int, marks: Mapping[str, str],
          end: str | None) -> shapes.Paged[shapes.Voice]:
    """The first `limit` of `ids` as they are; `end`: where the page stopped looking, if there may be more."""
    shown = ids[:limit]
    rows = {row["id"]: row for row in connection.execute(select(*_SHORT).where(voices.c.id.in_(shown))).mappings()}
    return shapes.Paged(items=[_voice(rows[id]) for id in shown if id in rows],
                        next=marks[shown[-1]] if len(ids) > limit else end)


def _voice(row: Mapping[Any, Any], longest: int | None = CUT) -> shapes.Voice:
    text = row["text"]
    return shapes.Voice(**{name: row[name] for name in _TOLD if name != "erased_at"}, text=text[:longest],
                        cut=longest is not None and len(text) > longest, erased=row["erased_at"] is not None)
