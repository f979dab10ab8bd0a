"""The page behind a letter's link: it asks whether it helped, and thanks. Plain HTML, no scripts, in the customer's language.

Looking at it changes nothing, for mail scanners open links too: only sending the form counts.
"""

import html
from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from sqlalchemy import Engine

from include.answer_link import ExpiredLinkError, ForgedLinkError
from include.answers import MOST, GoneError, Question, UsedLinkError, answer, question
from include.errors import InputError
from include.inbox import TooManyError
from include.product import product_named

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex", "X-Frame-Options": "DENY",
           "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"}
STATUS: dict[type[Exception], int] = {ForgedLinkError: 404, GoneError: 410, ExpiredLinkError: 410, UsedLinkError: 410,
                                      TooManyError: 429}
WORDS = {
    "en": {"ask": "Did it help?", "yes": "Yes", "no": "No", "more": "If you like, a word or two (nothing personal, please):",
           "thanks": "Thank you. We read it, and it counts.", "UsedLinkError": "You have answered already. Thank you!",
           "ExpiredLinkError": "The time for an answer is over.", "GoneError": "What we told you was deleted, as you wished.",
           "ForgedLinkError": "This is no link of ours.",
           "TooManyError": "Too many answers at once. Please try again in a minute.",
           "choose": "Please choose yes or no."},
    "ko": {"ask": "도움이 되었나요?", "yes": "예", "no": "아니요",
           "more": "원하시면 한두 마디 남겨 주세요(개인정보는 쓰지 말아 주세요).",
           "thanks": "감사합니다. 읽고 반영하겠습니다.", "UsedLinkError": "이미 답해 주셨습니다. 감사합니다!",
           "ExpiredLinkError": "답하실 수 있는 기간이 지났습니다.", "GoneError": "요청하신 대로 보내 드린 내용을 지웠습니다.",
           "ForgedLinkError": "저희가 보낸 링크가 아닙니다.",
           "TooManyError": "지금은 답이 너무 많습니다. 잠시 뒤에 다시 해 주세요.",
           "choose": "예, 아니요 가운데 하나를 골라 주세요."},
}
Page = tuple[str, str, int]  # language, content, status


def add(api: FastAPI, ledger: Callable[[], Engine], secret: Callable[[], bytes], wake: Callable[[str], object],
        now: Callable[[], datetime], body: Callable[[Request], Awaitable[bytes]]) -> None:
    """Add `GET` and `POST /{product}/answer/{token}` to the intake endpoint; `body` reads what was sent, within bounds."""

    @api.get("/{product}/answer/{token}")
    def ask(product: str, token: str) -> HTMLResponse:
        return _shown(product, lambda: _form(question(ledger(), product, token, secret(), now())))

    @api.post("/{product}/answer/{token}")
    async def take(product: str, token: str, request: Request) -> HTMLResponse:
        said = _fields(await body(request))
        helped, words = said.get("helped", ""), said.get("words", "")

        def work() -> Page:
            if helped not in ("yes", "no"):
                return _form(question(ledger(), product, token, secret(), now()), "choose")
            language = question(ledger(), product, token, secret(), now()).language
            if answer(ledger(), product, token, helped == "yes", words, secret(), now()):
                wake(product)
            return language, f"<p>{WORDS[language]['thanks']}</p>", 200

        return await run_in_threadpool(_shown, product, work)


def _fields(content: bytes) -> dict[str, str]:
    """A form's fields; none where it has too many."""
    try:
        return {name: values[0] for name, values in parse_qs(content.decode(errors="replace"), max_num_fields=10).items()}
    except ValueError:
        return {}


def _form(asked: Question, problem: str = "") -> Page:
    words = WORDS[asked.language]
    return asked.language, (
        f"<h1>{words['ask']}</h1><p>{html.escape(asked.title)}</p>" + (f"<p role=alert>{words[problem]}</p>" if problem else "")
        + '<form method="post"><p><label for="words">' + words["more"] + "</label><br>"
        f'<textarea id="words" name="words" rows="4" cols="50" maxlength="{MOST}"></textarea></p>'
        f'<p><button name="helped" value="yes">{words["yes"]}</button> '
        f'<button name="helped" value="no">{words["no"]}</button></p></form>'), 422 if problem else 200


def _shown(product: str, work: Callable[[], Page]) -> HTMLResponse:
    try:
        _known(product)
        language, content, status = work()
    except (InputError, TooManyError) as error:
        name = type(error).__name__
        status, language = STATUS[type(error)], ""
        content = "".join(f'<p lang="{one}">{WORDS[one][name]}</p>' for one in WORDS)
    page = (f'<!doctype html><html lang="{language or "en"}"><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width"><title>{WORDS[language or "en"]["ask"]}</title>'
            f"<main>{content}</main></html>")
    return HTMLResponse(page, status, HEADERS)


def _known(product: str) -> None:
    """Raises ForgedLinkError where there is no such product."""
    try:
        product_named(product)
    except InputError as error:
        raise ForgedLinkError("no link of ours") from error
