"""Every query of the page by index: what SQLite means to do, asked of SQLite itself."""

from contextlib import ExitStack
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

from include.artifacts import Artifacts
from include.ledger.engine import reading, writing
from include.loop_page.api import app
from tests.turned import turned

PATHS = ["/products", "/products/shop/themes", "/products/shop/themes?sort=last_seen&kind=bug&since=2026-01-01T00:00:00Z",
         "/products/shop/themes?status=open&severity=high&language=en", "/products/shop/themes/t-coupon", "/products/shop/voices",
         "/products/shop/voices?kind=bug&severity=high", "/products/shop/voices?q=coupon", "/products/shop/voices?theme=t-coupon",
         "/products/shop/voices?theme=t-coupon&q=coupon", "/products/shop/voices/t-coupon-0", "/products/shop/releases",
         "/products/shop/releases/1.1.0", "/products/shop/operation", "/products/shop/metrics", "/trace/ticket/k-1",
         "/trace/release/shop|1.1.0", "/trace/commit/" + "c" * 40, "/trace/outcome/S-0000000001"]
# A page is read in the order of its index: nothing is sorted, however many there are.
IN_ORDER = ["/products/shop/themes", "/products/shop/themes?sort=last_seen", "/products/shop/releases", "/products/shop/voices"]


def plans(ledger: Engine, path: str) -> list[tuple[str, str]]:
    """What each query behind `path` and behind its next page does: (step of the plan, query)."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(ledger, "before_cursor_execute", note)
    client = TestClient(app(lambda: ledger, lambda: Artifacts("nowhere"), lambda _: lambda: None, lambda: None), base_url="http://loop/api/v1")
    first = client.get(path, params={} if "?" in path else {"limit": 1})
    assert first.status_code == 200, first.text
    if isinstance(first.json().get("next"), str):
        assert client.get(path, params={"limit": 1, "after": first.json()["next"]}).status_code == 200
    event.remove(ledger, "before_cursor_execute", note)
    with reading(ledger) as connection:
        return [(row[3], statement) for statement, parameters in asked
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize("path", PATHS)
def test_no_query_reads_a_whole_table(sqlite_ledger: Engine, products: Any, path: str) -> None:
    turned(sqlite_ledger)
    found = plans(sqlite_ledger, path)
    assert found
    assert [(step, query) for step, query in found if step.startswith("SCAN") and "INDEX" not in step
            and step not in {"SCAN CONSTANT ROW", "SCAN anon_1"}] == []


@pytest.mark.parametrize("path", IN_ORDER)
def test_a_page_is_read_in_its_order(sqlite_ledger: Engine, products: Any, path: str) -> None:
    turned(sqlite_ledger)
    assert [query for step, query in plans(sqlite_ledger, path) if "TEMP B-TREE FOR ORDER BY" in step] == []


def test_postgresql_reads_no_big_table_whole(postgresql_ledger: Engine, products: Any) -> None:
    """Of as many voices as make it think twice."""
    from bench.fifty_million import noted, places, pour, whole

    turned(postgresql_ledger)
    with writing(postgresql_ledger) as connection:
        pour(connection, range(150_000), 100)
        connection.exec_driver_sql("ANALYZE")
    client = TestClient(app(lambda: postgresql_ledger, lambda: Artifacts("nowhere"), lambda _: lambda: None, lambda: None),
                        base_url="http://loop/api/v1")
    with ExitStack() as stack:
        wanted = places(postgresql_ledger).values()
        asked = noted(stack, postgresql_ledger)
        for place in wanted:
            assert client.get(place).status_code == 200, place
    assert len(asked) > 15
    assert whole(postgresql_ledger, asked) == []
