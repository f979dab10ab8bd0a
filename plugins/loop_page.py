"""The loop page in Airflow's UI, and its read API under `/closed-loop`. Tasks load this file too, so the app comes later."""

from collections.abc import Callable
from functools import cache
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/closed-loop"
WEB = f"{PREFIX}/web".lstrip("/")  # from where Airflow's UI is, which may be a folder of a site


@cache
def _app() -> Any:
    from airflow.api_fastapi.core_api.security import get_user, requires_access_dag

    from include.cycle import artifacts, ledger
    from include.loop_page.api import app

    def may_read(dag_id: str) -> Callable[..., Any]:
        return requires_access_dag("GET", param_dag_id=dag_id)

    return app(ledger, artifacts, may_read, get_user)


async def loop_page(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI app, made when the first request comes."""
    await _app()(scope, receive, send)


class LoopPagePlugin(AirflowPlugin):
    """What Airflow loads: the API, the page with its entry in the navigation, and a summary on the home page."""

    name = "closed_loop_page"
    fastapi_apps = [{"app": loop_page, "url_prefix": PREFIX, "name": "Closed Loop page"}]  # noqa: RUF012 - Airflow's own way
    react_apps = [  # noqa: RUF012 - Airflow's own way
        {"name": "Loop", "bundle_url": f"{WEB}/page.js", "destination": "nav", "nav_top_level": True,
         "url_route": "closed-loop", "icon": f"{WEB}/loop.svg"},
        {"name": "Loop summary", "bundle_url": f"{WEB}/summary.js", "destination": "dashboard",
         "url_route": "closed-loop-summary"},
    ]
