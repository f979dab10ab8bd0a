import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.voc_aggregation.duplicates import Index, find_duplicates

TEXTS = [
    "Coupon is not applied at checkout", "앱이 로그인할 때 꺼져요", "The checkout ignores my coupon", "로그인하면 앱이 꺼집니다",
    "NullPointerException in FSDownload.copy\nstack trace follows", "FSDownload fails with an NPE when it copies\nat night",
    "배송이 너무 느려요", "Dark mode, please",
]


def test_each_finds_what_says_the_same() -> None:
    rows, scores = find_duplicates(TEXTS, 2)
    assert rows[:6, 0].tolist() == [2, 3, 0, 1, 5, 4]
    assert (scores[:6, 0] > 0.2).all()
    assert (scores[:, 0] >= scores[:, 1]).all()
    assert scores[7, 0] == 0


def test_an_index_that_grew_by_slices_finds_what_one_made_at_once_finds() -> None:
    whole, slices = Index(), Index()
    whole.add(TEXTS)
    for start in range(0, len(TEXTS), 3):
        slices.add(TEXTS[start: start + 3])
        slices.search(["쿠폰"], 1)
    assert len(slices) == len(TEXTS)
    for ours, theirs in zip(slices.search(TEXTS, 3), whole.search(TEXTS, 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_is_not_there_is_not_found() -> None:
    index = Index()
    rows, scores = index.search(["anything"], 2)
    assert rows.tolist() == [[-1, -1]]
    index.add(["a coupon"])
    rows, scores = index.search(["a coupon", ""], 2)
    assert rows.tolist() == [[0, -1], [0, -1]]
    assert scores[0].tolist() == pytest.approx([1, 0])
    assert scores[1].tolist() == [0, 0]
    assert find_duplicates([], 3)[0].shape == (0, 3)
    assert find_duplicates(["alone"], 2)[0].tolist() == [[-1, -1]]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=8), st.integers(1, 10))
def test_any_texts_have_ranked_others(texts: list[str], k: int) -> None:
    rows, scores = find_duplicates(texts, k)
    assert rows.shape == scores.shape == (len(texts), k)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (np.diff(scores, axis=1) <= 0).all()
    for number, found in enumerate(rows.tolist()):
        there = [other for other in found if other >= 0]
        assert number not in there
        assert len(set(there)) == len(there) == min(k, len(texts) - 1)


@pytest.mark.shared
def test_recall_on_bug_reports_and_korean_questions() -> None:
    """gitbugs-hadoop whole (plain TF-IDF: 0.457/0.767/0.845 by its NOTE.md); parakqc-ko whole (0.826 at 1)."""
    from bench.duplicates import bugs, questions, recall

    first, five, ten = recall(*bugs())
    assert first > 0.48
    assert five > 0.78
    assert ten > 0.87
    assert recall(*questions())[0] > 0.9
