"""Tests that both failed and passed at the same commit, remembered."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import flaky_tests


def remembered(connection: Connection, run: Run, sha: str, tests: Sequence[str]) -> list[dict[str, Any]]:
    """Write that `tests` were flaky at the commit `sha`; returns at how many commits each has been: `{"test", "commits"}`."""
    seen = {"product": run.product, "sha": sha, "at": run.at}
    upsert(connection, flaky_tests, [seen | {"test": test} for test in tests], keep=True)
    table = flaky_tests.c
    counted = connection.execute(select(table.test, func.count()).where(table.product == run.product, table.test.in_(tests))
                                 .group_by(table.test).order_by(table.test))
    return [{"test": test, "commits": commits} for test, commits in counted]
