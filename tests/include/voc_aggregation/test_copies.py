import csv
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.key import Key
from include.ledger.engine import reading
from include.ledger.runs import Result, Run
from include.ledger.tables import theme_voices, themes, voices
from include.privacy.erasure import erase
from include.story_writing.themes import themes_of
from include.voc_aggregation.copies import LEAST, copies, sketches
from include.voc_aggregation.features import counts
from include.voc_aggregation.run import aggregate
from tests.conftest import NOW
from tests.rows import get, product

COMPLAINT = ("The coupon SPRING was refused at checkout yesterday, so I paid the full price for my green tea order, and your "
             "support team never answered my mails about the refund")
KOREAN = "어제 결제 화면에서 봄맞이 쿠폰이 적용되지 않아서 녹차 주문을 정가로 결제했는데 환불 문의 메일에 아무도 답하지 않습니다"
COPIES = [f"RT @teafan: {COMPLAINT}!!", COMPLAINT.upper(), f"{COMPLAINT} https://example.com/1 @teashop"]
OTHERS = ["The coupon AUTUMN was refused at checkout, I tried three cards and two browsers before the page told me that it ended",
          "My coupon fails at checkout", "Coupons fail at checkout"]


def hear(engine: Engine, folder: Path, day: int, *texts: str) -> Result:
    with (folder / f"{day}.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "id", "author", "at"], *(
            [text, f"{day}-{number}", f"author {day} {number}", (NOW + timedelta(days=day, minutes=number)).isoformat()]
            for number, text in enumerate(texts))])
    source = {"name": f"s{day}", "path": str(folder / f"{day}.csv"), "format": "csv",
              "columns": {"text": "text", "id": "id", "author": "author", "written_at": "at"}}
    run = Run("voc_aggregation", f"run{day}", Key("shop"), NOW + timedelta(days=day + 1))
    return aggregate(engine, product(voices={"sources": [source]}), run, Artifacts(str(folder / "artifacts")), b"secret")


def test_copies_are_voices_but_neither_people_nor_quotes(ledger: Engine, tmp_path: Path) -> None:
    assert hear(ledger, tmp_path, 0, COMPLAINT, *COPIES[:2], *OTHERS)["copies"] == 2
    assert hear(ledger, tmp_path, 1, COPIES[2], KOREAN, KOREAN)["copies"] == 2
    first, korean = get(ledger, voices, external_id="0-0")[0]["id"], get(ledger, voices, external_id="1-1")[0]["id"]
    assert {row["external_id"]: row["duplicate_of"] for row in get(ledger, voices) if row["duplicate_of"]} == {
        "0-1": first, "0-2": first, "1-0": first, "1-2": korean}
    theme = max(get(ledger, themes), key=lambda row: row["size"])
    members = get(ledger, theme_voices, theme_id=theme["id"])
    copied = {row["id"] for row in get(ledger, voices) if row["duplicate_of"]}
    own = [row["voice_id"] for row in members if row["voice_id"] not in copied]
    assert theme["size"] == len(members) > len(own) + 2
    assert {row["voice_id"] for row in members if row["quote"]} <= set(own)
    with reading(ledger) as connection:
        told = themes_of(connection, product(), Run("story_writing", "1", Key("shop"), NOW + timedelta(days=3)))
    evidence = next(one.evidence for one in told if one.id == theme["id"])
    assert (evidence.voices, evidence.people) == (len(members), len(own))


def test_an_erased_voice_ties_none(ledger: Engine, tmp_path: Path) -> None:
    hear(ledger, tmp_path, 0, COMPLAINT)
    assert get(ledger, voices)[0]["sketch"] is not None
    erase(ledger, "shop", "author 0 0", b"secret", "kim", NOW)
    assert get(ledger, voices)[0]["sketch"] is None
    assert hear(ledger, tmp_path, 1, COPIES[0])["copies"] == 0


def test_short_texts_are_nobodys_copies(ledger: Engine) -> None:
    texts = ["The app crashes", "The app crashes", "쿠폰이 안 돼요", "쿠폰이 안 돼요", ""]
    found = copies(ledger, "shop", ["a", "b", "c", "d", "e"], [NOW] * 5, [counts(texts)])
    assert (found.of, found.sketch) == ({}, {})
    assert copies(ledger, "shop", [], [], []).of == {}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.permutations(range(12)))
def test_what_is_tied_follows_from_the_voices_not_from_their_order(picked: list[int], order: list[int]) -> None:
    """And a copy is never tied to another copy."""
    from sqlalchemy import create_engine

    from include.ledger.tables import metadata

    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    texts = [f"{COMPLAINT} {number % 3} " + "and again the teapot " * (number % 5) for number in picked]
    rows = [place for place in order if place < len(texts)]
    found = copies(engine, "shop", [f"v{row:02d}" for row in rows], [NOW] * len(rows), [counts(texts[row] for row in rows)])
    straight = copies(engine, "shop", [f"v{row:02d}" for row in range(len(texts))], [NOW] * len(texts), [counts(texts)])
    assert found == straight
    assert not set(found.of) & set(found.of.values())


def test_sketches_of_equal_texts_are_equal_and_of_few_columns_none() -> None:
    found = sketches(counts([COMPLAINT, COMPLAINT.lower() + ".", KOREAN, "short"]))
    assert found[0].tolist() == found[1].tolist() != found[2].tolist()
    assert found[3].tolist() == [0] * 3
    assert counts([COMPLAINT]).nnz >= LEAST
