"""Experiments keep the error rates that they state, however often one peeks."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from include.assignment import arm
from include.parts.testing import Experiment
from include.sequential import Look
from include.user_testing.experiments import balance, difference, judged, people_needed
from include.user_testing.tally import Row, Tally, count
from tests.conftest import NOW

METRIC = {"name": "ordered", "rate": 0.2, "least": 0.25}


def experiment(**fields: Any) -> Experiment:
    return Experiment.model_validate({"name": "e", "path": "e.csv", "start": NOW, "metric": METRIC} | fields)


def looks(draw: np.random.Generator, many: int, people: int, control: float, variant: float) -> list[Look]:
    n, m = draw.poisson(people, many), draw.poisson(people, many)
    return [Look(int(a), int(x), int(b), int(y)) for a, x, b, y in zip(n, draw.binomial(n, control), m, draw.binomial(m, variant),
                                                                       strict=True)]


def ever(given: Experiment, several: list[Look], **more: list[Look]) -> set[str]:
    """Every decision that someone who looks after each block comes across."""
    return {judged(given, tally(several[:end], **{name: item[:end] for name, item in more.items()})).decision
            for end in range(4, len(several) + 1, 4)}


def tally(several: list[Look], **more: list[Look]) -> Tally:
    return Tally({"ordered": several, **more}, {"control": 0, "variant": 0})


def test_peeking_finds_a_difference_where_none_is_at_most_as_often_as_stated() -> None:
    draw, given, wrong, many = np.random.default_rng(1), experiment(), 0, 300
    for _ in range(many):
        wrong += bool(ever(given, looks(draw, 40, 50, 0.2, 0.2)) & {"variant", "control"})
    assert wrong / many <= given.false_alarms
    wrong = sum(bool(ever(given, looks(draw, 40, 50, 0.6, 0.6)) & {"variant", "control"}) for _ in range(100))
    assert wrong / 100 <= given.false_alarms + 0.03  # and where the rate was declared wrongly


def test_a_guardrail_stops_without_cause_at_most_as_often_as_stated() -> None:
    given = experiment(guardrails=[{"name": "refunded", "better": "less", "rate": 0.1, "least": 0.3}])
    draw, many = np.random.default_rng(2), 100
    stopped = sum("stopped" in ever(given, looks(draw, 30, 50, 0.2, 0.2), refunded=looks(draw, 30, 50, 0.1, 0.1))
                  for _ in range(many))
    assert stopped / many <= given.false_alarms


@pytest.mark.parametrize("better", ["more", "less"])
def test_the_planned_people_find_the_least_change_as_surely_as_stated(better: str) -> None:
    given = experiment(metric=METRIC | {"better": better})
    planned, draw, many = people_needed(given), np.random.default_rng(3), 120
    other = 0.25 if better == "more" else 0.16
    found = sum(judged(given, tally(looks(draw, 40, planned // 40, 0.2, other))).decision == "variant" for _ in range(many))
    assert found / many >= given.power - 0.08
    assert planned < 6000


def test_a_worse_variant_loses_and_a_broken_guardrail_stops() -> None:
    draw = np.random.default_rng(4)
    assert judged(experiment(), tally(looks(draw, 40, 100, 0.2, 0.12))).decision == "control"
    given = experiment(guardrails=[{"name": "refunded", "better": "less", "rate": 0.05, "least": 0.3}])
    found = judged(given, tally(looks(draw, 40, 100, 0.2, 0.3), refunded=looks(draw, 40, 100, 0.05, 0.12)))
    assert found.decision == "stopped" and "refunded got worse" in found.why and len(found.found) == 2


def test_it_ends_when_the_planned_people_were_seen() -> None:
    given, draw = experiment(), np.random.default_rng(5)
    enough = looks(draw, 40, people_needed(given) // 40 + 10, 0.2, 0.2)
    assert judged(given, tally(enough)).decision == "no_difference"
    assert judged(given, tally(enough[:5])).decision == "running"
    assert judged(given, tally([])).why.endswith("nobody was counted yet")


def test_the_interval_covers_the_difference_at_every_look() -> None:
    draw, missed, many = np.random.default_rng(6), 0, 300
    for _ in range(many):
        n, m = draw.binomial(50, 0.2, 40).cumsum(), draw.binomial(50, 0.25, 40).cumsum()
        bounds = [difference((50 * k, int(n[k - 1])), (50 * k, int(m[k - 1])), 0.05) for k in range(1, 41)]
        missed += any(not (low or 0) <= 0.05 <= (high or 0) for _, low, high in bounds)
    assert missed / many <= 0.05


def test_halves_that_are_no_halves_are_noticed_and_equal_ones_are_not() -> None:
    found = judged(experiment(), Tally({"ordered": []}, {"control": 5000, "variant": 4400}))
    assert found.decision == "unbalanced" and "whom the product counts is wrong" in found.why
    draw, alarms = np.random.default_rng(7), 0
    for _ in range(200):
        variant = draw.binomial(1, 0.5, 4000).cumsum()
        alarms += any(balance(k - int(variant[k - 1]), int(variant[k - 1])) >= 1000 for k in range(50, 4001, 50))
    assert alarms == 0


PEOPLE = {of: [f"p{n}" for n in range(400) if arm("e", f"p{n}") == of] for of in ("control", "variant")}


def rows_of(person: str, minutes: float, *what: tuple[float, str]) -> list[Row]:
    return [Row(NOW + timedelta(minutes=minutes), person, "exposed"),
            *(Row(NOW + timedelta(minutes=minutes + after), person, name) for after, name in what)]


def test_a_person_counts_once_and_only_what_was_done_in_time() -> None:
    a, b, c, *_ = PEOPLE["control"]
    d, *_ = PEOPLE["variant"]
    given = experiment(hours=1)
    rows = [*rows_of(a, 5, (10, "ordered"), (20, "ordered")), *rows_of(a, 30), *rows_of(b, 5, (61, "ordered"), (-2, "ordered")),
            *rows_of(c, 70, (1, "ordered"), (2, "other")), *rows_of(d, 10, (59, "ordered")),
            Row(NOW + timedelta(minutes=1), d, "exposed", arm="control"), Row(NOW - timedelta(days=1), d, "ordered")]
    found = count(rows, given, NOW + timedelta(hours=4), Tally())
    assert found.looks == {"ordered": [Look(2, 1, 1, 1), Look(1, 1, 0, 0)]}
    assert (found.exposed, found.unused) == ({"control": 3, "variant": 1}, {"got the other version": 1})
    assert count(reversed(rows), given, NOW + timedelta(hours=4), Tally()).looks == found.looks


def test_a_later_look_changes_nothing_of_an_earlier_one() -> None:
    draw = np.random.default_rng(8)
    people = [*PEOPLE["control"], *PEOPLE["variant"]]
    rows = [row for person in people for row in rows_of(person, draw.uniform(0, 600), (draw.uniform(0, 200), "ordered"))]
    given = experiment(hours=2)
    before: list[Look] = []
    for hour in range(3, 14):
        now = NOW + timedelta(hours=hour)
        found = count((row for row in rows if row.at < now), given, now, Tally()).looks["ordered"]
        assert found[: len(before)] == before
        before = found
    assert sum(item.baseline_requests + item.candidate_requests for item in before) == 400


def test_an_experiment_that_makes_no_sense_is_refused() -> None:
    for fields in ({"guardrails": [METRIC]}, {"metric": METRIC | {"name": "exposed"}}, {"metric": METRIC | {"rate": 0.9}},
                   {"start": "2026-01-01T00:00:00"}):
        with pytest.raises(ValueError):
            experiment(**fields)
