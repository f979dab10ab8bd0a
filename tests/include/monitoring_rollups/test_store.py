"""Rollups by minute, hour and day: the same sums, however the input was split and however late it comes."""

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from include.ledger.engine import writing
from include.ledger.tables import coarse_rollups, rollups
from include.monitoring_rollups.rollup import Group, Rollup
from include.monitoring_rollups.store import SPANS, add, coarser, forget, start_of
from tests import rows
from tests.conftest import NOW

MINUTES = st.integers(0, 4000).map(lambda minute: NOW + timedelta(minutes=minute))
ROLLUPS = st.builds(lambda durations: Rollup(sum(durations.values()), min(durations.values(), default=0), durations),
                    st.dictionaries(st.integers(0, 50), st.integers(1, 9), max_size=4))
KEYS = st.tuples(MINUTES, st.sampled_from(["1.0.0", "1.1.0"]), st.sampled_from(["/", "/pay"]))
GROUPS = st.dictionaries(KEYS, ROLLUPS, max_size=20)
Groups = dict[Group, Rollup]


def summed(*parts: Groups) -> Groups:
    found: Groups = {}
    for part in parts:
        for group, rollup in part.items():
            found[group] = found[group] + rollup if group in found else rollup
    return found


@settings(deadline=None)
@given(first=GROUPS, second=GROUPS)
def test_any_split_gives_the_same_hours_and_days(first: Groups, second: Groups) -> None:
    for span in SPANS:
        whole = coarser(summed(first, second), span)
        assert whole == summed(coarser(first, span), coarser(second, span)) == summed(coarser(second, span), coarser(first, span))
        assert sum(item.requests for item in whole.values()) == sum(item.requests for item in summed(first, second).values())
        assert all(minute == start_of(minute, span) for minute, _, _ in whole)
    assert coarser(coarser(first, "hour"), "day") == coarser(first, "day")


def test_late_data_corrects_its_bucket(ledger: Engine) -> None:
    def group(minutes: int) -> Group:
        return NOW + timedelta(minutes=minutes), "1.0.0", "/"

    for part in ({group(0): Rollup(10, 1, {5: 10}), group(61): Rollup(4, 0, {5: 4})}, {group(0): Rollup(2, 2, {90: 2})},
                 {group(-180): Rollup(1, 0, {5: 1})}):
        with writing(ledger) as connection:
            add(connection, "shop", part)
    assert [(row["requests"], row["errors"]) for row in rows.get(ledger, rollups)] == [(1, 0), (12, 3), (4, 0)]
    found = rows.get(ledger, coarse_rollups)
    assert Counter(row["span"] for row in found) == {"hour": 3, "day": 2}
    assert [(row["minute"].hour, row["requests"], row["errors"]) for row in found if row["span"] == "hour"] == [
        (23, 1, 0), (2, 12, 3), (3, 4, 0)]
    assert [row["requests"] for row in found if row["span"] == "day"] == [1, 16]
    assert found[-1]["durations"] == {"5": 4}


def test_minutes_go_in_time_and_hours_stay(ledger: Engine) -> None:
    old, new = NOW - timedelta(days=91), NOW - timedelta(days=89)
    product = rows.product(monitoring={"keep_minutes_days": 90})
    with writing(ledger) as connection:
        add(connection, "shop", {(time, "1.0.0", "/"): Rollup(1, 0, {1: 1}) for time in (old, new)})
        assert forget(connection, rows.product(), NOW) == 0
        assert forget(connection, product, NOW) == 1
        assert forget(connection, product, NOW) == 0
    assert [row["minute"] for row in rows.get(ledger, rollups)] == [new]
    assert len(rows.get(ledger, coarse_rollups, span="day")) == 2
