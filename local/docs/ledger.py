"""The ledger's tables, from include/ledger/tables.py: its columns, and the comments that stand above each table."""

import re
from pathlib import Path

from sqlalchemy import Column, Table

from include.ledger import tables
from local.docs.markdown import cell, code, heading, page, paragraph, table

INTRO = """# The ledger's tables

One record of the whole loop, in SQLite or PostgreSQL. Every row has a natural key, so that writing it twice changes nothing;
times are UTC, and are the time of the run that wrote the row. `make check` verifies what must hold between the tables."""
_STEP = re.compile(r"^(Step \d+: [^.;]*|Closing the loop)[.;]")


def ledger_page() -> str:
    """A section for each step of the cycle, and in it one for each table."""
    said = comments(Path(tables.__file__).read_text(encoding="utf-8"))
    parts = [INTRO, "## What all phases share"]
    for item in sorted(tables.metadata.tables.values(), key=lambda item: list(said).index(item.name)):
        text = said[item.name]
        if step := _STEP.match(text):
            parts.append(f"## {step[1]}")
            text = text[step.end():]
        parts.append(_section(item, text))
    return page(*parts)


def comments(source: str) -> dict[str, str]:
    """The comment right above each table of the source, by table, in the source's order; empty where there is none."""
    found: dict[str, str] = {}
    above: list[str] = []
    for line in source.splitlines():
        if line.startswith("#"):
            above.append(line.removeprefix("#").strip())
        else:
            if match := re.match(r'\w+ = Table\("(\w+)"', line):
                found[match[1]] = " ".join(above)
            above = []
    return found


def _section(item: Table, text: str) -> str:
    rows = ([code(column.name), str(column.type).lower(), ", ".join(_rules(column))] for column in item.columns)
    return page(heading(3, code(item.name), item.name), paragraph(text.strip()), table(["column", "type", ""], rows))


def _rules(column: "Column[object]") -> list[str]:
    refers = [f"refers to [{cell(key.column.table.name)}](#{key.column.table.name})" for key in column.foreign_keys]
    return [*(["key"] if column.primary_key else []), *refers, *(["may be empty"] if column.nullable else [])]
