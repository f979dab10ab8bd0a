"""What a product file may say about needs that something ready-made could meet, and where facts about candidates come from."""

import datetime
from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.markup import plain
from include.parts.channels import Host
from include.parts.part import Name, Part

# The facts that are gathered: which way is better, and the range that a missing one may lie in, where there is a natural one.
GATHERED: dict[str, tuple[Literal["higher", "lower"], tuple[float, float] | None]] = {
    "advisories": ("lower", None), "days_since_release": ("lower", None), "releases_in_a_year": ("higher", None),
    "deprecated": ("lower", (0, 1)), "days_since_push": ("lower", None), "open_issues": ("lower", None),
    "stars": ("higher", None), "archived": ("lower", (0, 1)), "scorecard": ("higher", (0, 10)),
    "licence_allowed": ("higher", (0, 1)),
}
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


NONE_OF_THESE = "None of these"  # the option beside the candidates


class FactSource(Part):
    """A system that answers facts. Its base URL is `url`, or the host of the Airflow connection `connection`.

    The connection's password, where it has one, is sent as a bearer token.
    """

    connection: str | None = None
    url: str | None = Field(None, pattern=r"^https?://[^\s@]+$", description="The base URL of its API.")
    allow_hosts: list[Host] = Field([], description="Hosts that may have a private or loopback address.")
    timeout_seconds: float = Field(20, gt=0, description="How long to wait for a connection and for each part of an answer.")
    total_seconds: float = Field(300, gt=0, description="How long the source may take in one run, waiting included.")
    max_bytes: int = Field(50_000_000, ge=1, description="The largest answer; an index may list thousands of versions.")

    @model_validator(mode="after")
    def _somewhere(self) -> "FactSource":
        if not (self.connection or self.url):
            raise ValueError("needs a `connection` or a `url`")
        return self


class FactSources(Part):
    """Where facts come from. A source that is not named is not asked, and its facts are missing."""

    pypi: FactSource | None = Field(None, description="A Python package index with the JSON API (/pypi/<name>/json).")
    npm: FactSource | None = Field(None, description="A registry that answers npm's package documents (/<name>).")
    osv: FactSource | None = Field(None, description="Advisories: the API of OSV (/v1/query).")
    osv_folder: str | None = Field(None, description="Advisories: a folder with OSV's JSON files, instead of the API; relative "
                                                     "paths start at CLOSED_LOOP_HOME.")
    github: FactSource | None = Field(None, description="Repositories' activity: GitHub's REST API (/repos/<owner>/<name>).")
    scorecard: FactSource | None = Field(None, description="OpenSSF Scorecard's API (/projects/<host>/<owner>/<name>).")

    @model_validator(mode="after")
    def _one_osv(self) -> "FactSources":
        if self.osv and self.osv_folder:
            raise ValueError("`osv` or `osv_folder`, not both")
        return self


class Told(Part):
    """A fact that a person entered, with who says so, when, and where it stands."""

    value: Number | bool | Annotated[str, Field(max_length=300)]
    who: str = Field(min_length=1)
    at: datetime.date
    source: str = Field("", description="An offer, a contract, a page.")


class Candidate(Part):
    """Something that could meet the need."""

    name: str = Field(min_length=1, max_length=100)
    kind: Literal["open_source", "commercial"] = "open_source"
    package: str | None = Field(None, pattern=r"^pkg:(pypi|npm)/\S+$", description="Its package URL, without a version.")
    repository: str | None = Field(None, pattern=r"^(https://)?[\w.-]+/[\w.-]+/[\w.-]+$",
                                   description="As in github.com/owner/name.")
    facts: dict[FactName, Told] = Field({}, description="Facts entered by hand; they go before gathered ones.")


class FactCriterion(Part):
    """A fact by which candidates are compared, or that knocks them out."""

    fact: FactName
    weight: Number = Field(description="Beside the other weights; 0 for what only knocks out.")
    better: Literal["higher", "lower"] | None = Field(None, description="Known for facts that are gathered.")
    at_least: Number | None = Field(None, description="What is below is out.")
    at_most: Number | None = Field(None, description="What is above is out.")
    range: tuple[Number, Number] | None = Field(None, description="What a missing value lies in; else between the known ones.")

    @model_validator(mode="after")
    def _complete(self) -> "FactCriterion":
        if self.better is None and self.fact not in GATHERED:
            raise ValueError(f"`better` (higher or lower) is needed: {self.fact!r} is none of {', '.join(GATHERED)}")
        if self.range and self.range[0] > self.range[1]:
            raise ValueError("`range` starts above its end")
        return self


class Need(Part):
    """A need that something ready-made could meet. A person decides between the candidates."""

    id: Name
    question: str = Field(min_length=1, max_length=300, description="As in: Which queue holds the orders?")
    story: str | None = Field(None, description="The id of the story that has the need; asked once it is in the scope.")
    criteria: list[FactCriterion] = Field(min_length=1)
    candidates: list[Candidate] = Field(min_length=2, max_length=20)

    @model_validator(mode="after")
    def _sound(self) -> "Need":
        for what, names in (("criteria", [item.fact for item in self.criteria]),
                            ("candidates", [item.name.casefold() for item in self.candidates])):
            if twice := sorted(name for name, count in Counter(names).items() if count > 1):
                raise ValueError(f"{what}: named twice: {', '.join(twice)}")
        if wrong := [item.name for item in self.candidates if plain(item.name) != item.name or item.name == NONE_OF_THESE]:
            raise ValueError(f"candidates: {wrong[0]!r} is no plain name")
        if not any(criterion.weight for criterion in self.criteria):
            raise ValueError("criteria: the weights sum up to zero: nothing can be ranked by them")
        return self


class Solutions(Part):
    """Needs, candidates, and where facts about them come from."""

    sources: FactSources = FactSources()
    needs: list[Need] = []
    abandoned_after_days: int = Field(365, gt=0, description="Without a push or a release for so long, a solution is abandoned.")

    @model_validator(mode="after")
    def _ids_differ(self) -> "Solutions":
        if twice := sorted(name for name, count in Counter(need.id for need in self.needs).items() if count > 1):
            raise ValueError(f"needs: named twice: {', '.join(twice)}")
        return self
