import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from bench.themes import nights, queries
from include.artifacts import Artifacts
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import theme_events, theme_voices, themes, voices
from include.voc_aggregation import corrections
from include.voc_aggregation.run import aggregate
from tests.conftest import NOW
from tests.crash import dump, ledger_after_kills
from tests.rows import get, theme
from tests.rows import product as product_named

COUPON = ["The coupon isn't applied at checkout", "쿠폰이 적용되지 않아요", "Coupon code SPRING does not work when I pay",
          "결제할 때 쿠폰 적용이 안 돼요", "My discount code was rejected when paying"]
DELIVERY = ["Delivery took two weeks", "배송이 너무 늦어요", "the parcel arrived late"]
SEARCH = ["Search finds nothing", "검색이 안돼요", "Search results are wrong", "검색 결과가 이상해요"]
COLUMNS = {"text": "text", "id": "id", "written_at": "at"}
night = itertools.count(1)


def hear(engine: Engine, folder: Path, *texts: str) -> Result:
    number = next(night)
    path = folder / "voices.csv"
    with path.open("a", encoding="utf-8") as file:
        if not file.tell():
            file.write("id,text,at\n")
        file.writelines(f'{number}-{place},"{text}",{NOW.isoformat()}\n' for place, text in enumerate(texts))
    source = {"name": "a", "path": str(path), "format": "csv", "columns": COLUMNS}
    run = Run("voc_aggregation", f"night {number}", Key("shop"), NOW + timedelta(hours=number))
    return aggregate(engine, product_named(voices={"sources": [source]}), run, Artifacts(str(folder / "artifacts")), b"k")


def correct(what: Callable[..., Result], engine: Engine, *arguments: Any, **named: Any) -> Result:
    number = next(night)
    run = Run("correct_voices", f"by hand {number}", Key("shop"), NOW + timedelta(hours=number))
    return what(engine, run, "kim", *arguments, **named)


def about(engine: Engine, texts: list[str]) -> str:
    """The living theme that holds the voice of the first of `texts`."""
    (voice,) = [row["id"] for row in get(engine, voices) if row["text"] == texts[0]]
    (row,) = get(engine, theme_voices, voice_id=voice)
    return str(row["theme_id"])


def held(engine: Engine, theme_id: str) -> set[str]:
    texts = {row["id"]: row["text"] for row in get(engine, voices)}
    return {texts[row["voice_id"]] for row in get(engine, theme_voices, theme_id=theme_id)}


def check(engine: Engine) -> None:
    """What holds whatever was corrected: sizes and quotes fit, merged themes are empty, no voice is lost."""
    rows = {row["id"]: row for row in get(engine, themes)}
    ties = get(engine, theme_voices)
    assert len({row["voice_id"] for row in ties}) == len(ties)
    for row in rows.values():
        members = [tie for tie in ties if tie["theme_id"] == row["id"]]
        assert row["size"] == len(members)
        assert (row["status"] == "merged") == bool(row["merged_into"])
        assert bool(members) != bool(row["merged_into"])
        assert min(3, len(members)) >= sum(tie["quote"] for tie in members) >= (1 if members else 0)
        assert all(tie["home"] != tie["theme_id"] for tie in members)


def test_a_merge_holds_through_the_night_and_comes_back_with_its_own_voices(ledger: Engine, tmp_path: Path) -> None:
    hear(ledger, tmp_path, *COUPON, *DELIVERY, *SEARCH)
    coupon, delivery, search = (about(ledger, texts) for texts in (COUPON, DELIVERY, SEARCH))
    result = correct(corrections.merge, ledger, [delivery, coupon])
    assert (result["publish"], result["themes"]) == (["shop"], [coupon, delivery])
    check(ledger)
    assert held(ledger, coupon) == {*COUPON, *DELIVERY}
    late, voucher = "택배가 아직도 안 와요 배송 지연", "my voucher is not accepted at checkout"
    hear(ledger, tmp_path, late, voucher)
    check(ledger)
    assert held(ledger, coupon) == {*COUPON, *DELIVERY, late, voucher}
    correct(corrections.merge, ledger, [coupon, search], into=search)
    check(ledger)
    assert len(held(ledger, search)) == 14
    assert correct(corrections.undo, ledger, delivery)["themes"] == [delivery, search]
    check(ledger)
    assert held(ledger, delivery) == {*DELIVERY, late}
    correct(corrections.undo, ledger, coupon)
    check(ledger)
    assert (held(ledger, coupon), held(ledger, search)) == ({*COUPON, voucher}, {*SEARCH})
    assert [(row["theme_id"], row["kind"]) for row in sorted(get(ledger, theme_events), key=lambda row: row["at"])][3:] == [
        (delivery, "merged"), (coupon, "merged"), (delivery, "undone"), (coupon, "undone")]
    with pytest.raises(InputError, match="nothing of theme"):
        correct(corrections.undo, ledger, coupon)


def test_a_split_stays_split_and_can_be_taken_back(ledger: Engine, tmp_path: Path) -> None:
    hear(ledger, tmp_path, *COUPON, *DELIVERY)
    coupon, delivery = about(ledger, COUPON), about(ledger, DELIVERY)
    correct(corrections.merge, ledger, [coupon, delivery])
    new = correct(corrections.split, ledger, coupon, words="배송")["themes"][0]
    check(ledger)
    assert held(ledger, new) == {"배송이 너무 늦어요"}
    assert get(ledger, themes, id=new)[0]["name"] == "배송이 너무 늦어요"
    hear(ledger, tmp_path, "배송이 너무 늦어요!!", "쿠폰이 적용되지 않네요")
    check(ledger)
    assert "배송이 너무 늦어요!!" in held(ledger, new)
    correct(corrections.undo, ledger, new)
    check(ledger)
    assert len(held(ledger, coupon)) == 10
    correct(corrections.undo, ledger, delivery)
    check(ledger)
    assert held(ledger, delivery) == {*DELIVERY}
    again = correct(corrections.split, ledger, coupon, words="쿠폰", name="쿠폰 (한국어)")["themes"][0]
    assert again != new
    assert get(ledger, themes, id=again)[0]["name"] == "쿠폰 (한국어)"


def test_what_was_split_off_goes_back_even_where_its_home_is_free_again(ledger: Engine, tmp_path: Path) -> None:
    hear(ledger, tmp_path, *COUPON, *DELIVERY)
    coupon, delivery = about(ledger, COUPON), about(ledger, DELIVERY)
    correct(corrections.merge, ledger, [coupon, delivery], into=coupon)
    new = correct(corrections.split, ledger, coupon, words="배송")["themes"][0]
    correct(corrections.undo, ledger, delivery)
    assert held(ledger, delivery) == {*DELIVERY} - {"배송이 너무 늦어요"}
    with pytest.raises(InputError, match=r"was merged into .*: correct that one"):
        correct(corrections.merge, ledger, [new, delivery], into=delivery)
        correct(corrections.merge, ledger, [new, coupon])
    correct(corrections.undo, ledger, new)
    correct(corrections.undo, ledger, new)
    check(ledger)
    assert (held(ledger, delivery), held(ledger, coupon)) == ({*DELIVERY}, {*COUPON})


def test_a_name_stays_until_it_is_taken_back(ledger: Engine, tmp_path: Path) -> None:
    hear(ledger, tmp_path, *COUPON)
    coupon = about(ledger, COUPON)
    first = get(ledger, themes)[0]["name"]
    correct(corrections.rename, ledger, coupon, " Coupons <b>fail</b> ")
    correct(corrections.rename, ledger, coupon, "Coupons")
    hear(ledger, tmp_path, "my voucher is not accepted at checkout")
    assert get(ledger, themes)[0]["name"] == "Coupons"
    correct(corrections.undo, ledger, coupon)
    correct(corrections.undo, ledger, coupon)
    assert get(ledger, themes)[0]["name"] == first


@pytest.mark.shared
def test_the_books_are_kept_through_nights_and_corrections(ledger: Engine, tmp_path: Path) -> None:
    slices = nights([text.replace('"', "") for text in queries(2500)[0]])
    moved = 0
    for texts in slices[:3]:
        moved += hear(ledger, tmp_path, *texts)["moved"]
        check(ledger)
    assert moved
    splits = get(ledger, theme_events, kind="split")
    big = sorted(get(ledger, themes), key=lambda row: -row["size"])
    troubles = [row["id"] for row in big if row["state"]["group"] == "trouble"][:4]
    correct(corrections.merge, ledger, troubles[:2])
    correct(corrections.split, ledger, troubles[2], words="card")
    correct(corrections.undo, ledger, splits[0]["theme_id"])
    check(ledger)
    settled = {row["voice_id"]: row["theme_id"] for row in get(ledger, theme_voices) if row["theme_id"] in troubles[:3]}
    for texts in slices[3:4]:
        hear(ledger, tmp_path, *texts)
        check(ledger)
    assert settled.items() <= {row["voice_id"]: row["theme_id"] for row in get(ledger, theme_voices)}.items()
    assert {row["id"] for row in big} <= {row["id"] for row in get(ledger, themes)}


@pytest.mark.parametrize(("what", "arguments", "says"), [
    (corrections.merge, [["a"]], "needs two themes"),
    (corrections.merge, [["a", "a"]], "needs two themes"),
    (corrections.merge, [["a", "nobody"]], "there is no theme 'nobody'"),
    (corrections.merge, [["a", "tea"]], "belongs to 'tea', not to 'shop'"),
    (corrections.merge, [["a", "gone"]], "was merged into 'a'"),
    (corrections.merge, [["a", "b"], "c"], "'c' is none of the themes"),
    (corrections.merge, [["a", "good"]], "praise and complaints stay apart"),
    (corrections.split, ["a"], "name either the voices or words"),
    (corrections.split, ["a", ["a-0"], "late"], "name either the voices or words"),
    (corrections.split, ["a", ["a-0", "b-0"]], "not in theme 'a': b-0"),
    (corrections.split, ["a", (), "zebra"], "none of the 3 voices"),
    (corrections.split, ["a", (), "VOICE"], "all of the 3 voices"),
    (corrections.split, ["gone", ["a-0"]], "was merged into 'a'"),
    (corrections.rename, ["a", "  "], "a name has 1 to 120 characters"),
    (corrections.rename, ["a", "n" * 121], "a name has 1 to 120 characters"),
    (corrections.rename, ["a", "theme a"], "is called 'theme a' already"),
    (corrections.undo, ["a"], "nothing of theme 'a'"),
    (corrections.undo, ["tea"], "belongs to 'tea'"),
])
def test_wrong_input_says_what_and_changes_nothing(ledger: Engine, what: Callable[..., Result], arguments: list[Any],
                                                   says: str) -> None:
    for id, group in (("a", "trouble"), ("b", "trouble"), ("c", "trouble"), ("good", "praise")):
        theme(ledger, id, [NOW] * 3, state={"group": group, "columns": [], "weights": [], "kinds": {}, "languages": {}})
    theme(ledger, "gone", [], status="merged", merged_into="a")
    theme(ledger, "tea", [], product="tea")
    before = dump(ledger)
    with pytest.raises(InputError, match=says):
        correct(what, ledger, *arguments)
    assert dump(ledger) == before


def test_somebody_answers_for_it(ledger: Engine) -> None:
    with pytest.raises(InputError, match="nobody is named"):
        corrections.undo(ledger, Run("correct_voices", "r", Key("shop"), NOW), " ", "a")


def prepare(engine: Engine, folder: Path) -> None:
    hear(engine, folder, *COUPON, *DELIVERY, *SEARCH)


def scenario(engine: Engine, folder: Path) -> Result:
    named = {row["id"] for row in get(engine, themes)}
    run = Run("correct_voices", "r", Key("shop"), NOW + timedelta(days=1))
    return corrections.merge(engine, run, "kim", sorted(named))


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=8) == 8


def test_the_same_correction_again_changes_nothing(ledger: Engine, tmp_path: Path) -> None:
    prepare(ledger, tmp_path)
    first = scenario(ledger, tmp_path)
    before = dump(ledger)
    assert (scenario(ledger, tmp_path), dump(ledger)) == (first, before)
