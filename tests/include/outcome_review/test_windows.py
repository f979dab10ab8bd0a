"""Time that is compared: whole minutes, never the mix of versions, never what nobody listened to."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from include.outcome_review.windows import Shipment, spans
from tests.conftest import NOW

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
TIMES = st.integers(0, 20_000).map(lambda seconds: NOW + seconds * SECOND)


def at(minutes: float) -> datetime:
    return NOW + minutes * MINUTE


def test_the_minutes_in_which_versions_mixed_belong_to_neither_side() -> None:
    shipment = Shipment("shop|1.1.0", at(100.5), at(102.2), mixed_until=at(104))
    before, after = spans([shipment], 0, at(0), at(200.9), DAY)
    assert (before.start, before.end) == (at(0), at(100))
    assert (after.start, after.end) == (at(105), at(200))


def test_without_traffic_seen_the_deployment_times_count() -> None:
    before, after = spans([Shipment("shop|1.1.0", at(100), at(102.2))], 0, at(0), at(200), DAY)
    assert (before.end, after.start) == (at(100), at(103))


def test_the_window_bounds_both_sides() -> None:
    before, after = spans([Shipment("shop|1.1.0", at(5000), at(5000))], 0, at(0), at(9999), DAY)
    assert (before.start, after.end) == (at(5000) - DAY, at(5001) + DAY)


def test_a_later_fix_ends_the_earlier_one_and_is_compared_with_it() -> None:
    both = [Shipment("shop|1.1.0", at(100), at(101)), Shipment("shop|1.2.0", at(200), at(201))]
    _, after = spans(both, 0, at(0), at(300), DAY)
    before, _ = spans(both, 1, at(0), at(300), DAY)
    assert (after.start, after.end) == (before.start, before.end) == (at(102), at(200))


@settings(deadline=None)
@given(started=TIMES, took=st.integers(0, 900), mixed=st.none() | TIMES, heard_from=TIMES, heard_to=TIMES)
def test_spans_never_overlap_nor_leave_what_was_heard(started: datetime, took: int, mixed: datetime | None, heard_from: datetime,
                                                      heard_to: datetime) -> None:
    shipment = Shipment("shop|1.1.0", started, started + took * SECOND, mixed)
    before, after = spans([shipment], 0, heard_from, heard_to, DAY)
    assert before.start <= before.end and after.start <= after.end
    assert before.days == 0 or (heard_from <= before.start and before.end <= min(shipment.begin, heard_to))
    assert after.days == 0 or (after.start > shipment.finished_at and after.end <= heard_to)
    assert after.start > shipment.begin
