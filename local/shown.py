"""What the demo shows when it is over, as the ledger has it: lines on standard output, and a picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from include.deployment.picture import newest, picture_of
from include.ledger.engine import reading
from include.ledger.tables import (
    outcomes,
    reports,
    signals,
    stories,
    story_blocks,
    suggestions,
    theme_voices,
    ticket_clocks,
    tickets,
    voices,
)
from include.ledger.trace import trace
from include.markup import plain
from local.turn import largest_themes, scope


def show_trace(engine: Engine) -> None:
    """The trace of one voice to its outcome."""
    answered = select(theme_voices.c.voice_id).join(voices, voices.c.id == theme_voices.c.voice_id).join(
        outcomes, outcomes.c.theme_id == theme_voices.c.theme_id).order_by(
        theme_voices.c.quote.desc(), voices.c.written_at).limit(1)
    with reading(engine) as connection:
        voice = connection.scalar(answered)
        chain = trace(connection, "voice", voice) if voice else {}
    print("\nThe trace of one voice to its outcome")
    for kind, text in _told(chain):
        print(f"  {kind:<11} {text}")


def show_dependencies(engine: Engine) -> None:
    """Which stories waited for another product's release, and since when they don't any more."""
    query = select(story_blocks, stories.c.title).join(stories, stories.c.id == story_blocks.c.story_id).where(
        stories.c.product == "shop").order_by(story_blocks.c.since, story_blocks.c.story_id)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    print("\nStories that waited for another product")
    for row in rows:
        now = f"free since {row.until:%H:%M:%S}: {row.ended}" if row.until else "waits"
        print(f"  {row.story_id}  {plain(row.title, 60)}  needs {row.on_product} {row.needs}; {now}")


def show_desk(engine: Engine) -> None:
    """The open tickets: who has them, until when, and what could be answered, which a person sends."""
    due = select(func.min(ticket_clocks.c.due_at)).where(ticket_clocks.c.ticket_id == tickets.c.id,
                                                         ticket_clocks.c.stopped_at.is_(None)).scalar_subquery()
    best = select(suggestions.c.text).where(suggestions.c.ticket_id == tickets.c.id).order_by(
        suggestions.c.score.desc(), suggestions.c.source_id).limit(1).scalar_subquery()
    query = select(tickets, due.label("due"), best.label("best")).where(
        tickets.c.product == "shop", tickets.c.status != "resolved").order_by(tickets.c.created_at)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    print("\nThe support desk")
    for row in rows:
        until = f"due {row.due:%Y-%m-%d %H:%M} UTC" if row.due else row.status
        print(f"  {row.external_id}  {row.priority:<7} {row.category or 'needs a person':<15} {row.team:<13} {until:<25} "
              f"{plain(row.subject, 60)}")
        if row.best:
            print(f"        suggested: {plain(row.best, 110)}")


def show_reports(engine: Engine, folder: Path) -> None:
    """Where the newest report of each audience lies."""
    newest = select(func.max(reports.c.at)).where(reports.c.product == "shop").group_by(reports.c.audience)
    query = select(reports).where(reports.c.product == "shop", reports.c.at.in_(newest)).order_by(reports.c.audience)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    print("\nReports (PDF and JSON lie beside)")
    for row in rows:
        for language, files in row.files.items():
            print(f"  {row.audience:<10} {language}  {folder / 'artifacts' / files['html'][0]}")


def show_fault(engine: Engine) -> None:
    """What the loop made of the release that was turned back: a signal, a voice, a story."""
    with reading(engine) as connection:
        signal = connection.execute(select(signals).where(
            signals.c.product == "shop", signals.c.kind == "deployment").order_by(signals.c.last_at.desc())).first()
        heard = connection.scalar(select(voices.c.id).where(
            voices.c.product == "shop", voices.c.origin == "operation", voices.c.text == signal.title)) if signal else None
        chain = trace(connection, "voice", heard) if heard else {}
    print("\nThe release that its canary turned back")
    if signal:
        print(f"  signal      {plain(signal.title, 300)}")
    for kind, text in _told(chain):
        print(f"  {kind:<11} {text}")


def show_canary(engine: Engine, folder: Path) -> None:
    """A picture of the newest canary, as a file."""
    with reading(engine) as connection:
        deployment = newest(connection, "shop")
        drawn = picture_of(connection, deployment) if deployment else None
    if drawn:
        path = folder / "demo" / "canary.svg"
        path.write_text(drawn, encoding="utf-8")
        print(f"\nThe newest canary, step by step: {path}")


def show_own(engine: Engine, product: str) -> None:
    """What became of your own file: its themes, and the stories that the scope takes in."""
    print(f"\nYour voices ({product}): the largest themes", *largest_themes(engine, product), sep="\n")
    print("What the scope takes in first", *scope(engine, product), sep="\n")


def _told(chain: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    tell = {
        "voice": lambda row: f"“{plain(row['text'], 90)}” ({row['language']}, {row['written_at']:%Y-%m-%d %H:%M})",
        "theme": lambda row: f"{plain(row['name'], 90)} ({row['size']} voices, {row['status']})",
        "story": lambda row: f"{row['id']}  {plain(row['title'], 90)} ({row['status']})",
        "commit": lambda row: f"{row['sha'][:8]}  {plain(row['subject'], 90)}",
        "release": lambda row: f"{row['key']}  {row['digest'][:19]} ({row['status']})",
        "deployment": lambda row: f"{row['version']} to {row['environment']}: {row['status']} at {row['finished_at']:%H:%M:%S}",
        "outcome": lambda row: (f"{row['verdict']}: {row['before_voices']} complaints in {row['before_exposure']:,.0f} requests "
                                f"before, {row['after_voices']} in {row['after_exposure']:,.0f} after"
                                f"{_interval(row)}"),
    }
    for kind, rows in chain.items():
        for row in rows:
            yield kind, tell[kind](row)


def _interval(row: dict[str, Any]) -> str:
    if row["effect"] is None:
        return ""
    high = "∞" if row["high"] is None else f"{row['high']:.2f}"
    return f"; rate × {row['effect']:.2f} (95 %: {row['low']:.2f} to {high})"
