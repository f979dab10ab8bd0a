"""A page of metrics, as OpenMetrics (github.com/prometheus/OpenMetrics) or Prometheus's text format, read once in each run.

One page says how much was counted since the one before, not when: it is spread evenly over the time between."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import httpx
import numpy as np
import pandas as pd
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_text
from prometheus_client.parser import text_string_to_metric_families as prometheus_text
from prometheus_client.samples import Sample

from include.errors import InputError
from include.http_client import Client
from include.ledger.runs import Run
from include.monitoring_rollups.counting import SUMS
from include.monitoring_rollups.sources.counters import Series, counted, durations, increases, remembered
from include.monitoring_rollups.sources.reading import Reading, points
from include.parts.monitoring import OpenMetricsSource

ACCEPT = "application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4; q=0.5"
MOST_SAMPLES = 100_000
PIECES = 96  # at most, over which a span is spread: quarters of an hour of a day


def read(source: OpenMetricsSource, client: Client, known: dict[str, Any] | None, run: Run) -> Reading:
    """What was counted since `known`, the cursor of the last run. Raises InputError where the page can't be had or read."""
    samples = _samples(source, client)
    now = int(run.at.timestamp())
    since, last = (min(known["at"], now), known["last"]) if known else (now, {})
    reading = Reading(None)
    says = source.requests
    if says:
        grown, last = increases(_series(samples, says.counter, now), "requests", last, not known)
        reading.frames.append(_spread(counted(grown, says, 0), since, now))
        if says.durations:
            grown, last = increases(_series(samples, says.durations, now), "durations", last, not known)
            reading.frames.append(_spread(durations(grown, says, 0), since, now))
    reading.cursor = {"at": now, "last": remembered(last, now)}
    for name, gauge in source.series.items():
        values = [sample.value for sample in samples
                  if sample.name == gauge.sample and gauge.labels.items() <= sample.labels.items()]
        if values:
            reading.series.append(points(name, [now // 60], [sum(values)]))
    return reading


def _samples(source: OpenMetricsSource, client: Client) -> list[Sample]:
    answer = client.get(httpx.URL(source.url), {"Accept": ACCEPT})
    if answer.status != 200:
        raise InputError(f"{source.url}: HTTP {answer.status}")
    is_open = answer.headers.get("content-type", "").startswith("application/openmetrics-text")
    families: Callable[[str], Iterable[Any]] = openmetrics_text if is_open else prometheus_text
    try:
        text = answer.body.decode()
        found = list(islice((sample for family in families(text) for sample in family.samples), MOST_SAMPLES + 1))
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:  # the parser's ways to say so
        raise InputError(f"{source.url}: no page of metrics: {str(error)[:200]}") from error
    if len(found) > MOST_SAMPLES:
        raise InputError(f"{source.url}: more than {MOST_SAMPLES:,} samples")
    return found


def _series(samples: list[Sample], name: str, now: int) -> list[Series]:
    created = {tuple(sorted(sample.labels.items())): float(sample.value) for sample in samples
               if sample.name == name.removesuffix("_total").removesuffix("_bucket") + "_created"}
    return [Series(sample.labels, np.array([now]), np.array([float(sample.value)]),
                   created.get(tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))))
            for sample in samples if sample.name == name and np.isfinite(sample.value)]


def _spread(frame: pd.DataFrame, since: int, now: int) -> pd.DataFrame:
    """`frame`, whose rows are all of one time, over the time since the last reading."""
    pieces = int(np.clip((now - since) // 60, 1, PIECES))
    parts = [frame.assign(minute=(since + (now - since) * n // pieces) // 60,
                          **{name: frame[name] * (n + 1) // pieces - frame[name] * n // pieces for name in SUMS})
             for n in range(pieces)]
    whole = pd.concat(parts, ignore_index=True)
    return whole[(whole[list(SUMS)] > 0).any(axis=1)]
