import os
import time
from pathlib import Path

import pytest

from include.voc_aggregation.second import AHEAD, Pipeline


def doubled(number: int) -> tuple[int, int]:
    time.sleep(0.01 * (number % 3))
    return 2 * number, os.getpid()


def died(_: int) -> int:
    os._exit(3)


def failed(_: int) -> int:
    raise ValueError("no")


@pytest.mark.parametrize("second", [True, False])
def test_results_come_in_order_wherever_they_are_made(second: bool) -> None:
    found: list[tuple[int, int]] = []
    with Pipeline[int, tuple[int, int]](found.append, second) as pipeline:
        for number in range(3 * AHEAD):
            pipeline.put(doubled, number)
        pipeline.drain()
    assert [number for number, _ in found] == list(range(0, 6 * AHEAD, 2))
    pids = {pid for _, pid in found}
    assert os.getpid() in pids
    assert len(pids) == 1 + second
    for pid in pids - {os.getpid()}:
        assert not Path(f"/proc/{pid}").exists()


def slowly_elsewhere(here: int) -> int:
    if os.getpid() != here:
        time.sleep(0.5)
    return os.getpid()


def test_what_the_second_process_has_not_begun_is_done_here_in_the_end() -> None:
    found: list[int] = []
    with Pipeline[int, int](found.append, True) as pipeline:
        for _ in range(AHEAD):
            pipeline.put(slowly_elsewhere, os.getpid())
        pipeline.drain()
    assert len(found) == AHEAD
    assert found.count(os.getpid()) > AHEAD / 2


def test_the_second_process_ends_with_a_run_that_fails() -> None:
    found: list[tuple[int, int]] = []
    pid = 0

    def broken() -> None:
        nonlocal pid
        with Pipeline[int, tuple[int, int]](found.append, True) as pipeline:
            pipeline.put(doubled, 1)
            pipeline.put(doubled, 2)
            pipeline.drain()
            pid = found[-1][1]
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert pid != os.getpid()
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("work", [died, failed])
def test_a_second_process_that_dies_is_an_error(work: object) -> None:
    with Pipeline[int, object](lambda _: None, True) as pipeline:
        pipeline.put(doubled, 1)
        pipeline.put(work, 2)  # type: ignore[arg-type]  # never returns
        with pytest.raises(RuntimeError, match=r"the second process died with status [13]"):
            pipeline.drain()
