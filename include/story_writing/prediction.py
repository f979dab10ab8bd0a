"""How much relief a story will bring, told from what came of earlier stories of its kind. Pure.

The relief of a story is the share of its theme's complaint rate that it takes away, 0 to 1. The reliefs of one kind of story are
taken to scatter as a beta distribution whose mean and concentration aren't known: the hierarchical model of Gelman et al.,
"Bayesian Data Analysis", 3rd edition 2013, section 5.3, summed up over a grid as there. What was seen of an earlier story are two
counts of complaints; given their sum, the count after is binomial (Przyborowski and Wilenski, Biometrika 31, 1940), so that a
story with few complaints tells little.

Where nothing is known yet, a third is expected: "only one third of ideas tested at Microsoft improved the metrics they were
designed to improve" (Kohavi et al., "Online Experimentation at Microsoft", 2009). The mean's prior is Beta(1, 2) accordingly, the
concentration's is even on the log scale from 2 to 64 (as many observations as the spread of a kind may be worth).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, xlog1py, xlogy

LEVEL = 0.95
PRIOR = (1.0, 2.0)
CONCENTRATIONS = np.geomspace(2, 64, 11)
_EDGES = np.sin(np.linspace(0, np.pi / 2, 301)) ** 2  # fine at both ends, where many stories lie
_RELIEF = (_EDGES[1:] + _EDGES[:-1]) / 2
_MEANS = (np.arange(40) + 0.5) / 40
_MEAN, _CONCENTRATION = (grid.ravel() for grid in np.meshgrid(_MEANS, CONCENTRATIONS, indexing="ij"))
# Row by row, how likely each relief is under one beta distribution; and how likely that distribution is beforehand.
_SPREADS = np.diff(betainc(np.outer(_MEAN * _CONCENTRATION, np.ones(_EDGES.size)),
                           np.outer((1 - _MEAN) * _CONCENTRATION, np.ones(_EDGES.size)), _EDGES), axis=1)
_BEFORE = (PRIOR[0] - 1) * np.log(_MEAN) + (PRIOR[1] - 1) * np.log1p(-_MEAN)
ASSUMED = "assumed: one idea in three improves what it should (Kohavi et al. 2009)"


@dataclass(frozen=True)
class Seen:
    """What was counted of an earlier story: complaints and exposure before and after."""

    before_voices: int
    before_exposure: float
    after_voices: int
    after_exposure: float

    @property
    def tells(self) -> bool:
        return self.before_exposure > 0 and self.after_exposure > 0 and self.before_voices + self.after_voices > 0


@dataclass(frozen=True)
class Relief:
    """The expected relief with its 95 % interval, what it rests on, and the number of earlier stories."""

    expected: float
    low: float
    high: float
    basis: str
    n: int


def predicted(kind: str, seen: Iterable[Seen]) -> Relief:
    """The relief of the next story of `kind`, from those `seen`. The interval holds its true relief, 95 times in 100."""
    told = [one for one in seen if one.tells]
    weights = _BEFORE + sum((np.log(_SPREADS @ _likelihood(one)) for one in told), np.zeros(_MEAN.size))
    weights = np.exp(weights - weights.max())
    spread = weights @ _SPREADS / weights.sum()
    low, high = np.interp([(1 - LEVEL) / 2, (1 + LEVEL) / 2], np.concatenate([[0], np.cumsum(spread)]), _EDGES)
    basis = f"outcomes of {len(told)} earlier {kind} {'story' if len(told) == 1 else 'stories'}" if told else ASSUMED
    return Relief(round(float(spread @ _RELIEF), 4), round(float(low), 4), round(float(high), 4), basis, len(told))


def _likelihood(one: Seen) -> np.ndarray:
    """How likely the count after is for each relief, up to a factor."""
    share = (1 - _RELIEF) * one.after_exposure
    share = share / (share + one.before_exposure)
    likely = xlogy(one.after_voices, share) + xlog1py(one.before_voices, -share)
    return np.asarray(np.exp(likely - likely.max()))
