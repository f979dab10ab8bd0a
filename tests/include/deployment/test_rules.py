"""Weights and judgements, without a process."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.deployment.rules import MOST, Counts, judge, split, total, weights
from include.parts.deployment import Canary
from include.targets.target import Replica

CANARY = Canary(steps=[10, 100], seconds=30, min_requests=50, max_error_rate=0.05)
SOME = st.integers(0, 10_000)


@pytest.mark.parametrize(("arms", "expected"), [
    ([(10, 2), (90, 2)], [1, 9]), ([(50, 2), (50, 2)], [1, 1]), ([(100, 2), (0, 2)], [MOST, 0]), ([(90, 1), (10, 1)], [9, 1]),
    ([(10, 1), (90, 3)], [1, 3]), ([(30, 3), (70, 0)], [MOST, 0]),
    ([(10, 2), (10, 2), (80, 2)], [1, 1, 8]), ([(50, 2), (50, 2), (0, 2)], [1, 1, 0]), ([(100, 2), (0, 2), (0, 2)], [MOST, 0, 0]),
])
def test_weights(arms: list[tuple[int, int]], expected: list[int]) -> None:
    assert weights(arms) == expected


@settings(deadline=None)
@given(share=st.integers(1, 99), servers=st.integers(1, 16), baseline=st.booleans())
def test_weights_give_the_share(share: int, servers: int, baseline: bool) -> None:
    parts = split(share, baseline)
    found = weights([(part, servers) for part in parts])
    assert [weight / sum(found) for weight in found] == pytest.approx([part / 100 for part in parts])
    assert parts[1] == (min(share, 100 - share) if baseline else 0)


@settings(deadline=None)
@given(share=st.integers(1, 99), new=st.integers(1, 64), old=st.integers(1, 64), baseline=st.booleans())
def test_weights_are_what_haproxy_takes(share: int, new: int, old: int, baseline: bool) -> None:
    parts = split(share, baseline)
    found = weights([*zip(parts, (new, new, old), strict=True)])
    assert all(1 <= weight <= MOST if part else weight == 0 for weight, part in zip(found, parts, strict=True))


def test_a_replica_s_name_tells_its_version() -> None:
    assert Replica("1.0.1-rc.1", 4000).name == "v1.0.1-rc.1_4000"


@settings(deadline=None)
@given(before=st.builds(Counts, SOME, SOME, SOME), more=st.builds(Counts, SOME, SOME, SOME))
def test_counts_add_up_and_survive_a_restart(before: Counts, more: Counts) -> None:
    assert (before + more).since(before) == more
    restarted = Counts(max(0, before.attempts - 1), 3, 1)
    assert restarted.since(before) == (restarted if before.attempts else Counts(0, 3 - before.good, 1 - before.signs))


def test_what_haproxy_counts_twice_is_one_error_and_what_is_under_way_none() -> None:
    repeated_on_the_same_server = Counts(attempts=101, good=100, signs=2)
    under_way = Counts(attempts=105, good=100, signs=0)
    assert (repeated_on_the_same_server.errors, under_way.errors) == (1, 0)
    assert total([repeated_on_the_same_server, under_way]) == Counts(206, 200, 2)


@pytest.mark.parametrize(("counts", "down", "over", "expected"), [
    (Counts(49, 49, 0), 0, False, None),  # too few yet
    (Counts(50, 50, 0), 0, False, "pass"),
    (Counts(50, 48, 2), 0, False, "pass"),  # 4 % of 50
    (Counts(50, 47, 3), 0, False, "fail"),  # 6 % of 50
    (Counts(3, 0, 3), 0, False, "fail"),  # 3 of any 50 are too many
    (Counts(2, 0, 2), 0, False, None),  # 2 of 50 would do
    (Counts(60, 60, 0), 1, False, None),  # a replica is away: perhaps it comes back
    (Counts(60, 60, 0), 1, True, "fail"),
    (Counts(), 2, False, "fail"),
    (Counts(49, 49, 0), 0, True, "unsure"),
])
def test_judge(counts: Counts, down: int, over: bool, expected: str | None) -> None:
    found = judge(CANARY, 10, counts, down, 2, over)
    assert (found.verdict if found else None) == expected


def test_no_traffic_is_no_pass_and_the_product_decides() -> None:
    careful = judge(CANARY, 10, Counts(), 0, 2, over=True)
    bold = judge(CANARY.model_copy(update={"when_unsure": "promote"}), 10, Counts(), 0, 2, over=True)
    assert careful and bold
    assert (careful.go, bold.go) == (False, True)
    assert careful.why == ("only 0 of 50 requests came within 30 s at 10 % of traffic; the product's rule is to rollback")


def test_a_judgement_shows_its_figures() -> None:
    found = judge(CANARY, 10, Counts(50, 26, 24), 0, 2, over=False)
    assert found
    assert found.why == "48.0 % of 50 requests failed at 10 % of traffic (limit 5.0 %)"


@settings(deadline=None)
@given(good=st.integers(0, 500), errors=st.integers(0, 500), over=st.booleans())
def test_no_step_passes_over_its_limit(good: int, errors: int, over: bool) -> None:
    found = judge(CANARY, 10, Counts(good + errors, good, errors), 0, 2, over)
    if found and found.verdict == "pass":
        assert errors <= 0.05 * (good + errors)
        assert good + errors >= 50
    if over:
        assert found is not None
