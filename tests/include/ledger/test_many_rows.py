"""Many rows in one upsert are bound another way than few, and come to the same."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, select

from include.ledger.engine import upsert, writing
from include.ledger.tables import leases, theme_voices, themes, voices

AT = datetime(2026, 3, 2, 11, tzinfo=UTC)


def test_many_rows_are_the_same_as_few(ledger: Engine) -> None:
    rows = [{"id": f"{number:04d}", "product": "p", "source": "s", "origin": "customer", "external_id": None, "text": "t",
             "language": "ko", "kind": "bug", "kinds": [["bug", "praise"], None][number % 2], "sentiment": number / 7,
             "rating": None, "author": "a", "written_at": AT + timedelta(seconds=number % 3), "heard_at": AT, "sketch": -number}
            for number in range(1200)]
    members = [{"theme_id": "t", "voice_id": row["id"], "similarity": 0.5} for row in rows]  # `quote` has a default
    theme = {"id": "t", "product": "p", "name": "n", "language": "ko", "kind": "bug", "status": "open", "first_seen": AT,
             "last_seen": AT, "state": {}}
    found = []
    with writing(ledger) as connection:
        upsert(connection, themes, [theme])
        for size in (100, len(rows)):
            for table in (theme_voices, voices):
                connection.execute(delete(table))
            for table, given in ((voices, rows), (theme_voices, members)):
                for start in range(0, len(rows), size):
                    upsert(connection, table, given[start: start + size])
            upsert(connection, voices, [row | {"text": "other"} for row in rows], keep=True)
            found.append([connection.execute(select(table).order_by(*table.primary_key)).all()
                          for table in (voices, theme_voices)])
    assert found[0] == found[1]
    assert [len(each) for each in found[1]] == [1200, 1200]
    assert {row.text for row in found[1][0]} == {"t"}


def test_many_rows_with_a_time_without_a_zone_are_refused(ledger: Engine) -> None:
    rows = [{"name": str(number), "holder": "b", "expires_at": AT.replace(tzinfo=None)} for number in range(600)]
    with pytest.raises(ValueError, match="has no time zone"), writing(ledger) as connection:
        upsert(connection, leases, rows)
