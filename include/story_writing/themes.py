"""The product's themes and what they rest on, read from the ledger with one grouped query a figure."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, distinct, func, select

from include.ledger.runs import Run
from include.ledger.tables import rollups, theme_events, theme_voices, themes, voices
from include.product import Product
from include.story_writing.rules import Evidence, Theme

QUARTER = timedelta(days=90)
_PERSON = func.coalesce(voices.c.author, voices.c.erasure)  # an erased author still counts as one
_PEOPLE = func.count(distinct(_PERSON)) + func.sum(case((_PERSON.is_(None), 1), else_=0))


def themes_of(connection: Connection, product: Product, run: Run) -> list[Theme]:
    """Every theme of the product with its evidence, by id.

    The quarter that counts people ends with the newest voice (at the latest with the run), so that a history reads like
    the present.
    """
    name = product.name
    newest = connection.scalar(select(func.max(voices.c.written_at)).where(voices.c.product == name))
    heard = min(newest or run.at, run.at)
    figures = _grouped(connection, name, [
        func.count(), func.count(distinct(_PERSON)), func.avg(voices.c.sentiment), func.avg(theme_voices.c.similarity),
        func.min(voices.c.written_at), func.max(voices.c.written_at)])
    people = _grouped(connection, name, [_PEOPLE], voices.c.written_at > heard - QUARTER, voices.c.written_at <= heard)
    quotes = _quotes(connection, name)
    baselines = _baselines(connection, product, run, heard)
    reopenings = Counter(connection.scalars(select(theme_events.c.theme_id).join(themes, themes.c.id == theme_events.c.theme_id)
                                            .where(themes.c.product == name, theme_events.c.kind == "reopened")))
    found = []
    for row in connection.execute(select(themes).where(themes.c.product == name).order_by(themes.c.id)):
        count, authors, sentiment, similarity, first, last = figures.get(row.id, (0, 0, None, None, None, None))
        evidence = Evidence(count, authors, people.get(row.id, (0,))[0], row.per_week, _round(sentiment), _round(similarity),
                            (first or row.first_seen).isoformat(), (last or row.last_seen).isoformat(), quotes.get(row.id, []))
        found.append(Theme(row.id, row.name, row.kind, row.language, row.status, row.merged_into, reopenings[row.id], evidence,
                           baselines.get(row.id)))
    return found


def _grouped(connection: Connection, product: str, figures: list[Any], *only: ColumnElement[bool]) -> dict[str, tuple[Any, ...]]:
    rows = connection.execute(
        select(theme_voices.c.theme_id, *figures).join(voices, voices.c.id == theme_voices.c.voice_id)
        .where(voices.c.product == product, *only).group_by(theme_voices.c.theme_id))
    return {row[0]: tuple(row[1:]) for row in rows}


def _quotes(connection: Connection, product: str) -> dict[str, list[str]]:
    quotes: dict[str, list[str]] = defaultdict(list)
    rows = connection.execute(
        select(theme_voices.c.theme_id, theme_voices.c.voice_id).join(themes, themes.c.id == theme_voices.c.theme_id)
        .where(themes.c.product == product, theme_voices.c.quote)
        .order_by(theme_voices.c.similarity.desc(), theme_voices.c.voice_id))
    for theme, voice in rows:
        quotes[theme].append(voice)
    return quotes


def _baselines(connection: Connection, product: Product, run: Run, heard: datetime) -> dict[str, float]:
    """Voices of each theme per exposure over the outcome's window: per 1,000 requests since the first rollup, or per day."""
    window = timedelta(days=product.outcome.window_days)
    if product.outcome.exposure == "requests":
        first, requests = connection.execute(
            select(func.min(rollups.c.minute), func.sum(rollups.c.requests))
            .where(rollups.c.product == product.name, rollups.c.minute >= run.at - window, rollups.c.minute < run.at)).one()
        start, end, exposure = first, run.at, float(requests or 0) / 1000
    else:
        first = connection.scalar(select(func.min(voices.c.written_at)).where(voices.c.product == product.name))
        end = heard
        start = max(first or end, end - window)
        exposure = (end - start) / timedelta(days=1)
    if not exposure:
        return {}
    counts = _grouped(connection, product.name, [func.count()], voices.c.written_at >= start, voices.c.written_at <= end)
    return {theme: round(count / exposure, 4) for theme, (count,) in counts.items()}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
