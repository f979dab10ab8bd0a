"""What of the loop itself is a signal: who has gone silent, and what is stuck."""

from datetime import timedelta

import pytest

from include.alerting.watch import Speech, Waiting, learnt, silent, stuck
from tests import rows
from tests.conftest import NOW

DAY = timedelta(days=1)
DAILY = [NOW - n * DAY for n in range(10, 0, -1)]
SHOP = rows.product()


@pytest.mark.parametrize(("quiet", "declared", "found"), [
    (3 * DAY, {}, False), (3.1 * DAY, {}, True), (1.5 * DAY, {"reviews": 24.0}, True), (0.9 * DAY, {"reviews": 24.0}, False),
    (9 * DAY, {"reviews": 24.0 * 30}, False)])
def test_silence_is_measured_by_what_is_declared_or_learnt(quiet: timedelta, declared: dict[str, float], found: bool) -> None:
    heard = {"reviews": Speech(DAILY, DAILY[-1] + quiet)}
    assert bool(silent(SHOP, heard, declared)) is found


def test_who_never_spoke_or_seldom_is_not_missed() -> None:
    assert silent(SHOP, {"new": Speech([], NOW), "seldom": Speech(DAILY[:7], NOW)}, {}) == {}
    assert learnt(DAILY[:7]) is None and learnt(DAILY) == 3 * DAY
    assert learnt([NOW + timedelta(hours=n) for n in range(9)]) == DAY  # at least


def test_a_silence_says_since_when_and_what_the_limit_is() -> None:
    found = silent(SHOP, {"traffic": Speech(DAILY, NOW + 4 * DAY)}, {})["traffic"]
    assert found.title == "Tea shop: No request has come in for 5 days, since 2026-03-01 02:00 UTC; 3 days is the limit"
    assert found.detail["limit_hours"] == 72.0 and found.severity == "medium"


def test_a_release_is_stuck_at_each_gate_that_holds_it_for_too_long() -> None:
    waiting = [Waiting("shop|1.1.0", "user_testing", NOW - 3 * DAY - timedelta(hours=1)),
               Waiting("shop|1.1.0", "compliance_checks", NOW - 4 * DAY, "secrets"),
               Waiting("shop|1.1.0", "deployment", NOW - DAY)]
    found = stuck(SHOP, waiting, NOW, 72)
    assert {key: item.title for key, item in found.items()} == {
        "shop|1.1.0 user_testing": "Release 1.1.0 of Tea shop has waited at user_testing for 3 days",
        "shop|1.1.0 compliance_checks": "Release 1.1.0 of Tea shop has waited at compliance_checks for 4 days: secrets"}
    assert {item.release for item in found.values()} == {"shop|1.1.0"}
