"""`python -m include.outcome_review preview STORY`: what the customers who asked for a story would be told, in each language.

The ledger is CLOSED_LOOP_HOME/ledger.db, or what --ledger names. Nothing is sent, and nothing is written.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select

from include.errors import InputError
from include.ledger.engine import connect, reading
from include.ledger.tables import releases, stories, story_themes, theme_voices, voices
from include.outcome_review.letters import notice_id
from include.outcome_review.notices import MAIL, letter_of
from include.product import home, product_named

LANGUAGES = ("en", "ko")
PREVIEW = b"preview"  # links of a preview are signed with this, which no endpoint accepts


def preview(url: str, story: str) -> str:
    """The letters about `story` in the ledger at `url`, each with a voice in its language as an example."""
    with reading(connect(url)) as connection:
        row = connection.execute(select(stories).where(stories.c.id == story)).first()
        if row is None:
            raise InputError(f"there is no story {story!r}")
        product = product_named(row.product)
        deployed = select(releases.c.key).where(releases.c.product == row.product, releases.c.status == "deployed")
        release = connection.scalar(deployed.order_by(releases.c.at.desc()).limit(1)) or f"{row.product}|(next)"
        pages = []
        for language in LANGUAGES:
            voice = connection.scalar(
                select(voices.c.id).join(theme_voices, theme_voices.c.voice_id == voices.c.id)
                .join(story_themes, story_themes.c.theme_id == theme_voices.c.theme_id)
                .where(story_themes.c.story_id == story, voices.c.language == language, voices.c.origin == "customer")
                .order_by(theme_voices.c.quote.desc(), voices.c.written_at.desc(), voices.c.id).limit(1))
            letter = letter_of(connection, product, {
                "story_id": story, "voice_id": voice, "language": language, "release": release, "channel": MAIL,
                "made_at": datetime.now(UTC), "message_id": notice_id(row.product, story, "preview", MAIL)}, PREVIEW)
            pages.append(f"--- {language}\nSubject: {letter.subject}\n\n{letter.text}")
        return "\n".join(pages)


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser("python -m include.outcome_review", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["preview"])
    parser.add_argument("story")
    parser.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="a SQLAlchemy URL")
    given = parser.parse_args(arguments)
    sys.stdout.write(preview(given.ledger, given.story))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
