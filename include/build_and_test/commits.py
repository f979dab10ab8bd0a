"""What commits say: their kind by Conventional Commits, the next version, the changelog."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from semver import Version

from include.errors import InputError
from include.markup import markdown

# conventionalcommits.org/en/v1.0.0: type, optional scope, optional "!", colon and space; units are not case sensitive,
# except BREAKING CHANGE, which is written in capitals (rules 1, 4, 5, 12, 13, 15, 16)
_SUBJECT = re.compile(r"(?P<kind>[A-Za-z][A-Za-z-]{0,19})(\((?P<scope>[^()]{1,100})\))?(?P<breaking>!)?: +(?P<text>\S.*)", re.S)
_FOOTER = re.compile(r"^BREAKING[ -]CHANGE: +\S", re.M)
# docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls, and
# docs.gitlab.com/user/markdown/#gitlab-specific-references; with a project before the sign it is another project's issue
_ISSUE = re.compile(r"(?<![\w/#&;.-])(?:#|GH-)(\d{1,10})(?![\w-])|(https?://[^\s<>()\"']{1,300}/issues/\d{1,10})(?!\d)", re.I)
SECTIONS = {"feat": "Features", "fix": "Fixes", "perf": "Performance"}
FIRST = Version(1, 0, 0)
MAX_VERSION = 64


@dataclass(frozen=True)
class Commit:
    """One commit: `at` is when it was committed, `stories` the values of its `Story:` trailers; a `merge` has several parents."""

    sha: str
    at: datetime
    subject: str
    body: str = ""
    stories: tuple[str, ...] = ()
    merge: bool = False

    @property
    def kind(self) -> str:
        """Its type in lower case (feat, fix, docs, …); "other" where it is no conventional commit."""
        match = _SUBJECT.fullmatch(self.subject)
        return match["kind"].lower() if match else "other"

    @property
    def breaking(self) -> bool:
        """Whether it says that it breaks what users rely on."""
        match = _SUBJECT.fullmatch(self.subject)
        return bool(match and match["breaking"]) or bool(_FOOTER.search(self.body))

    @property
    def issues(self) -> set[str]:
        """The issues that its words name: numbers (`#12`, `GH-12`) and addresses, as an issue tracker would link them."""
        text = f"{self.subject}\n{self.body}"
        return {number or link for number, link in _ISSUE.findall(text)}

    @property
    def title(self) -> str:
        """Its subject for people: without the type, with the scope."""
        match = _SUBJECT.fullmatch(self.subject)
        if not match:
            return self.subject
        return f"{match['scope']}: {match['text']}" if match["scope"] else match["text"]


def next_version(last: Version | None, commits: Sequence[Commit]) -> Version:
    """The version after `last` that `commits` ask for: semver.org 2.0.0 rules 6 to 8, as Conventional Commits map to them.

    Without a release before: 1.0.0. Before 1.0.0 anything may change (rule 4), so a breaking change raises the minor version.
    Whatever is neither breaking nor a feature raises the patch version: a release needs a version of its own.
    """
    if last is None:
        return FIRST
    if any(commit.breaking for commit in commits):
        return last.next_version("major" if last.major else "minor")
    return last.next_version("minor" if any(commit.kind == "feat" for commit in commits) else "patch")


def asked_version(text: str, last: Version | None) -> Version:
    """The version that a person asked for. Raises InputError where it is none or not above the `last` release."""
    try:
        version = Version.parse(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no semantic version") from error
    if version.build or len(text) > MAX_VERSION:
        raise InputError(f"version {text[:80]} must have no build metadata and at most {MAX_VERSION} characters")
    if last is not None and version <= last:
        raise InputError(f"version {text} is not above the last release, {last}")
    return version


def changelog(version: str, commits: Sequence[Commit]) -> str:
    """What changed in Markdown, newest first: what breaks, then by kind. Subjects show as they are, never as markup."""
    groups: dict[str, list[str]] = {}
    for commit in reversed(commits):
        section = "Breaking changes" if commit.breaking else SECTIONS.get(commit.kind, "Other")
        stories = "".join(f" ({markdown(story, 40)})" for story in commit.stories)
        groups.setdefault(section, []).append(f"- {markdown(commit.title)}{stories} `{commit.sha[:10]}`")
    order = ["Breaking changes", *SECTIONS.values(), "Other"]
    parts = [f"## {version}", *("\n".join([f"### {name}", "", *groups[name]]) for name in order if name in groups)]
    return "\n\n".join(parts) + "\n"
