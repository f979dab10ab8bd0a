"""The customers who asked are told once: over a real SMTP server and a real webhook, and their answers come back as voices."""

import imaplib
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from include.artifacts import Artifacts
from include.connection import Connection, Connections
from include.key import Key
from include.ledger.engine import connect, writing
from include.ledger.runs import Result, Run
from include.ledger.tables import commit_stories, commits, intakes, notices, stories, suggestions, tickets, voices
from include.outcome_review.__main__ import preview
from include.outcome_review.run import review, tell
from include.privacy.contacts import Word, withdraw
from include.privacy.contacts import heard as agree
from include.privacy.erasure import erase
from include.product import Product
from include.redaction import author_hash
from include.voc_aggregation.run import aggregate
from tests import rows
from tests.conftest import NOW
from tests.crash import _install
from tests.dovecot import server as dovecot
from tests.mail import Post, serving
from tests.server import Reply, Server

KEY, SECRET = b"author secret", b"contact secret"
KIM, LEE, PARK, CHOI = (author_hash(name, KEY) for name in ("kim@example.com", "lee", "park", "choi"))
SHIPPED = NOW - timedelta(days=1)


@pytest.fixture
def post() -> Iterator[tuple[Post, int]]:
    with serving() as found:
        yield found


def known(port: int, hook: str = "", mailbox: int = 0) -> Connections:
    them = {"contact_key": Connection("generic", password=SECRET.decode()), "hook": Connection("http", hook, password="token"),
            "post": Connection("smtp", "127.0.0.1", port, extra={"disable_ssl": True, "disable_tls": True}),
            "box": Connection("imap", "127.0.0.1", mailbox, "team", "secret")}
    return them.__getitem__


def shop(**tell: Any) -> Product:
    return rows.product(outcome={"exposure": "days", "tell": {"mail": "post", "from": "team@shop.example"} | tell},
                        voices={"sources": [{"name": "reviews", "path": "reviews.csv", "format": "csv"}]})


def stage(engine: Engine) -> None:
    """Kim wrote in English, Lee and Park in Korean, Choi said no; a release since yesterday answers them."""
    for number, (author, language) in enumerate(((KIM, "en"), (LEE, "ko"), (PARK, "ko"), (CHOI, "en"))):
        state = {"group": "trouble", "kinds": {"bug": 1}, "languages": {language: 1}, "columns": [1], "weights": [1.0]}
        rows.theme(engine, f"t{number}", [NOW - timedelta(days=9, hours=number)], author=author, state=state)
        with writing(engine) as connection:
            connection.execute(update(voices).where(voices.c.id == f"t{number}-0").values(language=language))
    rows.theme(engine, "t4", [NOW - timedelta(hours=1)], author="late", state=state)
    rows.story(engine, "S-1", "t0", "t1", "t2", "t3", "t4", status="released", title="Coupon refused at checkout")
    rows.release(engine, "1.1.0", status="deployed")
    rows.deployment(engine, "1.1.0", SHIPPED, SHIPPED + timedelta(minutes=2), previous="1.0.0")
    rows.put(engine, commits, {"product": "shop", "sha": "a", "author": None, "at": SHIPPED, "subject": "fix", "kind": "fix",
                               "breaking": False, "release": "shop|1.1.0"})
    rows.put(engine, commit_stories, {"product": "shop", "sha": "a", "story_id": "S-1"})
    rows.put(engine, intakes, {"run_id": "heard", "product": "shop", "source": "reviews", "read": 0, "stored": 0, "duplicates": 0,
                               "quarantined": 0, "error": None, "at": NOW})
    with writing(engine) as connection:
        agree(connection, "shop", [
            Word(KIM, "kim@example.com", True, NOW, "reviews"), Word(LEE, "lee@example.com", True, NOW, "reviews"),
            Word(PARK, "010-1234-5678", True, NOW, "reviews"), Word(CHOI, "choi@example.com", False, NOW, "reviews"),
            Word("late", "late@example.com", True, NOW, "reviews")], SECRET)


def run(number: int) -> Run:
    return Run("outcome_review", f"run{number}", Key("shop"), NOW + timedelta(days=number - 1))


def work(engine: Engine, product: Product, connections: Connections, number: int = 1) -> tuple[Result, dict[str, int]]:
    return review(engine, product, run(number)), tell(engine, product, run(number), connections)


def statuses(engine: Engine) -> dict[str, str]:
    names = {KIM: "kim", LEE: "lee", PARK: "park", CHOI: "choi"}
    return {names[row["author"]]: row["status"] for row in rows.get(engine, notices)}


def test_who_agreed_is_told_once_in_their_language(ledger: Engine, post: tuple[Post, int]) -> None:
    stage(ledger)
    handler, port = post
    product = shop(reply_to="answers@shop.example")
    result, sent = work(ledger, product, known(port))
    assert result["to_tell"] == 2 and sent == {"sent": 2}
    english, korean = sorted(handler.mails, key=lambda mail: mail["To"])
    assert (english["To"], english["From"]) == ("kim@example.com", "team@shop.example")
    assert english["Reply-To"] == "answers@shop.example"
    assert english["Subject"].startswith("Tea shop: we changed what you told us about [S-1-")
    assert english["Auto-Submitted"] == "auto-generated"
    assert "Coupon refused at checkout" in english.get_content() and "voice t0-0" in english.get_content()
    assert (korean["To"], korean["Subject"].split(" [")[0]) == ("lee@example.com", "Tea shop: 말씀해 주신 내용을 개선했습니다")
    assert english["Message-ID"] != korean["Message-ID"]
    assert work(ledger, product, known(port)) == (result, {}) and work(ledger, product, known(port), 2)[1] == {}
    assert len(handler.mails) == 2 and statuses(ledger) == {"kim": "sent", "lee": "sent"}


def test_nobody_is_told_unless_the_product_says_so(ledger: Engine, post: tuple[Post, int]) -> None:
    stage(ledger)
    product = rows.product(outcome={"exposure": "days"}, voices={"sources": [{"name": "reviews", "path": "r", "format": "csv"}]})
    assert work(ledger, product, known(post[1])) [1] == {} and rows.get(ledger, notices) == []
    assert work(ledger, shop(when="resolved"), known(post[1]), 2)[1] == {} and rows.get(ledger, notices) == []


def test_what_shipped_long_ago_is_no_news(ledger: Engine, post: tuple[Post, int]) -> None:
    stage(ledger)
    assert work(ledger, shop(), known(post[1]), 40)[0]["to_tell"] == 0


def test_who_withdraws_before_the_mail_goes_out_gets_none(ledger: Engine, post: tuple[Post, int]) -> None:
    stage(ledger)
    review(ledger, shop(), run(1))
    withdraw(ledger, "shop", KIM, NOW)
    assert erase(ledger, "shop", "lee", KEY, "dpo", NOW)["notices"] == 1
    assert tell(ledger, shop(), run(1), known(post[1])) == {"withdrawn": 1}
    assert post[0].mails == []


def test_what_is_refused_is_tried_again_and_what_is_refused_for_good_is_not(ledger: Engine, post: tuple[Post, int]) -> None:
    stage(ledger)
    handler, port = post
    handler.answers = ["451 later", "554 never"]
    assert work(ledger, shop(), known(port))[1] == {"failed": 1, "given_up": 1}
    assert {row["problem"] for row in rows.get(ledger, notices)} == {"SMTP 451", "SMTP 554"}
    assert work(ledger, shop(), known(port), 2)[1] == {"sent": 1}
    assert work(ledger, shop(), known(port), 3)[1] == {} and len(handler.mails) == 1


def test_a_server_that_is_down_is_tried_again(ledger: Engine, post: tuple[Post, int], caplog: pytest.LogCaptureFixture) -> None:
    stage(ledger)
    assert work(ledger, shop(), known(1))[1] == {} and "can't be used" in caplog.text
    assert set(statuses(ledger).values()) == {"waiting"}
    assert work(ledger, shop(), known(post[1]), 2)[1] == {"sent": 2}


def test_an_answer_that_is_lost_is_never_sent_again(ledger: Engine, post: tuple[Post, int]) -> None:
    stage(ledger)
    handler, port = post
    handler.answers = ["drop"]  # it took the mail, and the connection broke before it said so
    assert work(ledger, shop(), known(port))[1] == {"unsure": 1}
    assert work(ledger, shop(), known(port), 2)[1] == {"sent": 1}
    assert work(ledger, shop(), known(port), 3)[1] == {}
    assert sorted(mail["To"] for mail in handler.mails) == ["kim@example.com", "lee@example.com"]


def test_a_kill_at_any_point_sends_nothing_twice(migrated: Path, tmp_path: Path, post: tuple[Post, int]) -> None:
    handler, port = post
    start, path = tmp_path / "start.db", tmp_path / "ledger.db"
    shutil.copy(migrated, start)
    engine = connect(f"sqlite:///{start}")
    stage(engine)
    review(engine, shop(), run(1))
    engine.dispose()
    kills = 0
    for point in range(1, 200, 4):
        handler.mails.clear()
        shutil.copy(start, path)
        kills += (killed := _told_in_a_process(path, port, point, tmp_path / "note"))
        engine = connect(f"sqlite:///{path}")
        with writing(engine) as connection:
            connection.exec_driver_sql("DELETE FROM leases")  # the dead process's, which would end by itself
        tell(engine, shop(), run(2), known(port))
        told = [mail["To"] for mail in handler.mails]
        assert len(told) == len(set(told)), f"twice after a kill at {point}"
        assert set(statuses(engine).values()) <= {"sent", "unsure"}
        assert len(told) >= list(statuses(engine).values()).count("sent")
        engine.dispose()
        if not killed:
            break
    assert kills > 8


def _told_in_a_process(path: Path, port: int, point: int, note: Path) -> bool:
    child = os.fork()
    if not child:
        try:
            engine = connect(f"sqlite:///{path}")
            _install(engine, point, note)
            tell(engine, shop(), run(1), known(port))
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_webhook_reaches_who_has_no_mail_address(ledger: Engine) -> None:
    stage(ledger)
    answers = [Reply({}, 500), Reply({}, 200), Reply({}, 200)]
    with Server(lambda _: answers.pop(0)).up() as hook:
        product = shop(mail=None, webhook="hook", allow_hosts=["127.0.0.1"])
        assert work(ledger, product, known(0, f"{hook.url}/notices"))[1] == {"unsure": 1}  # HTTP 500: it may have been taken
        assert work(ledger, product, known(0, f"{hook.url}/notices"), 2)[1] == {"sent": 2}
        first, second, third = hook.asked
    assert first.headers["authorization"] == "Bearer token"
    assert len({asked.headers["idempotency-key"] for asked in hook.asked}) == 3
    assert {asked.body["to"] for asked in (first, second, third)} == {"kim@example.com", "lee@example.com", "010-1234-5678"}
    assert first.body["story"] == "S-1" and first.body["text"]


def test_who_asked_in_a_ticket_is_answered_there_by_a_person(ledger: Engine, post: tuple[Post, int]) -> None:
    stage(ledger)
    rows.put(ledger, tickets, _ticket("t3-0", CHOI))
    assert work(ledger, shop(tickets=True), known(post[1]))[1] == {"sent": 2}
    [suggestion] = rows.get(ledger, suggestions)
    assert (suggestion["ticket_id"], suggestion["kind"], suggestion["status"]) == ("T1", "outcome", "proposed")
    assert "Did it help?" in suggestion["text"]
    assert statuses(ledger) == {"kim": "sent", "lee": "sent", "choi": "sent"}
    assert len(post[0].mails) == 2


def _ticket(voice: str, author: str) -> dict[str, Any]:
    return {"id": "T1", "product": "shop", "source": "desk", "external_id": "1", "subject": "coupon", "body": "refused",
            "answer": None, "language": "en", "author": author, "status": "open", "priority": "normal", "urgency": "normal",
            "category": None, "area": None, "team": None, "triage": "rule", "confidence": None, "created_at": NOW,
            "updated_at": NOW, "voice_id": voice, "heard_at": NOW}


def test_did_it_help_comes_back_as_a_voice(ledger: Engine, post: tuple[Post, int], home: Path) -> None:
    """From the mail to the answer: Kim answers, the mailbox is heard, and the answer is tied to the notice."""
    stage(ledger)
    handler, port = post
    with dovecot() as box:
        source = {"name": "answers", "kind": "imap", "connection": "box", "tls": False}
        product = shop(reply_to="answers@shop.example").model_copy(update={
            "voices": rows.product(voices={"sources": [source]}).voices})
        connections = known(port, mailbox=box.port)
        work(ledger, shop(reply_to="answers@shop.example"), connections)
        asked = next(mail for mail in handler.mails if mail["To"] == "kim@example.com")
        with imaplib.IMAP4("127.0.0.1", box.port, timeout=10) as client:
            client.login("team", "secret")
            client.append("INBOX", "", "", _answer(asked, "It is still refused at the checkout, sorry to say."))
        heard = Run("voc_aggregation", "heard", Key("shop"), NOW + timedelta(days=1))
        aggregate(ledger, product, heard, Artifacts(str(home / "artifacts")), KEY, connections)
    assert review(ledger, product, run(3))["answers"] == 1
    [notice] = rows.get(ledger, notices, author=KIM)
    [voice] = rows.get(ledger, voices, id=notice["answer"])
    assert "still refused" in voice["text"] and voice["author"] == KIM
    assert review(ledger, product, run(4))["answers"] == 0


def _answer(asked: EmailMessage, text: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Kim <kim@example.com>", asked["Reply-To"], f"Re: {asked['Subject']}"
    mail["In-Reply-To"], mail["Message-ID"] = asked["Message-ID"], "<answer@example.com>"
    mail["Date"] = "Mon, 02 Mar 2026 10:00:00 +0900"
    quoted = "\n".join(f"> {line}" for line in asked.get_content().splitlines())
    mail.set_content(f"{text}\n\nOn Mon, 2 Mar 2026 Tea shop wrote:\n{quoted}\n")
    return mail.as_bytes().replace(b"\n", b"\r\n")


def test_a_person_can_preview_it(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.yaml").write_text("name: shop\ntitle: Tea shop\nowner: team\n")
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    path = tmp_path / "ledger.db"
    shutil.copy(migrated, path)
    engine = connect(f"sqlite:///{path}")
    stage(engine)
    shown = preview(f"sqlite:///{path}", "S-1")
    assert "--- en\nSubject: Tea shop: we changed" in shown and "--- ko\nSubject: Tea shop: 말씀해" in shown
    assert "voice t" in shown and "1.1.0" in shown and rows.get(engine, notices) == []
    with writing(engine) as connection:
        connection.execute(update(stories).values(title="다른 제목"))
    assert "다른 제목" in preview(f"sqlite:///{path}", "S-1")
