"""What a product file may say about measuring the effect of a release."""

from typing import Literal

from pydantic import Field

from include.parts.part import Part


class Outcome(Part):
    """How the effect of a release is measured: complaints per exposure, before and after."""

    exposure: Literal["requests", "days"] = "requests"
    window_days: int = Field(28, ge=1, description="How far to look back and ahead from the deployment.")
