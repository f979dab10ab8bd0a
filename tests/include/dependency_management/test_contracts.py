"""What breaks those who rely on an interface: each rule, and hostile files."""

import json
import time
from copy import deepcopy
from typing import Any

import pytest

from include.dependency_management.contracts import UnreadableError, changes, load

API = """\
openapi: 3.0.3
paths:
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get:
      parameters: [{name: lang, in: query, schema: {type: string, enum: [ko, en]}}]
      responses:
        200: {content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
        404: {description: none}
    delete: {responses: {204: {description: gone}}}
  /orders:
    post:
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/New"}}, text/csv: {}}}
      responses: {201: {description: made}}
components:
  schemas:
    Order:
      type: object
      required: [id, state]
      properties:
        id: {type: string}
        state: {type: string, enum: [open, paid]}
        total: {type: integer, maximum: 100}
        parent: {$ref: "#/components/schemas/Order"}
    New:
      type: object
      required: [tea]
      properties: {tea: {type: string, maxLength: 40}, cups: {type: number}}
"""


def changed(*steps: Any, value: Any = None, drop: bool = False) -> list[tuple[str, str]]:
    """The breaking changes (place, rule) after the field at `steps` got a value, or was dropped."""
    old = load(API.encode())
    new = deepcopy(old)
    place = new
    for step in steps[:-1]:
        place = place[step]
    if drop:
        del place[steps[-1]]
    else:
        place[steps[-1]] = value
    return [(change.place, change.rule) for change in changes(old, new, "openapi") if change.breaking]


ORDER = ("components", "schemas", "Order")
NEW = ("components", "schemas", "New")
GET = ("paths", "/orders/{id}", "get")
POST = ("paths", "/orders", "post")


@pytest.mark.parametrize(("steps", "place", "rule"), [
    (("paths", "/orders"), "/orders", "path removed"),
    (("paths", "/orders/{id}", "delete"), "DELETE /orders/{id}", "operation removed"),
    ((*POST, "responses", "201"), "POST /orders 201", "success status removed"),
    ((*POST, "requestBody", "content", "text/csv"), "POST /orders request", "media type removed"),
    ((*ORDER, "properties", "id"), "GET /orders/{id} 200.id", "response field removed"),
    ((*ORDER, "properties", "state", "enum"), "GET /orders/{id} 200.state", "values widened"),
    ((*ORDER, "properties", "total", "maximum"), "GET /orders/{id} 200.total", "bound loosened"),
])
def test_what_is_gone_breaks(steps: tuple[str, ...], place: str, rule: str) -> None:
    assert (place, rule) in changed(*steps, drop=True)


@pytest.mark.parametrize(("steps", "value", "place", "rule"), [
    ((*NEW, "required"), ["tea", "cups"], "POST /orders request.cups", "field became required"),
    ((*NEW, "required"), ["tea", "cup"], "POST /orders request.cup", "required field added"),
    ((*NEW, "properties", "cups", "type"), "integer", "POST /orders request.cups", "type narrowed"),
    ((*NEW, "properties", "tea", "maxLength"), 20, "POST /orders request.tea", "bound tightened"),
    ((*NEW, "properties", "tea", "minLength"), 2, "POST /orders request.tea", "bound tightened"),
    ((*NEW, "properties", "tea", "enum"), ["sencha"], "POST /orders request.tea", "values narrowed"),
    ((*NEW, "properties", "tea", "pattern"), "^s", "POST /orders request.tea", "pattern changed"),
    ((*NEW, "additionalProperties"), False, "POST /orders request", "other fields refused"),
    ((*NEW, "allOf"), [{"required": ["x"]}], "POST /orders request", "condition added"),
    ((*POST, "requestBody", "required"), True, "POST /orders", "request body became required"),
    ((*POST, "security"), [{"key": []}], "POST /orders", "security added"),
    ((*GET, "parameters", 0, "required"), True, "GET /orders/{id} query lang", "parameter became required"),
    ((*GET, "parameters", 0, "schema", "enum"), ["ko"], "GET /orders/{id} query lang", "values narrowed"),
    ((*ORDER, "required"), ["id"], "GET /orders/{id} 200.state", "response field became optional"),
    ((*ORDER, "properties", "state", "enum"), ["open", "paid", "lost"], "GET /orders/{id} 200.state", "values widened"),
    ((*ORDER, "properties", "total", "type"), "number", "GET /orders/{id} 200.total", "type widened"),
    ((*ORDER, "properties", "total", "nullable"), True, "GET /orders/{id} 200.total", "type widened"),
])
def test_what_is_narrowed_or_widened_breaks(steps: tuple[str, ...], value: Any, place: str, rule: str) -> None:
    assert changed(*steps, value=value) == [(place, rule)]


@pytest.mark.parametrize(("steps", "value"), [
    ((*NEW, "properties", "note"), {"type": "string"}), ((*NEW, "properties", "cups", "type"), ["number", "string"]),
    ((*NEW, "properties", "tea", "maxLength"), 80), ((*NEW, "required"), []),
    ((*ORDER, "properties", "note"), {"type": "string"}),
    ((*ORDER, "properties", "state", "enum"), ["open"]), ((*ORDER, "properties", "total", "maximum"), 10),
    ((*ORDER, "required"), ["id", "state", "total"]), (("paths", "/teas"), {"get": {}}),
    ((*GET, "parameters", 0, "schema", "enum"), ["ko", "en", "ja"]), (("info",), {"title": "Teas"}),
])
def test_what_asks_less_or_promises_more_does_not_break(steps: tuple[str, ...], value: Any) -> None:
    assert changed(*steps, value=value) == []


def test_names_of_path_parameters_are_free() -> None:
    renamed = API.replace("{id}", "{order}").replace("name: id", "name: order")
    assert changes(load(API.encode()), load(renamed.encode()), "openapi") == []


def test_a_json_schema_has_a_direction() -> None:
    old, new = {"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"type": ["string", "null"]}}}
    assert changes(old, new, "request") == []
    assert [change.rule for change in changes(old, new, "response")] == ["type widened"]
    assert [change.rule for change in changes(new, old, "request")] == ["type narrowed"]


@pytest.mark.parametrize(("content", "said"), [
    (b'{"a":\n}', "2: no JSON"), (b"a: [", "2: no YAML"), (b"- a", "1: no mapping"), (b"\xff", "1: "),
    (b"a: &a [x]\nb: [*a, *a]", "2: no YAML: aliases are not allowed"),
    (b"[" * 50_000, "1: no YAML: nested too deep"), (b'{"a":' * 50_000, "1: "),
    (b"a: " + b"x" * 6_000_000, "1: larger than"),
])
def test_hostile_files_are_named(content: bytes, said: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        load(content)
    assert str(caught.value).startswith(said)


def test_references_in_circles_and_a_huge_schema_end() -> None:
    many = {f"s{number}": {"properties": {"next": {"$ref": f"#/components/schemas/s{number + 1}"}}} for number in range(5_000)}
    loop = {"a": {"$ref": "#/components/schemas/b"}, "b": {"$ref": "#/components/schemas/a"}}
    content = {"content": {media: {"schema": {"$ref": f"#/components/schemas/{media}"}} for media in ("s0", "a")}}
    old = {"paths": {"/x": {"get": {"responses": {"200": content}}}}, "components": {"schemas": many | loop}}
    new = json.loads(json.dumps(old))
    new["components"]["schemas"]["s4999"] = {"type": "string"}
    begin = time.monotonic()
    assert [change.rule for change in changes(old, new, "openapi")] == ["response field removed"]
    assert time.monotonic() - begin < 60
