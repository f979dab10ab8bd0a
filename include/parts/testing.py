"""What a product file may say about testing a release with real users."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from include.parts.approval import Approval
from include.parts.part import Name, Part

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Scenarios(Part):
    """The product's own end-to-end tests. A release is started beside them in their sandbox, as `deployment` says. Where it is
    deployed in containers and they run as a process that may reach a network, it is started in a container, as it will be. It is
    given no secrets."""

    command: str = Field(description="Shell command that runs them and writes JUnit XML; BASE_URL is where the release answers.")
    junit: str = Field("junit.xml", description="The JUnit XML file that it writes, relative to the worktree.")
    timeout_seconds: int = Field(600, ge=1)


class Metric(Part):
    """A share of people: those who did something within `hours` after they first met the experiment."""

    name: Word = Field(description="The word in the file's column `what`.")
    better: Literal["more", "less"] = "more"
    rate: float = Field(gt=0, lt=1, description="The share today, as well as it is known: what the sample size rests on.")
    least: float = Field(0.1, gt=0, le=10, description="The smallest change worth finding, relative to `rate`: 0.1 is a tenth.")


class Experiment(Part):
    """Two versions (or flags) compared by what people then do, looked at each night, and decided as soon as it is known."""

    name: Name
    path: str = Field(description=(
        "CSV that the product writes: columns at (ISO 8601 with a zone), id (a pseudonym), what (`exposed`, or a metric's name), "
        "maybe arm. Relative paths start at CLOSED_LOOP_HOME."))
    start: AwareDatetime
    percent: float = Field(100, gt=0, le=100, description="Of all people, how many take part: one half of them gets the variant.")
    hours: float = Field(24, gt=0, le=24 * 90, description="How long after the first exposure what people do counts.")
    metric: Metric
    guardrails: list[Metric] = Field([], description="What must not get worse: it ends the experiment.")
    false_alarms: float = Field(0.05, gt=0, lt=0.5, description="How often, over all looks, a difference is found where none is.")
    power: float = Field(0.8, gt=0.5, lt=1, description="How surely the least change is found within the sample size.")

    @model_validator(mode="after")
    def _metrics_differ(self) -> "Experiment":
        names = [item.name for item in (self.metric, *self.guardrails)]
        if len(names) != len(set(names)) or "exposed" in names:
            raise ValueError("a metric is named twice, or exposed")
        if any(item.rate * (1 + item.least) >= 1 for item in (self.metric, *self.guardrails)):
            raise ValueError("rate * (1 + least) must be below 1")
        return self



class UserTesting(Approval):
    """Who accepts a release, and what is tried before. What `automatic` means: its scenarios must succeed."""

    scenarios: Scenarios | None = None
    experiments: list[Experiment] = []

    @model_validator(mode="after")
    def _experiments_differ(self) -> "UserTesting":
        names = [item.name for item in self.experiments]
        if len(names) != len(set(names)):
            raise ValueError("experiments: a name is taken twice")
        return self
