"""The support desk under a real scheduler: tickets become voices of themes in the same night, and then it rests."""

from pathlib import Path

import pytest

from include.ledger.tables import theme_voices, ticket_clocks, tickets
from tests.loop.stage import PATIENCE, with_products

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(3 * PATIENCE)]
PRODUCT = """\
name: desk
title: Desk
owner: team-desk
support:
  sources: [{name: tickets, path: tickets.csv, format: csv}]
  sla: {normal: {resolution_hours: 40}}
"""
TICKETS = """\
id,subject,body,created_at
1,The coupon isn't applied at checkout,I paid the full price,2026-03-01T10:00
2,쿠폰이 적용되지 않아요,결제할 때 할인이 안 돼요,2026-03-01T11:00
3,Coupon code SPRING,It is not applied when I pay at the checkout,2026-03-01T12:00
"""


def test_tickets_are_heard_and_the_loop_rests(tmp_path: Path) -> None:
    with with_products(tmp_path / "stage", desk=PRODUCT) as stage:
        (stage.home / "tickets.csv").write_text(TICKETS)
        first = stage.turn()
        second = stage.turn()
        assert {("support/signals", "desk"), ("voice/themes", "desk"), ("backlog/stories", "desk")} <= set(first)
        assert second == [("cycle/started", "desk")]
        assert set().union(*stage.states().values()) == {"success"}
        heard = {row["voice_id"]: row["external_id"] for row in stage.rows(tickets)}
        tied = {row["voice_id"]: row["theme_id"] for row in stage.rows(theme_voices)}
        assert set(heard.values()) == {"1", "2", "3"}
        assert len({tied[voice] for voice in heard}) == 1
        assert {row["state"] for row in stage.rows(ticket_clocks)} == {"breached"}
