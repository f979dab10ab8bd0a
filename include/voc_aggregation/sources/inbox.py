"""The built-in source `intake`: what the intake endpoint put into the ledger's inbox."""

from collections.abc import Iterator
from typing import Literal

from sqlalchemy import Engine

from include import inbox
from include.ledger.runs import Run
from include.parts.channels import Channel, Columns
from include.voc_aggregation.sources.source import Chunk, Cursor, frame

COLUMNS = Columns(text="text", id="external_id", written_at="written_at", author="author", rating="rating", language="language",
                  version="version")


class InboxSource(Channel):
    """What a product file need not say. Its authors are hashes already."""

    name: str = inbox.NAME
    kind: Literal["intake"] = "intake"
    columns: Columns = COLUMNS


class InboxChannel:
    """What a run took out of the inbox, as a `Source`. It needs no cursor: the rows go when their voices are stored."""

    def __init__(self, engine: Engine, run: Run) -> None:
        self._engine, self._run = engine, run

    def news(self, cursor: Cursor | None) -> Iterator[Chunk]:
        """See `Source`."""
        names = COLUMNS.names()
        for rows in inbox.taken(self._engine, self._run.product, self._run.run_id):
            yield Chunk(frame([[f"inbox {row['id']}", *(row[name] for name in names)] for row in rows], names))
