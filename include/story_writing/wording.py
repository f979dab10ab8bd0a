"""What a story says, in the language of its theme: role, want, reason, and acceptance criteria in Gherkin.

The theme's name comes from what strangers wrote. It is put on one line, between quotation marks, and never at the start of a
line, so that nothing in it reads as Gherkin. No voice is copied into a story: it can be erased without touching one.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from gherkin.errors import ParserError
from gherkin.parser import Parser

from include.markup import plain
from include.story_writing.korean import particle

NAME = 120  # characters of a theme's name that a story repeats
_SIGHS = re.compile(r"(?<![\s\-_~.,;!ㅡㅋㅎㅠㅜ])[\s\-_~.,;!ㅡㅋㅎㅠㅜ]+$")  # as in 지루하다-_-, 별로ㅠㅠ, broken!!!
_SLOT = re.compile(r"\{([^{}]+)\}")  # a field, or a pair of particles for the name: {이/가}


class Wording(NamedTuple):
    """The parts of one kind of story; `{name}`, `{product}` and particles of the name as in `{이/가}` are filled in."""

    role: str
    want: str
    reason: str
    scenario: str
    given: str
    when: str
    then: str


ENGLISH = {
    "bug": Wording(
        "customer of {product}", "what I reported as “{name}” to work as it should", "I can finish what I came for",
        "What customers reported does not happen again", "a customer in the situation reported as “{name}”",
        "the customer does the same with the new version", "it works, and nothing is left to complain about"),
    "feature": Wording(
        "customer of {product}", "to be able to do what I asked for as “{name}”", "I can do what I can't do today",
        "What customers asked for can be done", "a customer who asked for “{name}”",
        "the customer tries it with the new version", "it can be done without help"),
    "question": Wording(
        "customer of {product}", "to find the answer to “{name}” by myself", "I don't have to ask and wait",
        "The answer is found without asking", "a customer who has the question “{name}”",
        "the customer looks for the answer in the new version", "the answer is there, and it is right"),
    "operation": Wording(
        "operator of {product}", "the cause of “{name}” removed", "customers are served without failures",
        "The failure does not come back", "the conditions under which “{name}” was seen",
        "the new version serves requests", "the failure is not seen again"),
}
KOREAN = {
    "bug": Wording(
        "{product} 고객", "“{name}”{이라고/라고} 알린 문제를 더는 겪지 않기를", "하려던 일을 끝까지 마칠 수 있도록",
        "고객이 알린 문제가 다시 생기지 않는다", "고객이 “{name}”{이라고/라고} 알렸던 상황에서",
        "새 버전에서 같은 일을 다시 하면", "문제없이 끝나고 더 불평할 것이 없다"),
    "feature": Wording(
        "{product} 고객", "“{name}”{이라는/라는} 바람이 이루어지기를", "지금은 할 수 없는 일을 할 수 있도록",
        "고객이 바라던 일을 할 수 있다", "“{name}”{이라는/라는} 바람을 남긴 고객이",
        "새 버전에서 그 일을 해 보면", "도움 없이 할 수 있다"),
    "question": Wording(
        "{product} 고객", "“{name}”{이라는/라는} 물음의 답을 스스로 찾을 수 있기를", "따로 묻고 기다리지 않아도 되도록",
        "묻지 않고도 답을 찾는다", "“{name}”{이라고/라고} 물었던 고객이",
        "새 버전에서 답을 찾아보면", "맞는 답이 있다"),
    "operation": Wording(
        "{product} 운영자", "“{name}”{이/가} 다시 일어나지 않기를", "고객이 오류 없이 서비스를 쓸 수 있도록",
        "같은 장애가 다시 일어나지 않는다", "“{name}”{이/가} 일어났던 조건에서",
        "새 버전이 요청을 처리하면", "같은 장애가 다시 보이지 않는다"),
}
_ENGLISH_FORM = """\
# language: en
Feature: “{name}”

  Scenario: {w.scenario}
    Given {w.given}
    When {w.when}
    Then {w.then}

  Scenario: Customers say so themselves
    Given the change is deployed
    When what customers write afterwards is compared with before
    Then {goal}
"""
_KOREAN_FORM = """\
# language: ko
기능: “{name}”

  시나리오: {w.scenario}
    먼저 {w.given}
    만일 {w.when}
    그러면 {w.then}

  시나리오: 고객의 말로 확인한다
    먼저 변경이 배포된 뒤에
    만일 고객이 쓴 글을 배포 전과 비교하면
    그러면 {goal}
"""


@dataclass(frozen=True)
class Text:
    """The words of one story."""

    title: str
    role: str
    want: str
    reason: str
    acceptance: str


def text_of(name: str, kind: str, language: str, product: str, exposure: str, baseline: float | None) -> Text:
    """The words of a story for a theme. Korean for `ko`, else English.

    A kind other than feature, question and operation reads as a bug: something that customers complain about. `exposure` is
    requests or days; `baseline` the complaint rate that the story should lower, None where it isn't known yet.
    """
    korean = language == "ko"
    name, product = _tidy(name) or kind, plain(product)
    wordings = KOREAN if korean else ENGLISH
    words = Wording(*(_filled(part, name, product) for part in wordings.get(kind, wordings["bug"])))
    return assembled(name, words, language, exposure, baseline)


def assembled(title: str, words: Wording, language: str, exposure: str, baseline: float | None) -> Text:
    """A story's words with their acceptance criteria: what `words` say, and that complaints about `title` become rarer."""
    korean = language == "ko"
    goal = (_korean_goal if korean else _english_goal)(title, exposure, baseline)
    acceptance = (_KOREAN_FORM if korean else _ENGLISH_FORM).format(name=title, w=words, goal=goal)
    if problem := gherkin_problem(acceptance):
        raise ValueError(f"the acceptance criteria of {title!r} are no Gherkin: {problem}")
    return Text(title, words.role, words.want, words.reason, acceptance)


def gherkin_problem(text: str) -> str | None:
    """Why the official Gherkin parser refuses `text`, or None. A feature without a scenario is refused too."""
    try:
        return None if scenarios_of(Parser().parse(text).get("feature")) else "no scenario"
    except ParserError as error:
        return str(error)


def feature_of(text: str) -> Any:
    """The feature that `text` describes, as the official parser reads it (a plain dict); None where it is no Gherkin."""
    try:
        return Parser().parse(text).get("feature")
    except ParserError:
        return None


def scenarios_of(feature: Any) -> list[Any]:
    """The scenarios of a feature as `feature_of` returns it, those within rules too."""
    children = list(feature["children"]) if feature else []
    children += [inner for child in children if "rule" in child for inner in child["rule"]["children"]]
    return [child["scenario"] for child in children if "scenario" in child]


def sentence(language: str, role: str, want: str, reason: str) -> str:
    """A story as one sentence, as people tell it."""
    if language == "ko":
        because = f"{reason} " if reason else ""
        return f"{role}{particle(role, '은/는')} {because}{want} 바란다."
    because = f", so that {reason}" if reason else ""
    return f"As {'an' if role[:1].lower() in 'aeiou' else 'a'} {role}, I want {want}{because}."


def _tidy(name: str) -> str:
    """A theme's name without bullets before it and sighs after it."""
    return _SIGHS.sub("", plain(name, NAME)).lstrip(" -*•>#").strip(" “”\"'")


def _filled(part: str, name: str, product: str) -> str:
    values = {"name": name, "product": product}
    return _SLOT.sub(lambda slot: particle(name, slot[1]) if "/" in slot[1] else values[slot[1]], part)


def _english_goal(name: str, exposure: str, baseline: float | None) -> str:
    unit = {"requests": "per 1,000 requests", "days": "per day"}[exposure]
    return f"voices about “{name}” {unit} are fewer than {f'{baseline:.3g}' if baseline else 'before'}"


def _korean_goal(name: str, exposure: str, baseline: float | None) -> str:
    unit = {"requests": "요청 1,000건당", "days": "하루에"}[exposure]
    than = f"{baseline:.3g}건보다" if baseline else "전보다"
    return f"“{name}”에 대한 글이 {unit} {than} 적다"
