"""The charts of a report as SVG, drawn without a browser or a network by Altair and vl-convert."""

import re
from typing import Any

import altair
import vl_convert

from include.stakeholder_reporting.language import Speech
from include.stakeholder_reporting.model import Chart, Numbers, Row
from include.stakeholder_reporting.style import ACCENT, FAINT, FONTS, INK, WARM

WIDTH = 760
_ID = re.compile(r"\bclip\d+\b")


def charts(numbers: Numbers, speech: Speech) -> dict[str, str]:
    """The SVG of each chart of a report, by its name."""
    drawn = {"weeks": _weeks, "bars": _bars}
    return {section.chart.name: _svg(drawn[section.chart.kind](section.chart, speech))
            for section in numbers.sections if section.chart and section.chart.rows}


def _weeks(chart: Chart, speech: Speech) -> Any:
    data = altair.InlineData(values=[
        dict(row) | {"week": _week(row, speech), "line": row["releases"] or ""} for row in chart.rows])
    order = [_week(row, speech) for row in chart.rows]
    x = altair.X("week:N", sort=order, title=None, axis=altair.Axis(labelAngle=0, labelOverlap=True))
    y = altair.Y("count:Q", title=speech.word("charts", "count"), axis=altair.Axis(tickMinStep=1, format=",d"))
    base = altair.Chart(data, width=WIDTH, height=150)
    bars = base.mark_bar(color=ACCENT, size=30, cornerRadiusTopLeft=2, cornerRadiusTopRight=2).encode(x=x, y=y)
    marks = base.mark_text(dy=-7, color=WARM, fontWeight="bold", fontSize=10, limit=60).encode(x=x, y=y, text="line:N")
    return altair.layer(bars, marks)


def _week(row: Row, speech: Speech) -> str:
    """The day that a week begins with, without its year."""
    day = speech.date(str(row["start"]))
    return day.partition("년 ")[2] if speech.language == "ko" else day.rpartition(" ")[0]


def _bars(chart: Chart, speech: Speech) -> Any:
    data = altair.InlineData(values=[dict(row) | {"said": speech.plain(row["value"])} for row in chart.rows])
    names = [str(row["label"]) for row in chart.rows]
    y = altair.Y("label:N", sort=names, title=None, axis=altair.Axis(labelLimit=300))
    x = altair.X("value:Q", title=speech.word("charts", "value"), axis=altair.Axis(tickCount=5))
    base = altair.Chart(data, width=WIDTH - 260, height=altair.Step(22))
    return altair.layer(base.mark_bar(color=ACCENT, cornerRadiusEnd=2).encode(x=x, y=y),
                        base.mark_text(align="left", dx=4, color=INK).encode(x=x, y=y, text="said:N"))


def _svg(chart: Any) -> str:
    look: dict[str, Any] = {
        "font": ", ".join(FONTS), "background": "transparent", "view": {"stroke": None},
        "axis": {"labelColor": INK, "titleColor": INK, "titleFontWeight": "normal", "gridColor": FAINT, "domainColor": FAINT,
                 "tickColor": FAINT, "labelFontSize": 11, "titleFontSize": 11}, "axisX": {"grid": False}}
    spec = chart.to_dict()
    spec["config"] = look
    found = str(vl_convert.vegalite_to_svg(spec))
    numbers: dict[str, int] = {}  # ids go on counting from chart to chart, which would make other bytes each time
    return _ID.sub(lambda match: f"clip{numbers.setdefault(match[0], len(numbers))}", found)
