"""What a product file may say about its stories: which issue tracker mirrors them, if any."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.parts.assistant import Assistant
from include.parts.channels import Auth, Host
from include.parts.part import Part

Label = Annotated[str, Field(pattern=r"^[^,]*[^,\s][^,]*$", max_length=50)]
NOT_WANTED: list[Label] = ["won't fix", "wontfix", "won't do", "duplicate", "invalid"]
PROJECTS = {"github": r"[\w.-]+/[\w.-]+", "gitlab": r"[\w.-]+(/[\w.-]+)+|\d+"}
APIS = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}


class Tracker(Part):
    """The issues of a GitHub repository or of a GitLab project."""

    kind: Literal["github", "gitlab"]
    project: str = Field(description="owner/name at GitHub; group/name, or the project's number, at GitLab.")
    connection: str = Field(description="The Airflow connection whose password is the token; it needs to read and write issues.")
    api: str | None = Field(None, pattern=r"^https?://[^\s@]+[^\s@/]$",
                            description="Of a server of one's own: https://HOST/api/v3 (GitHub), https://HOST/api/v4 (GitLab).")
    labels: list[Label] = Field(["closed-loop"], min_length=1, description="Labels of each issue.")
    not_wanted: list[Label] = Field(NOT_WANTED, description="A person who puts one of these on an issue drops its story.")
    author: str | None = Field(None, description="Who writes with this token, where it may not ask that itself: name[bot] "
                                                 "of a GitHub App.")
    allow_hosts: list[Host] = Field([], description="Hosts that may have a private or loopback address.")
    timeout_seconds: float = Field(30, gt=0, description="How long to wait for a connection and for each part of an answer.")
    total_seconds: float = Field(900, gt=0, description="How long the tracker may take in one run, waiting included.")
    pause_seconds: float = Field(1, ge=0, description="Between requests that write, as GitHub asks for.")
    max_bytes: int = Field(50_000_000, ge=1, description="The largest answer.")

    @model_validator(mode="after")
    def _project_of_its_kind(self) -> "Tracker":
        if not re.fullmatch(PROJECTS[self.kind], self.project):
            raise ValueError(f"{self.project!r} is no project of {self.kind}")
        return self

    @property
    def url(self) -> str:
        """Where its API is."""
        return self.api or APIS[self.kind]

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of each request."""
        if self.kind == "gitlab":
            return {}
        return {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

    @property
    def auth(self) -> Auth:
        """How the token is said."""
        if self.kind == "gitlab":
            return Auth(connection=self.connection, by="header", header="PRIVATE-TOKEN")
        return Auth(connection=self.connection)


class Stories(Part):
    """How stories are kept."""

    tracker: Tracker | None = Field(None, description="Without one, stories are kept in the ledger alone.")
    assistant: Assistant | None = Field(None, description="A language model that proposes words; a person takes or refuses them.")
