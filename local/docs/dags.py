"""The DAGs: their docstrings, what wakes them, what they publish, their forms, and what they ask people."""

import json
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from local.docs.markdown import cell, code, heading, page, paragraph, table

ROOT = Path(__file__).resolve().parents[2]
INTRO = """# DAGs and forms

Each phase of the cycle is one DAG, named like its file in `dags/` and its package in `include/`. A run bears a key (`shop`, or
`shop|1.4.0`), and wakes others by publishing a key on an asset. A phase that changed nothing publishes nothing."""


def load() -> dict[str, Any]:
    """Every DAG of the project by its id, as Airflow reads it, with settings and a home of nobody else's."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"AIRFLOW_HOME": folder, "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
                       "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
                       "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",  # however busy the machine is
                       "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db"}
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(str(ROOT / "dags"))
    if bag.import_errors:
        raise SystemExit(f"DAG files can't be read: {bag.import_errors}")
    return dict(bag.dags)


def dags_page(dags: Mapping[str, Any]) -> str:
    """The page: steps in their order, then what people start, then clocks."""
    publishers, listeners = defaultdict(set), defaultdict(set)
    for name, dag in dags.items():
        for asset in _publishes(dag):
            publishers[asset].add(name)
        for asset in _hears(dag):
            listeners[asset].add(name)
    steps = sorted((dag for dag in dags.values() if _hears(dag)), key=lambda dag: (_step(dag), dag.dag_id))
    rest = [dag for dag in dags.values() if not _hears(dag)]
    forms = [dag for dag in rest if dag.params]
    clocks = [dag for dag in rest if not dag.params]
    return page(
        INTRO, _assets(publishers, listeners),
        "## Phases", *(_section(dag) for dag in steps),
        "## Forms\n\nWhat people start in the Airflow UI, with the arrow on the DAG's page.",
        *(_section(dag) for dag in forms),
        "## Clocks", *(_section(dag) for dag in clocks))


def _assets(publishers: Mapping[str, set[str]], listeners: Mapping[str, set[str]]) -> str:
    rows = ([code(name), _linked(publishers[name]) or "`POST /voices/{product}`", _linked(listeners[name]) or "nobody"]
            for name in sorted(publishers.keys() | listeners.keys()))
    return page("## Assets { #assets }", "What wakes whom. `include/cycle.py` says the same on one screen.",
                table(["asset", "published by", "wakes"], rows))


def _linked(names: Iterable[str]) -> str:
    return ", ".join(f"[`{name}`](#{name})" for name in sorted(names))


def _hears(dag: Any) -> list[str]:
    condition = getattr(dag.timetable, "asset_condition", None)
    return sorted(asset.name for asset in getattr(condition, "objects", [condition])) if condition else []


def _publishes(dag: Any) -> list[str]:
    return sorted({asset.name for task in dag.tasks for asset in task.outlets})


def _step(dag: Any) -> int:
    found = re.match(r"### (\d+)\.", dag.doc_md)
    return int(found[1]) if found else 99


def _section(dag: Any) -> str:
    title, _, text = dag.doc_md.strip().partition("\n")
    name = title.lstrip("# ")
    return page(heading(3, f"{cell(name)} · {code(dag.dag_id)}", dag.dag_id), paragraph(text), _wakes(dag), _form(dag.params),
                *(_question(task) for task in dag.tasks if hasattr(task, "assigned_users")))


def _wakes(dag: Any) -> str:
    from airflow.sdk import AssetAll

    heard = _hears(dag)
    word = " and " if isinstance(getattr(dag.timetable, "asset_condition", None), AssetAll) else " or "
    when = (word.join(map(code, heard)) if heard else "a person, by this form" if dag.params else
            f"the clock, {code(dag.timetable.expression)} (UTC)")
    said = ", ".join(map(code, _publishes(dag))) or "nothing"
    return f"Wakes on: {when}.  \nPublishes: {said}."


def _question(task: Any) -> str:
    return page(f"A person is asked by {code(task.task_id)}, where the product asks for one:", _form(dict(task.params.items())))


def _form(params: Any) -> str:
    rows = []
    for name in params:
        param = params.get_param(name) if hasattr(params, "get_param") else params[name]
        schema = param.schema
        about = schema.get("description_md") or param.description or ""
        rows.append([code(name), cell(schema.get("title", "")), _values(name, schema), _default(param), cell(about)])
    return table(["field", "called", "value", "default", ""], rows) if rows else ""


def _values(name: str, schema: dict[str, Any]) -> str:
    if name == "product":
        return "a product's name"
    if "enum" in schema:
        return ", ".join(code(value) if value else "empty" for value in schema["enum"])
    kinds = schema.get("type", "string")
    kind = next(one for one in ([kinds] if isinstance(kinds, str) else kinds) if one != "null")
    if kind == "array":
        inner = schema.get("items", {})
        return f"list of {', '.join(map(code, inner['enum']))}" if "enum" in inner else "list of texts"
    limits = [f"≥ {schema['minimum']}" if "minimum" in schema else "", f"≤ {schema['maximum']}" if "maximum" in schema else "",
              f"at most {schema['maxLength']:,} characters" if "maxLength" in schema else ""]
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no"}
    return ", ".join([words[kind], *(limit for limit in limits if limit)])


def _default(param: Any) -> str:
    if not param.has_value or param.value is None:
        return "needed"
    return code(json.dumps(param.value)) if param.value not in ("", []) else "empty"
