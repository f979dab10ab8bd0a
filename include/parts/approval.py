"""Who decides, where a product file leaves the choice."""

from typing import Literal

from include.parts.part import Part


class Approval(Part):
    """Who decides: `automatic`, or a person in the Airflow UI."""

    by: Literal["automatic", "person"] = "automatic"
