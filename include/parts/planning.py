"""What a product file may say about its scope."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from include.parts.approval import Approval
from include.parts.part import Part

# What an expression of the team's own may name. All are numbers; a figure that isn't known is 0.
FIGURES = ("reach", "per_week", "impact", "confidence", "effort", "severity", "sentiment", "similarity", "voices", "relief",
           "held", "reopened", "age_days")
Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Planning(Part):
    """How the scope of a cycle is chosen."""

    method: Literal["rice", "wsjf", "own"] = "rice"
    score: str | None = Field(None, description="For `own`: a CEL expression of what a story is worth by the person-day, of "
                              f"{', '.join(FIGURES)}, min, max and log.")
    capacity: Days = Field(10, description="Person-days in one iteration.")
    iterations: int = Field(1, ge=1, le=26, description="Iterations to plan ahead; the first is the scope.")
    iteration_days: int = Field(14, ge=1, le=366, description="Days from one iteration to the next.")
    kept: dict[Literal["security", "debt", "law"], Share] = Field(
        {}, description="Shares of the capacity that are kept for stories of a category, as far as there are any.")
    pins: list[str] = Field([], description="Ids of stories that must be in.")
    exclude: list[str] = Field([], description="Ids of stories that must be out.")
    approval: Approval = Approval()

    @field_validator("score")
    @classmethod
    def _compiles(cls, score: str | None) -> str | None:
        if score is not None:
            from include.expression import compiled  # a quarter of a second, and only few products have an expression

            compiled(score, FIGURES)
        return score

    @model_validator(mode="after")
    def _is_whole(self) -> "Planning":
        if (self.method == "own") != (self.score is not None):
            raise ValueError("method: own and score go together")
        if twice := sorted(set(self.pins) & set(self.exclude)):
            raise ValueError(f"both pinned and excluded: {', '.join(twice)}")
        if sum(self.kept.values()) > 1:
            raise ValueError("kept: the shares are more than the whole capacity")
        return self
