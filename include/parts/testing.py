"""What a product file may say about testing a release with real users."""

from pydantic import Field

from include.parts.approval import Approval
from include.parts.part import Part


class Scenarios(Part):
    """The product's own end-to-end tests. A release is started in a sandbox as `deployment` says, and they run beside it."""

    command: str = Field(description="Shell command that runs them and writes JUnit XML; BASE_URL is where the release answers.")
    junit: str = Field("junit.xml", description="The JUnit XML file that it writes, relative to the worktree.")
    timeout_seconds: int = Field(600, ge=1)


class UserTesting(Approval):
    """Who accepts a release, and what is tried before. What `automatic` means: its scenarios must succeed."""

    scenarios: Scenarios | None = None
