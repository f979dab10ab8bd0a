"""The ranking agrees with the literature's worked examples, keeps TOPSIS's properties, and never takes a gap for a zero."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from include.errors import InputError
from include.solution_evaluation.sensitivity import room
from include.solution_evaluation.topsis import Criterion, closeness, needed, rank, scale, weights_of, winner

Values = list[list[float | None]]


def criteria(weights: Sequence[float], lower: Sequence[int] = ()) -> list[Criterion]:
    return [Criterion(f"c{j}", weight, "lower" if j in lower else "higher") for j, weight in enumerate(weights)]


def test_hwang_and_yoon_s_fighter_aircraft() -> None:
    """Hwang & Yoon (1981), ch. III: speed, range, payload, cost, reliability, manoeuvrability of four aircraft."""
    planes: Values = [[2.0, 1500, 20000, 5.5, 5, 9], [2.5, 2700, 18000, 6.5, 3, 5], [1.8, 2000, 21000, 4.5, 7, 7],
                      [2.2, 1800, 20000, 5.0, 5, 5]]
    by = criteria([0.2, 0.1, 0.1, 0.1, 0.2, 0.3], lower=[3])
    scaled, weights = scale(planes, by), weights_of(by)
    assert weights * scaled.ideal == pytest.approx([0.1168, 0.0659, 0.0531, 0.0414, 0.1347, 0.2012], abs=2e-4)
    assert weights * scaled.opposite == pytest.approx([0.0841, 0.0366, 0.0455, 0.0598, 0.0577, 0.1118], abs=2e-4)
    found = rank(planes, by)
    assert [standing.closeness for standing in found] == pytest.approx([0.643, 0.268, 0.613, 0.312], abs=1e-3)
    assert [standing.rank for standing in found] == [1, 4, 2, 3]


def test_tzeng_and_huang_s_four_candidates() -> None:
    """Tzeng & Huang, Multiple Attribute Decision Making (CRC Press 2011), the chapter on TOPSIS."""
    found = rank([[5, 8, 4], [7, 6, 8], [8, 8, 6], [7, 4, 6]], criteria([0.3, 0.4, 0.3]))
    assert [standing.closeness for standing in found] == pytest.approx([0.5037, 0.6581, 0.7482, 0.3340], abs=1e-4)
    assert [standing.rank for standing in found] == [3, 2, 1, 4]


number = st.one_of(st.integers(0, 20).map(float), st.floats(0, 1e6, allow_subnormal=False).filter(lambda x: x == 0 or x > 1e-3))
weight = st.integers(0, 10).map(float)


@st.composite
def problems(draw: st.DrawFn, gaps: bool = False) -> tuple[Values, list[Criterion]]:
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    cell = st.one_of(st.none(), number) if gaps else number
    values = draw(st.lists(st.lists(cell, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    weights = draw(st.lists(weight, min_size=columns, max_size=columns).filter(any))
    return values, criteria(weights, draw(st.sets(st.integers(0, columns - 1))))  # type: ignore[arg-type]  # a set is enough


@given(problems(gaps=True), st.data())
def test_the_unit_of_a_fact_and_the_sum_of_the_weights_change_nothing(problem: tuple[Values, list[Criterion]],
                                                                      data: st.DataObject) -> None:
    values, by = problem
    unit = data.draw(st.sampled_from([0.001, 0.5, 7.0, 1000.0]))
    j = data.draw(st.integers(0, len(by) - 1))
    other: Values = [[x * unit if x is not None and at == j else x for at, x in enumerate(row)] for row in values]
    heavier = [Criterion(c.name, c.weight * 3, c.better) for c in by]
    for a, b in zip(rank(values, by), rank(other, heavier), strict=True):
        assert (a.closeness, a.at_best) == pytest.approx((b.closeness, b.at_best), abs=1e-9)


@given(problems(gaps=True), st.randoms(use_true_random=False))
def test_the_order_of_candidates_changes_no_rank(problem: tuple[Values, list[Criterion]], chance: object) -> None:
    values, by = problem
    order = list(range(len(values)))
    chance.shuffle(order)  # type: ignore[attr-defined]  # hypothesis types its randoms loosely
    before, after = rank(values, by), rank([values[i] for i in order], by)
    assert [before[i] for i in order] == [pytest.approx(x) if isinstance(x, float) else x for x in after]


@given(problems())
def test_who_is_at_least_as_good_in_all_ranks_no_lower(problem: tuple[Values, list[Criterion]]) -> None:
    values, by = problem
    found = rank(values, by)
    for i, a in enumerate(values):
        for k, b in enumerate(values):
            pairs = [(x, y) if c.better == "higher" else (y, x) for x, y, c in zip(a, b, by, strict=True)]
            if all(x is not None and y is not None and x >= y for x, y in pairs):
                assert found[i].rank <= found[k].rank or found[i].closeness == pytest.approx(found[k].closeness, abs=1e-9)


@given(problems(gaps=True), st.data())
def test_whatever_a_gap_turns_out_to_be_the_closeness_lay_within(problem: tuple[Values, list[Criterion]],
                                                                 data: st.DataObject) -> None:
    """Gaps are filled between the worst and the best known; scale and ideals stay, as the rule says."""
    values, by = problem
    found, scaled, weights = rank(values, by), scale(values, by), weights_of(by)
    share = data.draw(st.floats(0, 1))
    filled = scaled.pessimistic + share * (scaled.optimistic - scaled.pessimistic)
    for standing, c in zip(found, closeness(filled, scaled, weights), strict=True):
        assert standing.closeness - 1e-9 <= c <= standing.at_best + 1e-9
        assert standing.best_rank <= standing.rank <= standing.worst_rank


@given(problems(gaps=True))
def test_a_weight_may_move_just_as_far_as_it_says(problem: tuple[Values, list[Criterion]]) -> None:
    """Ranked again just inside and just outside of each limit."""
    values, by = problem
    first, shares = winner(values, by), weights_of(by)

    def closest(j: int, share: float) -> tuple[int, float]:
        rest = 1 - shares[j]
        moved = [Criterion(c.name, share if k == j else float(shares[k] / rest) * (1 - share), c.better)
                 for k, c in enumerate(by)]
        scaled = scale(values, moved)
        all_of_them = closeness(scaled.pessimistic, scaled, weights_of(moved))
        return int(all_of_them.argmax()), float(all_of_them.max() - all_of_them[first])

    for j, limits in enumerate(room(values, by)):
        assume(1 - shares[j] > 1e-9)
        low, high = limits.low, limits.high
        inside_low = shares[j] * 1e-3 if low is None else low + 1e-6 * (shares[j] - low)
        inside_high = 1 - (1 - shares[j]) * 1e-3 if high is None else high - 1e-6 * (high - shares[j])
        for step in range(11):
            assert closest(j, inside_low + (inside_high - inside_low) * step / 10)[1] <= 1e-9
        for edge, outside in ((low, -1e-4), (high, 1e-4)):
            if edge is not None and 0 < edge + outside < 1 and 1e-3 < edge < 1 - 1e-3:
                near = [closest(j, edge + outside * k / 20)[1] for k in range(1, 21)]
                assert max(near) > 0


def test_the_room_of_a_weight_worked_by_hand() -> None:
    """Two candidates, each best in one of two criteria: by symmetry they change places where both weights are equal."""
    price, quality = room([[1, 2], [2, 1]], criteria([0.7, 0.3], lower=[0, 1]))
    assert (price.share, price.low, price.high, price.below) == (pytest.approx(0.7), pytest.approx(0.5), None, 1)
    assert (quality.share, quality.low, quality.high, quality.above) == (pytest.approx(0.3), None, pytest.approx(0.5), 1)


def test_a_gap_is_no_zero() -> None:
    """A missing price would win if it were 0; it counts as the worst that is known, and may turn out to be the best."""
    by = criteria([1, 1], lower=[0])
    values: Values = [[10, 5], [None, 5], [20, 5]]
    first, missing, last = rank(values, by)
    assert (first.rank, missing.rank, last.rank) == (1, 2, 3)
    assert (missing.closeness, missing.at_best) == (last.closeness, first.closeness)
    assert (missing.best_rank, missing.worst_rank) == (1, 2)
    assert rank([[10, 5], [0, 5], [20, 5]], by)[1].rank == 1


def test_what_a_missing_value_would_have_to_be() -> None:
    by = criteria([2, 1], lower=[0])
    values: Values = [[15, 5], [None, 8], [30, 5], [10, 1]]
    limit = needed(values, by, 1, 0)
    assert limit is not None and 10 < limit < 30
    scaled, weights = scale(values, by), weights_of(by)
    for price, wins in ((limit - 0.01, True), (limit + 0.01, False)):
        part = scaled.pessimistic.copy()
        part[1, 0] = price / scaled.lengths[0]
        assert bool(closeness(part, scaled, weights).argmax() == 1) is wins
    assert needed(values, by, 0, 0) is None


def test_a_criterion_s_own_range_bounds_what_is_missing() -> None:
    score = Criterion("scorecard", 1, "higher", 0, 10)
    known, missing = rank([[6], [None]], [score])
    assert (known.rank, missing.rank, missing.closeness, missing.at_best) == (1, 2, 0, 1)


def test_equal_candidates_share_a_rank_and_one_alone_is_first() -> None:
    assert [standing.rank for standing in rank([[1, 2], [1, 2]], criteria([1, 1]))] == [1, 1]
    assert [(standing.rank, standing.closeness) for standing in rank([[3]], criteria([1]))] == [(1, 0.5)]
    assert [(limits.low, limits.high) for limits in room([[1, 2], [1, 2]], criteria([1, 1]))] == [(None, None)] * 2


def test_huge_numbers_overflow_nothing() -> None:
    found = rank([[1e308, 1], [5e307, 2]], criteria([1e308, 1e300]))
    assert all(math.isfinite(standing.closeness) for standing in found)
    assert found[0].rank == 1


@pytest.mark.parametrize(("values", "weights", "message"), [
    ([[1]], [0], "sum up to zero"), ([[1]], [], "sum up to zero"), ([[1]], [math.nan], "weight nan"),
    ([[1]], [-1], "weight -1"), ([[-1]], [1], "'c0', candidate 1: -1.0"), ([[math.inf]], [1], "candidate 1: inf"),
])
def test_what_can_t_be_compared_is_named(values: Values, weights: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        rank(values, criteria(weights))
