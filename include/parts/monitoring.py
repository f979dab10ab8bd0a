"""What a product file may say about watching what runs."""

from typing import Literal

from pydantic import Field

from include.parts.part import Part


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


class Monitoring(Part):
    """How the product in operation is watched."""

    logs: list[Log] = []
    keep_minutes_days: int | None = Field(None, ge=90, description="Days after which traffic by the minute is forgotten; by the "
                                                                   "hour and the day it stays.")
    delivery_days: int = Field(90, ge=1, le=730, description="How far back the delivery metrics (DORA's) look.")
    anomalies: list[Literal["requests", "errors"]] = Field([], description="Series that open a signal where they become unusual: "
                                                            "requests in ten minutes, the share of errors.")
    alert_on: Literal["page", "ticket"] = Field("page", description="How slow a burn of the error budget opens a signal: page, "
                                                "what spends 2 % in an hour or 5 % in six; ticket, also 10 % in a day or three.")
