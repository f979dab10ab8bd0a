"""The read API, from its OpenAPI description."""

import re
from inspect import signature
from typing import Any

from include.loop_page.api import app
from local.docs.markdown import cell, code, heading, page, table

INTRO = """# The read API

What the loop page shows, for other tools: paths and fields of `v1` stay. It is under `/closed-loop` of Airflow's API server; each
request needs a token (`POST /auth/token`) and the right to read the DAG that its path names. The same as OpenAPI, with all
fields: `/closed-loop/api/v1/openapi.json`. Lists are paged: send `next` as `after`.

```sh
curl -s -X POST localhost:8080/auth/token -H 'Content-Type: application/json' -d '{"username": "ada", "password": "…"}'
curl -s localhost:8080/closed-loop/api/v1/products -H "Authorization: Bearer $TOKEN"
```"""


def api_page() -> str:
    """The page: a section for each path, with its parameters and the fields of its answer."""
    described: dict[str, Any] = app(*[_nobody] * len(signature(app).parameters)).openapi()
    schemas = described["components"]["schemas"]
    return page(INTRO, *(_section(method, path, said, schemas) for path, methods in described["paths"].items()
                         for method, said in methods.items()))


def _nobody(*_: Any) -> Any:
    """In place of ledger, login and permissions, which a description does not need."""
    return _nobody


def _section(method: str, path: str, said: dict[str, Any], schemas: dict[str, Any]) -> str:
    anchor = re.sub(r"\W+", "-", path).strip("-")
    answers = said["responses"]["200"].get("content", {})
    name = answers.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    rows = ([code(item["name"]), item["in"], _type(item["schema"]), cell(item.get("description", ""))]
            for item in said.get("parameters", ()))
    fields = ", ".join(map(code, schemas[name]["properties"] if name in schemas else answers))
    return page(heading(2, code(f"{method.upper()} {path}"), anchor), cell(said.get("description", "")),
                f"Needs: the right to read {', '.join(map(code, said.get('tags', ())))}.",
                table(["parameter", "in", "value", ""], rows) if said.get("parameters") else "",
                f"Answers with: {fields}." if fields else "")


def _type(schema: dict[str, Any]) -> str:
    if choices := schema.get("anyOf"):
        return " or ".join(_type(inner) for inner in choices if inner.get("type") != "null")
    if "enum" in schema:
        return ", ".join(map(code, schema["enum"]))
    kind = str(schema.get("format", schema.get("type", "")))
    return {"date-time": "time", "string": "text", "integer": "number"}.get(kind, kind)
