import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.markup import markdown
from include.privacy.traces import GONE, Traces, letters

TEXT = "The parcel never came. It lies in a blue van behind the old mill, I think"


def cleaned(text: str, *texts: str, kept: tuple[str, ...] = ()) -> object:
    return Traces(texts, {}, kept).cleaned(text)


@pytest.mark.parametrize(("before", "after"), [
    ("| S-1 | “The parcel never came\\. It lies in a bl…” | 2 |", "| S-1 | “[erased]…” | 2 |"),
    ("Fix: It lies in a blue van behind the old", "Fix: [erased]"),
    ("it LIES, in a -- blue van; behind the old mill!", "[erased]!"),
    ("The parcel is late", "The parcel is late"),
    ("The parcel never came, say many", "The parcel never came, say many"),
])
def test_sentences_are_found_however_they_are_cut(before: str, after: str) -> None:
    assert cleaned(before, TEXT) == after


def test_what_is_short_goes_only_where_it_stands_alone() -> None:
    assert cleaned("“배송이 늦어요”", "배송이 늦어요") == f"“{GONE}”"
    assert cleaned("배송이 늦어요!", "배송이 늦어요") == f"{GONE}!"
    assert cleaned("고객은 배송이 늦어요 라고 한다", "배송이 늦어요") == "고객은 배송이 늦어요 라고 한다"
    long = "주문한 상품의 배송이 너무 늦어요"
    assert cleaned(f"고객은 {long} 라고 한다", long) == f"고객은 {GONE} 라고 한다"


def test_what_living_texts_say_too_stays() -> None:
    assert cleaned(f"Fix: {TEXT[:60]}", TEXT, kept=(TEXT[:70],)) == f"Fix: {TEXT[:60]}"


def test_renaming_reaches_into_json() -> None:
    traces = Traces([], {"old name": "new"}, [])
    assert traces.cleaned({"a": ["the old name", 1, None], "b": {"c": "old names"}}) == {
        "a": ["the new", 1, None], "b": {"c": "news"}}


@given(st.text(), st.text(st.characters(exclude_characters=TEXT)), st.integers(40, 200))
def test_a_long_quote_never_stays(before: str, after: str, limit: int) -> None:
    told = cleaned(f"{before} “{markdown(TEXT, limit)}” {after}", TEXT)
    assert "bluevan" not in letters(str(told))
