"""A second process that takes on work, so that reading and understanding go on side by side.

It is a Python of its own that talks through pipes: nothing is forked (a fork copies locks that threads hold), it works below
Airflow's own processes, and it ends when its pipe closes, however its parent ended.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, Self, TypeVar, cast

AHEAD = 12  # items that the second process may have before it; what comes then is done here
_ROOT = Path(__file__).resolve().parents[2]

Item = TypeVar("Item")
Done = TypeVar("Done")


class Pipeline(Generic[Item, Done]):
    """Does work on items, here and in a second process at once, and hands over what came of them in the items' order.

    The work is a picklable function, so that it comes to the same wherever it is done. The second process starts with the
    second item, or as soon as it is known that there will be many: small runs do without. `second=False` does without in any
    case. What there is of it goes to the second process, which has the words in mind that it saw before.
    """

    def __init__(self, hand_over: Callable[[Done], None], second: bool | None = None) -> None:
        self._hand_over = hand_over
        self._allowed = len(os.sched_getaffinity(0)) > 1 if second is None else second
        self._process: _Process | None = None
        self._results: deque[_Result[Item, Done]] = deque()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.end()

    def many(self) -> None:
        """More than one item is to come: the second process may start."""
        if self._allowed:
            self._process = self._process or _Process()

    def put(self, work: Callable[[Item], Done], item: Item) -> None:
        """Have `work` done on `item`."""
        self._count += 1
        if self._count > 1:
            self.many()
        if self._process and sum(not result.future.done() for result in self._results) < AHEAD:
            self._results.append(_Result(self._process.submit(work, item), work, item))
        else:
            self._results.append(_Result(_done(work, item), work, item))
        while self._results and self._results[0].future.done():
            self._hand_over(self._results.popleft().future.result())

    def drain(self) -> None:
        """Hand over all that is still being done. What the second process has not begun is done here, the last first."""
        for result in reversed(self._results):
            if result.future.cancel():
                result.future = _done(result.work, result.item)
        while self._results:
            self._hand_over(self._results.popleft().future.result())


@dataclass
class _Result(Generic[Item, Done]):
    """What comes of `item`, wherever it is done."""

    future: Future[Done]
    work: Callable[[Item], Done]
    item: Item


def _done(work: Callable[[Item], Done], item: Item) -> Future[Done]:
    result: Future[Done] = Future()
    result.set_result(work(item))
    return result


class _Process:
    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))}
        self._process = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, env=environment)
        self._thread = ThreadPoolExecutor(1)  # writes and reads, so that neither side waits for the other's full pipe
        self._pipes = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        self._work: object = None

    def submit(self, work: Callable[[Any], Any], item: Any) -> Future[Any]:
        return self._thread.submit(self._done, work, item)

    def _done(self, work: Callable[[Any], Any], item: Any) -> Any:
        to, back = self._pipes
        try:
            pickle.dump((None if work is self._work else work, item), to, pickle.HIGHEST_PROTOCOL)
            to.flush()
            self._work = work
            return pickle.load(back)  # noqa: S301  # from our own process
        except (EOFError, BrokenPipeError) as error:
            raise RuntimeError(f"the second process died with status {self._process.wait()}") from error

    def end(self) -> None:
        self._thread.shutdown(cancel_futures=True)
        with self._process:
            pass  # closes the pipes and waits


def main() -> None:
    """Do what comes in through standard input until it closes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints must not get among the answers
    work: Any = None
    while True:
        try:
            given, item = pickle.load(sys.stdin.buffer)  # noqa: S301  # from our own parent
        except EOFError:
            return
        if given:
            gc.freeze()  # what was imported stays: collections need not look at it again and again
        work = given or work
        pickle.dump(work(item), answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()


if __name__ == "__main__":
    main()
