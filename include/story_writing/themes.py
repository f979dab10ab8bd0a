"""The product's themes and what they rest on, read from the ledger with one grouped query a figure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, distinct, func, select

from include.ledger.runs import Run
from include.ledger.tables import outcomes, rollups, stories, theme_events, theme_voices, themes, voices
from include.product import Product
from include.story_writing.prediction import Seen
from include.story_writing.rules import Evidence, Theme

QUARTER = timedelta(days=90)
_FIRST = voices.c.duplicate_of.is_(None)  # who only repeats what was said is nobody else
_PERSON = case((_FIRST, func.coalesce(voices.c.author, voices.c.erasure)))  # an erased author still counts as one
_PEOPLE = func.count(distinct(_PERSON)) + func.coalesce(func.sum(case((and_(_FIRST, _PERSON.is_(None)), 1), else_=0)), 0)
_FIGURES = [func.count(), func.count(distinct(_PERSON)), func.avg(voices.c.sentiment), func.min(voices.c.written_at),
            func.max(voices.c.written_at)]


def themes_of(connection: Connection, product: Product, run: Run) -> list[Theme]:
    """Every theme of the product with its evidence, by id.

    The quarter that counts people ends with the newest voice (at the latest with the run), so that a history reads like
    the present.
    """
    name, heard = product.name, _heard(connection, product, run)
    figures = _grouped(connection, name, [*_FIGURES, func.avg(theme_voices.c.similarity)])
    people = _grouped(connection, name, [_PEOPLE], voices.c.written_at > heard - QUARTER, voices.c.written_at <= heard)
    severe = _severities(connection, name)
    quotes = _quotes(connection, name)
    baselines = _baselines(connection, product, run, heard)
    reopenings = Counter(connection.scalars(select(theme_events.c.theme_id).join(themes, themes.c.id == theme_events.c.theme_id)
                                            .where(themes.c.product == name, theme_events.c.kind == "reopened")))
    found = []
    for row in connection.execute(select(themes).where(themes.c.product == name).order_by(themes.c.id)):
        count, authors, sentiment, first, last, similarity = figures.get(row.id, (0, 0, None, None, None, None))
        evidence = Evidence(
            count, authors, people.get(row.id, (0,))[0], row.per_week, _round(sentiment), _round(similarity),
            (first or row.first_seen).isoformat(), (last or row.last_seen).isoformat(), quotes.get(row.id, []),
            severe.get(row.id, {}))
        found.append(Theme(row.id, row.name, row.kind, row.language, row.status, row.merged_into, reopenings[row.id], evidence,
                           baselines.get(row.id), _direction(row.state)))
    return found


def evidence_of(connection: Connection, product: Product, run: Run, several: Sequence[Theme]) -> Evidence:
    """What several themes rest on together: a person, or a voice, in two of them counts once."""
    heard = _heard(connection, product, run)
    behind = voices.c.id.in_(select(theme_voices.c.voice_id).where(theme_voices.c.theme_id.in_([theme.id for theme in several])))
    count, authors, sentiment, first, last = connection.execute(select(*_FIGURES).where(behind)).one()
    people = connection.scalar(select(_PEOPLE).where(behind, voices.c.written_at > heard - QUARTER, voices.c.written_at <= heard))
    each = [theme.evidence for theme in several]
    rates = [evidence.per_week for evidence in each if evidence.per_week is not None]
    similar = [(evidence.similarity, evidence.voices) for evidence in each if evidence.similarity is not None]
    return Evidence(
        count, authors, people or 0, round(sum(rates), 4) if rates else None, _round(sentiment),
        _round(sum(value * weight for value, weight in similar) / sum(weight for _, weight in similar)) if similar else None,
        first.isoformat() if first else min(evidence.first_seen for evidence in each),
        last.isoformat() if last else max(evidence.last_seen for evidence in each),
        sorted({quote for evidence in each for quote in evidence.quotes}),
        {row.severity: row.voices for row in connection.execute(
            select(voices.c.severity, func.count().label("voices")).where(behind, voices.c.severity.is_not(None))
            .group_by(voices.c.severity).order_by(voices.c.severity))})


def reliefs(connection: Connection, product: Product) -> dict[str, list[Seen]]:
    """What was counted before and after the product's earlier stories, by kind of story: each release of each, too early or not
    (few complaints weigh little by themselves)."""
    found: dict[str, list[Seen]] = defaultdict(list)
    for row in connection.execute(
            select(stories.c.kind, outcomes.c.before_voices, outcomes.c.before_exposure, outcomes.c.after_voices,
                   outcomes.c.after_exposure)
            .join(stories, stories.c.id == outcomes.c.story_id)
            .where(stories.c.product == product.name, outcomes.c.exposure == product.outcome.exposure)
            .order_by(outcomes.c.story_id, outcomes.c.theme_id, outcomes.c.release)):
        found[row.kind].append(Seen(row.before_voices, row.before_exposure or 0.0, row.after_voices, row.after_exposure or 0.0))
    return found


def _heard(connection: Connection, product: Product, run: Run) -> datetime:
    newest = connection.scalar(select(func.max(voices.c.written_at)).where(voices.c.product == product.name))
    return min(newest or run.at, run.at)


def _direction(state: Any) -> dict[int, float]:
    return dict(zip(state.get("columns", ()), state.get("weights", ()), strict=True)) if isinstance(state, dict) else {}


def _severities(connection: Connection, product: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for theme, severity, count in connection.execute(
            select(theme_voices.c.theme_id, voices.c.severity, func.count())
            .join(voices, voices.c.id == theme_voices.c.voice_id)
            .where(voices.c.product == product, voices.c.severity.is_not(None))
            .group_by(theme_voices.c.theme_id, voices.c.severity).order_by(theme_voices.c.theme_id, voices.c.severity)):
        found[theme][severity] = count
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
