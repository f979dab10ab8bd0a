"""Business time: worked by hand, and what must always hold of it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.customer_support.hours import Hours, after, elapsed

SEOUL, NEW_YORK, HOUR = ZoneInfo("Asia/Seoul"), ZoneInfo("America/New_York"), timedelta(hours=1)
NINE_TO_SIX = ((540, 1080),) * 5 + (None, None)
KOREA = Hours(SEOUL, NINE_TO_SIX, ("KR",))
ALWAYS = Hours(NEW_YORK, ((0, 1440),) * 7)


def seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


@pytest.mark.parametrize(("start", "end", "hours"), [
    ("2026-03-03T10:00", "2026-03-03T12:30", 2.5),
    ("2026-03-03T20:00", "2026-03-04T08:00", 0),  # a night
    ("2026-03-06T17:00", "2026-03-09T10:00", 2),  # over a weekend
    ("2026-02-27T17:00", "2026-03-03T10:00", 2),  # 1 March 2026 is a Sunday, so Monday the 2nd is its substitute holiday
    ("2026-09-23T17:00", "2026-09-28T10:00", 2),  # Chuseok: Thursday 24 to Saturday 26 September 2026
    ("2026-05-04T09:00", "2026-05-06T18:00", 18),  # children's day
    ("2026-03-03T12:00", "2026-03-03T11:00", 0),
])
def test_korean_business_hours(start: str, end: str, hours: float) -> None:
    assert elapsed(KOREA, seoul(start), seoul(end)) == hours * HOUR


def test_a_day_on_which_clocks_change_is_as_long_as_it_is() -> None:
    for day, hours in ((date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 6, 1), 24)):
        start = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
        assert elapsed(ALWAYS, start, start + timedelta(days=1)) == hours * HOUR
    early = Hours(NEW_YORK, ((0, 360),) * 7)  # midnight to six: the hour from two to three is missing
    start = datetime(2026, 3, 8, tzinfo=NEW_YORK)
    assert elapsed(early, start, start + timedelta(days=1)) == 5 * HOUR


def test_a_due_time_over_weekend_and_pause() -> None:
    start = seoul("2026-03-06T16:00")
    assert after(KOREA, start, 4 * HOUR) == seoul("2026-03-09T11:00")
    pause = (seoul("2026-03-09T09:30"), seoul("2026-03-09T14:00"))
    assert after(KOREA, start, 4 * HOUR, [pause]) == seoul("2026-03-09T15:30")
    assert after(Hours(SEOUL, (None,) * 7), start, HOUR) is None


def test_further_closed_days_and_regions() -> None:
    closed = Hours(SEOUL, NINE_TO_SIX, (), frozenset({date(2026, 3, 3)}))
    assert elapsed(closed, seoul("2026-03-03T09:00"), seoul("2026-03-04T10:00")) == HOUR
    bavaria = Hours(ZoneInfo("Europe/Berlin"), NINE_TO_SIX, ("DE-BY",))
    assert not bavaria.is_open(date(2026, 1, 6))  # Epiphany, in Bavaria but not in Berlin
    assert Hours(ZoneInfo("Europe/Berlin"), NINE_TO_SIX, ("DE-BE",)).is_open(date(2026, 1, 6))


MOMENT = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the zone follows
DESK = st.sampled_from([KOREA, ALWAYS, Hours(NEW_YORK, NINE_TO_SIX, ("US",)), Hours(ZoneInfo("Europe/Berlin"), ((90, 210),) * 7)])
SPAN = st.tuples(MOMENT, MOMENT).map(lambda pair: (min(pair), max(pair)))


@settings(max_examples=60, deadline=None)
@given(DESK, st.lists(MOMENT, min_size=3, max_size=3).map(sorted), st.lists(SPAN, max_size=3))
def test_business_time_adds_up(desk: Hours, moments: list[datetime], pauses: list[tuple[datetime, datetime]]) -> None:
    a, b, c = moments
    parts = elapsed(desk, a, b, pauses), elapsed(desk, b, c, pauses)
    assert elapsed(desk, a, c, pauses) == sum(parts, timedelta())
    assert all(timedelta() <= part <= stop - start for part, start, stop in zip(parts, (a, b), (b, c), strict=True))
    assert elapsed(desk, a, c, pauses) <= elapsed(desk, a, c)


@settings(max_examples=60, deadline=None)
@given(DESK, MOMENT, st.integers(1, 200 * 60), st.lists(SPAN, max_size=2))
def test_what_is_due_is_due_when_so_much_has_passed(desk: Hours, start: datetime, minutes: int,
                                                    pauses: list[tuple[datetime, datetime]]) -> None:
    duration = timedelta(minutes=minutes)
    due = after(desk, start, duration, pauses)
    assert due is not None
    assert elapsed(desk, start, due, pauses) == duration
    assert elapsed(desk, start, due - timedelta(seconds=1), pauses) < duration
