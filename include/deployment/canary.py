"""A version takes over step by step, or turns back: the way of traffic, watched through HAProxy's own counters."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from include.deployment.rules import Counts, Judgement, judge, total
from include.deployment.target import Target
from include.parts.deployment import Canary

LOOK = 0.2  # seconds between two looks at the counters


@dataclass(frozen=True)
class Step:
    """One step of a deployment as it was judged: `weight` is the new version's share in percent."""

    weight: int
    counts: Counts
    limit: float
    judgement: Judgement


def walk(target: Target, version: str, canary: Canary, note: Callable[[Step], None]) -> Step:
    """Raise the share of `version` step by step; `note` gets each step. Ends at the first that fails; returns the last."""
    for share in canary.steps:
        target.share(version, share)
        counts, judgement = _watch(target, version, canary, share)
        step = Step(share, counts, canary.max_error_rate, judgement)
        note(step)
        if not judgement.go:
            return step
    return step


def _watch(target: Target, version: str, canary: Canary, share: int) -> tuple[Counts, Judgement]:
    before, counts = target.counts(version), Counts()
    deadline = time.monotonic() + canary.seconds
    while True:
        time.sleep(LOOK)
        now = target.counts(version)
        counts += total(item.since(before.get(name, Counts())) for name, item in now.items())
        before = now
        found = judge(canary, share, counts, target.down(version), len(now), over=time.monotonic() > deadline)
        if found:
            return counts, found
