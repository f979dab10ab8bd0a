from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from include.parts.reports import Report, Reports
from include.stakeholder_reporting.due import begin, due, last_tick, wanted

MONDAY = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # 11:00 in Seoul
WEEK = timedelta(days=7)


@pytest.mark.parametrize(("every", "zone", "tick"), [
    ("weekly", "Asia/Seoul", "2026-03-02T00:00+00:00"), ("weekly", "America/New_York", "2026-02-23T14:00+00:00"),
    ("monthly", "Asia/Seoul", "2026-03-01T00:00+00:00"), ("0 2 * * *", "UTC", "2026-03-02T02:00+00:00"),
])
def test_a_schedule_is_kept_in_the_products_time_zone(every: str, zone: str, tick: str) -> None:
    report = Report(every=every)
    assert report.every
    assert last_tick(report.every, zone, MONDAY) == datetime.fromisoformat(tick)


def test_summer_time_moves_the_tick_with_the_wall_clock() -> None:
    zone = "Europe/Berlin"
    ticks = [last_tick("0 9 * * 1", zone, datetime(2026, 3, day, 12, tzinfo=UTC)) for day in (23, 30)]
    assert [tick.astimezone(UTC).hour for tick in ticks] == [8, 7]


def test_a_report_is_due_once_for_each_tick() -> None:
    report, zone = Report(every="weekly"), "Asia/Seoul"
    assert due(report, zone, MONDAY, None, False) == "schedule"
    assert due(report, zone, MONDAY, MONDAY - WEEK, False) == "schedule"
    assert due(report, zone, MONDAY + timedelta(days=1), MONDAY, False) is None
    assert due(report, zone, MONDAY + WEEK, MONDAY, False) == "schedule"
    assert due(report, zone, MONDAY + 3 * WEEK, MONDAY, False) == "schedule"  # one, however many were missed
    assert due(report, zone, MONDAY, None, True) is None


def test_a_deployment_makes_those_due_that_ask_for_it() -> None:
    assert due(Report(after_release=True), "UTC", MONDAY, MONDAY, True) == "release"
    assert due(Report(after_release=True), "UTC", MONDAY, None, False) is None


def test_a_report_goes_on_where_the_last_one_ended() -> None:
    assert begin(None, MONDAY, MONDAY - WEEK) == MONDAY - WEEK
    assert begin(30, MONDAY, MONDAY - WEEK) == MONDAY - timedelta(days=30)
    assert begin(None, MONDAY, None) == MONDAY - timedelta(days=28)


def test_the_form_without_an_audience_means_what_is_due() -> None:
    form = {"audience": "", "language": "ko", "period": "month", "send": True}
    assert wanted(form, "ada") is None
    found = wanted(form | {"audience": "sales"}, "ada")
    assert found and (found.audience, found.language, found.days, found.send, found.by) == ("sales", "ko", 30, True, "ada")


@pytest.mark.parametrize(("fields", "problem"), [
    ({"team": {"every": "often"}}, "neither daily, weekly or monthly nor a cron expression"),
    ({"team": {"every": "* * * * * *"}}, "a cron expression of five fields"),
    ({"team": {"recipients": [{"name": "a"}]}}, "exactly one of mail, slack and webhook"),
    ({"team": {"recipients": [{"name": "a", "mail": "a@b", "slack": "s"}]}}, "exactly one of mail, slack and webhook"),
    ({"team": {"recipients": [{"name": "a", "mail": "a@b.example"}]}}, "need `smtp` and `from`"),
    ({"team": {"recipients": [{"name": "a", "slack": "s"}] * 2}}, "names taken twice: a"),
    ({"zone": "Asia/Pyeongtaek"}, "there is no time zone"),
])
def test_a_product_file_that_makes_no_sense_is_refused(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Reports.model_validate(fields)
