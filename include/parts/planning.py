"""What a product file may say about its scope."""

from typing import Literal

from pydantic import Field

from include.parts.approval import Approval
from include.parts.part import Part


class Planning(Part):
    """How the scope of a cycle is chosen."""

    method: Literal["rice", "wsjf"] = "rice"
    capacity: float = Field(10, gt=0, description="Person-days in one cycle.")
    approval: Approval = Approval()
