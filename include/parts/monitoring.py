"""What a product file may say about watching what runs."""

from pydantic import Field

from include.parts.part import Part


class Monitoring(Part):
    """How the product in operation is watched."""

    delivery_days: int = Field(90, ge=1, le=730, description="How far back the delivery metrics (DORA's) look.")
