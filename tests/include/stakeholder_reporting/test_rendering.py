"""Three renderings of the same numbers: HTML in a real browser, PDF as its text, JSON; in both languages, with hostile texts."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pypdfium2
import pytest
from sqlalchemy import Engine

from include.ledger.engine import reading
from include.parts.reports import AUDIENCES, LANGUAGES, Audience, Language
from include.stakeholder_reporting.language import Speech, words
from include.stakeholder_reporting.model import Numbers
from include.stakeholder_reporting.numbers import numbers
from include.stakeholder_reporting.rendering import document, rendered
from tests.conftest import NOW
from tests.include.stakeholder_reporting.world import DAY, shop, stage

ZONE = "Asia/Seoul"


class Texts(HTMLParser):
    """The texts of a page one after another, its tags, and where they lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts, self.tags, self.links = list[str](), set[str](), set[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {value or "" for name, value in attrs if name in ("src", "href", "action") or name.startswith("on")}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def report(engine: Engine, audience: Audience) -> Numbers:
    """With the report of four weeks before to compare with."""
    with reading(engine) as connection:
        last = numbers(connection, shop(), audience, NOW - 56 * DAY, NOW - 28 * DAY)
        return numbers(connection, shop(), audience, NOW - 28 * DAY, NOW, last)


def shown(found: Numbers, speech: Speech) -> Iterator[str]:
    """Every figure with its name, every row and every answer of a report, as a reader is to see them."""
    for section in found.sections:
        for figure in section.figures:
            yield speech.word("figures", figure.name) + speech.figure(figure.value, figure.unit)
        for table in section.tables:
            for row in table.rows:
                yield "".join(speech.cell(column, row.get(column)) for column in table.columns)
        yield speech.sentence("answers", section.answer.name, section.answer.values)


def squeezed(text: str) -> str:
    """Without what differs by how lines are broken and hyphens are drawn."""
    return re.sub(r"[\s\u0002\ufffe-]+", "", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", AUDIENCES)
def test_html_pdf_and_json_say_the_same(ledger: Engine, audience: Audience, language: Language) -> None:
    stage(ledger)
    found = report(ledger, audience)
    assert Numbers.of(json.loads(document(found))) == found
    files = rendered(found, language, ZONE)
    page = Texts(files.html.decode())
    on_page = squeezed("".join(page.texts))
    with pypdfium2.PdfDocument(files.pdf) as pdf:
        on_paper = squeezed("".join(sheet.get_textpage().get_text_range() for sheet in pdf))
    said = list(shown(found, Speech(language, ZONE)))
    assert len(said) >= 7
    for text in map(squeezed, said):
        assert text in on_page, text
        assert text in on_paper, text
    assert not page.tags & {"script", "iframe", "link", "object", "form"}
    assert all(link.startswith("data:image/svg+xml;base64,") for link in page.links)


def test_the_same_numbers_make_the_same_bytes(ledger: Engine) -> None:
    stage(ledger)
    found = report(ledger, "team")
    assert rendered(found, "ko", ZONE) == rendered(found, "ko", ZONE)


def test_korean_is_drawn_with_a_korean_font(ledger: Engine) -> None:
    stage(ledger)
    files = rendered(report(ledger, "team"), "ko", ZONE)
    assert b"Nanum" in files.pdf or b"NotoSansCJK" in files.pdf


def test_both_languages_have_the_same_words() -> None:
    english, korean = words("en"), words("ko")
    assert {group: set(names) for group, names in english.items()} == {group: set(names) for group, names in korean.items()}
    place = re.compile(r"\{(\w+)")
    for group, names in english.items():
        for name, sentence in names.items():
            assert set(place.findall(sentence)) == set(place.findall(korean[group][name])), f"{group}.{name}"


@pytest.mark.parametrize(("value", "english"), [
    (0, "0"), (1, "1"), (1234567, "1,234,567"), (0.14, "0.14"), (12.34, "12.3"), (100.0, "100"), (6.5, "6.5"), (1000.0, "1,000")])
def test_numbers_are_short_and_whole(value: float, english: str) -> None:
    assert Speech("en", ZONE).number(value) == english


def test_words_fit_their_numbers() -> None:
    english, korean = Speech("en", ZONE), Speech("ko", ZONE)
    assert [english.figure(value, "days") for value in (1, 2.5, None)] == ["1 day", "2.5 days", "–"]
    assert [korean.figure(value, unit) for value, unit in ((2, "days"), (0.4213, "share"), (3, "per_week"))] == [
        "2일", "42.1%", "주 3회"]
    assert english.date("2026-03-01T16:00:00+00:00") == "2 Mar 2026"  # in Seoul
    assert korean.date("2026-03-01") == "2026년 3월 1일"
