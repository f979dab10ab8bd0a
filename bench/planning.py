"""500 stories over 6 iterations, chosen by the optimiser, beside what greedy makes of them."""

import random
import time
from typing import Any

from bench.rows import row
from include.scope_planning.optimiser import Frame, Work, choose, greedy, worth

STORIES, ITERATIONS = 500, 6


def measure() -> dict[str, Any]:
    """The worth of the optimiser's choice and of greedy's, on one generated backlog of which two fifths fit."""
    works, frame = _backlog(random.Random(1))  # noqa: S311 - no secret hangs on it
    start = time.perf_counter()
    found = choose(works, frame)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    by_hand = greedy(works, frame)
    greedy_seconds = time.perf_counter() - start
    assert not found.late and not found.unpinned
    return row("planning", worth(works, found.iterations), "worth", "greedy", worth(works, by_hand), STORIES,
               f"{ITERATIONS} iterations, with dependencies, dates, pins and kept shares; {seconds:.1f} s, greedy "
               f"{greedy_seconds:.2f} s", more_is_better=True)


def _backlog(draw: random.Random) -> tuple[list[Work], Frame]:
    works = []
    for n in range(STORIES):
        after = {f"S{draw.randrange(n)}" for _ in range(draw.choice([0, 0, 0, 1, 2]))} if n else set()
        days, must = draw.randint(1, 16) / 2, draw.random()
        works.append(Work(f"S{n}", draw.lognormvariate(3, 1) * days**0.5, days, tuple(sorted(after)),
                          draw.randint(2, ITERATIONS) if must < 0.02 else None, 0.02 <= must < 0.03,
                          draw.choice([None] * 6 + ["debt", "security"])))
    capacity = sum(work.days for work in works) * 0.4 / ITERATIONS
    kept = {"debt": (capacity * 0.1,) * ITERATIONS, "security": (capacity * 0.1,) * ITERATIONS}
    return works, Frame((capacity,) * ITERATIONS, kept)
