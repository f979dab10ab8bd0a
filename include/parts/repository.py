"""What a product file may say about its code."""

from pydantic import Field

from include.parts.part import Part


class Repository(Part):
    """The product's git repository and how its tests run, from a clean worktree."""

    url: str = Field(description="Any URL that git understands; file paths too.")
    branch: str = "main"
    setup: str | None = Field(None, description="Shell command that prepares the environment, with the venv's python on PATH.")
    test: str = Field(description="Shell command that runs the tests and writes JUnit XML.")
    junit: str = Field("junit.xml", description="The JUnit XML file that `test` writes, relative to the worktree.")
    timeout_seconds: int = Field(600, ge=1)
