"""What a product file may say about a beta ring: real users who meet a release before anybody else does."""

from typing import Annotated

from pydantic import Field, model_validator

from include.parts.part import Part

FieldName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Value = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@:+/=-]+$", max_length=255)]


class Sign(Part):
    """A header or a cookie: whoever sends it with this value is in the ring."""

    header: FieldName | None = None
    cookie: FieldName | None = None
    value: Value

    @model_validator(mode="after")
    def _one_of_both(self) -> "Sign":
        if (self.header is None) == (self.cookie is None):
            raise ValueError("either header or cookie")
        return self


class Who(Part):
    """Where a request says who asks: a pseudonym, in a header or a cookie."""

    header: FieldName | None = None
    cookie: FieldName | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Who":
        if (self.header is None) == (self.cookie is None):
            raise ValueError("either header or cookie")
        return self


class Ring(Part):
    """Who meets a release before its canary, for how long, and on how many replicas. Everybody else never does."""

    hours: float = Field(24, gt=0, le=24 * 60, description="How long, from when the release was built; then people are asked.")
    replicas: int = Field(1, ge=1, le=16)
    who: Who | None = None
    percent: float = Field(0, ge=0, le=100, description="Of all who say who they are; each stays in or out of it.")
    users: list[Value] = Field([], max_length=2000, description="Pseudonyms of those who are in it.")
    signs: list[Sign] = Field([], max_length=20)

    @model_validator(mode="after")
    def _somebody(self) -> "Ring":
        if not (self.percent or self.users or self.signs):
            raise ValueError("nobody is in the ring: give percent, users or signs")
        if (self.percent or self.users) and self.who is None:
            raise ValueError("percent and users need who")
        return self
