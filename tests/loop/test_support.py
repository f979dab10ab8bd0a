"""The support desk under a real scheduler: tickets become voices of themes in the same night, and then it rests."""

from pathlib import Path

import pytest
from sqlalchemy import select

from include.ledger.engine import connect, reading, upgrade
from include.ledger.tables import theme_voices, ticket_clocks, tickets
from local.airflow import LocalAirflow
from local.loop import Loop
from tests.loop.stage import SETTINGS, free_ports

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(300)]
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


def test_tickets_are_heard_and_the_loop_rests(tmp_path: Path, home: Path) -> None:
    products = tmp_path / "products"
    products.mkdir()
    (products / "desk.yaml").write_text(PRODUCT)
    (home / "tickets.csv").write_text(TICKETS)
    url = f"sqlite:///{home / 'ledger.db'}"
    upgrade(url)
    airflow = LocalAirflow(home, free_ports(1), SETTINGS | {"CLOSED_LOOP_PRODUCTS": str(products)})
    loop = Loop(airflow)
    try:
        airflow.start()
        loop.unpause()
        loop.trigger("nightly_cycle")
        loop.rest(120)
        first = loop.events()
        loop.trigger("nightly_cycle")
        runs = loop.rest(120)
        second = loop.events()[len(first):]
    finally:
        airflow.stop()
    assert {("support/signals", "desk"), ("voice/themes", "desk"), ("backlog/stories", "desk")} <= set(first)
    assert second == [("cycle/started", "desk")]
    assert {run["state"] for run in runs} == {"success"}
    with reading(connect(url)) as connection:
        tied = connection.execute(select(tickets.c.external_id, theme_voices.c.theme_id).join(
            theme_voices, theme_voices.c.voice_id == tickets.c.voice_id)).all()
        late = set(connection.scalars(select(ticket_clocks.c.state)))
    assert {row.external_id for row in tied} == {"1", "2", "3"}
    assert len({row.theme_id for row in tied}) == 1
    assert late == {"breached"}
