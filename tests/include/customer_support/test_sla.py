"""A ticket's clocks, worked by hand: Seoul, 9 to 18, Monday to Friday. 3 March 2026 is a Tuesday."""

from datetime import datetime, timedelta
from typing import Any

from include.customer_support.sla import FIRST, NEXT, RESOLUTION, Clock, Targets, Times, clocks, standing_clocks
from tests.include.customer_support.test_hours import HOUR, KOREA, seoul

TARGETS = Targets(4 * HOUR, 2 * HOUR, 16 * HOUR)


def at(text: str) -> datetime:
    return seoul(f"2026-03-{text}")


def stand(now: str, **times: Any) -> dict[str, Clock]:
    found = clocks(Times(created=at("03T10:00"), **times), TARGETS, KOREA, at(now))
    return {clock.name: clock for clock in found}


def states(now: str, **times: Any) -> dict[str, str]:
    return {name: clock.state for name, clock in stand(now, **times).items()}


def test_first_response_warns_before_its_breach() -> None:
    assert states("03T12:59")[FIRST] == "running"
    assert states("03T13:00")[FIRST] == "warned"  # three of four hours
    assert states("03T14:00")[FIRST] == "warned"
    assert states("03T14:01")[FIRST] == "breached"
    assert stand("03T11:00")[FIRST].due == at("03T14:00")


def test_an_answer_stops_it_in_time_or_not() -> None:
    met = stand("05T10:00", first_response=at("03T13:30"))[FIRST]
    assert (met.state, met.used, met.stopped) == ("met", 3.5 * HOUR, at("03T13:30"))
    assert states("05T10:00", first_response=at("03T15:00"))[FIRST] == "missed"
    assert states("05T10:00", resolved=at("03T11:00")) == {FIRST: "met", RESOLUTION: "met"}


def test_next_response_runs_from_the_customers_message_to_the_teams() -> None:
    answered = {"first_response": at("03T11:00")}
    assert NEXT not in states("03T12:00", **answered)
    assert NEXT not in states("03T12:00", **answered, asked=at("03T10:30"))
    asked = answered | {"asked": at("03T17:00"), "answered": at("03T11:00")}
    assert stand("03T17:30", **asked)[NEXT].due == at("04T10:00")
    assert states("04T10:30", **asked)[NEXT] == "breached"
    assert states("04T10:30", **(asked | {"answered": at("04T09:30")}))[NEXT] == "met"


def test_who_asks_again_does_not_wait_anew() -> None:
    times = {"created": at("03T10:00"), "first_response": at("03T11:00"), "asked": at("03T13:30")}

    def nexts(**more: Any) -> list[tuple[datetime, str]]:
        found = standing_clocks(Times(**(times | more)), [at("03T12:00")], TARGETS, KOREA, at("03T14:30"))
        return sorted((clock.started, clock.state) for clock in found if clock.name == NEXT)

    assert nexts() == [(at("03T12:00"), "breached")]
    assert nexts(answered=at("03T13:00")) == [(at("03T12:00"), "met"), (at("03T13:30"), "running")]
    assert nexts(answered=at("03T14:20")) == [(at("03T12:00"), "missed"), (at("03T13:30"), "met")]
    assert nexts(asked=at("03T12:00")) == [(at("03T12:00"), "breached")]


def test_resolution_pauses_while_the_customer_is_awaited() -> None:
    waiting = {"first_response": at("03T11:00"), "waiting": [(at("03T12:00"), None)]}
    paused = stand("06T18:00", **waiting)[RESOLUTION]
    assert (paused.state, paused.due, paused.used) == ("paused", None, 2 * HOUR)
    back = stand("06T10:00", first_response=at("03T11:00"), waiting=[(at("03T12:00"), at("06T09:00"))])[RESOLUTION]
    assert (back.state, back.used, back.due) == ("running", 3 * HOUR, at("09T14:00"))  # 9 hours on Friday, 5 on Monday


def test_what_is_not_promised_has_no_clock() -> None:
    assert clocks(Times(at("03T10:00")), Targets(), KOREA, at("04T10:00")) == []
    assert clocks(Times(at("05T10:00")), TARGETS, KOREA, at("04T10:00")) == []
    early = clocks(Times(at("03T10:00")), Targets(resolution=timedelta(hours=9)), KOREA, at("03T15:00"), warn_at=0.5)
    assert [clock.state for clock in early] == ["warned"]
