import csv
import itertools
import json
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.errors import InputError
from include.key import Key
from include.ledger.engine import connect, upgrade
from include.ledger.runs import Result, Run
from include.ledger.tables import (
    cursors,
    events,
    intakes,
    phase_runs,
    quarantine,
    signals,
    theme_events,
    theme_voices,
    themes,
    voices,
)
from include.product import Product
from include.voc_aggregation.contract import Contract
from include.voc_aggregation.run import aggregate
from tests.conftest import NOW, SHARED
from tests.crash import dump, ledger_after_kills
from tests.rows import get, product, put

MAPPING = {"id": "id", "written_at": "at", "author": "who", "rating": "stars"}
COUPON = ["The coupon isn't applied at checkout", "쿠폰이 적용되지 않아요", "Coupon code SPRING does not work when I pay",
          "결제할 때 쿠폰 적용이 안 돼요"]
OTHER = ["Delivery took two weeks", "배송이 너무 늦어요", "the parcel arrived late", "I love this shop", "Search finds nothing"]


def shop(*sources: dict[str, Any]) -> Product:
    return product(voices={"sources": [{"format": "csv", "columns": MAPPING} | source for source in sources]})


def write(path: Path, texts: Iterable[str], first: int = 1, at: datetime = NOW) -> None:
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([["id", "text", "at", "who", "stars"]] if fresh else [])
        rows.writerows([number, text, (at - timedelta(days=number % 5 + 1)).isoformat(), "kim@example.com", ""]
                       for number, text in enumerate(texts, first))


def hear(engine: Engine, product: Product, artifacts: Artifacts, number: int = 1, day: int = 0) -> Result:
    run = Run("voc_aggregation", f"run{number}", Key(product.name), NOW + timedelta(days=day))
    return aggregate(engine, product, run, artifacts, b"secret")


def test_a_first_run(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    write(home / "a.csv", [*COUPON, *OTHER, "call 010-1234-5678"])
    result = hear(ledger, shop({"name": "a", "path": "a.csv"}), artifacts)
    assert result["publish"] == ["shop"]
    assert result["sources"]["a"] == {"read": 10, "stored": 10, "duplicates": 0, "quarantined": 0, "error": None}
    assert result["themes"] == {"all": 2, "created": 2, "grown": 0}
    texts = {row["text"] for row in get(ledger, voices)}
    assert "call [phone]" in texts
    assert {row["author"] for row in get(ledger, voices)} != {"kim@example.com"}
    coupon = max(get(ledger, themes), key=lambda row: row["size"])
    assert (coupon["size"], coupon["kind"], coupon["status"], coupon["per_week"]) == (4, "bug", "open", 1.0)
    assert coupon["name"] in COUPON
    quotes = [row["voice_id"] for row in get(ledger, theme_voices, theme_id=coupon["id"]) if row["quote"]]
    assert len(quotes) == 3
    assert {get(ledger, voices, id=voice)[0]["language"] for voice in quotes} == {"en", "ko"}
    assert [row["kind"] for row in get(ledger, theme_events)] == ["created", "created"]
    heard = [row["body"] for row in get(ledger, events) if "voice.heard" in row["type"]]
    assert [body["subject"]["content"]["stored"] for body in heard] == [10]
    evidence = json.loads(artifacts.read(result["evidence"]["a"]))
    assert evidence["rows"] == 10
    assert "kim" not in json.dumps(evidence)


def test_a_second_run_with_nothing_new_changes_and_publishes_nothing(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    write(home / "a.csv", COUPON + OTHER)
    put(ledger, signals, signal("slow"))
    source = shop({"name": "a", "path": "a.csv"})
    hear(ledger, source, artifacts)
    before = dump(ledger, {"intakes", "phase_runs", "leases"})
    again = hear(ledger, source, artifacts, 2, day=1)
    assert again["publish"] == []
    assert again["sources"]["a"]["read"] == 0
    assert dump(ledger, {"intakes", "phase_runs", "leases"}) == before
    assert {row["run_id"] for row in get(ledger, intakes, source="a")} == {"run1", "run2"}
    (home / "a.csv").touch()
    assert hear(ledger, source, artifacts, 3, day=2)["publish"] == []


def test_the_same_run_again_says_the_same(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    write(home / "a.csv", COUPON)
    source = shop({"name": "a", "path": "a.csv"})
    first = hear(ledger, source, artifacts)
    before = dump(ledger)
    write(home / "a.csv", OTHER, 50)
    assert hear(ledger, source, artifacts) == first
    assert dump(ledger) == before


def test_themes_keep_their_ids_and_a_resolved_one_its_status(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    write(home / "a.csv", COUPON + OTHER)
    source = shop({"name": "a", "path": "a.csv"})
    hear(ledger, source, artifacts)
    old = {row["id"]: row for row in get(ledger, themes)}
    coupon = max(old.values(), key=lambda row: row["size"])
    put(ledger, themes, coupon | {"status": "resolved"})
    later = ["my voucher is not accepted at checkout", "The coupon works now, thank you!", "쿠폰을 넣어도 할인이 안 되네요"]
    write(home / "a.csv", later, 50, NOW + timedelta(days=7))
    result = hear(ledger, source, artifacts, 2, day=7)
    assert result["publish"] == ["shop"]
    assert result["sources"]["a"] == {"read": 3, "stored": 3, "duplicates": 0, "quarantined": 0, "error": None}
    new = {row["id"]: row for row in get(ledger, themes)}
    assert new.keys() == old.keys()
    assert (new[coupon["id"]]["size"], new[coupon["id"]]["status"]) == (6, "resolved")
    assert new[coupon["id"]]["name"] == coupon["name"]
    assert new[coupon["id"]]["last_seen"] > coupon["last_seen"]
    before = 5 / 7  # weeks since the first voice
    assert new[coupon["id"]]["trend"] == round(2.5 / (4 / before + 0.5) - 1, 4)
    assert new[coupon["id"]]["trend_low"] < new[coupon["id"]]["trend"] < new[coupon["id"]]["trend_high"]
    assert new[coupon["id"]]["per_week_low"] < new[coupon["id"]]["per_week"] == 1.5 < new[coupon["id"]]["per_week_high"]
    for theme in new.values():
        joined = get(ledger, theme_voices, theme_id=theme["id"])
        assert len(joined) == theme["size"]
        assert 1 <= sum(row["quote"] for row in joined) <= 3


def test_a_theme_that_emerges_is_told_once_and_is_forgotten_when_it_is_usual(ledger: Engine, artifacts: Artifacts,
                                                                             home: Path) -> None:
    source = shop({"name": "a", "path": "a.csv"})
    numbers = itertools.count(1, 50)
    for day in range(0, 35, 5):  # dates are up to five days before
        write(home / "a.csv", [*OTHER, *COUPON[:1]], next(numbers), NOW + timedelta(days=day))
    assert hear(ledger, source, artifacts, 1, day=35)["emerging"] == []
    write(home / "a.csv", OTHER + [f"{text} ({number})" for number in range(4) for text in COUPON], next(numbers),
          NOW + timedelta(days=36))
    (theme,) = hear(ledger, source, artifacts, 2, day=36)["emerging"]
    assert get(ledger, themes, id=theme)[0]["name"].split(" (")[0] in COUPON
    assert get(ledger, themes, id=theme)[0]["emerging_since"] == NOW + timedelta(days=36)
    (event,) = get(ledger, theme_events, kind="emerging")
    assert (event["theme_id"], event["run_id"], event["detail"]["p"] < 0.02) == (theme, "run2", True)
    for number, day in ((3, 37), (4, 50)):
        write(home / "a.csv", OTHER, next(numbers), NOW + timedelta(days=day))
        assert hear(ledger, source, artifacts, number, day)["emerging"] == []
        assert (get(ledger, themes, id=theme)[0]["emerging_since"] is None) == (number == 4)


BAD = """id,text,at,who,stars
1,good one,2026-02-01,,5
2,two,many,fields,here,and,more
3,,2026-02-01,,
4,no date: mail me at a@example.com,soon,,
5,from tomorrow,2027-01-01,,
6,too many stars,2026-02-01,,9
7,no number of stars,2026-02-01,,five
1,the same again,2026-02-01,,5
8,"never closed,2026-02-01,,
9,good two,,,
"""


def test_bad_rows_are_set_aside_and_counted(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    content = BAD.encode() + b"10,\xff\xfe,2026-02-01,,\n11," + b"x" * 50_000_000 + b",2026-02-01,,\n12," + b"y" * 30_000
    (home / "a.csv").write_bytes(content + b",2026-02-01,,\n13,good three,2026-02-01,,\n")
    result = hear(ledger, shop({"name": "a", "path": "a.csv"}), artifacts)
    assert result["sources"]["a"] == {"read": 14, "stored": 3, "duplicates": 1, "quarantined": 10, "error": None}
    assert {row["text"] for row in get(ledger, voices)} == {"good one", "good two", "good three"}
    rows = {row["place"]: row for row in get(ledger, quarantine)}
    assert {place: row["reason"] for place, row in rows.items()} == {
        "line 3": "7 fields instead of 5", "line 4": "no text", "line 5": "the date can't be read",
        "line 6": "written in the future", "line 7": "rating outside 1 to 5",
        "line 8": "the rating is no number", "line 10": "malformed: unexpected end of data",
        "line 12": "not valid utf-8", "line 13": "line longer than 1,000,000 characters",
        "line 14": "text longer than 20,000 characters"}
    assert "mail me at [email]" in rows["line 5"]["row"]
    assert max(len(row["row"]) for row in rows.values()) == 2000
    again = hear(ledger, shop({"name": "a", "path": "a.csv"}), artifacts, 2)
    assert again["sources"]["a"]["read"] == 0


def test_one_broken_source_stops_no_other(ledger: Engine, artifacts: Artifacts, home: Path,
                                          caplog: pytest.LogCaptureFixture) -> None:
    write(home / "a.csv", COUPON)
    (home / "b.csv").write_text("number,comment\n1,a\n")
    (home / "c.parquet").write_text("no parquet")
    (home / "d.csv").mkdir()
    result = hear(ledger, shop(
        {"name": "a", "path": "a.csv"}, {"name": "b", "path": "b.csv"},
        {"name": "c", "path": "c.parquet", "format": "parquet"}, {"name": "d", "path": "d.csv"},
        {"name": "e", "path": "e.csv"}, {"name": "f", "path": "f.csv", "missing_ok": True}), artifacts)
    assert result["publish"] == ["shop"]
    errors = {row["source"]: row["error"] for row in get(ledger, intakes)}
    assert errors["a"] is errors["f"] is errors["operations"] is None
    expected = {"b": "no column 'text'", "c": "cannot be read as parquet", "d": "directory", "e": "no such file"}
    for source, says in expected.items():
        assert says in errors[source]
        assert str(home / source) in errors[source]
        assert f"source {source} failed" in caplog.text


def test_when_all_sources_fail_it_says_so_each_time(ledger: Engine, artifacts: Artifacts) -> None:
    source = shop({"name": "a", "path": "a.csv"}, {"name": "b", "path": "b.csv"})
    for _ in range(2):
        with pytest.raises(InputError, match=r"a\.csv: no such file\n.*b\.csv: no such file"):
            hear(ledger, source, artifacts)
    assert len(get(ledger, intakes)) == 3
    assert len(get(ledger, phase_runs)) == 1


def test_no_source_and_an_absent_file_that_may_be_absent_are_silence(ledger: Engine, artifacts: Artifacts) -> None:
    assert hear(ledger, shop(), artifacts)["publish"] == []
    assert hear(ledger, shop({"name": "a", "path": "a.csv", "missing_ok": True}), artifacts, 2)["publish"] == []


def test_another_mapping_reads_the_file_again(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    write(home / "a.csv", COUPON)
    hear(ledger, shop({"name": "a", "path": "a.csv"}), artifacts)
    result = hear(ledger, shop({"name": "a", "path": "a.csv", "columns": MAPPING | {"id": None}}), artifacts, 2)
    assert result["sources"]["a"]["stored"] == len(COUPON)
    assert len(get(ledger, cursors)) == 2


def signal(fingerprint: str, **fields: Any) -> dict[str, Any]:
    return {"fingerprint": fingerprint, "product": "shop", "kind": "slo_burn", "severity": "high",
            "title": f"{fingerprint}: the error budget burns 14 times too fast at 10.0.0.1", "detail": {}, "status": "open",
            "release": "shop|1.0.0", "first_at": NOW - timedelta(hours=1), "last_at": NOW} | fields


def test_signals_are_voices_once_for_each_time_they_open(ledger: Engine, artifacts: Artifacts) -> None:
    put(ledger, signals, signal("errors"), signal("slow", status="resolved"), signal("other", product="tea"))
    first = hear(ledger, shop(), artifacts)
    assert first["publish"] == ["shop"]
    assert first["sources"]["operations"] == {"read": 1, "stored": 1, "duplicates": 0, "quarantined": 0, "error": None}
    (voice,), (theme,) = get(ledger, voices), get(ledger, themes)
    assert (voice["origin"], voice["source"]) == ("operation", "operations")
    assert voice["text"].endswith("too fast at [ip]")
    assert (theme["kind"], theme["size"], theme["per_week"]) == ("operation", 1, 0.25)
    assert theme["name"].startswith("Errors: the error budget burns")
    assert [row["quote"] for row in get(ledger, theme_voices)] == [True]
    assert hear(ledger, shop(), artifacts, 2)["publish"] == []
    put(ledger, signals, signal("errors", first_at=NOW + timedelta(days=1)))
    assert hear(ledger, shop(), artifacts, 3, day=2)["publish"] == ["shop"]
    assert [(row["id"], row["size"]) for row in get(ledger, themes)] == [(theme["id"], 2)]


FIELD = st.sampled_from(["1", "2", "쿠폰 안 돼요", "2026-02-01", "", '"', 'a "b" c', "5"])
ROW = st.lists(FIELD | st.text(max_size=8), max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, max_size=12), st.sampled_from([",", "\n", '"', ""]))
def test_counts_add_up_whatever_a_file_holds(ledger: Engine, artifacts: Artifacts, home: Path, rows: list[list[str]],
                                             end: str) -> None:
    runs = itertools.count(len(get(ledger, phase_runs)) + 1)
    content = "id,text,at,who,stars\n" + "\n".join(",".join(row) for row in rows) + end
    (home / "a.csv").write_text(content, "utf-8", "surrogatepass")
    before = len(get(ledger, voices))
    counts = hear(ledger, shop({"name": "a", "path": "a.csv"}), artifacts, next(runs))["sources"]["a"]
    assert counts["error"] is None
    assert counts["read"] == counts["stored"] + counts["duplicates"] + counts["quarantined"]
    assert len(get(ledger, voices)) - before == counts["stored"]


@pytest.mark.shared
def test_real_reports_and_reviews(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    """All of gitbugs-hadoop and the first 20,000 reviews of nsmc-ko-dev: what goes in is stored, a duplicate or set aside."""
    lines = (SHARED / "data/nsmc-ko-dev/reviews.tsv").read_text("utf-8").splitlines(keepends=True)
    (home / "reviews.tsv").write_text("".join(lines[:20_001]), "utf-8")
    both = shop(
        {"name": "reports", "path": str(SHARED / "data/gitbugs-hadoop/hadoop_bugs.csv"),
         "columns": {"text": ["Summary", "Description"], "id": "Issue id", "written_at": "Created"}},
        {"name": "reviews", "path": "reviews.tsv", "format": "tsv", "rating_scale": [1, 10],
         "columns": {"text": "document", "id": "review_id", "written_at": "date", "rating": "rating"}})
    result = hear(ledger, both, artifacts)
    assert result["sources"]["reports"] == {"read": 2503, "stored": 2492, "duplicates": 0, "quarantined": 11, "error": None}
    assert result["sources"]["reviews"] == {"read": 20_000, "stored": 20_000, "duplicates": 0, "quarantined": 0, "error": None}
    assert 50 <= result["themes"]["created"] <= 200
    again = hear(ledger, both, artifacts, 2, day=1)
    assert again["publish"] == []


def prepare(engine: Engine, folder: Path) -> None:
    write(folder / "a.csv", COUPON + OTHER)
    (folder / "b.csv").write_text(BAD)
    crash(engine, folder, "run1")
    put(engine, signals, signal("errors"))
    write(folder / "a.csv", ["my voucher is not accepted at checkout", "Search results are wrong", "검색이 안돼요"], 50)


def crash(engine: Engine, folder: Path, run_id: str) -> Result:
    source = shop({"name": "a", "path": str(folder / "a.csv")}, {"name": "b", "path": str(folder / "b.csv")},
                  {"name": "c", "path": str(folder / "c.csv"), "missing_ok": True})
    run = Run("voc_aggregation", run_id, Key("shop"), NOW)
    return aggregate(engine, source, run, Artifacts(str(folder / "artifacts")), b"secret")


def scenario(engine: Engine, folder: Path) -> Result:
    return crash(engine, folder, "run2")


def warm() -> None:
    Contract((1, 5), NOW)


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=12) == 12


def test_one_process_or_two_write_the_same(ledger: Engine, artifacts: Artifacts, home: Path, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    things = ("coupon", "delivery", "search", "쿠폰", "배송", "검색")
    troubles = ("fails", "is slow", "안 돼요", "느려요", "fine")
    write(home / "a.csv", [f"{thing} {trouble} {number}" for number in range(400) for thing in things for trouble in troubles])
    source = shop({"name": "a", "path": "a.csv"})
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    two = hear(ledger, source, artifacts)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    upgrade(url := f"sqlite:///{tmp_path / 'one.db'}")
    alone = connect(url)
    assert hear(alone, source, artifacts) == two
    assert two["voices"] == 12_000
    assert dump(alone) == dump(ledger)
    alone.dispose()
