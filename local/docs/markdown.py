"""Pieces of Markdown for the pages that are made from code. Pure."""

import re
from collections.abc import Iterable, Sequence


def cell(text: str) -> str:
    """`text` as it stands in a table: one line, and only `code` in backticks is markup."""
    return "".join(part if part.startswith("`") else _plain(part) for part in re.split(r"(`[^`]+`)", " ".join(text.split())))


def code(text: object) -> str:
    """`text` as code in a table's cell."""
    said = " ".join(str(text).split())
    return f"`` {said} ``" if "`" in said else f"`{said}`"


def paragraph(text: str) -> str:
    """Text of a docstring: `code` and blank lines stay, all else is taken literally."""
    return "\n\n".join(cell(part) for part in re.split(r"\n\s*\n", text.strip()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already (`cell`, `code`). Columns in which nothing stands are left out."""
    kept = [list(row) for row in rows]
    shown = [place for place in range(len(head)) if any(row[place] for row in kept)]
    lines = [[head[place] for place in shown], ["---"] * len(shown), *([row[place] for place in shown] for row in kept)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def heading(level: int, title: str, anchor: str) -> str:
    """A heading that can be linked to by `anchor`."""
    return f"{'#' * level} {title} {{ #{anchor} }}"


def page(*parts: str) -> str:
    """A page of these blocks."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _plain(text: str) -> str:
    return re.sub(r"([*_<>\[\]{}#~])", r"\\\1", text).replace("|", "&#124;")
