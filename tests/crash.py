"""What a kill -9 at any point leaves behind: a phase is killed at each of its ledger statements, then run again.

In a test module, at top level (the driver imports the module by its name, once, and forks for each kill):

    def prepare(engine, folder): ...      # what the phase finds: rows, files under `folder`; optional
    def scenario(engine, folder): return write(engine, PRODUCT, RUN)      # one call of the phase; returns its result
    def cleanup(engine, folder): ...      # ends processes that a killed run left; optional
    def warm(): ...                       # what every run imports anyway, once before the forks; optional

    def test_a_kill_changes_nothing(migrated, tmp_path):
        assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario") > 4     # kills; raises where a ledger differs
"""

import contextlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, event, select

from include.ledger.engine import connect
from include.ledger.tables import metadata

ROOT = Path(__file__).resolve().parents[1]
Dump = dict[str, list[dict[str, Any]]]
Step = Callable[[Engine, Path], object]


def dump(engine: Engine, ignore: Collection[str] = ("leases",)) -> Dump:
    """Every row of the ledger in a fixed order, as plain JSON values. `ignore` names tables, or `table.column`."""
    tables: Dump = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            if table.name not in ignore:
                columns = [column for column in table.columns if f"{table.name}.{column.name}" not in ignore]
                rows = connection.execute(select(*columns).order_by(*table.primary_key)).mappings()
                tables[table.name] = json.loads(json.dumps([dict(row) for row in rows], default=str))
    return tables


def ledger_after_kills(template: Path, folder: Path, scenario: str, at_most: int = 200,
                       ignore: Collection[str] = ("leases",), timeout: float = 240) -> int:
    """Kill `scenario` ("module:function") at its ledger statements and commits, run it again, compare with an undisturbed run.

    `template` is a migrated SQLite ledger (fixture `migrated`), `folder` an empty folder. Where there are more than `at_most`
    kill points, they are spread evenly. Returns how many kills there were; raises AssertionError where a ledger or a result
    differs from the undisturbed run's.
    """
    spec = {"template": str(template), "folder": str(folder / "crash"), "scenario": scenario, "at_most": at_most,
            "ignore": list(ignore)}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-m", "tests.crash", json.dumps(spec)], cwd=ROOT, env=environment, text=True,
                          capture_output=True, timeout=timeout, check=False)
    if done.returncode:
        raise AssertionError(f"{done.stdout}\n{done.stderr}")
    return int(done.stdout.splitlines()[-1])


class Crash:
    """The driver: one folder that is put back to its start before each attempt, each attempt in a forked process."""

    def __init__(self, template: str, folder: str, scenario: str, at_most: int, ignore: list[str]) -> None:
        name, _, function = scenario.partition(":")
        module = importlib.import_module(name)
        self.scenario: Step = getattr(module, function)
        self.cleanup: Step | None = getattr(module, "cleanup", None)
        getattr(module, "warm", lambda: None)()
        self.start, self.work, self.note = Path(folder, "start"), Path(folder, "work"), Path(folder, "note")
        self.at_most, self.ignore = at_most, ignore
        self.reader = create_engine(f"sqlite:///{self.work / 'ledger.db'}", poolclass=NullPool)
        self.work.mkdir(parents=True)
        shutil.copy(template, self.work / "ledger.db")
        prepare: Step | None = getattr(module, "prepare", None)
        if prepare and self._forked(prepare) is None:
            raise AssertionError("prepare was killed")
        shutil.copytree(self.work, self.start, symlinks=True)

    def compare(self) -> int:
        """The number of kills after which a second run left the undisturbed run's ledger and result."""
        whole = self._forked(self.scenario)
        if whole is None:
            raise AssertionError("the undisturbed run was killed")
        expected, points = (self._dump(), whole["result"]), whole["points"]
        self._reset()
        count = min(points, self.at_most)
        chosen = [1 + round(i * (points - 1) / max(1, count - 1)) for i in range(count)]
        return sum(self._kill(point, expected) for point in chosen)

    def _kill(self, point: int, expected: tuple[Dump, object]) -> bool:
        killed = self._forked(self.scenario, point) is None
        where = self.note.read_text()
        again = self._forked(self.scenario)
        if again is None:
            raise AssertionError("the second run was killed")
        found = (self._dump(), again["result"])
        self._reset()
        if found != expected:
            raise AssertionError(f"after a kill {where} (point {point}), run again:\n" + _difference(expected, found))
        return killed

    def _forked(self, step: Step, kill_at: int | None = None) -> dict[str, Any] | None:
        """Run `step` in a process of its own: its result and how many kill points it passed; None when it was killed."""
        self.note.write_text("nowhere")
        child = os.fork()
        if not child:
            self._child(step, kill_at)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and kill_at:
            return None
        if status:
            raise AssertionError(f"{step.__name__} ended with status {status}")
        answer: dict[str, Any] = json.loads(self.note.read_text())
        return answer

    def _child(self, step: Step, kill_at: int | None) -> None:
        try:
            engine = connect(f"sqlite:///{self.work / 'ledger.db'}")
            points = _install(engine, kill_at, self.note)
            result = step(engine, self.work)
            engine.dispose()
            self.note.write_text(json.dumps({"result": result, "points": points[0]}, default=str))
            os._exit(0)
        except BaseException:  # whatever happened, the child must end here and say so, and never run the parent's code
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def _dump(self) -> Dump:
        return dump(self.reader, self.ignore)

    def _reset(self) -> None:
        if self.cleanup:
            self._forked(self.cleanup)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.work)
        shutil.copytree(self.start, self.work, symlinks=True)


def _install(engine: Engine, kill_at: int | None, note: Path) -> list[int]:
    """Count the kill points of `engine` (before and after each statement and commit), and die at number `kill_at`."""
    passed = [0]

    def point(where: str) -> None:
        passed[0] += 1
        if passed[0] == kill_at:
            note.write_text(where)
            os.kill(os.getpid(), signal.SIGKILL)

    def before(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        point(f"before {statement[:100]!r}")

    def after(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        point(f"after {statement[:100]!r}")

    def do_commit(connection: Any) -> None:
        point("before a commit")
        commit(connection)
        point("after a commit")

    commit = engine.dialect.do_commit
    engine.dialect.do_commit = do_commit  # type: ignore[method-assign, assignment]  # no event tells when a commit is done
    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    return passed


def _difference(expected: tuple[Dump, object], found: tuple[Dump, object]) -> str:
    lines = [] if expected[1] == found[1] else [f"result: expected {expected[1]}, found {found[1]}"]
    for table, rows in expected[0].items():
        lines += [f"{table}: missing {row}" for row in rows if row not in found[0][table]]
        lines += [f"{table}: too much {row}" for row in found[0][table] if row not in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(f"{Crash(**json.loads(sys.argv[1])).compare()}\n")
