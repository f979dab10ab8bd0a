"""The draft of a post-mortem, from facts alone: what a person must say stands as a question. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from include.alerting.incidents import Fact, Incident
from include.alerting.words import WORDS
from include.markup import html_text, markdown
from include.product import Product

HEADS = {
    "en": {"draft": "Post-mortem (draft)", "facts": "In short", "timeline": "What happened", "brought": "Commits of the release",
           "questions": "For people to answer", "severity": "Severity", "status": "Status", "owner": "Owner",
           "opened": "Opened", "resolved": "Resolved", "lasted": "Lasted", "taken": "Taken on after", "team": "Team",
           "cause": "Points to", "open": "open", "time": "Time (UTC)", "event": "What", "who": "Who", "text": "Detail",
           "figures": "Figures", "none": "nothing is known",
           "made": "Written from the ledger's facts; nothing here is a judgement."},
    "ko": {"draft": "사후 분석 (초안)", "facts": "요약", "timeline": "경과", "brought": "릴리스에 포함된 커밋",
           "questions": "사람이 답할 것", "severity": "심각도", "status": "상태", "owner": "담당", "opened": "발생",
           "resolved": "해소", "lasted": "지속 시간", "taken": "담당까지 걸린 시간", "team": "팀", "cause": "가리키는 것",
           "open": "진행 중", "time": "시각 (UTC)", "event": "일", "who": "누가", "text": "내용", "figures": "수치",
           "none": "알려진 것이 없습니다", "made": "원장의 사실만으로 작성되었으며, 판단은 담겨 있지 않습니다."},
}
EVENTS = {
    "en": {"opened": "signal opened", "acknowledged": "taken on", "resolved": "signal over", "deployment": "deployment began",
           "step": "step judged", "told": "alert sent", "succeeded": "deployment succeeded", "rolled_back": "rolled back",
           "failed": "deployment failed", "running": "deployment runs", "asked": "a person is asked"},
    "ko": {"opened": "신호 발생", "acknowledged": "담당자 확인", "resolved": "신호 해소", "deployment": "배포 시작",
           "step": "단계 판정", "told": "알림 발송", "succeeded": "배포 성공", "rolled_back": "롤백", "failed": "배포 실패",
           "running": "배포 중", "asked": "사람에게 확인 요청"},
}
QUESTIONS = {
    "en": ("What was the root cause?", "What did customers notice?", "What went well, and what did not?",
           "What will be done so that it does not happen again, by whom and until when?"),
    "ko": ("근본 원인은 무엇이었습니까?", "고객은 무엇을 겪었습니까?", "잘된 점과 잘되지 않은 점은 무엇입니까?",
           "다시 일어나지 않도록 누가 언제까지 무엇을 합니까?"),
}
STYLE = ("body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
         "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.3rem .6rem;text-align:left;vertical-align:top}")


@dataclass(frozen=True)
class Draft:
    """What a post-mortem says, before it is Markdown or HTML: all texts are as they were found."""

    language: str
    title: str
    short: list[tuple[str, str]]
    facts: list[tuple[str, str, str, str]]
    commits: list[tuple[str, str]]


def draft(product: Product, incident: Incident, facts: Sequence[Fact], figures: Sequence[str],
          commits: Sequence[tuple[str, str]]) -> Draft:
    """The draft in the product's language; `commits` are (sha, subject) of the release that it points to."""
    language = product.alerts.language if product.alerts else "en"
    heads, words, events = HEADS[language], WORDS[language], EVENTS[language]
    taken = next((fact.at for fact in facts if fact.what == "acknowledged"), None)
    over = incident.resolved_at
    short = [("severity", words[incident.severity]), ("status", words["resolved"] if over else heads["open"]),
             ("owner", incident.owner or product.owner), ("team", product.owner),
             ("opened", f"{incident.opened_at:%Y-%m-%d %H:%M}"),
             ("taken", _span(taken - incident.opened_at) if taken else "–"),
             ("resolved", f"{over:%Y-%m-%d %H:%M}" if over else "–"),
             ("lasted", _span(over - incident.opened_at) if over else "–"), ("cause", incident.cause),
             *(("figures", figure) for figure in figures)]
    told = [(f"{fact.at:%Y-%m-%d %H:%M}", events.get(fact.what, fact.what), fact.who,
             words.get(fact.text, fact.text)) for fact in facts]
    return Draft(language, f"{incident.id}: {incident.title}", [(heads[name], value) for name, value in short], told,
                 list(commits))


def figures_of(detail: dict[str, Any]) -> list[str]:
    """Numbers that a signal of an error budget bears."""
    if not {"requests", "errors"} <= detail.keys():
        return []
    return [f"{detail['errors']} / {detail['requests']}", *(f"{item['route']}: {item['errors']} / {item['requests']}"
                                                            for item in detail.get("routes", []))]


def as_markdown(made: Draft) -> str:
    """The draft as Markdown, in which nothing that was found is more than text."""
    heads = HEADS[made.language]
    lines = [f"# {heads['draft']}: {markdown(made.title)}", "", heads["made"], "",
             f"## {heads['facts']}", "", "| | |", "|---|---|",
             *(f"| {markdown(name)} | {markdown(value, 500)} |" for name, value in made.short), "",
             f"## {heads['timeline']}", "", f"| {heads['time']} | {heads['event']} | {heads['who']} | {heads['text']} |",
             "|---|---|---|---|", *("| " + " | ".join(markdown(cell, 500) for cell in row) + " |" for row in made.facts), "",
             f"## {heads['brought']}", "",
             *([f"- `{sha[:10]}` {markdown(subject)}" for sha, subject in made.commits] or [heads["none"]]), "",
             f"## {heads['questions']}", "", *(f"- {question}" for question in QUESTIONS[made.language]), ""]
    return "\n".join(lines)


def as_html(made: Draft) -> str:
    """The draft as a page that stands alone, in which nothing that was found is more than text."""
    heads = HEADS[made.language]
    short = "".join(f"<tr><th>{html_text(name)}</th><td>{html_text(value, 500)}</td></tr>" for name, value in made.short)
    facts = "".join("<tr>" + "".join(f"<td>{html_text(cell, 500)}</td>" for cell in row) + "</tr>" for row in made.facts)
    commits = "".join(f"<li><code>{html_text(sha[:10])}</code> {html_text(subject)}</li>" for sha, subject in made.commits)
    questions = "".join(f"<li>{html_text(question)}</li>" for question in QUESTIONS[made.language])
    columns = "".join(f"<th>{html_text(heads[name])}</th>" for name in ("time", "event", "who", "text"))
    title = f"{html_text(heads['draft'])}: {html_text(made.title)}"
    return (f'<!doctype html>\n<html lang="{made.language}"><head><meta charset="utf-8"><title>{title}</title>'
            f"<style>{STYLE}</style></head><body><h1>{title}</h1><p>{html_text(heads['made'])}</p><h2>{html_text(heads['facts'])}</h2>"
            f"<table>{short}</table><h2>{html_text(heads['timeline'])}</h2><table><tr>{columns}</tr>{facts}</table>"
            f"<h2>{html_text(heads['brought'])}</h2><ul>{commits or '<li>' + html_text(heads['none']) + '</li>'}</ul>"
            f"<h2>{html_text(heads['questions'])}</h2><ul>{questions}</ul></body></html>\n")


def _span(span: timedelta) -> str:
    hours, minutes = divmod(int(span.total_seconds()) // 60, 60)
    return f"{hours}:{minutes:02d} h"
