"""What a product file may say about watching what runs."""

from typing import Literal

from pydantic import Field

from include.parts.part import Part


class Monitoring(Part):
    """How the product in operation is watched."""

    delivery_days: int = Field(90, ge=1, le=730, description="How far back the delivery metrics (DORA's) look.")
    anomalies: list[Literal["requests", "errors"]] = Field([], description="Series that open a signal where they become unusual: "
                                                            "requests in ten minutes, the share of errors.")
    alert_on: Literal["page", "ticket"] = Field("page", description="How slow a burn of the error budget opens a signal: page, "
                                                "what spends 2 % in an hour or 5 % in six; ticket, also 10 % in a day or three.")
