"""Did it help? From the letter's link over real HTTP to a voice of the story, once."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine

from include import intake_api
from include.answers import NO, YES
from include.artifacts import Artifacts
from include.connection import Connection
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import inbox, notices, voices
from include.outcome_review.__main__ import preview
from include.privacy.erasure import erase
from include.voc_aggregation import understanding
from include.voc_aggregation.run import aggregate
from tests import rows
from tests.conftest import NOW
from tests.include.outcome_review.test_telling import KEY, KIM, LEE, known, shop, stage, work
from tests.mail import serving

LINK = re.compile(r"https://loop\.example/voices(/shop/answer/\S+)")


class Answers:
    """The intake endpoint on loopback, at a time that a test says."""

    def __init__(self, ledger: Engine) -> None:
        self.now, self.woken = NOW + timedelta(hours=1), list[str]()
        api = intake_api.app(lambda: ledger, lambda name: Connection("generic"), lambda: KEY, self.woken.append, self._time)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.server = uvicorn.Server(uvicorn.Config(api, host="127.0.0.1", port=port, log_level="error", ws="none",
                                                    lifespan="off"))
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    def _time(self) -> datetime:
        return self.now

    def send(self, path: str, **form: str) -> tuple[int, str]:
        answer = self.http.post(path, data=form)
        return answer.status_code, answer.text


@pytest.fixture
def answers(ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    (tmp_path / "shop.yaml").write_text("name: shop\ntitle: T\nowner: o\n")
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    found = Answers(ledger)
    thread = threading.Thread(target=found.server.run)
    thread.start()
    while not found.server.started:
        time.sleep(0.01)
    yield found
    found.http.close()
    found.server.should_exit = True
    thread.join()


@pytest.fixture
def links(ledger: Engine) -> dict[str, str]:
    """The paths of the links that Kim (English) and Lee (Korean) got by mail."""
    stage(ledger)
    with serving() as (post, port):
        connections = known(port)
        work(ledger, shop(answer_url="https://loop.example/voices"), lambda name: (
            Connection("generic", password=KEY.decode()) if name == "author_key" else connections(name)))
        return {mail["To"].partition("@")[0]: path(mail.get_content()) for mail in post.mails}


def path(text: str) -> str:
    found = LINK.search(text)
    assert found
    return found[1]


def test_an_answer_is_a_voice_of_the_story_once(ledger: Engine, answers: Answers, links: dict[str, str], home: Path) -> None:
    for who, word in (("kim", "Did it help?"), ("lee", "도움이 되었나요?")):
        page = answers.http.get(links[who])
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert word in page.text and "Coupon refused at checkout" in page.text and "script" not in page.text
    assert rows.get(ledger, inbox) == []  # looking is no answer
    assert answers.send(links["kim"], words="?")[0] == 422
    status, text = answers.send(links["kim"], helped="no", words="Still refused, call 010-1234-5678 <b>\r\n")
    assert (status, answers.woken) == (200, ["shop"]) and "Thank you" in text
    assert answers.send(links["lee"], helped="yes")[0] == 200
    for _ in range(2):  # replayed
        status, text = answers.send(links["kim"], helped="yes")
        assert status == 410 and "answered already" in text and "이미 답해" in text
        assert answers.http.get(links["kim"]).status_code == 410
    by_author = {row["author"]: row for row in rows.get(ledger, inbox)}
    assert by_author[KIM]["text"].startswith("It did not help. Coupon refused at checkout Still refused, call [phone]")
    assert (by_author[KIM]["rating"], by_author[LEE]["rating"], by_author[LEE]["language"]) == (1, 5, "ko")

    aggregate(ledger, rows.product(), Run("voc_aggregation", "v", Key("shop"), NOW + timedelta(days=1)),
              Artifacts(str(home / "artifacts")), KEY)
    result, sent = work(ledger, shop(), known(1), 3)
    assert (result["answers"], sent) == (2, {})
    heard = {row["id"]: row for row in rows.get(ledger, voices, source="intake")}
    told = {row["author"]: heard[row["answer"]] for row in rows.get(ledger, notices)}
    assert told[KIM]["text"].startswith("It did not help") and told[KIM]["kind"] != "praise"
    assert told[LEE]["kind"] == "praise"


def test_links_that_are_none(ledger: Engine, answers: Answers, links: dict[str, str]) -> None:
    good = links["kim"]
    for bad in (good[:-1] + ("A" if good[-1] != "A" else "B"), good.replace("shop", "parcels"), "/shop/answer/" + "A" * 50,
                "/shop/answer/%00"):
        assert answers.http.get(bad).status_code == 404
        assert answers.send(bad, helped="yes")[0] == 404
    assert answers.send(good, helped="maybe")[0] == 422
    assert answers.send(good, **{f"f{n}": "x" for n in range(50)})[0] == 422
    assert answers.http.post(good, content=b"helped=yes&words=" + b"x" * 70_000).status_code == 413
    answers.now = NOW + timedelta(days=61)
    assert answers.send(good, helped="yes")[0] == 410
    answers.now = NOW + timedelta(days=1)
    assert erase(ledger, "shop", "kim@example.com", KEY, "dpo", NOW)["notices"] == 1
    assert answers.send(good, helped="yes")[0] == 410
    assert rows.get(ledger, inbox) == []
    assert "kim" not in good


def test_without_a_key_nothing_is_sent(ledger: Engine) -> None:
    stage(ledger)
    product = shop(answer_url="https://loop.example/voices")
    with serving() as (post, port), pytest.raises(InputError, match="no password"):
        connections = known(port)
        work(ledger, product, lambda name: Connection("generic") if name == "author_key" else connections(name))
    assert post.mails == []


def test_the_letter_can_be_looked_at_before(ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.yaml").write_text("name: shop\ntitle: Tea shop\nowner: o\noutcome: {tell: {mail: post, from: a@b.example, "
                                        "answer_url: 'https://loop.example/voices'}}\n")
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    stage(ledger)
    page = preview(str(ledger.url), "S-1")
    assert page.count("https://loop.example/voices/shop/answer/") == 2
    assert "Did it help?" in page and "도움이 되었나요?" in page
    assert rows.get(ledger, notices) == []




def test_yes_is_praise_and_no_is_none() -> None:
    assert [understanding.kind(text, 0.8) for text in YES.values()] == ["praise", "praise"]
    assert [understanding.kind(text, -0.6) for text in NO.values()] == ["bug", "bug"]
