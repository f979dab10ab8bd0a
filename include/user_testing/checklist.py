"""What a person who tries a release is shown: what changed, what its stories promised, and what is known of it already."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from include.markup import markdown
from include.user_testing.binding import Bound
from include.user_testing.criteria import Criterion, Promise, criteria_of

LINES = 120  # of a changelog; a form is no report
NO_STORY = "No story is tied to this release: see whether it does what the changes say."
SIGNS = {"pass": "works", "fail": "FAILS", "comment": "said"}
QUOTE = "a user of it wrote:"
Said = Mapping[str, Sequence[tuple[str, Bound]]]


@dataclass(frozen=True)
class Ring:
    """What came of the beta ring, in words (empty: there was none); how many voices its users sent, and the newest of them, each
    with the id of the story that it is about ("": none)."""

    told: str = ""
    count: int = 0
    voices: Sequence[tuple[str, str]] = ()


NO_RING = Ring()


def checklist(version: str, changelog: str, promises: Sequence[Promise], found: Sequence[tuple[str, Bound]] = (),
              trouble: str = "", terms: str = "", ring: Ring = NO_RING) -> str:
    """Markdown: the release's changes, then a box for each scenario of its stories with what was `found` of it: who (or what)
    found it, and what. `trouble`: what went wrong with the automatic scenarios; `terms`: who is asked until when; `ring`: what
    those wrote who used the release already, below the story that it is about.

    The changelog is Markdown already (the build escapes what commits say); everything else is untrusted and shown as it is.
    """
    changes = [line for line in changelog.strip().splitlines() if not line.startswith("## ")]
    lines = [f"## What is new in {markdown(version)}", *changes[:LINES]]
    if not any(changes):
        lines += ["", "The changelog is empty."]
    if len(changes) > LINES:
        lines += ["", f"{len(changes) - LINES} more lines stand in the release."]
    said: dict[str, list[tuple[str, Bound]]] = defaultdict(list)
    for who, item in found:
        said[item.criterion.id if item.criterion else ""].append((who, item))
    lines += ["", "## What it must do", "", *([markdown(terms), ""] if terms else [])]
    for promise in promises:
        wrote = [f"- {QUOTE} {markdown(text)}" for story, text in ring.voices if story == promise.id]
        lines += [f"**{markdown(promise.title)}** ({markdown(promise.id)})", "", *_boxes(promise, said), *wrote, ""]
    if not promises:
        lines += [NO_STORY, ""]
    if trouble:
        lines += [f"**Automatic scenarios**: {markdown(trouble, 600)}", ""]
    lines += _ring(ring)
    if said[""]:
        lines += ["Of the release as a whole:", "", *(_line(who, item, "- ") for who, item in said[""])]
    return "\n".join(lines).rstrip() + "\n"


def _boxes(promise: Promise, said: Said) -> Iterator[str]:
    try:
        known = criteria_of(promise)
    except ValueError as error:
        yield f"- [ ] The criteria are not valid Gherkin ({markdown(str(error))}):"
        yield from (f"    - {markdown(line)}" for line in promise.acceptance.splitlines() if line.strip())
        return
    for criterion in known:
        yield f"- [ ] {_number(criterion)}{markdown(criterion.name)}"
        yield from (f"    - {markdown(step)}" for step in criterion.steps)
        yield from (_line(who, item, "    - ") for who, item in said.get(criterion.id, ()))


def _ring(ring: Ring) -> Iterator[str]:
    if ring.told:
        yield from (f"**Beta ring**: {markdown(ring.told)}", "")
    if ring.count:
        yield from (f"Users of this version sent {ring.count} voices; the newest that no story here is about:", "")
        yield from (f"- {QUOTE} {markdown(text)}" for story, text in ring.voices if not story)
        yield ""


def _number(criterion: Criterion) -> str:
    return f"{criterion.number}\\. "


def _line(who: str, item: Bound, bullet: str) -> str:
    return f"{bullet}*{SIGNS[item.verdict]}* by {markdown(who)}: {markdown(item.why)}"
