"""What an issue says: a block of ours between two marks, everything around it the people's own.

The first mark names the story and bears digests of what we wrote, so that the issue itself tells whose it is and whether a
person has changed our words, whatever became of the ledger's row. No voice is copied into it: an erasure could not follow there.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from include.markup import defused, markdown, plain

Row = dict[str, Any]
TITLE = 200  # GitHub takes 256 characters, GitLab 255
ACCEPTANCE = 20_000
END = "<!-- /closed-loop -->"
_BLOCK = re.compile(r"<!-- closed-loop: (S-\w+) words=(\w+) title=(\w+) text=(\w+) -->(.*?)<!-- /closed-loop -->", re.DOTALL)
_FENCE = re.compile(r"`{3,}")
_WORDS = ("revision", "title", "role", "want", "reason", "acceptance", "effort_days", "due_at")  # what is worth an edit
# The words of an issue: by whether they are Korean.
_SAY = {
    False: {"sentence": "As a {role}, I want {want}, so that {reason}.",
            "voices": "- Voices: {voices}, of {people} people in a quarter",
            "metric": "- To move: {name}, down from {now}", "relief": "- Predicted relief: {relief}",
            "size": "- Size: {days:g} days", "due": "- Due: {at:%Y-%m-%d}",
            "mend": "To mend before it can be planned"},
    True: {"sentence": "**{role}**: {reason}, {want} 바랍니다.", "voices": "- 고객의 글: {voices}건, 한 분기에 {people}명",
           "metric": "- 줄일 것: {name} (지금 {now})", "relief": "- 예측되는 감소: {relief}", "size": "- 크기: {days:g}일",
           "due": "- 기한: {at:%Y-%m-%d}", "mend": "계획하기 전에 고칠 것"},
}


@dataclass(frozen=True)
class Draft:
    """A story as an issue: `words` is the digest of what makes an update worth while, `block` our part of its body."""

    title: str
    block: str
    words: str
    labels: frozenset[str]


@dataclass(frozen=True)
class Found:
    """Our block in a body: which story's, what it said when we wrote it, and where it stands."""

    story: str
    words: str
    title: str
    intact: bool
    start: int
    end: int


def draft(story: Row, labels: Iterable[str]) -> Draft:
    """The issue of a story, in the story's language."""
    title = defused(plain(story["title"], TITLE)) or story["id"]
    said = [*(story.get(name) for name in _WORDS), *_broken(story)]
    words = _digest(json.dumps(said, default=str, ensure_ascii=False))
    text = _body(story)
    block = f"<!-- closed-loop: {story['id']} words={words} title={_digest(_line(title))} text={_digest(_clean(text))} -->\n" \
            f"{text}\n{END}"
    own = {f"story: {story['kind']}", f"status: {story['status']}"}
    return Draft(title, block, words, frozenset([*labels, *(defused(label)[:50] for label in own)]))


def found(body: str) -> Found | None:
    """Our block in `body`, if it is still there."""
    block = _BLOCK.search(body)
    if block is None:
        return None
    return Found(block[1], block[2], block[3], _digest(_clean(block[5])) == block[4], block.start(), block.end())


def title_kept(title: str, mark: Found) -> bool:
    """Whether the title is still the one that we gave."""
    return _digest(_line(title)) == mark.title


def replaced(body: str, mark: Found, block: str) -> str:
    """`body` with our block renewed and every other character as it was."""
    return body[: mark.start] + block + body[mark.end :]


def told(story: str, key: str) -> str:
    """The mark of a comment, by which it is found again."""
    return f"<!-- closed-loop: {story} told {key} -->"


def proposal(story: Row, new: Draft) -> tuple[str, str]:
    """Key and text of the comment for those who have made an issue's words their own."""
    key = f"words {new.words}"
    korean = story["language"] == "ko"
    lead = "이 이슈의 글은 사람이 고쳤으므로 그대로 둡니다. Closed Loop은 이제 이렇게 쓰려고 합니다:" if korean else \
        "People have made the words of this issue their own, so they stay as they are. Closed Loop would now write:"
    text = _body(story)
    return key, f"{told(story['id'], key)}\n{lead}\n\n**{markdown(defused(plain(story['title'], TITLE)), 500)}**\n\n{text}"


def deployed(story: Row, release: str, at: str) -> tuple[str, str]:
    """Key and text of the comment that a release with the story is deployed."""
    key, version = f"deployed {release}", release.partition("|")[2]
    text = f"릴리스 **{version}**에 담겨 배포되었습니다({at})." if story["language"] == "ko" else \
        f"Release **{version}** answers this; it was deployed on {at}."
    return key, f"{told(story['id'], key)}\n{text}"


def outcome(story: Row, row: Row) -> tuple[str, str]:
    """Key and text of the comment on what a release came to; `row` is one of the ledger's outcomes."""
    key, version = f"outcome {row['release']} {row['theme_id']} {row['verdict']}", row["release"].partition("|")[2]
    interval = "" if row["low"] is None or row["high"] is None else f" ({row['low']:.2g}–{row['high']:.2g})"
    ratio = "" if row["effect"] is None else f"{row['effect']:.2g}{interval}"
    if story["language"] == "ko":
        verdict = {"relieved": "불만이 줄었습니다", "worse": "나빠졌습니다", "unchanged": "달라지지 않았습니다"}[row["verdict"]]
        text = f"릴리스 {version} 뒤로 고객의 말: **{verdict}**." + (f" 불만의 빈도는 전의 {ratio}배입니다." if ratio else "")
    else:
        text = f"What customers write since release {version}: **{row['verdict']}**." + \
            (f" Complaints come {ratio} times as often as before." if ratio else "")
    return key, f"{told(story['id'], key)}\n{text}"


def _safe(text: object, limit: int = 1000) -> str:
    return markdown(defused(plain(str(text), limit)), 3 * limit)


def _gherkin(text: str) -> str:
    text = defused(text.strip()[:ACCEPTANCE])
    fence = "`" * max(3, 1 + max((len(run) for run in _FENCE.findall(text)), default=0))
    return f"{fence}gherkin\n{text}\n{fence}"


def _body(story: Row) -> str:
    """What an issue says of its story, in the story's language."""
    say, relief = _SAY[story["language"] == "ko"], _relief(story)
    evidence, metric = story["evidence"] or {}, story["metric"] or {}
    lines = [say["sentence"].format(**{part: _safe(story[part]) for part in ("role", "want", "reason")}), "",
             say["voices"].format(voices=evidence.get("voices", 0), people=evidence.get("people", 0))]
    if metric.get("name"):
        lines.append(say["metric"].format(name=_safe(metric["name"]), now=_figure(metric.get("baseline"))))
    if relief is not None:
        lines.append(say["relief"].format(relief=relief))
    lines.append(say["size"].format(days=story["effort_days"]))
    if story.get("due_at"):
        lines.append(say["due"].format(at=story["due_at"]))
    return "\n".join([*lines, *_to_mend(story, say["mend"]), "", _gherkin(story["acceptance"])])


def _to_mend(story: Row, head: str) -> list[str]:
    broken = [_safe(message) for message in _broken(story)]
    return [f"- {head}:", *(f"  - {message}" for message in broken)] if broken else []


def _broken(story: Row) -> list[str]:
    return [item["message"] for item in story.get("quality") or [] if item["severity"] == "error"]


def _relief(story: Row) -> str | None:
    relief = story.get("relief")
    if not relief:
        return None
    return f"{relief['expected']:.0%} ({relief['low']:.0%}–{relief['high']:.0%})"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _clean(text: str) -> str:
    """`text` but for what editors do to it: line ends, and space at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def _line(text: str) -> str:
    return " ".join(text.split())
