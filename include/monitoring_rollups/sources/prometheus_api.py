"""Prometheus's HTTP API: range queries by the minute, from where the last run ended (prometheus.io/docs/prometheus/latest/
querying/api). Nothing is asked for twice, and minutes count once they are over; what an answer holds besides what was asked is
refused, and so is one that says that it isn't whole."""

import math
from typing import Annotated, Any, Literal

import httpx
import numpy as np
from pydantic import BaseModel, Field, ValidationError

from include.errors import InputError
from include.http_client import Client, UnavailableError
from include.ledger.runs import Run
from include.markup import plain
from include.monitoring_rollups.sources.counters import Last, Series, counted, durations, increases, remembered
from include.monitoring_rollups.sources.reading import Reading, points
from include.parts.monitoring import PrometheusSource

STEP = 60
MOST_SERIES = 10_000
LATEST = 4_102_444_800


class _Series(BaseModel):
    metric: dict[str, str]
    values: Annotated[list[tuple[float, str]], Field(max_length=24 * 60 + 1)] = []
    histograms: list[Any] = []


class _Data(BaseModel):
    resultType: Literal["matrix"]  # noqa: N815 - Prometheus's own name
    result: Annotated[list[_Series], Field(max_length=MOST_SERIES)]


class _Answer(BaseModel):
    status: Literal["success"]
    data: _Data
    warnings: list[str] = []


class _Refusal(BaseModel):
    error: str = ""


def read(source: PrometheusSource, client: Client, known: dict[str, Any] | None, run: Run) -> Reading:
    """What was counted since `known`, the cursor of the last run, in pieces of `hours_at_once`.

    Where the source fails in a later piece, the earlier ones count. Raises InputError where the first already can't be had.
    """
    until = math.floor((run.at.timestamp() - source.lag_seconds) / STEP) * STEP
    start = known["until"] if known else until - source.back_hours * 3600
    reading = Reading(known)
    while start < until:
        end = min(start + source.hours_at_once * 3600, until)
        try:
            _piece(source, client, reading, start + STEP if reading.cursor else start, end, is_first=not known)
        except UnavailableError as error:
            reading.problem = str(error)
            break
        start = end
    return reading


def _piece(source: PrometheusSource, client: Client, reading: Reading, start: int, end: int, is_first: bool) -> None:
    """Everything from `start` to `end`, or nothing."""
    last: Last = reading.cursor["last"] if reading.cursor else {}
    frames = []
    says = source.requests
    if says:
        grown, last = increases(_range(source, client, says.counter, start, end), "requests", last, is_first)
        frames.append(counted(grown, says, STEP))
        if says.durations:
            grown, last = increases(_range(source, client, says.durations, start, end), "durations", last, is_first)
            frames.append(durations(grown, says, STEP))
    series = [_one(name, _range(source, client, query, start, end)) for name, query in source.series.items()]
    reading.cursor = {"until": end, "last": remembered(last, end)}
    reading.frames += frames
    reading.series += [points(name, item.at // STEP, item.values) for name, item in series if item]


def _one(name: str, found: list[Series]) -> tuple[str, Series | None]:
    if len(found) > 1:
        raise InputError(f"series {name!r} gives {len(found)} series; sum() or max() makes one of them")
    return name, found[0] if found else None


def _range(source: PrometheusSource, client: Client, query: str, start: int, end: int) -> list[Series]:
    parameters = {"query": query, "start": str(start), "end": str(end), "step": str(STEP),
                  "timeout": f"{source.timeout_seconds:g}s"}
    answer = client.get(httpx.URL(source.url.rstrip("/") + "/api/v1/query_range", params=parameters), {})
    if answer.status != 200:
        raise InputError(f"{query[:200]!r}: HTTP {answer.status}: {plain(_refusal(answer.body), 300)}")
    try:
        found = _Answer.model_validate_json(answer.body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{query[:200]!r}: no answer of Prometheus: {plain(where, 200)}: {first['msg']}") from error
    if found.warnings:
        raise InputError(f"{query[:200]!r}: the answer is not whole: {plain(found.warnings[0], 300)}")
    return [_series(query, item, start, end) for item in found.data.result]


def _refusal(body: bytes) -> str:
    try:
        return _Refusal.model_validate_json(body).error
    except ValidationError:
        return body[:300].decode(errors="replace")


def _series(query: str, item: _Series, start: int, end: int) -> Series:
    if item.histograms:
        raise InputError(f"{query[:200]!r} gives native histograms; only classic ones (`le`) are read")
    try:
        at, values = np.array([time for time, _ in item.values]), np.array([float(value) for _, value in item.values])
    except ValueError as error:
        raise InputError(f"{query[:200]!r}: a value is no number") from error
    if len(at) and not (at[0] >= start and at[-1] <= end and (np.diff(at) > 0).all() and not ((at - start) % STEP).any()):
        raise InputError(f"{query[:200]!r}: the answer has other times than those asked for")
    finite = np.isfinite(values)
    return Series(item.metric, at[finite].astype(np.int64), values[finite])
