"""A deployment as a picture: traffic, error rates and verdicts, step by step, from what the ledger has of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from include.ledger.tables import deployment_steps, deployment_verdicts, deployments
from include.markup import html_text

WIDTH, MARGIN, CHART, WIDE, GAP, MAX_STEPS = 1000, 40, 110, 150, 24, 40
LINE = 20
STYLE = """\
text{font:12px system-ui,"Noto Sans KR","NanumGothic",sans-serif;fill:#1a202c}text.small{font-size:11px;fill:#4a5568}
text.title{font-size:16px;font-weight:600}.pass{fill:#38a169}.fail{fill:#e53e3e}.unsure{fill:#dd6b20}
rect.old{fill:#cbd5e0}rect.new{fill:#3182ce}rect.limit{fill:#e53e3e}rect.frame{fill:none;stroke:#cbd5e0}"""
COLUMNS = (("step", 0), ("metric", 60), ("baseline", 170), ("candidate", 260), ("effect", 350), ("interval", 440),
           ("threshold", 610), ("samples", 690), ("verdict", 800))


def newest(connection: Connection, product: str, version: str | None = None) -> str | None:
    """The id of the newest deployment of a product that was judged by steps: of that version, or the newest with a baseline."""
    query = select(deployments.c.id).where(deployments.c.product == product).order_by(
        deployments.c.started_at.desc(), deployments.c.id.desc())
    if version is not None:
        query = query.where(deployments.c.version == version)
    else:
        query = query.where(deployments.c.previous.is_not(None))
    return connection.scalar(query.where(deployments.c.id.in_(select(deployment_steps.c.deployment_id))))


def picture_of(connection: Connection, deployment: str) -> str:
    """The SVG of one deployment. Raises KeyError where there is no such deployment."""
    row = connection.execute(select(deployments).where(deployments.c.id == deployment)).mappings().first()
    if row is None:
        raise KeyError(deployment)
    queries = (select(table).where(table.c.deployment_id == deployment).order_by(*table.primary_key)
               for table in (deployment_steps, deployment_verdicts))
    steps, verdicts = ([dict(item) for item in connection.execute(query).mappings()] for query in queries)
    return picture(dict(row), steps, verdicts)


def picture(deployment: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]]) -> str:
    """An SVG: above, what share of traffic each step gave the new version; below, its error rate beside its baseline's and the
    limit; then every metric of every step as it was judged, and the words of the last verdict.

    At most MAX_STEPS steps are drawn, the last ones. All text is escaped; it has no scripts and loads nothing.
    """
    found = defaultdict[int, list[Mapping[str, Any]]](list)
    for item in verdicts:
        found[item["step"]].append(item)
    drawn = list(steps[-MAX_STEPS:])
    title = f"{deployment['product']} {deployment['version']}"
    before = f", from {deployment['previous']}" if deployment["previous"] else ""
    status = deployment["status"]
    parts = [_text(MARGIN, 32, f"{title} to {deployment['environment']}{before}: {status.replace('_', ' ')}", "title"),
             _text(MARGIN, 52, f"{deployment['kind'] or 'deployment'}, {deployment['started_at']:%Y-%m-%d %H:%M} UTC", "small"),
             *_traffic(drawn, 100), *_errors(drawn, found, 100 + CHART + 70)]
    top = 100 + 2 * (CHART + 70)
    parts += _table(drawn, found, top)
    rows = sum(max(1, len(found[step["step"]])) for step in drawn)
    foot = top + LINE * (rows + 2)
    why = deployment["reason"] or (drawn[-1]["why"] if drawn else "")
    parts += [_text(MARGIN, foot + LINE * number, line) for number, line in enumerate(_wrapped(why, 150))]
    width = max(WIDTH, 2 * MARGIN + len(drawn) * (WIDE + GAP))
    return _svg(width, foot + LINE * 4 + MARGIN, parts)


def _traffic(steps: Sequence[Mapping[str, Any]], top: int) -> list[str]:
    parts = [_text(MARGIN, top - 10, "Traffic: the new version (blue), all others (grey)")]
    for number, step in enumerate(steps):
        x, new = _x(number), CHART * step["weight"] / 100
        parts += [_rect(x, top, CHART - new, "old"), _rect(x, top + CHART - new, new, "new"),
                  _text(x, top + CHART + 16, f"{step['weight']} %, {step['requests']:,} requests"),
                  f'<circle cx="{x + 5}" cy="{top + CHART + 30}" r="5" class="{_sign(step["verdict"])}"/>',
                  _text(x + 16, top + CHART + 34, str(step["verdict"]))]
    return parts


def _errors(steps: Sequence[Mapping[str, Any]], found: Mapping[int, Sequence[Mapping[str, Any]]], top: int) -> list[str]:
    """Bars of the error rates: the baseline's (grey), the new version's (blue), and the limit as a red line."""
    rates = [(_baseline(found.get(step["step"], ())), float(step["error_rate"] or 0.0), float(step["limit"] or 0.0))
             for step in steps]
    most = max([0.01, *(rate for old, new, limit in rates for rate in (old or 0.0, new, limit))])
    title = f"Error rates, up to {_percent(most)}: the baseline (grey), the new version (blue), the limit (red)"
    parts = [_text(MARGIN, top - 10, title)]
    for number, (old, new, limit) in enumerate(rates):
        x = _x(number)
        parts.append(f'<rect class="frame" x="{x}" y="{top}" width="{WIDE}" height="{CHART}"/>')
        for offset, rate, kind in ((0, old, "old"), (WIDE // 2, new, "new")):
            height = CHART * (rate or 0.0) / most
            parts.append(_rect(x + offset + 8, top + CHART - height, height, kind, WIDE // 2 - 16))
        parts += [_rect(x, top + CHART - CHART * limit / most - 1, 2, "limit"),
                  _text(x, top + CHART + 16, f"{'none' if old is None else _percent(old)}, {_percent(new)}")]
    return parts


def _table(steps: Sequence[Mapping[str, Any]], found: Mapping[int, Sequence[Mapping[str, Any]]], top: int) -> list[str]:
    parts, y = [_text(MARGIN + x, top, name, "small") for name, x in COLUMNS], top
    for step in steps:
        for item in found.get(step["step"], ()):
            y += LINE
            parts += [_text(MARGIN + x, y, text, _sign(text) if name == "verdict" else "")
                      for (name, x), text in zip(COLUMNS, _cells(step, item), strict=True)]
    return parts


def _cells(step: Mapping[str, Any], item: Mapping[str, Any]) -> list[str]:
    interval = "" if item["low"] is None else f"{_number(item['low'])} to {_number(item['high'])}"
    return [f"{step['weight']} %", item["metric"].replace("_", " "), _number(item["baseline"]), _number(item["candidate"]),
            _number(item["effect"]), interval, _number(item["threshold"]),
            f"{item['baseline_samples']:,} and {item['candidate_samples']:,}", item["decision"]]


def _baseline(findings: Sequence[Mapping[str, Any]]) -> float | None:
    return next((float(item["baseline"]) for item in findings if item["metric"] == "error_rate" and item["baseline"] is not None),
                None)


def _sign(verdict: str) -> str:
    return verdict if verdict in {"pass", "fail", "unsure"} else ""


def _x(number: int) -> int:
    return MARGIN + number * (WIDE + GAP)


def _rect(x: float, y: float, height: float, kind: str, width: float = WIDE) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>'


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:g}" y="{y:g}">{html_text(text, 200)}</text>'


def _wrapped(text: str, width: int) -> list[str]:
    """At most four lines of about `width` characters, cut between words where that is possible."""
    lines, rest = list[str](), " ".join(text.split())
    while rest and len(lines) < 4:
        cut = len(rest) if len(rest) <= width else max(rest.rfind(" ", 0, width), width // 2)
        lines.append(rest[:cut])
        rest = rest[cut:].strip()
    return lines


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
            f'<style>{STYLE}</style><rect width="100%" height="100%" style="fill:#fff"/>{"".join(parts)}</svg>\n')
