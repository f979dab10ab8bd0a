"""Themes that bore the words of erased voices get other names and other quotes, from voices that are still there."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, select, update

from include.ledger.tables import theme_voices, themes, voices
from include.markup import plain
from include.privacy.traces import letters

QUOTES = 3
_LOOKED_AT = 2_000  # the nearest living voices of a theme
_PROBE = 6


def renamed_themes(connection: Connection, product: str, touched: Collection[str],
                   texts: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Rename the product's themes whose name stands in one of the erased `texts` and in no living voice of theirs.

    `touched` are the themes that erased voices belong to; those that lost a quote are given another. Returns the old names with
    the new ones, and the names that stay.
    """
    rows = connection.execute(select(themes.c.id, themes.c.name, themes.c.language, themes.c.merged_into)
                              .where(themes.c.product == product).order_by(themes.c.id)).all()
    said = _said({row.name for row in rows}, texts)
    renamed: dict[str, str] = {}
    for row in rows:
        living = _living(connection, [row.id, row.merged_into]) if row.id in touched or row.name in said else []
        if row.id in touched:
            _requote(connection, row.id)
        if row.name in said and not any(letters(row.name) in letters(text) for text in living):
            renamed[row.name] = renamed.get(row.name) or _name(row.id, row.language, living)
            connection.execute(update(themes).where(themes.c.id == row.id).values(name=renamed[row.name]))
    return renamed, [row.name for row in rows if row.name not in renamed] + list(renamed.values())


def _said(names: Iterable[str], texts: Iterable[str]) -> set[str]:
    """Those of `names` that stand in one of `texts`."""
    probes: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in names:
        if len(flat := letters(name)) >= _PROBE:
            probes[flat[:_PROBE]].append((name, flat))
    found: set[str] = set()
    for text in texts:
        flat = letters(text)
        found.update(name for at in range(len(flat) - _PROBE + 1) for name, whole in probes.get(flat[at:at + _PROBE], ())
                     if flat.startswith(whole, at))
    return found


def _living(connection: Connection, ids: Iterable[str | None]) -> list[str]:
    """The texts of the voices nearest to the themes `ids` that are not erased, nearest first."""
    return list(connection.scalars(
        select(voices.c.text).join(theme_voices, theme_voices.c.voice_id == voices.c.id)
        .where(theme_voices.c.theme_id.in_([theme for theme in ids if theme]), voices.c.erased_at.is_(None))
        .order_by(theme_voices.c.similarity.desc(), voices.c.id).limit(_LOOKED_AT)))


def _name(theme: str, language: str, living: Sequence[str]) -> str:
    """The first sentence of the nearest living voice that has a good length, or else a neutral name."""
    firsts = (plain(text.strip().split("\n")[0].split(". ")[0], 80).rstrip(".,;!~ ") for text in living)
    return next((first for first in firsts if 8 <= len(first) <= 70), f"{'주제' if language == 'ko' else 'Theme'} {theme}")


def _requote(connection: Connection, theme: str) -> None:
    """Voices without text are no quotes; the nearest others take their place."""
    quoted = connection.execute(select(theme_voices.c.voice_id, voices.c.erased_at).join(
        voices, voices.c.id == theme_voices.c.voice_id).where(theme_voices.c.theme_id == theme, theme_voices.c.quote)).all()
    lost = [row.voice_id for row in quoted if row.erased_at]
    if not lost:
        return
    instead = connection.scalars(
        select(voices.c.id).join(theme_voices, theme_voices.c.voice_id == voices.c.id)
        .where(theme_voices.c.theme_id == theme, voices.c.erased_at.is_(None), ~theme_voices.c.quote)
        .order_by(theme_voices.c.similarity.desc(), voices.c.id).limit(max(0, QUOTES - len(quoted) + len(lost)))).all()
    for ids, quote in ((lost, False), (instead, True)):
        connection.execute(update(theme_voices).where(theme_voices.c.theme_id == theme, theme_voices.c.voice_id.in_(ids))
                           .values(quote=quote))
