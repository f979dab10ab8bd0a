"""Whether complaints of a resolved theme came back, and with which release: a change point among deployments. Pure rules.

Complaints are back where, since some point after the relief, there is evidence that more than half of the old rate is there
again. Points are looked at together, each with a weight beforehand, so that their number raises no alarm (a mixture of e-values
is one). A wrong alarm needs a rate near half of the old one: what was relieved by four fifths is out of its reach.

A rise follows the deployment at which one rate before and another after explain the counts best; one is named only if no other
time does so much better (a likelihood of e**2 times as much: about the 95 % interval of a change point).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log

import numpy as np

from include.outcome_review.rates import ALPHA, Arm, Look, for_no_relief

CLEAR = 2.0  # in logarithms of the likelihood


@dataclass(frozen=True)
class Piece:
    """A span of time from `start` until the next piece; `release`: a deployment of it began then."""

    start: datetime
    release: str | None
    arm: Arm


def came_back(before: Arm, since: Sequence[Arm], phi: float) -> bool:
    """`before` is the old rate, `since` what was counted from each point until now, the likeliest points first."""
    evidence = [log(1 / ((n + 1) * (n + 2))) + for_no_relief(Look(before, arm, phi)) for n, arm in enumerate(since)]
    return bool(evidence) and float(np.logaddexp.reduce(evidence)) >= log(1 / ALPHA)


def brought_by(pieces: Sequence[Piece], phi: float) -> str | None:
    """The release with whose deployment the rate rose; None where the rise follows none, or there is none."""
    voices = np.array([piece.arm.voices for piece in pieces]) / phi
    weights = np.array([piece.arm.weight for piece in pieces])
    if len(pieces) < 2 or not voices.sum():
        return None
    level = _fit(voices.sum(), weights.sum())
    gain = {n: _fit(voices[:n].sum(), weights[:n].sum()) + _fit(voices[n:].sum(), weights[n:].sum()) - level
            for n in range(1, len(pieces)) if voices[n:].sum() * weights[:n].sum() > voices[:n].sum() * weights[n:].sum()}
    deployed = [n for n in gain if pieces[n].release]
    if not deployed:
        return None
    best = max(deployed, key=lambda n: gain[n])
    return pieces[best].release if gain[best] >= max(CLEAR, max(gain.values()) - CLEAR) else None


def _fit(voices: float, weight: float) -> float:
    """The logarithm of the Poisson likelihood at its best rate, up to what all fits share."""
    return float(voices * np.log(voices / weight)) if voices and weight else 0.0
