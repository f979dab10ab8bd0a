"""Who may do what: every endpoint that the plugins add, every DAG's trigger, what people answer, where secrets lie, by role.

One table for both of Airflow's auth managers: the simple one, and FAB with the settings of deploy/values.yaml.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Mount, Route

from include import intake_api
from include.loop_page import api
from tests.plugins.conftest import Served

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]
DAGS = Path(__file__).resolve().parents[2] / "dags"

# nobody: signed in, without a role. 404 of a DAG: let in, and this server has loaded none. Whoever answers a letter or sends from
# a widget has no login: the link is signed, the widget has a token of its own, which none of Airflow's is.
TABLE = """
                                                                          nobody
                                                              signed out  |    viewer  user  op   admin
GET   /closed-loop/api/v1/products                                    401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}                          401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/themes                   401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/themes/{id}              401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/voices                   401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/voices/{id}              401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/releases                 401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/releases/{version}       401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/releases/{version}/files/{what}     401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/releases/{version}/evidence/{rule}  401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/releases/{version}/parts  401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/incidents/{id}/postmortem  401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/operation                401  403  200     200   200  200
GET   /closed-loop/api/v1/products/{product}/metrics                  401  403  200     200   200  200
GET   /closed-loop/api/v1/trace/{kind}/{id:path}                      401  403  200     200   200  200
GET   /closed-loop/api/v1/openapi.json                                401  200  200     200   200  200
GET   /closed-loop/web/*                                              200  200  200     200   200  200
POST  /voices/{product}                                               401  403  403     403   403  403
GET   /voices/{product}/answer/{token}                                404  404  404     404   404  404
POST  /voices/{product}/answer/{token}                                404  404  404     404   404  404
POST  /api/v2/dags/DAG/dagRuns                                        401  403  403     404   404  404
PATCH /api/v2/dags/DAG/dagRuns/r/taskInstances/t/-1/hitlDetails       401  403  403     404   404  404
PATCH /api/v2/dags/DAG                                                401  403  403     404   404  404
GET   /api/v2/connections                                             401  403  403     403   200  200
GET   /api/v2/variables                                               401  403  403     403   200  200
"""
# FAB's own: who sees and makes users, and what roles may.
FAB = """
GET   /auth/fab/v1/users                                              401  403  403     403   403  200
GET   /auth/fab/v1/users/ada                                          401  403  403     403   403  200
POST  /auth/fab/v1/users                                              401  403  403     403   403  422
PATCH /auth/fab/v1/users/none                                         401  403  403     403   403  422
DELETE /auth/fab/v1/users/none                                        401  403  403     403   403  404
GET   /auth/fab/v1/roles                                              401  403  403     403   403  200
POST  /auth/fab/v1/roles                                              401  403  403     403   403  422
PATCH /auth/fab/v1/roles/none                                         401  403  403     403   403  422
DELETE /auth/fab/v1/roles/none                                        401  403  403     403   403  404
GET   /auth/fab/v1/permissions                                        401  403  403     403   403  200
GET   /auth/register/form                                             404  404  404     404   404  404
"""
USERS = (None, "nobody", "vic", "uma", "oli", "ada")
ROWS, FAB_ROWS = ([line.split() for line in table.splitlines() if " /" in line] for table in (TABLE, FAB))
OURS = {"/closed-loop", "/voices"}
OF_PATH = {"/themes/{id}": "t-coupon", "/voices/{id}": "t-late-0", "/incidents/{id}": "i-1", "/story/{id:path}": "S-0000000001"}
NAMED = {"product": "shop", "version": "1.1.0", "what": "sbom", "rule": "licences", "kind": "story", "token": "forged"}


def endpoints(routes: list[BaseRoute], prefix: str) -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield f"GET {prefix}{route.path}/*"
        else:
            assert isinstance(route, Route), f"{route} is new here: who may use it?"
            yield from (f"{method} {prefix}{route.path}" for method in (route.methods or set()) - {"HEAD"})


def nothing(*_: Any) -> Any:
    raise AssertionError("only routes are looked at")


def test_the_table_knows_every_endpoint(served: Served) -> None:
    apps = {"/closed-loop": api.app(nothing, nothing, lambda dag_id: nothing, nothing),
            "/voices": intake_api.app(nothing, nothing, nothing, nothing, nothing)}
    found = {endpoint for prefix, app in apps.items() for endpoint in endpoints(list(app.routes), prefix)}
    assert found == {f"{method} {path}" for method, path, *_ in ROWS if path.startswith(tuple(OURS))}
    _, answer = served.ask("GET", "/api/v2/plugins?limit=100", token=served.token("ada"))
    mine = [plugin for plugin in answer["plugins"] if plugin["name"].startswith("closed_loop")]
    assert len(mine) == len([path for path in (DAGS.parent / "plugins").glob("*.py") if path.stem != "__init__"])
    assert {app["url_prefix"] for plugin in mine for app in plugin["fastapi_apps"]} == OURS
    assert not any(plugin[kind] for plugin in mine for kind in ("flask_blueprints", "appbuilder_views", "external_views",
                                                                "fastapi_root_middlewares"))


@pytest.fixture(params=["served", "served_by_fab"], ids=["simple", "fab"])
def server(request: pytest.FixtureRequest) -> Served:
    found: Served = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2]))
def test_each_role_may_what_the_table_says(server: Served, row: list[str]) -> None:
    check(server, row)


@pytest.mark.parametrize("row", FAB_ROWS, ids=lambda row: " ".join(row[:2]))
def test_only_an_administrator_of_fab_sees_and_makes_users(served_by_fab: Served, row: list[str]) -> None:
    check(served_by_fab, row)


@pytest.mark.parametrize("password", ["", "v", "A", "' OR 1=1 --", None])
def test_a_wrong_password_opens_nothing(server: Served, password: str | None) -> None:
    status, answer = server.ask("POST", "/auth/token", {"username": "ada", "password": password})
    assert status in {400, 401, 422}, answer
    assert "access_token" not in str(answer)


def check(served: Served, row: list[str]) -> None:
    method, path, *expected = row
    paths = [path.replace("DAG", dag) for dag in dags()] if "DAG" in path else [path]
    for one in paths:
        said = [str(status(served, method, filled(one), user)) for user in USERS]
        assert dict(zip(USERS, said, strict=True)) == dict(zip(USERS, expected, strict=True)), one


def dags() -> list[str]:
    """Every DAG: all of them can be started by hand."""
    texts = [path.read_text() for path in sorted(DAGS.glob("*.py"))]
    found = [name for text in texts for name in re.findall(r"^@dag\(.*?^def (\w+)", text, re.M | re.S)]
    assert {"release", "preview", "rollback", "edit_story", "nightly_cycle"} <= set(found)
    return found


def filled(path: str) -> str:
    path = path.replace("/*", "/page.js").replace("{kind}", NAMED["kind"])
    for ending, value in OF_PATH.items():
        path = path.replace(ending, re.sub(r"\{.*\}", value, ending))
    return re.sub(r"\{(\w+)\}", lambda found: NAMED[found[1]], path)


@cache
def token(served: Served, user: str) -> str:
    return served.token(user)


def status(served: Served, method: str, path: str, user: str | None) -> int:
    body = {"logical_date": None, "conf": {}} if path.endswith("dagRuns") else {"chosen_options": ["Approve"]} if path.endswith(
        "hitlDetails") else {"is_paused": True} if method == "PATCH" else {} if method == "POST" else None
    return served.ask(method, path, body, token(served, user) if user else None)[0]
