"""Who decides, where a product file leaves the choice."""

from typing import Any, Literal

from pydantic import Field, model_validator

from include.parts.part import Part


class Approval(Part):
    """Who decides: `automatic`, or a person in the Airflow UI."""

    by: Literal["automatic", "person"] = "automatic"
    assigned: list[str] = Field([], description="User names of those who may answer; without any, whoever may write the DAG.")
    timeout_hours: float | None = Field(None, gt=0, le=24 * 365, allow_inf_nan=False,
                                        description="Hours until `on_timeout` decides.")
    on_timeout: Literal["accept", "reject", "wait"] = Field("wait", description="What no answer in time means.")

    @property
    def terms(self) -> dict[str, Any]:
        """Who is asked and for how long, as `include.approval.Decision` reads it."""
        return {"assigned": list(self.assigned), "timeout_hours": self.timeout_hours, "on_timeout": self.on_timeout}

    @model_validator(mode="after")
    def _times_out_whole(self) -> "Approval":
        if self.on_timeout != "wait" and self.timeout_hours is None:
            raise ValueError(f"on_timeout: {self.on_timeout} needs timeout_hours")
        return self
