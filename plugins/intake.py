"""The intake endpoint in Airflow's API server: `POST /voices/{product}`. Tasks load this file too, so the app comes later."""

from functools import cache
from typing import Any

from airflow.plugins_manager import AirflowPlugin


@cache
def _app() -> Any:
    from datetime import UTC, datetime

    from include.cycle import RECEIVED, author_key, connection, ledger
    from include.intake_api import app
    from include.wake import wake

    return app(ledger, connection, author_key, lambda product: wake(RECEIVED.name, product), lambda: datetime.now(UTC))


async def intake(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI app, made when the first request comes."""
    await _app()(scope, receive, send)


class IntakePlugin(AirflowPlugin):
    """What Airflow loads."""

    name = "closed_loop_intake"
    fastapi_apps = [{"app": intake, "url_prefix": "/voices", "name": "Closed Loop intake"}]  # noqa: RUF012 - Airflow's own way
