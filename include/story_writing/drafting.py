"""Words for stories from an assistant: a proposal where they keep the quality rules, and never more until a person takes it.

Quotes are strangers' text. What one of them demands can at most reach the words of a proposal, which a person reads.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace

from pydantic import BaseModel, Field
from sqlalchemy import Connection, Engine, select

from include.assistant import Assistant
from include.ledger.engine import reading
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import story_revisions, voices
from include.markup import plain
from include.product import Product
from include.redaction import redact
from include.story_writing import history
from include.story_writing.history import PROPOSED, Revision, words_of
from include.story_writing.quality import findings
from include.story_writing.rules import REWRITABLE, Row, for_rules
from include.story_writing.run import stories_of
from include.story_writing.wording import Text, Wording, assembled

ASSISTANT = "assistant"
_LONGEST = 400  # characters of a quote
_STRANGE = re.compile(r"://|www\.|@|[<>{}\[\]|`\\*#$]")
_WANTED = (
    "These are customers' words about one subject. Write one user story for it, in the language with the code that is given: a "
    "title of three to ten words; the role (as 'customer of' the product); one single want (what follows 'I want', in Korean "
    "ending in '기를'); the reason (what follows 'so that', in Korean ending in '도록'); and an acceptance scenario: its name, a "
    "situation, an action and an outcome that can be seen. Names of people stay out.")


class Draft(BaseModel):
    """What the assistant gives a story."""

    title: str = Field(min_length=3, max_length=120)
    role: str = Field(min_length=2, max_length=120)
    want: str = Field(min_length=3, max_length=300)
    reason: str = Field(min_length=3, max_length=300)
    scenario: str = Field(min_length=3, max_length=200)
    given: str = Field(min_length=3, max_length=300)
    when: str = Field(min_length=3, max_length=300)
    then: str = Field(min_length=3, max_length=300)


def draft(engine: Engine, product: Product, run: Run, assistant: Assistant | None) -> Result:
    """Ask for words for each story that nobody has edited and that was not drafted before, the most heard first.

    Returns `proposed` (story ids), `refused` (why, by story), and how it went (`Assistant.told`); nothing without an assistant.
    """
    if assistant is None:
        return {"proposed": [], "refused": {}}
    run = replace(run, phase=f"{run.phase}.draft")
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        asked = _undrafted(connection, product.name)
        quotes = {story["id"]: _quotes(connection, story) for story in asked}
    texts: dict[str, Text] = {}
    refused: dict[str, str] = {}
    for story in asked:
        said = assistant.ask(_WANTED, {"language": story["language"], "product": product.title, "kind": story["kind"],
                                       "about": story["title"], "quotes": quotes[story["id"]]}, Draft)
        if said is None:
            continue
        text = _text(said, story, product.outcome.exposure)
        if wrong := flaw(story, text):
            refused[story["id"]] = wrong
        else:
            texts[story["id"]] = text
    told = {"refused": refused} | assistant.told()
    with lease(engine, f"stories:{product.name}", f"{run.phase} {run.run_id}"):
        return finish(engine, run, lambda connection: _propose(connection, product, run, texts) | told)


def flaw(story: Row, text: Text) -> str | None:
    """What is wrong with words for `story`, by the rules for all stories and those for strangers' text; None where nothing is."""
    for what, words in asdict(text).items():
        if what != "acceptance" and _STRANGE.search(words):
            return f"the {what} has a link, an address or markup"
        if redact(words) != words:
            return f"the {what} has personal data"
    found = findings([for_rules(story | asdict(text))])[story["id"]]
    return next((item.message for item in found if item.severity == "error" or item.rule == "uniform"), None)


def _text(said: Draft, story: Row, exposure: str) -> Text:
    words = Wording(*(plain(part, 300) for part in (
        said.role, said.want, said.reason, said.scenario, said.given, said.when, said.then)))
    return assembled(plain(said.title, 120), words, story["language"], exposure, story["metric"].get("baseline"))


def _undrafted(connection: Connection, product: str) -> list[Row]:
    rows, _ = stories_of(connection, product)
    drafted = set(connection.scalars(select(story_revisions.c.story_id).where(story_revisions.c.who == ASSISTANT)))
    new = [row for row in rows.values() if row["status"] in REWRITABLE and not row["edited_by"] and not row["part_of"]
           and row["id"] not in drafted]
    return sorted(new, key=lambda row: (-row["evidence"]["voices"], row["id"]))


def _quotes(connection: Connection, story: Row) -> list[str]:
    return [plain(text, _LONGEST) for text in connection.scalars(
        select(voices.c.text).where(voices.c.id.in_(story["evidence"]["quotes"])).order_by(voices.c.id)) if text]


def _propose(connection: Connection, product: Product, run: Run, texts: Mapping[str, Text]) -> Result:
    """Write the proposals; a story that a person edited meanwhile gets none."""
    known, ties = stories_of(connection, product.name)
    last = history.last_numbers(connection, product.name)
    new = []
    for story, text in texts.items():
        row = known[story]
        if row["status"] in REWRITABLE and not row["edited_by"]:
            words = words_of(row, [theme for theme, tied in ties if tied == story])
            history.keep_unkept(connection, [(row, words)])
            new.append(Revision(story, max(last.get(story, 0), row["revision"]) + 1, PROPOSED, words | asdict(text),
                                "an assistant's words for what customers said", ASSISTANT))
    history.keep(connection, run, new)
    return {"proposed": [one.story for one in new]}
