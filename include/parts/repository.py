"""What a product file may say about its code."""

from typing import Literal

from pydantic import Field

from include.parts.part import Part

IMAGE = "python:3.12-slim-bookworm"


class Limits(Part):
    """What the product's commands may take at most. Whoever takes more is ended, and the build fails and says so."""

    memory_mb: int = Field(2048, ge=32, description="Memory of all processes together; in containers, files count on top.")
    disk_mb: int = Field(2048, ge=1, description="All files together, the worktree too.")
    processes: int = Field(256, ge=4, description="Processes at once; in containers, threads too.")
    cpus: float = Field(2, gt=0)


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
    timeout_seconds: int = Field(600, ge=1, description="For each command.")
    limits: Limits = Limits()
