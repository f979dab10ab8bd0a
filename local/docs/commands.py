"""Commands: what each `python -m …` says of itself, and the targets of the Makefile."""

import argparse
import ast
import contextlib
import io
import os
import re
import runpy
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from local.docs.markdown import cell, code, heading, page, paragraph, table

ROOT = Path(__file__).resolve().parents[2]
INTRO = """# Commands

`make` finds Python in `.venv` by itself; `python -m …` is meant with that Python (`.venv/bin/python`) and from the project's
folder. What reads the ledger takes `CLOSED_LOOP_HOME/ledger.db`, or another with `--ledger`."""


def commands_page() -> str:
    """The page: make targets, then each module that is a command."""
    return page(INTRO, "## make", table(["target", "does"], ([code(f"make {name}"), cell(text)] for name, text in targets())),
                "## python -m", *(_section(path) for path in modules()))


def targets() -> list[tuple[str, str]]:
    """The Makefile's targets that say what they do."""
    return re.findall(r"^([\w-]+):[^\n#]*## (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def modules() -> list[Path]:
    """The files that are commands for people: they have a command line, and their docstring says so."""
    found = [path for folder in ("include", "local", "bench") for path in sorted((ROOT / folder).rglob("*.py"))
             if "local/sample" not in path.as_posix() and "__main__" in (text := path.read_text(encoding="utf-8")) + path.name
             and f"python -m {_name(path)}" in (ast.get_docstring(ast.parse(text)) or "")]
    return sorted(set(found) - {ROOT / "local" / "services.py"}, key=_name)  # which local.airflow starts


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__main__" else parts)


def _section(path: Path) -> str:
    source = path.read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(source)) or ""
    said = usage(_name(path)) if "ArgumentParser(" in source else ""
    return page(heading(3, code(f"python -m {_name(path)}"), _name(path).replace(".", "-")), *_said(text),
                f"```text\n{said}\n```" if said else "")


def _said(text: str) -> Iterator[str]:
    """A docstring's paragraphs; those that are indented are shown as they are."""
    for part in re.split(r"\n\s*\n", text):
        yield f"```text\n{part.rstrip()}\n```" if part.startswith("    ") else paragraph(part)


def usage(module: str) -> str:
    """What its --help says of usage and options, without the description, which is its docstring."""
    said = io.StringIO()
    with (patch.object(sys, "argv", [module, "--help"]), patch.dict(os.environ, {"COLUMNS": "100"}), warnings.catch_warnings(),
          contextlib.redirect_stdout(said), contextlib.suppress(SystemExit), _plainly(module)):
        warnings.simplefilter("ignore")
        runpy.run_module(module, run_name="__main__", alter_sys=False)
    return said.getvalue().strip()


@contextlib.contextmanager
def _plainly(module: str) -> Iterator[None]:
    """Every parser is called as it is started, and describes nothing."""
    original = argparse.ArgumentParser.format_help

    def shown(parser: argparse.ArgumentParser) -> str:
        parser.description, parser.prog = None, f"python -m {module}"
        return original(parser)

    with patch.object(argparse.ArgumentParser, "format_help", shown):
        yield
