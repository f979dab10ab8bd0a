"""Budgets and burn rates, by hand and by property."""

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.monitoring_rollups.slo import (
    ALERTS,
    MIN_REQUESTS,
    PAGES,
    Alert,
    Budget,
    Burn,
    budget,
    is_over,
    sliced,
    windows,
    worst_burn,
)
from tests.conftest import NOW

TARGET = 0.99


def counts(*minutes: tuple[int, int, int]) -> pd.DataFrame:
    """(minutes before NOW, requests, errors)"""
    ordered = sorted(minutes, reverse=True)
    return pd.DataFrame({"requests": [requests for _, requests, _ in ordered], "errors": [errors for _, _, errors in ordered]},
                        index=pd.DatetimeIndex([NOW - timedelta(minutes=ago) for ago, _, _ in ordered], tz="UTC"))


def test_budget() -> None:
    found = budget(counts((0, 400, 2), (10, 600, 3), (100_000, 9, 9)), TARGET, timedelta(days=28), NOW)
    assert (found.requests, found.errors) == (1000, 5)
    assert (found.sli, found.left) == (pytest.approx(0.995), pytest.approx(0.5))
    assert budget(counts(), TARGET, timedelta(days=28), NOW) == Budget(0, 0, None, None)
    overspent = budget(counts((0, 100, 2)), TARGET, timedelta(days=28), NOW)
    assert overspent.left == pytest.approx(-1)


def burn(*minutes: tuple[int, int, int], since: int = 60, alerts: tuple[Alert, ...] = ALERTS[:1]) -> Burn | None:
    return worst_burn(counts(*minutes), TARGET, NOW - timedelta(minutes=since), NOW, alerts)


def test_it_burns_when_both_windows_do() -> None:
    found = burn((3, 100, 15), (20, 100, 20))
    assert found is not None
    assert (found.requests, found.errors) == (100, 20)
    assert burn((3, 100, 14)) is None  # 14 times, not 14.4
    assert burn((20, 100, 30), since=2) is None  # over: the last 5 minutes are quiet
    assert burn((3, 100, 15), (20, 900, 0)) is None  # 1.5 % of an hour's requests
    assert burn((3, MIN_REQUESTS - 1, 20)) is None  # too few to say


def test_what_burned_between_two_runs_is_found() -> None:
    found = burn((700, 100, 50), (0, 100, 0), since=1440)
    assert found is not None
    assert found.at == NOW - timedelta(minutes=700)


def test_over_only_when_enough_requests_say_so() -> None:
    def over(*minutes: tuple[int, int, int]) -> bool:
        return is_over(counts(*minutes), TARGET, NOW)

    assert over((0, MIN_REQUESTS, 0))
    assert not over((0, MIN_REQUESTS - 1, 0))
    assert not over((0, MIN_REQUESTS, 40))
    assert not over()


@settings(deadline=None)
@given(minutes=st.dictionaries(st.integers(0, 200), st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=30))
def test_hours_are_what_their_requests_say(minutes: dict[int, tuple[int, int]]) -> None:
    rows = [(ago, good + bad, bad) for ago, (good, bad) in minutes.items()]
    found = windows(counts(*rows), TARGET, NOW - timedelta(minutes=100), NOW)
    assert len(found) == 101
    for ago in (0, 50, 100):
        hour = [row for row in rows if ago <= row[0] < ago + 60]
        row = found.loc[NOW - timedelta(minutes=ago)]
        requests, errors = sum(item[1] for item in hour), sum(item[2] for item in hour)
        assert (row["requests"], row["errors"]) == (requests, errors)
        if requests:
            assert row["long"] == pytest.approx(errors / requests * 100)
    worst = worst_burn(counts(*rows), TARGET, NOW - timedelta(minutes=100), NOW, PAGES)
    assert worst is None or (worst.rate > worst.alert.factor - 1e-6 and worst.requests >= MIN_REQUESTS)


@pytest.mark.parametrize(("alert", "errors"), list(zip(ALERTS, (144, 60, 30, 10), strict=True)))
def test_each_pair_of_windows_burns_from_its_factor_on(alert: Alert, errors: int) -> None:
    """The factors of the Site Reliability Workbook: 1,000 requests spread over the long window, so many of them errors."""
    def burning(errors: int) -> bool:
        shares = {alert.long - 1: (900, errors * 9 // 10), alert.short - 1: (100, errors - errors * 9 // 10)}
        return burn(*((ago, requests, bad) for ago, (requests, bad) in shares.items()), since=0, alerts=(alert,)) is not None

    assert [(item.factor, item.long, item.short) for item in ALERTS] == [
        (14.4, 60, 5), (6, 360, 30), (3, 1440, 120), (1, 4320, 360)]
    assert burning(errors)
    assert not burning(errors - 1)
    assert burn((alert.long - 1, 1000, 500), since=0, alerts=(alert,)) is None  # the short window is quiet


def test_slices_count_alike_however_few_their_requests() -> None:
    busy, lonely = (10, 1000, 60), (200, 1, 1)
    found = sliced(counts(busy, lonely, (300, 10, 0)), 1, 0.95)
    assert found["errors"].tolist() == [0, 1, 1]
    assert sliced(counts(busy, lonely), 1, None)["errors"].tolist() == [1, 0.06]
    hourly = sliced(counts((1, 10, 1), (2, 30, 0)), 60, 0.95)
    assert hourly.to_numpy().tolist() == [[1, 0]]
    assert worst_burn(found, 0.9995, NOW - timedelta(minutes=400), NOW, enough=1) is not None
