"""What a product file may say about where it runs, and how traffic moves to a new version."""

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from include.parts.calendar import DAYS, Day, Zone
from include.parts.part import Name, Part
from include.parts.repository import IMAGE
from include.parts.ring import Ring

Share = Annotated[float, Field(ge=0, le=1)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Env = dict[Variable, str]


class Secret(Part):
    """Where the value of a variable lies."""

    connection: str = Field(description="The Airflow connection that holds it.")
    field: str = Field("password", pattern=r"^(password|login|host|port|schema|extra\.[\w.-]+)$",
                       description="What of the connection; extra.NAME is a field of its extra.")


class Errors(Part):
    """How error rates are compared: by a test that may be looked at any time."""

    weight: float = Field(50, gt=0, description="Of the score; only how the weights compare matters.")
    false_alarms: float = Field(0.05, gt=0, lt=1, description="How often a version that is no worse may be turned back.")


class Latency(Part):
    """How latencies are compared: by the Mann-Whitney test, request by request."""

    weight: float = Field(50, gt=0, description="Of the score; only how the weights compare matters.")
    critical: bool = Field(False, description="Whether a version that is slower fails whatever the score.")
    slower: float = Field(1.5, ge=1, description="How many times as long as the baseline's an answer may take on average.")
    tolerance: Share = Field(0.25, description="A share of the shift within which its interval does not count.")
    confidence: float = Field(0.98, gt=0.5, lt=1)


class Slowest(Part):
    """How the slowest hundredth of answers is compared: by intervals of both 99th percentiles, from order statistics."""

    weight: float = Field(50, gt=0, description="Of the score; only how the weights compare matters.")
    critical: bool = Field(False, description="Whether a version that is slower fails whatever the score.")
    slower: float = Field(1.5, ge=1, description="How many times as long as the baseline's the 99th percentile may be.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of each interval. 0.95 takes 299 answers of each side.")


class Metrics(Part):
    """What is compared; null leaves one out."""

    errors: Errors | None = Errors()
    latency: Latency | None = Latency()
    p99: Slowest | None = None


class Analysis(Part):
    """How the new version is compared with a fresh baseline of the running one, and which score (0 to 100) passes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    pass_: float = Field(95, ge=0, le=100, alias="pass", description="The least score that passes.")
    marginal: float = Field(75, ge=0, le=100, description="Below this score the version fails; from it on `when_unsure` decides.")
    metrics: Metrics = Metrics()

    @model_validator(mode="after")
    def _in_order(self) -> "Analysis":
        if self.marginal > self.pass_:
            raise ValueError("marginal must not be above pass")
        return self


class Canary(Part):
    """How traffic moves to a new version, and what makes it turn back."""

    steps: list[Annotated[int, Field(ge=1, le=100)]] = [10, 50, 100]
    seconds: float = Field(30, gt=0, description="How long each step is watched at most.")
    min_requests: int = Field(50, ge=1, description="Requests that the new version, and its baseline, must answer before a step "
                                                    "is judged.")
    max_error_rate: Share = 0.02
    when_unsure: Literal["ask", "rollback", "promote"] = Field(
        "rollback", description="What to do when too few requests came, or the score is marginal. ask: all traffic returns to "
                                "the running version, and a person decides.")
    analysis: Analysis | None = Field(Analysis(), description="null: no baseline is started, and only max_error_rate judges.")

    @model_validator(mode="after")
    def _rising_to_all(self) -> "Canary":
        if self.steps != sorted(set(self.steps)) or self.steps[-1:] != [100]:
            raise ValueError("steps must rise and end at 100")
        return self


class Window(Part):
    """A time in which no release goes live: on these days, between these hours, maybe only from one date to another."""

    why: str
    days: list[Day] = list(DAYS)
    start: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "00:00"
    end: Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")] = "24:00"
    since: date | None = Field(None, description="The first day; without it, the window always was.")
    until: date | None = Field(None, description="The last day; without it, the window stays.")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Window":
        if self.start >= self.end or (self.since and self.until and self.since > self.until):
            raise ValueError("the window ends before it starts")
        return self


class Freeze(Part):
    """When releases are held back; a person may let one through all the same, with a reason."""

    budget: bool = Field(True, description="While the error budget of `slo` is spent, only fixes go live.")
    zone: Zone = Field("UTC", description="IANA time zone of the windows, such as Asia/Seoul.")
    windows: list[Window] = Field([], description='Times in which nothing goes live, fixes neither; hours as "16:00", in quotes.')


class Containers(Part):
    """Replicas as containers of a Docker engine: without rights, with a file system that can't be written, on 127.0.0.1 alone."""

    image: str = Field(IMAGE, description="The base image, with what the command needs; the release lies in /app.")
    registry: str | None = Field(None, description="Airflow connection (type docker) that logs in to the image's registry.")
    network: str = Field("bridge", pattern=r"^\w[\w.-]*$", description="The Docker network: what replicas reach.")
    memory_mb: int = Field(512, ge=16, description="Memory of one replica; files in /tmp count on top.")
    tmp_mb: int = Field(64, ge=1, description="Files in /tmp, the only place that a replica may write to.")
    processes: int = Field(256, ge=4, description="Processes and threads of one replica at once.")
    cpus: float = Field(1, gt=0)

    @model_validator(mode="after")
    def _network_of_its_own(self) -> "Containers":
        if self.network in {"host", "none"}:
            raise ValueError("replicas need a network of their own")
        return self


class Hook(Part):
    """A shell command of the release, run in the sandbox of its build with `env` and RELEASE_VERSION, and its way back."""

    run: str
    back: str = Field(description="Undoes what `run` did, also where that was ended half-way, or nothing is left of it.")
    unfinished: Literal["again", "back"] = Field(
        "back", description="A `run` that was begun and never ended (its process was killed) is run again, or first undone.")


class Hooks(Part):
    """What runs before any traffic moves to a release (its migrations), and after all has. Where one fails, no traffic stays with
    the release, and what was done is undone."""

    before: Hook | None = None
    after: Hook | None = None
    seconds: float = Field(600, gt=0, description="How long each command may take.")
    network: bool = Field(True, description="Whether they may reach the network; a database is on one.")


class Smoke(Part):
    """A page of the release in staging, and what it must answer."""

    path: str = Field(pattern=r"^/[\w./~%?=&-]*$")
    status: int = Field(200, ge=100, le=599)
    contains: str = ""


class Staging(Part):
    """An environment beside production that each release goes through first: it starts there, healthy, and answers `smoke`."""

    port: int = Field(ge=1, le=65535, description="The port on 127.0.0.1 where HAProxy serves it.")
    replicas: int = Field(1, ge=1, le=64)
    env: Env = Field({}, description="Variables that differ from production's `env`; a database of its own, say.")
    secrets: dict[Variable, Secret] = Field({}, description="Those that differ from production's `secrets`.")
    smoke: list[Smoke] = []


class Adapter(Part):
    """Replicas on any other platform: a command that takes and answers JSON (docs/deployment-targets.md)."""

    command: list[str] = Field(min_length=1, description="The program and its arguments; no shell reads them.")
    seconds: float = Field(60, gt=0, description="How long one call may take.")


class Deployment(Part):
    """The environment that the product runs in: replicas behind HAProxy. They are supervised processes, unless it says else."""

    environment: Name = "production"
    command: str = Field(description="Command of one replica; {port} and {host} are replaced by where it must listen: in a "
                                     "container the host is 0.0.0.0, else 127.0.0.1.")
    containers: Containers | None = Field(None, description="Replicas are containers.")
    adapter: Adapter | None = Field(None, description="Replicas run on a platform that this command reaches.")
    port: int = Field(ge=1, le=65535, description="The port on 127.0.0.1 where HAProxy serves the product.")
    replicas: int = Field(2, ge=1, le=64)
    health: str = Field("/health", pattern=r"^/[\w./~%?=&-]*$", description="A path that answers 200 when a replica is ready.")
    start_seconds: float = Field(20, gt=0, description="How long a replica may take until it is healthy.")
    env: Env = {}
    secrets: dict[Variable, Secret] = Field({}, description=(
        "Variables of the replicas and hooks whose values connections hold. They are shown nowhere; a test's sandbox has none."))
    strategy: Literal["canary", "blue_green", "rolling"] = Field(
        "canary", description="canary: by steps, compared with a fresh baseline. blue_green: all traffic at once, while the "
                              "running version stays ready. rolling: replica by replica. All are judged by what `canary` says.")
    canary: Canary = Canary()
    staging: Staging | None = Field(None, description="Where a release runs before production.")
    freeze: Freeze = Freeze()
    hooks: Hooks = Hooks()
    ring: Ring | None = Field(None, description="Real users who meet a release before its canary.")
    approvers: list[str] = Field([], description="User names of those who may answer what a deployment asks (a canary that can't "
                                                 "tell, a freeze); without any, whoever may write the DAG.")
    answer_hours: float | None = Field(None, gt=0, le=24 * 365, description="No answer within these hours means no.")
    require_provenance: bool | None = Field(None, description=(
        "Whether a release must bear our signature on how it was made. Without this: as soon as there is an Airflow connection "
        "signing_key."))

    @model_validator(mode="after")
    def _one_target(self) -> "Deployment":
        if self.containers and self.adapter:
            raise ValueError("either containers or adapter, not both")
        if self.staging and self.staging.port == self.port:
            raise ValueError("staging needs a port of its own")
        parts = [part for part in (self, self.staging) if part]
        if twice := sorted(name for part in parts for name in {*part.env, "RELEASE_VERSION"} & {*part.secrets}):
            raise ValueError(f"secrets: these are set already: {', '.join(twice)}")
        return self
