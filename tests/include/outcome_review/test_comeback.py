"""Complaints that come back are found, and the release that they follow is named, or none."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from include.outcome_review.comeback import Piece, brought_by, came_back
from include.outcome_review.rates import Arm

START, DAY = datetime(2026, 3, 2, tzinfo=UTC), timedelta(days=1)


def days(*counts: int, **releases: int) -> list[Piece]:
    """A piece a day; `v2=5`: v2 was deployed at the begin of day 5."""
    at = {day: release for release, day in releases.items()}
    return [Piece(START + DAY * n, at.get(n), Arm(count, 1.0)) for n, count in enumerate(counts)]


QUIET, LOUD = [0, 1, 0, 0, 1, 0, 0], [9, 11, 8, 10]


@pytest.mark.parametrize(("pieces", "release"), [
    (days(*QUIET, *LOUD, v2=3, v3=7, v4=9), "v3"),  # the rise follows v3
    (days(*QUIET, *LOUD, v2=2), None),  # and no deployment
    (days(*QUIET, 4, *LOUD, v2=2, v3=7), "v3"),  # nearly: the first day after it was half as loud, by chance
    (days(*QUIET, *LOUD, v2=2, v3=6), None),  # a whole quiet day after it is no chance
    (days(*QUIET, *QUIET, v2=7), None),  # nothing rose
    (days(*LOUD, *QUIET, v2=4), None),  # it fell
    (days(*LOUD, *LOUD, v2=4), None), (days(0, 0, v2=1), None), (days(5, v2=0), None), ([], None)])
def test_the_release_that_a_rise_follows(pieces: list[Piece], release: str | None) -> None:
    assert brought_by(pieces, 1.0) == release


def test_how_often_the_right_release_is_named() -> None:
    """Deployments each third day, one of them brings back 6 complaints a day: it is named in four of five cases, another in one
    of ten at most."""
    rng, named = np.random.default_rng(1), list[str | None]()
    for _ in range(300):
        right = int(rng.integers(1, 9)) * 3
        counts = rng.poisson([0.5] * right + [6] * (30 - right)).tolist()
        named.append(brought_by(days(*counts, **{"right" if day == right else f"v{day}": day for day in range(3, 30, 3)}), 1.0))
    assert named.count("right") >= 0.8 * len(named)
    assert len(named) - named.count("right") - named.count(None) <= 0.1 * len(named)


def test_what_was_relieved_by_four_fifths_does_not_come_back_by_chance() -> None:
    rng, wrong = np.random.default_rng(2), 0
    for _ in range(100):
        after = rng.poisson(0.8, 60)
        wrong += any(came_back(Arm(112, 28), [Arm(int(after[:night].sum()), night), *(
            Arm(int(after[at:night].sum()), night - at) for at in range(7, night, 7))], 1.0) for night in range(1, 60, 2))
    assert wrong <= 1


def test_it_is_found_after_a_long_silence() -> None:
    """A year of silence, then the old rate since a deployment two weeks ago."""
    assert came_back(Arm(112, 28), [Arm(58, 365), Arm(57, 14)], 1.0)
    assert not came_back(Arm(112, 28), [Arm(58, 365)], 1.0)
    assert not came_back(Arm(112, 28), [], 1.0)
