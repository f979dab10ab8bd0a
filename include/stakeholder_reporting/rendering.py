"""The three renderings of a report: one HTML file that needs nothing else, a PDF, and its numbers as JSON.

The same numbers make the same bytes.
"""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typst
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.parts.reports import Language
from include.stakeholder_reporting import style
from include.stakeholder_reporting.charts import charts
from include.stakeholder_reporting.language import Speech
from include.stakeholder_reporting.model import Numbers
from include.stakeholder_reporting.page import Page, page

TEMPLATES = Path(__file__).parent / "templates"
_COLOURS = {name: getattr(style, name) for name in ("INK", "SOFT", "FAINT", "ACCENT", "WARM", "GOOD", "BAD")}


@dataclass(frozen=True)
class Rendered:
    """A report in one language."""

    page: Page
    html: bytes
    pdf: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """What is kept of it, by kind."""
        return {"html": self.html, "pdf": self.pdf}


def rendered(numbers: Numbers, language: Language, zone: str) -> Rendered:
    """`numbers` in a language, with days as they are in `zone`. Raises InputError where a font is missing."""
    speech = Speech(language, zone)
    shown = page(numbers, speech, charts(numbers, speech))
    return Rendered(shown, html(shown).encode(), pdf(shown, numbers.at.astimezone(ZoneInfo(zone))))


def document(numbers: Numbers) -> bytes:
    """The numbers as JSON."""
    return (json.dumps(numbers.json(), ensure_ascii=False, indent=1) + "\n").encode()


def html(shown: Page) -> str:
    """A page as HTML: escaped, without scripts, and with nothing to load."""
    template = _environment().get_template("report.html")
    return template.render(page=shown, style=style, fonts=", ".join(style.FONTS))


@cache
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters["base64"] = lambda text: base64.b64encode(text.encode()).decode()
    return environment


def pdf(shown: Page, made: datetime) -> bytes:
    """A page as a tagged PDF."""
    look = _COLOURS | {"fonts": [name.lower() for name in style.FONTS[:2]], "date": [made.year, made.month, made.day]}
    source = (TEMPLATES / "report.typ").read_bytes()
    inputs = {"page": json.dumps(shown.json()), "style": json.dumps(look)}
    compiler: Any = typst.compile  # its type says how many pages, which it can't know
    return bytes(compiler(source, font_paths=style.font_folders(), sys_inputs=inputs))
