"""What a product file may say about its code."""

from typing import Any, Literal

from pydantic import Field, model_validator

from include.parts.part import Part

IMAGE = "python:3.12-slim-bookworm"


class Limits(Part):
    """What the product's commands may take at most. Whoever takes more is ended, and the build fails and says so."""

    memory_mb: int = Field(2048, ge=32, description="Memory of all processes together; in containers, files count on top.")
    disk_mb: int = Field(2048, ge=1, description="All files together, the worktree too.")
    processes: int = Field(256, ge=4, description="Processes at once; in containers, threads too.")
    cpus: float = Field(2, gt=0)


class Coverage(Part):
    """The report of which lines the tests ran."""

    file: str = Field("coverage.xml", description="What `test` writes, relative to the worktree: Cobertura's XML or lcov.")
    minimum: float = Field(0, ge=0, le=100, description="Percent of the lines; below it the tests do not speak for a release.")
    may_fall: float | None = Field(None, ge=0, le=100, description=(
        "Percentage points that a release may have less than the one before it; without this it may fall to `minimum`."))


class Entry(Part):
    """One of the surroundings that the tests run in, at the same time as the others. What it doesn't say, the repository says."""

    name: str = Field(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$", max_length=40)
    image: str | None = None
    setup: str | None = None
    test: str | None = None
    junit: str | None = None
    coverage: Coverage | None = None


class Repository(Part):
    """The product's git repository and how its tests run, from a clean worktree."""

    url: str = Field(description="Any URL that git understands; file paths too.")
    branch: str = "main"
    path: str = Field("", pattern=r"^([\w@+-][\w.@+-]*(/[\w@+-][\w.@+-]*)*)?$", description=(
        "The product's folder in a repository that holds several (a monorepo): only commits that touch it count, and the "
        "release is that folder."))
    connection: str | None = Field(None, description=(
        "The Airflow connection that the repository is reached by. https: its password is a token, its login the user name; ssh: "
        "private_key and host_key in its extra."))
    runner: Literal["process", "container"] = Field(
        "process", description="Where the commands run. A process is bounded, but has the rights of Airflow's user: for code "
                               "that you trust. A container has none.")
    image: str = Field(IMAGE, description="The container's image; it needs /bin/sh and df.")
    dockerfile: str | None = Field(None, description=(
        "The file in the repository that says how the container's image is built upon `image`, its build argument BASE; it sees "
        "the checkout, and no network unless that is declared."))
    registry: str | None = Field(None, description="Airflow connection (type docker) that logs in to the image's registry.")
    network: bool | None = Field(None, description="Whether the commands may reach the network; by default containers may not.")
    setup: str | None = Field(None, description="Shell command that prepares the environment, with the venv's python on PATH.")
    test: str = Field(description="Shell command that runs the tests and writes JUnit XML.")
    junit: str = Field("junit.xml", description="The JUnit XML file that `test` writes, relative to the worktree.")
    rerun_failures: bool = Field(True, description=(
        "Run the tests again where some fail. One that then passes is flaky: it is remembered and shown, and stops no release."))
    coverage: Coverage | None = None
    matrix: list[Entry] = Field([], max_length=50, description=(
        "Several versions or parts that are tested side by side, as tasks of their own. The release fails where one does."))
    timeout_seconds: int = Field(600, ge=1, description="For each command.")
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _entries_differ(self) -> "Repository":
        names = [entry.name for entry in self.matrix]
        if len(names) != len(set(names)):
            raise ValueError("matrix: a name is taken twice")
        if self.runner == "process" and any(entry.image for entry in self.matrix):
            raise ValueError("matrix: an image takes `runner: container`")
        return self

    def entries(self) -> "dict[str, Repository]":
        """How the tests run, by the matrix's entries; without a matrix the one of the repository itself, called ""."""
        own: dict[str, Any] = {"matrix": []}
        return {entry.name: self.model_copy(update=own | {name: value for name in Entry.model_fields if name != "name"
                                                          and (value := getattr(entry, name)) is not None})
                for entry in self.matrix} or {"": self}
