"""Issue trackers that mirror the stories, and what people do there followed back."""

from collections.abc import Iterator
from contextlib import contextmanager

from include.connection import Connections
from include.http_client import Client, secrets
from include.parts.stories import Tracker as Site
from include.story_writing.trackers.github import GitHubIssues
from include.story_writing.trackers.gitlab import GitLabIssues
from include.story_writing.trackers.rest import Rest
from include.story_writing.trackers.tracker import Tracker


@contextmanager
def opened(site: Site, connections: Connections) -> Iterator[Tracker]:
    """The tracker that a product names. Raises InputError where its connection is missing or has no password."""
    with Client(site, secrets(site.auth, connections(site.connection))) as client:
        kinds: dict[str, type[GitHubIssues] | type[GitLabIssues]] = {"github": GitHubIssues, "gitlab": GitLabIssues}
        yield kinds[site.kind](Rest(site, client), site.project)
