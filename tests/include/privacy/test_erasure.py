import csv
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.connection import Connection
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import (
    contacts,
    erasures,
    inbox,
    intakes,
    labels,
    quarantine,
    stories,
    suggestions,
    theme_voices,
    themes,
    tickets,
    voices,
)
from include.privacy.__main__ import main
from include.privacy.erasure import erase, retain_now
from include.product import Product
from include.redaction import author_hash
from include.scope_planning.run import propose
from include.story_writing.run import write as write_stories
from include.voc_aggregation.contract import Contract
from include.voc_aggregation.labels import Label, record
from include.voc_aggregation.run import aggregate
from tests.conftest import NOW
from tests.crash import dump, ledger_after_kills
from tests.rows import get, product, put

KEY = b"author secret"
COLUMNS = {"id": "id", "written_at": "at", "author": "who", "rating": "stars", "contact": "mail", "consent": "ok"}
CANARY, MAIL, PHONE = "Zebedee Quillfeather", "zebedee@canary.example", "010-0987-6543"
HIS = [f"My order never came, write to {MAIL} or call {PHONE}. The parcel from the blue van is lost somewhere",
       f"The parcel never came: the van with my zeppelin order was lost, call {PHONE}"]
OTHERS = ["My parcel never came, the order is lost", "The order never came and the parcel is lost again",
          "Lost parcel: my order never came", "I love this shop", "Search finds nothing at all"]
Row = list[str]


def rows_of(texts: list[str], who: str, first: int, stars: str = "1") -> list[Row]:
    mail = f"{who.split()[0]}@canary.example"
    return [[str(number), text, (NOW - timedelta(days=number % 5 + 1)).isoformat(), who, stars, mail, "yes"]
            for number, text in enumerate(texts, first)]


def write(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "text", "at", "who", "stars", "mail", "ok"], *rows])


def planted(path: Path) -> None:
    """Six voices about one trouble, two of them the canary's, whose words are nearest to the middle; and bad rows of his."""
    others = [row for number, text in enumerate(OTHERS) for row in rows_of([text], f"Person{number}", 100 + number)]
    bad = rows_of([f"rated wrongly by {MAIL}"], CANARY, 900, "eleven")
    write(path, rows_of(HIS, CANARY, 1) + others + bad + [["901", f"too short a row of {CANARY}, {PHONE}"]])


def shop(path: Path, **more: Any) -> Product:
    return product(voices={"min_theme_size": 3, "sources": [
        {"name": "form", "format": "csv", "path": str(path), "columns": COLUMNS}]} | more)


def turn(engine: Engine, shop: Product, folder: Path, number: int = 1, at: datetime = NOW) -> Result:
    """Three phases, from the source to a proposed scope."""
    artifacts = Artifacts(str(folder / "artifacts"))
    heard = aggregate(engine, shop, Run("voc_aggregation", f"run{number}", Key("shop"), at), artifacts, KEY,
                      lambda _: Connection("generic", password="contact secret"))
    write_stories(engine, shop, Run("story_writing", f"run{number}", Key("shop"), at))
    propose(engine, shop, Run("scope_planning", f"run{number}", Key("shop"), at))
    return heard


def everywhere(engine: Engine, folder: Path) -> str:
    """Every row of every table, and every artifact, as text."""
    files = [path.read_text("utf-8", "replace") for path in (folder / "artifacts").rglob("*") if path.is_file()]
    return json.dumps(dump(engine, ignore=()), ensure_ascii=False) + "\n".join(files)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "form.csv"
    planted(path)
    return path


def test_a_canary_is_redacted_before_its_erasure_and_nowhere_after(ledger: Engine, tmp_path: Path, source: Path,
                                                                   caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        turn(ledger, shop(source), tmp_path)
    kept = everywhere(ledger, tmp_path)
    assert "zeppelin" in kept
    assert not any(secret in kept for secret in (MAIL, PHONE, "0987"))
    assert kept.count(CANARY) == 1  # in the row that could not be read, where no column says that it is a name
    named = {row["name"] for row in get(ledger, themes)}
    counts = erase(ledger, "shop", CANARY, KEY, "dpo@shop.example", NOW + timedelta(days=1))
    assert {"voices": 2, "quarantine": 2, "contacts": 1}.items() <= counts.items()
    left = everywhere(ledger, tmp_path)
    for trace in (CANARY, "Quillfeather", "zeppelin", "blue van", MAIL, PHONE):
        assert trace not in left
    assert named  # there was a theme to look at


def test_counts_stay_and_themes_get_other_words(ledger: Engine, tmp_path: Path, source: Path) -> None:
    turn(ledger, shop(source), tmp_path)
    [theme] = [row for row in get(ledger, themes) if row["size"] >= 5]
    his = {row["id"] for row in get(ledger, voices) if row["external_id"] in ("1", "2")}
    put(ledger, labels, {"voice_id": min(his), "field": "kind", "product": "shop", "label": "bug", "text": HIS[1], "who": "ann",
                         "at": NOW})
    sentence = "The parcel never came: the van with my zeppelin order was lost"
    put(ledger, themes, theme | {"name": sentence})
    [story] = [row for row in get(ledger, stories) if row["title"]]
    put(ledger, stories, story | {"title": f"Fix: {sentence}", "reason": f"so that “{sentence[:40]}…” is over"})
    before = dump(ledger)
    erase(ledger, "shop", CANARY, KEY, "dpo", NOW + timedelta(days=1))
    after = dump(ledger)
    for table in ("voices", "theme_voices", "intakes", "quarantine", "stories", "scopes", "scope_items", "phase_runs"):
        assert len(after[table]) == len(before[table])
    stones = {row["id"]: row for row in after["voices"] if row["erased_at"]}
    assert stones.keys() == his
    assert all((row["text"], row["author"], row["external_id"]) == ("", None, None) for row in stones.values())
    [renamed] = [row for row in get(ledger, themes) if row["id"] == theme["id"]]
    assert renamed["size"] == theme["size"]
    assert renamed["name"] in OTHERS
    [story] = [row for row in get(ledger, stories) if row["id"] == story["id"]]
    assert story["title"] == f"Fix: {renamed['name']}"
    assert "zeppelin" not in story["reason"]
    quotes = {row["voice_id"] for row in get(ledger, theme_voices) if row["quote"] and row["theme_id"] == theme["id"]}
    assert len(quotes) == 3
    assert not quotes & his
    assert [row["text"] for row in get(ledger, labels)] == [None]


def test_texts_that_were_labelled_go_with_their_author(ledger: Engine, tmp_path: Path, source: Path) -> None:
    """By the author that the file named, by the name within, and by what they share with an erased voice; the labels stay."""
    turn(ledger, shop(source), tmp_path)
    given = [Label("kind", "bug", text="Nothing of this is in the ledger", author=CANARY), Label("kind", "bug", text=HIS[1]),
             Label("kind", "bug", text=f"then {CANARY} sent it back"), Label("kind", "bug", text="Other words")]
    record(ledger, "shop", given, "ann", NOW, KEY)
    assert CANARY not in {row["author"] for row in get(ledger, labels)}
    counts = erase(ledger, "shop", CANARY, KEY, "dpo", NOW + timedelta(days=1))
    assert counts["labels"] == 3
    assert sorted(row["text"] or "" for row in get(ledger, labels)) == ["", "", "", "Other words"]
    assert [row["author"] for row in get(ledger, labels)] == [None] * 4


def test_the_loop_rests_after_an_erasure(ledger: Engine, tmp_path: Path, source: Path) -> None:
    """Who was counted still is: an erased author as one person, and no story is told anew."""
    turn(ledger, shop(source), tmp_path)
    before = {row["id"]: row["evidence"] for row in get(ledger, stories)}
    erase(ledger, "shop", CANARY, KEY, "dpo", NOW)
    told = write_stories(ledger, shop(source), Run("story_writing", "run2", Key("shop"), NOW))
    assert (told["created"], told["changed"], told["dropped"], told["publish"]) == ([], [], [], [])
    for row in get(ledger, stories):
        for figure in ("voices", "authors", "people"):
            assert row["evidence"][figure] == before[row["id"]][figure]


def test_tickets_and_what_waits_go_too(ledger: Engine) -> None:
    """His ticket, the answers suggested from it and to it, and what waits in the inbox; another's ticket stays."""
    his, other = author_hash(CANARY, KEY), author_hash("Ann", KEY)
    put(ledger, tickets, *(ticket(name, author) for name, author in (("t1", his), ("t2", other))))
    put(ledger, suggestions, *({"ticket_id": to, "kind": "ticket", "source_id": of, "rank": 1, "score": 1.0, "text": "zeppelin",
                                "status": "proposed", "at": NOW} for to, of in (("t1", "t9"), ("t2", "t1"), ("t2", "t8"))))
    put(ledger, inbox, *({"id": f"i{author}", "product": "shop", "external_id": None, "text": "zeppelin", "rating": None,
                          "author": author, "written_at": NOW.isoformat(), "language": None, "received_at": NOW, "taken_by": None}
                         for author in (his, other)))
    counts = erase(ledger, "shop", CANARY, KEY, "dpo", NOW)
    assert {"tickets": 1, "inbox": 1}.items() <= counts.items()
    [gone, kept] = get(ledger, tickets)
    assert (gone["subject"], gone["body"], gone["answer"], gone["author"], gone["erased_at"]) == ("", "", None, None, NOW)
    assert (gone["category"], gone["status"]) == ("delivery", "resolved")
    assert kept["body"] == "My order is in another van"
    assert [row["text"] for row in get(ledger, suggestions)] == ["", "", "zeppelin"]
    assert [row["author"] for row in get(ledger, inbox)] == [other]


def ticket(name: str, author: str) -> dict[str, Any]:
    body = "The zeppelin order of mine is lost" if name == "t1" else "My order is in another van"
    word = {"product": "shop", "source": "desk", "external_id": name, "language": "en", "status": "resolved",
            "priority": "normal", "urgency": "normal", "category": "delivery", "area": None, "team": None, "triage": "model",
            "voice_id": f"v{name}"}
    times = dict.fromkeys(("created_at", "updated_at", "heard_at", "resolved_at"), NOW)
    return word | times | {"id": name, "subject": body[:20], "body": body, "answer": "Dear Zebedee", "author": author}


def test_it_is_recorded_once_without_saying_whose_it_was(ledger: Engine, tmp_path: Path, source: Path) -> None:
    turn(ledger, shop(source), tmp_path)
    person = next(row["author"] for row in get(ledger, voices) if row["external_id"] == "1")
    counts = erase(ledger, "shop", CANARY, KEY, "dpo", NOW)
    [row] = get(ledger, erasures)
    assert (row["kind"], row["asked_by"], row["at"], row["rows"]) == ("author", "dpo", NOW, counts)
    assert person not in everywhere(ledger, tmp_path)
    before = dump(ledger)
    assert erase(ledger, "shop", CANARY, KEY, "dpo", NOW + timedelta(days=1)) == {}
    assert erase(ledger, "shop", "Nobody", KEY, "dpo", NOW) == {}
    assert dump(ledger) == before


def test_another_reading_of_the_source_brings_nothing_back(ledger: Engine, tmp_path: Path, source: Path) -> None:
    turn(ledger, shop(source), tmp_path)
    erase(ledger, "shop", CANARY, KEY, "dpo", NOW)
    source.write_text("\n".join(source.read_text("utf-8").splitlines()) + "\n\n", "utf-8")  # another file with the same rows
    heard = turn(ledger, shop(source), tmp_path, 2, NOW + timedelta(days=1))
    assert heard["sources"]["form"] == {"read": 9, "stored": 0, "duplicates": 7, "quarantined": 2, "error": None}
    left = everywhere(ledger, tmp_path)
    assert not any(trace in left for trace in (CANARY, "zeppelin", "blue van"))


def test_the_rest_of_the_product_and_other_products_stay(ledger: Engine, tmp_path: Path, source: Path) -> None:
    turn(ledger, shop(source), tmp_path)
    put(ledger, voices, next(iter(get(ledger, voices))) | {"id": "else", "product": "other", "text": "zeppelin"})
    erase(ledger, "shop", CANARY, KEY, "dpo", NOW)
    texts = [row["text"] for row in get(ledger, voices) if row["text"]]
    assert sorted(texts) == sorted([*OTHERS, "zeppelin"])
    assert len(get(ledger, contacts)) == len(OTHERS)


def test_retention_erases_what_is_old_and_counts_stay(ledger: Engine, tmp_path: Path, source: Path) -> None:
    turn(ledger, shop(source), tmp_path)
    sizes = {row["id"]: row["size"] for row in get(ledger, themes)}
    later = NOW + timedelta(days=40)
    kept = shop(source, retention_days=30)
    result = turn(ledger, kept, tmp_path, 2, later)
    assert result["erased"]["voices"] == 7
    assert {row["text"] for row in get(ledger, voices)} == {""}
    assert {row["id"]: row["size"] for row in get(ledger, themes)} == sizes
    assert all(row["name"].startswith("Theme ") for row in get(ledger, themes))
    assert sum(row["stored"] for row in get(ledger, intakes)) == 7
    assert {row["row"] for row in get(ledger, quarantine)} == {""}
    [record] = get(ledger, erasures)
    assert (record["kind"], record["asked_by"], record["rows"]) == ("retention", "retention of 30 days", result["erased"])
    left = everywhere(ledger, tmp_path)
    assert not any(text in left for text in (*OTHERS[:3], "zeppelin", CANARY))
    before = dump(ledger)
    assert retain_now(ledger, kept, later) == {}
    assert retain_now(ledger, shop(source), later) == {}
    assert dump(ledger) == before


def test_what_is_young_stays(ledger: Engine, tmp_path: Path, source: Path) -> None:
    result = turn(ledger, shop(source, retention_days=30), tmp_path)
    assert result["erased"] == {}
    assert get(ledger, erasures) == []


def test_the_command_line(home: Path, migrated: Path, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch,
                          capsys: pytest.CaptureFixture[str], sqlite_ledger: Engine) -> None:
    turn(sqlite_ledger, shop(source), tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_AUTHOR_KEY", json.dumps({"conn_type": "generic", "password": KEY.decode()}))
    where = ["--product", "shop", "--author", CANARY, "--ledger", str(sqlite_ledger.url)]
    main(["withdraw", *where])
    main(["erase", *where, "--by", "dpo"])
    withdrawn, erased = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert withdrawn == {"contacts": 1}
    assert erased["voices"] == 2
    with pytest.raises(SystemExit):
        main(["erase", *where])


def test_no_log_says_what_a_row_says(ledger: Engine, tmp_path: Path, source: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        turn(ledger, shop(source), tmp_path)
    ours = [record.getMessage() for record in caplog.records]
    assert any("rows read" in message for message in ours)
    for text in (CANARY, MAIL, PHONE, "0987", "zeppelin", "rated wrongly", "too short a row", "eleven", "never came"):
        assert not any(text in message for message in ours), text


def _prepared(engine: Engine, folder: Path) -> Iterator[Result]:
    planted(folder / "form.csv")
    yield turn(engine, shop(folder / "form.csv"), folder)


def prepare(engine: Engine, folder: Path) -> None:
    next(_prepared(engine, folder))


def scenario(engine: Engine, _: Path) -> dict[str, int]:
    erase(engine, "shop", CANARY, KEY, "dpo", NOW)
    return {row["kind"]: row["rows"] for row in get(engine, erasures)}


def retention(engine: Engine, folder: Path) -> Result:
    return turn(engine, shop(folder / "form.csv", retention_days=30), folder, 2, NOW + timedelta(days=40))


def warm() -> None:
    Contract((1, 5), NOW)


@pytest.mark.parametrize("what", ["scenario", "retention"])
def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path, what: str) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:{what}", at_most=8) == 8
