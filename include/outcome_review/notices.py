"""The outbox: who is to be told of which story, and what came back. Rows are written with the review, and sent by `telling`."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, func, select, update

from include.answer_link import code, link, reference
from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import contacts, notices, stories, story_themes, suggestions, theme_voices, tickets, voices
from include.outbox import SENT, UNSURE, WAITING
from include.outcome_review.letters import Letter, Values, notice_id, template, written
from include.outcome_review.looking import Outcome
from include.outcome_review.windows import Shipment
from include.parts.outcome import Tell
from include.product import Product

MAIL, WEBHOOK, TICKET = "mail", "webhook", "ticket"
WITHDRAWN = "withdrawn"
NEWS = timedelta(days=30)  # what shipped longer ago is no news


def note(connection: Connection, product: Product, run: Run, found: Iterable[Outcome]) -> int:
    """Put into the outbox whom to tell of the stories in `found`; returns how many. A customer is told of a story once, by one
    channel: the newest of the voices that asked says which, and in which language."""
    tell = product.outcome.tell
    if tell is None:
        return 0
    shipped = {item.case.story: item.shipment for item in found if item.newest and item.shipment.settled > run.at - NEWS}
    wanted = ("released", "resolved") if tell.when == "released" else ("resolved",)
    ready = connection.execute(select(stories.c.id, stories.c.title).where(
        stories.c.id.in_(sorted(shipped)), stories.c.status.in_(wanted)).order_by(stories.c.id)).all()
    reached = _reached(connection, product.name)
    rows = [row for story in ready for row in _of_story(connection, product, tell, run, shipped[story.id], story.id, reached)]
    upsert(connection, notices, rows, keep=True)
    _suggest(connection, product, run, [row for row in rows if row["channel"] == TICKET])
    return len(rows)


def _of_story(connection: Connection, product: Product, tell: Tell, run: Run, shipment: Shipment, story: str,
              reached: dict[str, set[str]]) -> list[dict[str, Any]]:
    told = set(connection.scalars(select(notices.c.author).where(notices.c.story_id == story)))
    rows = []
    for author, voice in _asked(connection, story, shipment.begin).items():
        channel = _channel(tell, voice, reached.get(author, set()))
        if channel is None or author in told:
            continue
        rows.append({
            "story_id": story, "author": author, "channel": channel, "product": product.name, "release": shipment.release,
            "language": voice.language, "voice_id": voice.id, "message_id": notice_id(product.name, story, author, channel),
            "status": SENT if channel == TICKET else WAITING, "attempts": 0, "problem": None, "made_at": run.at,
            "tried_at": None, "sent_at": run.at if channel == TICKET else None, "answer": None})
    return rows


def _asked(connection: Connection, story: str, before: datetime) -> dict[str, Any]:
    """The newest voice of each customer who asked for a story before it shipped, with the ticket that it came from."""
    found = connection.execute(
        select(voices.c.id, voices.c.author, voices.c.language, tickets.c.id.label("ticket"))
        .join(theme_voices, theme_voices.c.voice_id == voices.c.id)
        .join(story_themes, story_themes.c.theme_id == theme_voices.c.theme_id)
        .join(tickets, tickets.c.voice_id == voices.c.id, isouter=True)
        .where(story_themes.c.story_id == story, voices.c.author.is_not(None), voices.c.erased_at.is_(None),
               voices.c.origin == "customer", voices.c.kind != "praise", voices.c.written_at < before)
        .order_by(voices.c.written_at, voices.c.id))
    return {row.author: row for row in found}


def _channel(tell: Tell, voice: Any, reached: set[str]) -> str | None:
    if voice.ticket and tell.tickets:
        return TICKET
    if "email" in reached and tell.mail:
        return MAIL
    return WEBHOOK if reached and tell.webhook else None


def _reached(connection: Connection, product: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for author, channel in connection.execute(select(contacts.c.author, contacts.c.channel).where(
            contacts.c.product == product, contacts.c.handle.is_not(None))):
        found.setdefault(author, set()).add(channel)
    return found


def _suggest(connection: Connection, product: Product, run: Run, rows: list[dict[str, Any]]) -> None:
    """An answer in the ticket that asked, which a person sends."""
    found = []
    for row in rows:
        ticket = connection.scalar(select(func.min(tickets.c.id)).where(tickets.c.voice_id == row["voice_id"]))
        if ticket:
            found.append({"ticket_id": ticket, "kind": "outcome", "source_id": row["story_id"], "rank": 0, "score": 1.0,
                          "text": letter_of(connection, product, row).text, "status": "proposed", "at": run.at})
    upsert(connection, suggestions, found, keep=True)


def letter_of(connection: Connection, product: Product, row: dict[str, Any], secret: bytes | None = None) -> Letter:
    """What a row of `notices` says to its customer; with a link for the answer where there is a `secret` to sign it."""
    tell = product.outcome.tell or Tell()
    title = connection.scalar(select(stories.c.title).where(stories.c.id == row["story_id"])) or row["story_id"]
    asked = connection.scalar(select(voices.c.text).where(voices.c.id == row["voice_id"])) or ""
    url = link(tell.answer_url, product.name, row["message_id"], row["made_at"], secret) if tell.answer_url and secret else ""
    return written(template(row["language"], tell.templates), Values(
        product.title, title, row["release"].partition("|")[2], f"{row['made_at']:%Y-%m-%d}", asked,
        reference(row["story_id"], row["message_id"]), bool(tell.reply_to) and row["channel"] == MAIL, url))


def hear_answers(connection: Connection, product: str, run: Run) -> int:
    """Tie voices that bear the reference of a notice to it (the newest, where there are several); returns how many are new."""
    open_ = connection.execute(select(notices).where(
        notices.c.product == product, notices.c.status.in_((SENT, UNSURE)), notices.c.sent_at > run.at - 3 * NEWS)).all()
    count = 0
    for row in open_:
        mark = f"-{code(row.message_id)}]"
        found = connection.scalar(select(voices.c.id).where(
            voices.c.product == product, voices.c.heard_at >= row.made_at, voices.c.text.contains(mark, autoescape=True))
            .order_by(voices.c.written_at.desc(), voices.c.id).limit(1))
        if found and found != row.answer:
            count += 1
            connection.execute(update(notices).where(
                notices.c.story_id == row.story_id, notices.c.author == row.author, notices.c.channel == row.channel)
                .values(answer=found))
    return count


def counts(connection: Connection, product: str) -> dict[str, int]:
    """How many notices stand how, and how many were answered."""
    found = connection.execute(select(notices.c.status, func.count(), func.sum(case((notices.c.answer.is_not(None), 1), else_=0)))
                               .where(notices.c.product == product).group_by(notices.c.status).order_by(notices.c.status)).all()
    return {status: many for status, many, _ in found} | ({"answered": sum(row[2] for row in found)} if found else {})
