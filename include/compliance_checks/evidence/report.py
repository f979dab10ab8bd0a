"""The evidence of a check as one HTML page that opens anywhere: no script, nothing fetched, and what it quotes is text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from include.compliance_checks.evidence.about import About, waiver
from include.compliance_checks.policy import Judged
from include.markup import html_text

MAX_ROWS = 500
_WORDS = {"pass": "kept", "fail": "not kept", "not_shown": "not shown", "error": "broke"}
_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--good:#17803d;--bad:#c0262d;--open:#a15c00}
@media(prefers-color-scheme:dark){:root{--good:#4ac26b;--bad:#ff7b72;--open:#e3b341}}
body{font:15px/1.5 system-ui,"Noto Sans KR","NanumGothic","Malgun Gothic","Apple SD Gothic Neo",sans-serif;max-width:70rem;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}p{margin:.3rem 0}
table{border-collapse:collapse;width:100%}td,th{border-top:1px solid var(--line);padding:.4rem .6rem;text-align:left;
vertical-align:top;overflow-wrap:anywhere}th{font-weight:600;background:var(--soft)}td:first-child{white-space:nowrap}
.pass{color:var(--good)}.fail,.error{color:var(--bad)}.not_shown{color:var(--open)}.pass,.fail,.error,.not_shown{font-weight:600}
small,.quiet{opacity:.75}code{font-size:.85em;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:1rem 0}dd{margin:0;overflow-wrap:anywhere}
@media print{body{max-width:none;margin:0}}
"""


def page(subject: About, judged: Sequence[Judged], tables: Mapping[str, Sequence[Mapping[str, Any]]],
         files: Mapping[str, str]) -> bytes:
    """The page: `tables` are shown after the rules, by their title; `files` are the other files with their SHA-256 in hex."""
    worst = sorted(judged, key=lambda item: (item.finding.outcome == "pass", _weight(item), item.rule.id))
    shown = [f"<h2>{_text(title)}</h2>{_table(rows)}" for title, rows in tables.items() if rows]
    counts = ", ".join(f"{sum(item.finding.outcome == outcome for item in judged)} {word}" for outcome, word in _WORDS.items())
    verdict = ('<span class="fail">May not be released</span>' if subject.blocks else '<span class="pass">May be released</span>')
    facts = {"Release": subject.release, "Commit": subject.commit, "Archive": subject.digest or "none", "Checked": subject.at}
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Compliance of {_text(subject.release)}</title><style>{_STYLE}</style></head><body>
<h1>{_text(subject.title)}: compliance of release {_text(subject.version)}</h1>
<p>{verdict} <span class="quiet">{len(judged)} rules: {counts}</span></p>
<dl>{"".join(f"<dt>{name}</dt><dd><code>{_text(value)}</code></dd>" for name, value in facts.items())}</dl>
<h2>Rules</h2><table><tr><th>Outcome</th><th>Rule</th><th>What was found</th></tr>
{"".join(map(_rule, worst))}</table>
{"".join(shown)}
<h2>Files of this evidence</h2><table><tr><th>File</th><th>SHA-256</th></tr>
{"".join(f"<tr><td>{_text(name)}</td><td><code>{_text(digest)}</code></td></tr>" for name, digest in files.items())}</table>
<p class="quiet">The manifest beside this page chains these digests, and that of this page; <code>make verify-evidence</code>
finds any change.</p>
</body></html>
""".encode()


def _weight(item: Judged) -> int:
    return -("low", "medium", "high", "critical").index(item.rule.severity)


def _rule(item: Judged) -> str:
    mend = "" if item.finding.outcome == "pass" else f"<p><small>Remedy: {_text(item.rule.remedy, 1000)}</small></p>"
    waived = f"<p><small>Waived: {_text(waiver(item), 500)}</small></p>" if item.waiver else ""
    served = _text("; ".join(map(str, item.rule.serves)), 1000)
    outcome = item.finding.outcome
    return (f'<tr><td><span class="{outcome}">{_WORDS[outcome]}</span>'
            f"<br><small>{_text(item.rule.severity)}</small></td>"
            f"<td>{_text(item.rule.title)}<br><small><code>{_text(item.rule.id)}</code> serves {served}</small></td>"
            f"<td>{_text(item.finding.detail, 2000)}{mend}{waived}</td></tr>\n")


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(rows[0])
    more = f'<p class="quiet">and {len(rows) - MAX_ROWS:,} more, in the files</p>' if len(rows) > MAX_ROWS else ""
    return (f"<table>{_row('th', columns)}{''.join(_row('td', (row.get(name) for name in columns)) for row in rows[:MAX_ROWS])}"
            f"</table>{more}")


def _row(cell: str, values: Iterable[Any]) -> str:
    return f"<tr>{''.join(f'<{cell}>{_text(_shown(value), 500)}</{cell}>' for value in values)}</tr>\n"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return "" if value is None else {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _text(text: str, limit: int = 300) -> str:
    return html_text(text, limit)
