"""A letter says what its template says, in the customer's language, whatever strangers put into the values."""

from dataclasses import replace
from pathlib import Path

import pytest

from include.answer_link import reference
from include.errors import InputError
from include.outcome_review.letters import Values, notice_id, template, written

VALUES = Values("Tea shop", "Coupon refused at checkout", "1.0.1", "2026-03-02", "My coupon was refused.", "S-1-abcdef01", True)


@pytest.mark.parametrize(("language", "subject", "says"), [
    ("en", "Tea shop: we changed what you told us about [S-1-abcdef01]", "Did it help? Please answer this mail"),
    ("ko", "Tea shop: 말씀해 주신 내용을 개선했습니다 [S-1-abcdef01]", "도움이 되었나요? 이 메일에 한두 마디로 답해 주시면"),
    ("fr", "Tea shop: we changed what you told us about [S-1-abcdef01]", "Did it help?"),
    ("../secret", "Tea shop: we changed what you told us about [S-1-abcdef01]", "Did it help?")])
def test_the_default_letters(language: str, subject: str, says: str) -> None:
    letter = written(template(language), VALUES)
    assert letter.subject == subject
    assert says in letter.text
    assert all(part in letter.text for part in ("    My coupon was refused.\n", "Coupon refused at checkout", "1.0.1"))


def test_without_words_and_without_a_mailbox_for_answers() -> None:
    letter = written(template("en"), replace(VALUES, asked="", answer=False))
    assert "you told us:" not in letter.text and "answer this mail" not in letter.text and "Did it help?" in letter.text


def test_strangers_words_stay_words() -> None:
    evil = "x\r\nBcc: all@example.com\n{{ 7 * 7 }} {% include '/etc/passwd' %}\u202e"
    letter = written(template("en"), replace(VALUES, product=evil, asked=evil))
    assert "\n" not in letter.subject and "\r" not in letter.subject + letter.text
    assert "{{ 7 * 7 }}" in letter.text and "49" not in letter.text and "\u202e" not in letter.text


@pytest.mark.parametrize("source", [
    "Subject: {{ nobody }}", "Subject: {{ story.__class__.__mro__ }}", "Subject: {% for %}", "Hello\nSubject: late", "",
    "Subject: {% include 'x' %}"])
def test_templates_that_cannot_be_used(source: str) -> None:
    with pytest.raises(InputError, match=r"outcome\.tell"):
        written(source, VALUES)


def test_a_teams_own_template(tmp_path: Path) -> None:
    (tmp_path / "shipped.en.txt").write_text("Subject: {{ story }}\n\n{{ version }} is there")
    assert written(template("en", str(tmp_path)), VALUES).text == "1.0.1 is there\n"
    assert template("ko", str(tmp_path)) == template("en", str(tmp_path))  # rather theirs in English than ours


def test_a_notice_is_known_by_whom_it_tells_what() -> None:
    ids = {notice_id(*words) for words in (("shop", "S-1", "kim", "mail"), ("shop", "S-1", "lee", "mail"),
                                           ("shop", "S-2", "kim", "mail"), ("pay", "S-1", "kim", "mail"))}
    assert len(ids) == 4
    assert reference("S-9f8024f229", "0123456789abcdef") == "S-9f8024f229-abcdefgh"
