"""What a product file may say about where it runs, and how traffic moves to a new version."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.parts.part import Name, Part

Share = Annotated[float, Field(ge=0, le=1)]


class Canary(Part):
    """How traffic moves to a new version, and what makes it turn back."""

    steps: list[Annotated[int, Field(ge=1, le=100)]] = [10, 50, 100]
    seconds: float = Field(30, gt=0, description="How long each step is watched at most.")
    min_requests: int = Field(50, ge=1, description="Requests that the new version must answer before a step is judged.")
    max_error_rate: Share = 0.02
    when_unsure: Literal["rollback", "promote"] = Field("rollback", description="What to do when too few requests came.")

    @model_validator(mode="after")
    def _rising_to_all(self) -> "Canary":
        if self.steps != sorted(set(self.steps)) or self.steps[-1:] != [100]:
            raise ValueError("steps must rise and end at 100")
        return self


class Deployment(Part):
    """The environment that the product runs in: supervised processes behind HAProxy."""

    environment: Name = "production"
    command: str = Field(description="Command of one replica; {port} is replaced by the port that it must listen on.")
    port: int = Field(ge=1, le=65535, description="The port on 127.0.0.1 where HAProxy serves the product.")
    replicas: int = Field(2, ge=1, le=64)
    health: str = Field("/health", pattern=r"^/[\w./~%?=&-]*$", description="A path that answers 200 when a replica is ready.")
    start_seconds: float = Field(20, gt=0, description="How long a replica may take until it is healthy.")
    env: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = {}
    canary: Canary = Canary()
