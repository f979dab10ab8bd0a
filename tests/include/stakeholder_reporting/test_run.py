"""Reports are made when they are due, kept, compared, and sent: over a real SMTP server and a real webhook, each once."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from include.artifacts import Artifacts
from include.connection import Connection, Connections
from include.errors import InputError
from include.ledger.engine import connect, writing
from include.ledger.runs import Result
from include.ledger.tables import deliveries, reports, stories
from include.privacy.erasure import erase
from include.product import Product
from include.redaction import author_hash
from include.stakeholder_reporting.delivery import UndeliveredError
from include.stakeholder_reporting.due import Wanted
from include.stakeholder_reporting.run import deliver, make
from tests import rows
from tests.crash import _install, ledger_after_kills
from tests.include.stakeholder_reporting.world import run, shop, stage
from tests.mail import Post, serving
from tests.server import Asked, Reply, Server

MAILED = {"every": "weekly", "recipients": [
    {"name": "ada", "mail": "ada@shop.example", "language": "en"}, {"name": "min", "mail": "min@shop.example", "language": "ko"}]}


@pytest.fixture
def post() -> Iterator[tuple[Post, int]]:
    with serving() as found:
        yield found


def known(port: int = 9, hook: str = "") -> Connections:
    them = {"post": Connection("smtp", "127.0.0.1", port, extra={"disable_ssl": True, "disable_tls": True}),
            "hook": Connection("http", hook, password="token")}

    def connection(name: str) -> Connection:
        if name not in them:
            raise InputError(f"there is no Airflow connection {name!r}")
        return them[name]

    return connection


def mailing(**report: Any) -> Product:
    """A product with a report that has no chart: drawing one takes longer than all else."""
    return shop(smtp="post", **{"from": "loop@shop.example"}, compliance=MAILED | report)


def statuses(engine: Engine) -> dict[str, str]:
    return {row["recipient"]: row["status"] for row in rows.get(engine, deliveries)}


def test_a_report_is_kept_in_its_languages_and_compared_with_the_last(ledger: Engine, artifacts: Artifacts) -> None:
    stage(ledger)
    product = shop(team={"every": "weekly", "languages": ["ko"]}, customers={"after_release": True})
    first = make(ledger, product, run(1), artifacts)
    [(id, files)] = first["reports"].items()
    assert first["waiting"] == 0 and sorted(files) == ["ko"]
    for name, digest in files["ko"].values():
        assert digest == f"sha256:{hashlib.sha256(artifacts.read(name)).hexdigest()}"
    [row] = rows.get(ledger, reports)
    assert (row["audience"], row["cause"], row["previous"], row["numbers"]["compared_with"]) == ("team", "schedule", None, None)
    assert json.loads(artifacts.read(f"{Path(files['ko']['html'][0]).parent}/report.json")) == row["numbers"]
    assert make(ledger, product, run(2, days=1), artifacts)["reports"] == {}  # the week isn't over
    with writing(ledger) as connection:
        connection.execute(update(stories).where(stories.c.id == "S-late").values(status="dropped"))
    [id_after] = make(ledger, product, run(3, days=7), artifacts)["reports"]
    row = rows.get(ledger, reports, id=id_after)[0]
    assert (row["previous"], row["since"]) == (id, run(1).at)
    assert {"kind": "gone", "name": "next", "title": "Wrapped gifts come in time"}.items() <= row["numbers"]["changes"][0].items()
    [changelog] = make(ledger, product, run(4, "1.1.0", days=8), artifacts)["reports"]
    assert rows.get(ledger, reports, id=changelog)[0]["audience"] == "customers"


def test_nothing_is_due_where_nothing_was_declared_or_nothing_is_known(ledger: Engine, artifacts: Artifacts) -> None:
    assert make(ledger, shop(team={"every": "weekly"}), run(1), artifacts)["reports"] == {}
    stage(ledger)
    assert make(ledger, shop(), run(2), artifacts)["reports"] == {}
    assert make(ledger, shop(team={"every": "weekly"}), run(3), artifacts)["reports"] != {}


def test_by_hand_a_report_is_made_in_between_and_sent_only_if_asked(ledger: Engine, artifacts: Artifacts) -> None:
    stage(ledger)
    product = mailing()
    [regular] = make(ledger, product, run(1), artifacts)["reports"]
    result = make(ledger, product, run(2, days=1), artifacts, Wanted("compliance", "ko", 30, False, "ada"))
    [(id, files)] = result["reports"].items()
    row = rows.get(ledger, reports, id=id)[0]
    assert (row["cause"], row["asked_by"], row["previous"], sorted(files)) == ("hand", "ada", regular, ["ko"])
    assert {row["report_id"] for row in rows.get(ledger, deliveries)} == {regular}
    make(ledger, product, run(3, days=2), artifacts, Wanted("compliance", "ko", None, True, "ada"))
    assert len(rows.get(ledger, deliveries)) == 4
    [next_one] = make(ledger, product, run(4, days=7), artifacts)["reports"]
    assert rows.get(ledger, reports, id=next_one)[0]["previous"] == regular


def test_recipients_get_it_once_in_their_language(ledger: Engine, artifacts: Artifacts, post: tuple[Post, int]) -> None:
    stage(ledger)
    handler, port = post
    product = mailing()
    make(ledger, product, run(1), artifacts)
    assert deliver(ledger, product, run(1), artifacts, known(port)) == {"sent": 2}
    assert deliver(ledger, product, run(1), artifacts, known(port)) == {}
    english, korean = sorted(handler.mails, key=lambda mail: mail["To"])
    assert english["Subject"].strip() == "Tea shop: What is open, waived, lapsing (2 Feb 2026 to 2 Mar 2026)"
    assert korean["Subject"].strip().startswith("Tea shop: 미해결, 예외, 만료 예정 항목")
    assert (english["From"], english["Auto-Submitted"]) == ("loop@shop.example", "auto-generated")
    body = english.get_body(("plain",))
    assert body and "What is waived?\r\n1 rule is waived." in body.get_content()
    attached = {part.get_filename(): part.get_payload(decode=True) for part in english.iter_attachments()}
    files = rows.get(ledger, reports)[0]["files"]["en"]
    assert attached == {f"shop-compliance-2026-03-02.{kind}": artifacts.read(name) for kind, (name, _) in files.items()}


def test_a_failure_stops_no_other_and_is_tried_again(ledger: Engine, artifacts: Artifacts, post: tuple[Post, int]) -> None:
    stage(ledger)
    handler, port = post
    product = mailing()
    make(ledger, product, run(1), artifacts)
    handler.to["ada@shop.example"] = "451 later"
    with pytest.raises(UndeliveredError, match=r"compliance report for ada \(mail\): failed, SMTP 451"):
        deliver(ledger, product, run(1), artifacts, known(port))
    assert statuses(ledger) == {"ada": "failed", "min": "sent"}
    handler.to.clear()
    assert deliver(ledger, product, run(2, days=1), artifacts, known(port)) == {"sent": 1}
    assert sorted(handler.told) == ["ada@shop.example", "min@shop.example"]


def test_who_is_refused_for_good_is_not_tried_again_and_shown(ledger: Engine, artifacts: Artifacts,
                                                              post: tuple[Post, int]) -> None:
    stage(ledger)
    handler, port = post
    product = mailing()
    make(ledger, product, run(1), artifacts)
    handler.to |= {"ada@shop.example": "550 nobody here", "min@shop.example": "drop"}
    for _ in range(2):  # the run shows it however often it is tried again
        with pytest.raises(InputError, match=r"ada \(mail\): given_up, SMTP 550") as raised:
            deliver(ledger, product, run(1), artifacts, known(port))
    assert "min (mail): unsure" in str(raised.value) and "@shop.example" not in str(raised.value)
    assert deliver(ledger, product, run(2, days=1), artifacts, known(port)) == {}
    assert handler.told == ["min@shop.example"]


def test_a_server_that_is_down_or_unknown_is_tried_five_times(ledger: Engine, artifacts: Artifacts) -> None:
    stage(ledger)
    product = mailing(recipients=[{"name": "ada", "slack": "nowhere"}])
    make(ledger, product, run(1), artifacts)
    for number in range(1, 5):
        with pytest.raises(UndeliveredError, match="there is no Airflow connection 'nowhere'"):
            deliver(ledger, product, run(number, days=number), artifacts, known())
    with pytest.raises(InputError, match="given_up"):
        deliver(ledger, product, run(5, days=5), artifacts, known())
    assert deliver(ledger, product, run(6, days=6), artifacts, known()) == {}


def test_slack_and_webhooks_get_what_they_can_show(ledger: Engine, artifacts: Artifacts) -> None:
    stage(ledger)

    def answer(asked: Asked) -> Reply:
        return Reply({}, 404 if asked.path == "/gone" else 200)

    with Server(answer).up() as server:
        to = {"allow_hosts": ["127.0.0.1"]}
        product = shop(team={"every": "weekly", "recipients": [
            {"name": "chat", "slack": "hook", "language": "ko", **to}, {"name": "bot", "webhook": "hook", **to}]})
        make(ledger, product, run(1), artifacts)
        assert deliver(ledger, product, run(1), artifacts, known(hook=f"{server.url}/team")) == {"sent": 2}
        chat, bot = sorted((asked.body for asked in server.asked), key=len)
        assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 2
    assert chat["text"].startswith("Tea shop: 지금의 문제") and chat["mrkdwn"] is False
    assert "<" not in chat["text"] and "&lt;script&gt;" in chat["text"]
    assert bot["numbers"] == rows.get(ledger, reports)[0]["numbers"]


def test_who_was_erased_is_erased_from_what_is_kept(ledger: Engine, artifacts: Artifacts) -> None:
    said = "My parcel lies in a blue van behind the old mill"
    rows.theme(ledger, "van", [run().at], name=said, text=said, author=author_hash("kim", b"key"), per_week=9.0)
    product = shop(team={"every": "weekly"})
    [(id, files)] = make(ledger, product, run(1), artifacts)["reports"].items()
    page, numbers = files["en"]["html"][0], f"{Path(files['en']['html'][0]).parent}/report.json"
    assert said in artifacts.read(page).decode() and said in artifacts.read(numbers).decode()
    erase(ledger, "shop", "kim", b"key", "ada", run().at)
    assert make(ledger, product, run(2, days=1), artifacts)["renewed"] == [id]
    assert "blue van" not in artifacts.read(page).decode() + artifacts.read(numbers).decode() + str(rows.get(ledger, reports))
    assert make(ledger, product, run(3, days=2), artifacts)["renewed"] == []


def prepare(engine: Engine, folder: Path) -> None:
    stage(engine)


def warm() -> None:
    from include.stakeholder_reporting import numbers, rendering  # noqa: F401 - what every run imports


def scenario(engine: Engine, folder: Path) -> Result:
    return make(engine, mailing(), run(1), Artifacts(str(folder / "artifacts")))


def test_a_kill_changes_nothing_that_is_made(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=8) > 6


def test_a_kill_at_any_point_sends_nothing_twice(migrated: Path, tmp_path: Path, post: tuple[Post, int]) -> None:
    handler, port = post
    start, path, artifacts = tmp_path / "start.db", tmp_path / "ledger.db", Artifacts(str(tmp_path / "artifacts"))
    shutil.copy(migrated, start)
    engine = connect(f"sqlite:///{start}")
    stage(engine)
    make(engine, mailing(), run(1), artifacts)
    engine.dispose()
    kills = 0
    for point in range(1, 200, 5):
        handler.mails.clear()
        shutil.copy(start, path)
        kills += (killed := _sent_in_a_process(path, port, point, tmp_path / "note", artifacts))
        engine = connect(f"sqlite:///{path}")
        with writing(engine) as connection:
            connection.exec_driver_sql("DELETE FROM leases")  # the dead process's, which would end by itself
        try:
            deliver(engine, mailing(), run(1), artifacts, known(port))
        except InputError as error:
            assert "unsure, it was cut off while it was sent" in str(error)  # shown, for nobody knows
        assert len(handler.told) == len(set(handler.told)), f"twice after a kill at {point}"
        assert set(statuses(engine).values()) <= {"sent", "unsure"}
        assert len(handler.told) >= list(statuses(engine).values()).count("sent")
        engine.dispose()
        if not killed:
            break
    assert kills > 3


def _sent_in_a_process(path: Path, port: int, point: int, note: Path, artifacts: Artifacts) -> bool:
    child = os.fork()
    if not child:
        try:
            engine = connect(f"sqlite:///{path}")
            _install(engine, point, note)
            deliver(engine, mailing(), run(1), artifacts, known(port))
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])
