"""Is a story fit to be planned? The rules, each with its severity and its source. Pure; English and Korean alike.

Most are the Quality User Story framework's (QUS), which its authors' tool AQUSA checks: Lucassen, Dalpiaz, van der Werf,
Brinkkemper, "Improving agile requirements: the Quality User Story framework and tool", Requirements Engineering 21, 2016. How
each is told without parsing a sentence, and how severe it is, is this project's own choice: an error is what a team would have
to ask about before it could begin, a warning is worth a look. What stands in quotation marks is what customers said, and is
not judged as a requirement.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from include.story_writing.wording import feature_of, gherkin_problem, scenarios_of

Severity = Literal["error", "warning"]
QUS = "Quality User Story framework (Lucassen et al. 2016)"
INVEST = "INVEST (Bill Wake, 2003)"
GHERKIN = "Gherkin reference (cucumber.io)"
VERIFIABLE = "ISO/IEC/IEEE 29148:2018, 5.2.5 verifiable and 5.2.7 requirement language criteria"
OWN = "Closed Loop: nobody's story without their voices"

LARGE_DAYS = 10.0  # more than a cycle of two weeks
FEW = 3  # people
ASKED_BY_NOBODY = ("law", "debt", "security")  # categories that need no voice


@dataclass(frozen=True)
class Story:
    """What the rules look at. `twin` and `namesake` are other stories that say the same, or bear the same title."""

    id: str
    language: str
    title: str
    role: str
    want: str
    reason: str
    acceptance: str
    effort_days: float | None = None
    category: str | None = None
    voices: int = 0
    people: int = 0
    twin: str | None = None
    namesake: str | None = None


@dataclass(frozen=True)
class Rule:
    """`check` says what is wrong and how to mend it, or None."""

    name: str
    severity: Severity
    source: str
    check: Callable[[Story], str | None]


@dataclass(frozen=True)
class Finding:
    """One thing to mend."""

    rule: str
    severity: Severity
    message: str


def findings(stories: Iterable[Story]) -> dict[str, list[Finding]]:
    """What is wrong with each of a product's unreleased stories, by id, errors first.

    Of several that say the same, the first of `stories` is the one that stays.
    """
    said: dict[tuple[str, ...], str] = {}
    named: dict[str, str] = {}
    found = {}
    for story in stories:
        whole, title = (_flat(story.role), _flat(story.want)), _flat(story.title)
        story = replace(story, twin=said.get(whole), namesake=named.get(title))
        said.setdefault(whole, story.id)
        named.setdefault(title, story.id)
        found[story.id] = [Finding(rule.name, rule.severity, message) for rule in RULES if (message := rule.check(story))]
    return found


def names_something(title: str) -> bool:
    """Whether a title says what it is about: more than markup, a link, a greeting, or words that lead in to what followed."""
    bare = _COURTESY.sub(" ", _LINK.sub(" ", _MARKUP.sub(" ", title)))
    letters = len(_WORD.findall(bare)) + len(_HANGUL.findall(bare))  # a syllable of Hangul says as much as two letters
    return letters >= 3 and not _LEAD_IN.search(title)


def _flat(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


# Repetitions have bounds, so that no text takes long.
_QUOTED = re.compile(r"“[^”]{0,300}”|\"[^\"]{0,300}\"|‘[^’]{0,300}’")
_LINK = re.compile(r"(?:https?://|www\.)\S{0,300}", re.IGNORECASE)
_MARKUP = re.compile(r"\{\w{1,20}(?::[^{}]{0,100})?\}|!\S{1,100}\.(?:png|jpe?g|gif)\b\S{0,100}|</?[a-z]\w{0,20}[^<>]{0,200}>|"
                     r"```|\|\||^[#>|]")
_LEAD_IN = re.compile(r"[:：]\s*$")
_COURTESY = re.compile(
    r"\b(?:hello|hi|hey|dear|please|thanks?|thank you|help|fix|look|into|check|this|it|again|urgent|asap|sorry|question|issue|"
    r"problem|what happened|see|above|below|me|us|you|with|for|of|to|on|have|has|the|a|an|is|my|i)\b|"
    r"안녕하(?:세요|십니까)|확인|부탁|드려요|드립니다|드릴게요|해\s?주세요|합니다|감사|급해요|급합니다|도와\s?주세요|문의|요청|제발|또|"
    r"질문|문제|있어요|있습니다", re.IGNORECASE)
_TWO_WANTS = re.compile(r"\band (?:also )?to \w|\bas well as\b|\band also\b|\bplus\b|그리고|또한|뿐만 아니라|기를.{1,200}기를")
_JOINED = re.compile(r"\b(?:and|or)\b|&|\s/\s|\s및\s|\s또는\s|\s혹은\s", re.IGNORECASE)
_NOTE = re.compile(r"[(\[{<][^)\]}>]{0,200}[)\]}>]|\s[-–—]\s|\*")
_SECOND = re.compile(r"[.!?。;]\s+\S")
_TEMPLATE = re.compile(
    r"^\s*(?:as an?\b|i want\b|i would like\b|so that\b|in order to\b)|^\s*(?:나는|저는)\s|(?:원한다|바란다)\.?$", re.IGNORECASE)
_VAGUE = re.compile(
    r"\b(?:user.friendly|easy to use|easily|quickly|fast|efficient(?:ly)?|robust|seamless(?:ly)?|appropriate(?:ly)?|"
    r"adequate(?:ly)?|"
    r"as (?:soon|far|much) as possible|if possible|better|best|etc|and so on|properly|nice(?:ly)?|intuitive(?:ly)?)\b|"
    r"빠르게|빨리|신속|쉽게|편리하|사용하기 좋|적절|충분히|가능한 한|최대한|더 좋|등등|잘 되|원활", re.IGNORECASE)
_HANGUL = re.compile(r"[가-힣]")
_WORD = re.compile(r"[^\W\d_ㄱ-ㅣ]")


def _own(text: str) -> str:
    """`text` without what it quotes."""
    return _QUOTED.sub(" ", text)


def _no_role_or_want(story: Story) -> str | None:
    missing = [name for name, text in (("title", story.title), ("role", story.role), ("want", story.want)) if not _flat(text)]
    return f"say the {' and the '.join(missing)}" if missing else None


def _no_reason(story: Story) -> str | None:
    return None if _flat(story.reason) else "say why: a want without a reason can't be weighed against others"


def _title_names_nothing(story: Story) -> str | None:
    if not _flat(story.title):
        return None
    return None if names_something(story.title) else f"the title “{story.title}” names nothing: say what the story is about"


def _two_wants(story: Story) -> str | None:
    joint = _TWO_WANTS.search(_own(story.want))
    return f"the want joins several with “{joint[0]}”: split it, one want a story" if joint else None


def _joined(story: Story) -> str | None:
    if _two_wants(story):
        return None
    joint = _JOINED.search(_own(story.role)) or _JOINED.search(_own(story.want)) or _JOINED.search(story.title)
    return f"“{joint[0].strip()}” may join two things: split the story if they can be delivered apart" if joint else None


def _markup(story: Story) -> str | None:
    for name, text in (("title", story.title), ("role", story.role), ("want", _own(story.want)), ("reason", story.reason)):
        if found := _MARKUP.search(text) or _LINK.search(text):
            return f"the {name} holds markup or a link (“{found[0]}”): leave words only"
    return None


def _notes(story: Story) -> str | None:
    for name, text in (("role", story.role), ("want", _own(story.want)), ("reason", story.reason)):
        if found := _NOTE.search(text) or _SECOND.search(text):
            return f"the {name} says more than it must at “{found[0].strip()[:40]}”: notes belong to the acceptance criteria"
    return None


def _template_twice(story: Story) -> str | None:
    for name, text in (("role", story.role), ("want", story.want), ("reason", story.reason)):
        if found := _TEMPLATE.search(_own(text)):
            return f"the {name} repeats the template's words (“{found[0].strip()}”): they are added when the story is shown"
    return None


def _other_language(story: Story) -> str | None:
    feature = feature_of(story.acceptance)
    expected = "ko" if story.language == "ko" else "en"
    told = {"ko" if _HANGUL.search(_own(text)) else "en" for text in (story.want, story.reason) if _flat(_own(text))}
    if feature and feature["language"] != expected:
        return f"the acceptance criteria are written in {feature['language']!r}, the story in {expected!r}"
    return f"the words are not in the story's language ({expected})" if told - {expected} else None


def _said_before(story: Story) -> str | None:
    return f"says the same as {story.twin}: drop one, and tie its themes to the other" if story.twin else None


def _named_before(story: Story) -> str | None:
    return f"bears the title of {story.namesake}: say what differs" if story.namesake and not story.twin else None


def _no_gherkin(story: Story) -> str | None:
    problem = gherkin_problem(story.acceptance)
    return f"the acceptance criteria are no Gherkin: {problem}" if problem else None


def _nothing_to_see(story: Story) -> str | None:
    for scenario in scenarios_of(feature_of(story.acceptance)):
        if not any(step["keywordType"] == "Outcome" for step in scenario["steps"]):
            return f"the scenario “{scenario['name']}” has no outcome: say what must be seen (Then, 그러면)"
    return None


def _vague(story: Story) -> str | None:
    for scenario in scenarios_of(feature_of(story.acceptance)):
        for step in scenario["steps"]:
            if found := _VAGUE.search(_own(step["text"])):
                return f"“{found[0]}” can't be checked: say how much, or what is seen"
    return None


def _nobody_says_so(story: Story) -> str | None:
    asked = story.voices or story.category in ASKED_BY_NOBODY
    return None if asked else f"no voice is behind it: tie a theme, or give it a category ({', '.join(ASKED_BY_NOBODY)})"


def _few_say_so(story: Story) -> str | None:
    few = 0 < story.people < FEW and story.category not in ASKED_BY_NOBODY
    return f"fewer than {FEW} people said so within a quarter" if few else None


def _no_size(story: Story) -> str | None:
    return None if story.effort_days else "has no estimate: it can't be scoped"


def _large(story: Story) -> str | None:
    large = story.effort_days and story.effort_days > LARGE_DAYS
    return f"takes more than {LARGE_DAYS:g} days: split off a part" if large else None


RULES: tuple[Rule, ...] = (
    Rule("well_formed", "error", QUS, _no_role_or_want),
    Rule("well_formed", "error", QUS, _title_names_nothing),
    Rule("atomic", "error", QUS, _two_wants),
    Rule("minimal", "error", QUS, _markup),
    Rule("unique", "error", QUS, _said_before),
    Rule("testable", "error", GHERKIN, _no_gherkin),
    Rule("testable", "error", GHERKIN, _nothing_to_see),
    Rule("evidenced", "error", OWN, _nobody_says_so),
    Rule("well_formed", "warning", QUS, _no_reason),
    Rule("atomic", "warning", QUS, _joined),
    Rule("minimal", "warning", QUS, _notes),
    Rule("uniform", "warning", QUS, _template_twice),
    Rule("uniform", "warning", QUS, _other_language),
    Rule("unique", "warning", QUS, _named_before),
    Rule("testable", "warning", VERIFIABLE, _vague),
    Rule("evidenced", "warning", OWN, _few_say_so),
    Rule("estimable", "warning", INVEST, _no_size),
    Rule("small", "warning", INVEST, _large),
)
