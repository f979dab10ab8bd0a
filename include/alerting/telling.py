"""Sending what is due, each alert once.

Before an alert is sent, that it is being sent is written down. Where the process dies after that, nobody knows whether it
arrived: it is sent again, with the same Message-ID or Idempotency-Key by which the other side knows it, for an alert that is
lost is worse than one that comes twice. What could not be sent is tried again at each later look, for as long as GIVE_UP.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, and_, or_, select, update

from include.alerting.messages import DROPPED, FAILED, SENDING, SENT, UNTOLD, WAITING, alert, due
from include.alerting.sending import Notify, UntoldError, send
from include.connection import Connections
from include.ledger.engine import reading, upsert, writing
from include.ledger.runs import Run, lease
from include.ledger.tables import alerts, signals
from include.markup import plain
from include.parts.alerts import AlertChannel
from include.product import Product

log = logging.getLogger(__name__)
GIVE_UP = timedelta(days=1)
GIVEN_UP = "given_up"
Row = dict[str, Any]


def tell(engine: Engine, product: Product, run: Run, connections: Connections, notify: Notify) -> dict[str, Any]:
    """Tell what is due through every channel of `product`.

    Returns how many alerts came to which status, by channel, and `problems`: why a channel failed. That one fails is logged,
    and keeps nothing else from going on.
    """
    if product.alerts is None:
        return {}
    come_to: dict[str, Any] = {}
    problems: dict[str, str] = {}
    with lease(engine, f"alerts:{product.name}", f"{run.phase} {run.run_id}"):
        for channel in product.alerts.channels:
            _make(engine, product, run, channel)
            counts: dict[str, int] = {}
            for row, signal in _open(engine, product, channel):
                status, problem = _one(engine, product, run, channel, row, signal, connections, notify)
                counts[status] = counts.get(status, 0) + 1
                if problem:
                    problems[channel.name] = problem
                    log.warning("%s: alerts wait, %s: %s", product.name, channel.name, problem)
                    break  # the others wait for a later look
            come_to[channel.name] = counts
    return come_to | ({"problems": problems} if problems else {})


def _make(engine: Engine, product: Product, run: Run, channel: AlertChannel) -> None:
    """Write down what is due through `channel`, and what is no longer."""
    with writing(engine) as connection:
        rows = connection.execute(select(signals).where(signals.c.product == product.name, or_(
            signals.c.status == "open", signals.c.last_at > run.at - GIVE_UP)).order_by(signals.c.fingerprint)).mappings().all()
        known = connection.execute(select(alerts).where(
            alerts.c.product == product.name, alerts.c.channel == channel.name)).mappings().all()
        found = due(map(dict, rows), map(dict, known), channel, run.at)
        upsert(connection, alerts, [row for row in found if row["status"] == WAITING], keep=True)
        for row in found:
            if row["status"] == DROPPED:
                connection.execute(update(alerts).where(_is(row)).values(status=DROPPED))
        connection.execute(update(alerts).where(
            alerts.c.product == product.name, alerts.c.channel == channel.name, alerts.c.status.in_((WAITING, FAILED)),
            alerts.c.made_at <= run.at - GIVE_UP).values(status=GIVEN_UP))


def _open(engine: Engine, product: Product, channel: AlertChannel) -> Sequence[tuple[Row, Row]]:
    """What is to be sent, the oldest first, with the signal that each is about. One that has opened again since is told anew."""
    joined = and_(alerts.c.fingerprint == signals.c.fingerprint, alerts.c.opened_at == signals.c.first_at)
    query = select(alerts, signals).join(signals, joined).where(
        alerts.c.product == product.name, alerts.c.channel == channel.name, alerts.c.status.in_(UNTOLD))
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(alerts.c.made_at, alerts.c.fingerprint, alerts.c.state)).all()
    own = len(alerts.columns)
    return [(dict(zip(alerts.columns.keys(), row[:own], strict=True)), dict(zip(signals.columns.keys(), row[own:], strict=True)))
            for row in rows]


def _one(engine: Engine, product: Product, run: Run, channel: AlertChannel, row: Row, signal: Row, connections: Connections,
         notify: Notify) -> tuple[str, str | None]:
    """Send one alert; what it came to, and why where it failed."""
    _note(engine, row, status=SENDING, attempts=row["attempts"] + 1, tried_at=run.at)
    try:
        send(alert(product, row, signal), row["made_at"].timestamp(), channel, connections, notify)
    except UntoldError as error:
        problem = plain(str(error), 500)
        return _note(engine, row, status=FAILED, problem=problem), problem
    return _note(engine, row, status=SENT, sent_at=run.at, problem=None), None


def _note(engine: Engine, row: Row, **values: Any) -> str:
    with writing(engine) as connection:
        connection.execute(update(alerts).where(_is(row)).values(values))
    return str(values["status"])


def _is(row: Mapping[str, Any]) -> Any:
    return and_(*(alerts.c[name] == row[name] for name in ("fingerprint", "opened_at", "state", "channel")))
