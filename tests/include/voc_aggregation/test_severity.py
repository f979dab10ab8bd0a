import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from include.voc_aggregation.severity import LEVELS, severity, worst
from include.voc_aggregation.understanding import KINDS, sentiment
from tests.conftest import SHARED


@pytest.mark.parametrize(("text", "level"), [
    ("After the update all my notes are gone", "critical"), ("I lost three years of photos", "critical"),
    ("업데이트하고 사진이 다 날아갔어요", "critical"), ("메모가 전부 사라졌습니다", "critical"),
    ("My card was charged twice for one order", "critical"), ("결제가 두 번 됐어요", "critical"),
    ("중복 결제 환불해 주세요", "critical"), ("I can see someone else's order in my account", "critical"),
    ("개인정보가 유출된 것 같아요", "critical"), ("다른 사람 주문이 보여요", "critical"),
    ("SQL injection vulnerability in search", "critical"), ("Nobody can log in since noon", "critical"),
    ("The app crashes when I open the cart", "high"), ("앱이 자꾸 튕겨요", "high"), ("장바구니를 열면 앱이 꺼져요", "high"),
    ("I can't log in", "high"), ("로그인이 안 돼요", "high"), ("결제가 안 됩니다", "high"),
    ("Payment failed at checkout", "high"),
    ("화면이 멈춰요", "high"), ("주문을 할 수가 없어요", "high"), ("It stopped working at all", "high"),
    ("NullPointerException in FSDownload", "high"), ("먹고 배탈이 났어요", "high"),
    ("The total on the invoice is wrong", "medium"), ("합계가 잘못 나와요", "medium"), ("Search is slow", "medium"),
    ("검색이 느려요", "medium"), ("쿠폰이 적용되지 않아요", "medium"), ("The coupon isn't applied", "medium"),
    ("배송이 늦었어요", "medium"), ("Parcel arrived damaged", "medium"), ("Filter shows incorrect prices", "medium"),
    ("There is a typo on the start page", "low"), ("설정 화면에 오타가 있어요", "low"), ("The icons look odd", "low"),
    ("아이콘 색이 이상해요", "low"), ("버튼 여백이 안 맞아요", "low"), ("The logo is slightly blurred", "low"),
    ("Tea could be a bit stronger", "low"),
])
def test_severity(text: str, level: str) -> None:
    assert severity(text, "bug", sentiment(text)) == level


def test_what_did_not_happen_is_not_severe() -> None:
    assert severity("Slow sync, but no data loss", "bug", -0.4) == "medium"


def test_fury_raises_by_one_but_never_to_critical() -> None:
    assert severity("Search is slow", "bug", -0.9) == "high"
    assert severity("a typo", "bug", -0.9) == "medium"
    assert severity("The app crashes", "bug", -1.0) == "high"
    assert severity("meh", "bug", -0.1) == "low"
    assert severity("meh", "bug", -0.5) == "medium"


@given(st.text(max_size=200), st.sampled_from(KINDS), st.floats(-1, 1))
def test_only_trouble_is_severe(text: str, kind: str, feeling: float) -> None:
    assert (severity(text, kind, feeling) in LEVELS) == (kind == "bug")


@pytest.mark.shared
def test_severity_follows_the_priorities_of_bug_reports() -> None:
    """gitbugs-hadoop: Spearman's rho with the priority, of all and of those whose reporter did not leave the default (Major)."""
    order = ["Trivial", "Minor", "Major", "Critical", "Blocker"]
    with (SHARED / "data/gitbugs-hadoop/hadoop_bugs.csv").open(encoding="utf-8") as file:
        rows = [(order.index(row["Priority"]), f"{row['Summary']}\n{row['Description']}") for row in csv.DictReader(file)]
    told = [(priority, LEVELS.index(severity(text, "bug", sentiment(text)) or "")) for priority, text in rows]
    assert spearmanr(*zip(*told, strict=True)).statistic > 0.12
    assert spearmanr(*zip(*(pair for pair in told if pair[0] != 2), strict=True)).statistic > 0.25
    urgent, minor = ([level >= 2 for priority, level in told if (priority > 2) == up and priority != 2] for up in (True, False))
    assert sum(urgent) / len(urgent) > 2.5 * sum(minor) / len(minor)


@pytest.mark.parametrize(("told", "level"), [((0, 0, 0, 0), None), ((10, 5, 1, 0), "medium"), ((40, 40, 15, 5), "high"),
                                             ((0, 0, 0, 1), "critical")])
def test_a_theme_is_as_bad_as_the_worst_that_a_tenth_of_it_bear(told: tuple[int, ...], level: str | None) -> None:
    assert worst(told) == level
