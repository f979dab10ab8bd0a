"""Spikes: what is raised, what isn't, and how often by chance."""

from math import comb

import numpy as np
import pytest

from include.customer_support.spikes import spikes


def test_a_spike_is_raised_and_over() -> None:
    [spike] = spikes({"payment": 15}, {"payment": 16}, 8, 0.001)
    assert (spike.raised, spike.over, spike.expected) == (True, False, 2.0)
    assert spike.p == pytest.approx(sum(comb(31, k) * 8 ** (31 - k) for k in range(15, 32)) / 9**31)
    [calm] = spikes({"payment": 3}, {"payment": 16}, 8, 0.001)
    assert (calm.raised, calm.over) == (False, True)


def test_few_tickets_and_no_history() -> None:
    assert not spikes({"new": 4}, {}, 8, 0.001)[0].raised
    assert spikes({"new": 5}, {}, 8, 0.001)[0].raised
    assert spikes({}, {"gone": 30}, 8, 0.001)[0].over
    assert spikes({}, {}, 8, 0.001) == []


@pytest.mark.parametrize("rate", [1.0, 8.0, 60.0])
def test_false_alarms_are_as_rare_as_stated(rate: float) -> None:
    """6 kinds, 4,000 quiet weeks each: at the level of 5 % a look, no more than that share raises any."""
    chance = np.random.default_rng(7)
    looks = chance.poisson(rate, (4000, 6, 9))
    raised = 0
    for look in looks:
        recent = {str(kind): int(count) for kind, count in enumerate(look[:, 8])}
        before = {str(kind): int(count) for kind, count in enumerate(look[:, :8].sum(axis=1))}
        raised += any(spike.raised for spike in spikes(recent, before, 8, 0.05))
    assert raised / 4000 <= 0.05 + 0.01
