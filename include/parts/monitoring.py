"""What a product file may say about watching what runs."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from include.parts.channels import Auth, Host
from include.parts.part import Name, Part


class JsonFields(Part):
    """Where a JSON line says what; dots lead into objects."""

    at: str = Field("time", description="The time: ISO 8601 with a zone, or seconds or ms since 1970.")
    path: str = "path"
    status: str = "status"
    took: str | None = Field(None, description="How long the answer took, in `unit`.")


class Log(Part):
    """An access log beside that of the product's own proxy. Rotated files (.1, -20260301, .gz) are found by themselves."""

    path: str
    format: Literal["combined", "json", "haproxy"] = Field("combined", description="combined: nginx's and Apache's, or common; a "
                                                           "number at the end of a line is how long the answer took.")
    unit: Literal["s", "ms", "us"] = Field("s", description="Of that time: nginx's $request_time is in s, Apache's %D in us.")
    fields: JsonFields = JsonFields()
    version: str | None = Field(None, description="The version that answers there, where it is always the same.")


class Counters(Part):
    """Counters of requests, just as they are exposed (no rate, no sum: resets are found in each), and what their labels say."""

    counter: str = Field(description="Of `prometheus` PromQL, such as http_requests_total{job=\"shop\"}; of `openmetrics` a "
                                     "sample's name.")
    durations: str | None = Field(None, description="The same for the buckets (`le`) of a classic histogram of durations.")
    unit: Literal["s", "ms"] = Field("s", description="Of `le`.")
    route: str | None = Field(None, description="The label of the route; without one it is /.")
    version: str | None = Field(None, description="The label of the version that answered.")
    status: str = Field("code", description="The label of the status.")
    failed: str = Field("5..", description="A regular expression: which statuses are errors.")

    @field_validator("failed")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from error
        return value


class _Endpoint(Part):
    """A source over HTTP; see `include.http_client.Site`."""

    name: Name
    url: str = Field(pattern=r"^https?://[^\s@?#]+$")
    requests: Counters | None = None
    headers: dict[str, str] = {}
    auth: Auth | None = None
    allow_hosts: list[Host] = Field([], description="Hosts that may have a private or loopback address.")
    timeout_seconds: float = Field(30, gt=0)
    total_seconds: float = Field(300, gt=0, description="How long the source may take in one run, waiting included.")
    max_bytes: int = Field(50_000_000, ge=1, description="The largest answer.")


class PrometheusSource(_Endpoint):
    """The HTTP API of a Prometheus, or of what answers like one (Mimir, Thanos, VictoriaMetrics)."""

    kind: Literal["prometheus"]
    series: dict[Name, str] = Field({}, description="PromQL that gives one series each, read by the minute.")
    lag_seconds: int = Field(60, ge=0, description="Minutes are read once they are over for this long: scrapes come late.")
    back_hours: int = Field(24, ge=1, le=24 * 90, description="How far back the first reading goes.")
    hours_at_once: int = Field(6, ge=1, le=24, description="Of each query; fewer where answers are too large.")


class Gauge(Part):
    """A sample by its name and, where that is not enough, its labels; several that fit are added up."""

    sample: str
    labels: dict[str, str] = {}


class OpenMetricsSource(_Endpoint):
    """A page of metrics as a product exposes it (OpenMetrics, or Prometheus's text format); read once in each run, what was
    counted since the run before is spread over the time between."""

    kind: Literal["openmetrics"]
    series: dict[Name, Gauge] = {}


class TableColumns(Part):
    """Which column says what. Without `requests` each row is one request."""

    at: str = Field("time", description="A timestamp, ISO 8601, or seconds or ms since 1970; UTC where no zone is given.")
    route: str | None = None
    version: str | None = None
    status: str | None = Field(None, description="Of a row that is one request: 500 and above is an error.")
    took: str | None = Field(None, description="Of a row that is one request: how long the answer took, in `unit`.")
    unit: Literal["s", "ms", "us"] = "ms"
    requests: str | None = Field(None, description="How many requests a row stands for.")
    errors: str | None = Field(None, description="How many of these failed.")
    count: bool = Field(True, description="false: rows are no requests, only `series`.")


class TableSource(Part):
    """Requests, or any numbers by time, in a CSV file that grows, or in Parquet files that are each written once."""

    kind: Literal["table"]
    name: Name
    path: str = Field(description="A CSV file with a header; or *.parquet, a pattern. Relative paths start at the product file.")
    columns: TableColumns = TableColumns()
    version: str | None = Field(None, description="The version that answers there, where no column says it.")
    series: dict[Name, str] = Field({}, description="Columns of numbers to watch; of a minute the mean counts.")


MetricSource = Annotated[PrometheusSource | OpenMetricsSource | TableSource, Field(discriminator="kind")]


class Monitoring(Part):
    """How the product in operation is watched."""

    logs: list[Log] = []
    sources: list[MetricSource] = Field([], description="Where else requests are counted, and other series are found.")
    keep_minutes_days: int | None = Field(None, ge=90, description="Days after which traffic by the minute is forgotten; by the "
                                                                   "hour and the day it stays.")
    delivery_days: int = Field(90, ge=1, le=730, description="How far back the delivery metrics (DORA's) look.")
    anomalies: list[str] = Field([], description="Series that open a signal where they become unusual: requests (in ten "
                                                 "minutes), errors (their share), and any of the sources' series.")
    alert_on: Literal["page", "ticket"] = Field("page", description="How slow a burn of the error budget opens a signal: page, "
                                                "what spends 2 % in an hour or 5 % in six; ticket, also 10 % in a day or three.")

    @model_validator(mode="after")
    def _names_differ(self) -> "Monitoring":
        sources = [source.name for source in self.sources]
        series = ["requests", "errors", *(name for source in self.sources for name in source.series)]
        if twice := sorted({name for names in (sources, series) for name in names if names.count(name) > 1}):
            raise ValueError(f"sources: names taken twice or reserved: {', '.join(twice)}")
        if unknown := sorted(set(self.anomalies) - set(series)):
            raise ValueError(f"anomalies: there is no series {', '.join(unknown)}")
        return self
