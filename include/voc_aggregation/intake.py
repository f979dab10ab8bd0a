"""One source is listened to: its rows become voices, duplicates or quarantined rows, and the counts add up."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sqlalchemy import Engine

from include.connection import Connections
from include.errors import InputError
from include.ledger.runs import Run
from include.parts.channels import AnySource, Channel, FileSource
from include.privacy import contacts
from include.product import Product
from include.redaction import author_hash, excerpt
from include.voc_aggregation import quarantine, store
from include.voc_aggregation.classifier import Classifier
from include.voc_aggregation.contract import Contract, added
from include.voc_aggregation.hearing import PIECE, Columns, Hearing, Understood, pieces, understood
from include.voc_aggregation.mapping import mapped, voice_id
from include.voc_aggregation.second import Pipeline
from include.voc_aggregation.slices import Part, Planned, Slices, mapping_of, table
from include.voc_aggregation.sources import opened
from include.voc_aggregation.sources.files import FileChannel, unmarked
from include.voc_aggregation.sources.inbox import InboxChannel, InboxSource
from include.voc_aggregation.sources.source import Chunk, Slice, Source
from include.voc_aggregation.spool import Spool

log = logging.getLogger(__name__)


@dataclass
class Intake:
    """What listening to one source came to: read = stored + duplicates + quarantined."""

    source: str
    read: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    error: str | None = None
    cursor: dict[str, Any] | None = None
    evidence: dict[str, Any] | None = None
    malformed: bool = False  # rows could not be told apart

    def add(self, counts: dict[str, Any], known: int) -> None:
        """Add what a slice came to, of whose voices `known` turned out to be duplicates."""
        self.read += counts["read"]
        self.stored += counts["stored"] - known
        self.duplicates += counts["duplicates"] + known
        self.quarantined += counts["quarantined"]

    def counts(self) -> dict[str, Any]:
        """The counts and the error, as a result or an `intakes` row wants them."""
        return {"read": self.read, "stored": self.stored, "duplicates": self.duplicates, "quarantined": self.quarantined,
                "error": self.error}


@dataclass
class Heard:
    """The new voices of a run: their rows spooled, and what grouping needs of them in memory, in the same order."""

    voices: Spool
    quarantine: Spool
    classifier: Classifier
    ids: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    features: list[sp.csr_matrix] = field(default_factory=list)
    consents: list[contacts.Word] = field(default_factory=list)
    contact_key: bytes = b""

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Take in voices of customers."""
        self.take(understood(rows, self.classifier))

    def part(self, intake: Intake, product: str) -> Part:
        """All of it as what one slice came to."""
        set_aside = [row for block in self.quarantine.batches() for row in block]
        consents = [contacts.closed(word, self.contact_key, product) for word in self.consents]
        voices = table(self.voices.batches(), self.features)
        return Part(intake.counts(), intake.evidence, intake.malformed, set_aside, consents, voices)

    def take(self, found: Understood) -> None:
        """Take in voices of customers that are understood already."""
        self.voices.extend(found.rows, len(found.ids))
        self.ids += found.ids
        self.kinds += found.kinds
        self.languages += found.languages
        self.times += found.times
        self.features.append(found.features)


def progress(rows: int, seconds: float, share: float | None) -> str:
    """What a task log says: rows done, how fast, and where the size is known (`share` of it, 0 to 1) how much is left."""
    said = f"{rows:,} rows read, {rows / max(seconds, 1e-9):,.0f} a second"
    return f"{said}, {share:.0%} done, about {seconds * (1 - share) / share:,.0f} s to go" if share else said


class Listener:
    """Listens to the sources of one product in one run."""

    def __init__(self, engine: Engine, product: Product, run: Run, author_key: bytes, heard: Heard,
                 connections: Connections, pipeline: Pipeline[Columns, Understood], slices: Slices | None = None) -> None:
        self._engine, self._product, self._run, self._key, self._heard = engine, product, run, author_key, heard
        self._connections, self._pipeline, self._slices = connections, pipeline, slices
        self._stored: set[str] = set()
        self.replayed: list[str] = []

    def listen(self, source: AnySource | InboxSource) -> Intake:
        """Hear what is new in `source`. A source that can't be read (further) says so in its `error`, and stops no other.

        The cursor goes with what the product file says of the source: where that changes, it is read from its beginning.
        """
        intake, mapping = Intake(source.name), mapping_of(source)
        planned = self._slices.plan.get(source.name) if self._slices else None
        with self._noted(intake, source):
            self._find_key(source)
            ids, corrected, rows = quarantine.corrected(self._engine, self._product.name, source)
            for _ in self._taken(rows, corrected, intake, None):
                self.replayed += ids
            if self._slices and planned and planned.mapping == mapping:
                self._merge(self._slices, planned, intake)
            else:
                known = store.cursor(self._engine, self._product.name, source.name) or {}
                news = self._opened(source).news(known if known.get("mapping") == mapping else None)
                for chunk in self._taken(news, source, intake, self._key_of(source)):
                    if chunk.cursor is not None:
                        intake.cursor = chunk.cursor | {"mapping": mapping}
        return intake

    def listen_to(self, source: FileSource, wanted: Slice) -> Intake:
        """Hear one slice of a file."""
        intake = Intake(source.name)
        with self._noted(intake, source):
            self._find_key(source)
            for _ in self._taken(FileChannel(source, self._connections).slice(wanted), source, intake, self._key):
                pass
        return intake

    @contextmanager
    def _noted(self, intake: Intake, source: Channel) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            intake.error = excerpt(str(error))
            log.warning("%s: source %s failed: %s", self._product.name, source.name, intake.error)
        log.info("%s: source %s: %s", self._product.name, source.name, intake.counts())

    def _find_key(self, source: Channel) -> None:
        if source.columns.contact:
            self._heard.contact_key = contacts.key_of(self._connections)

    def _merge(self, slices: Slices, planned: Planned, intake: Intake) -> None:
        """Take in what was heard of a file's slices, in their order; what another brought before is a duplicate.

        Raises InputError where a slice could not be read: what stands before it counts.
        """
        evidence: list[dict[str, Any]] = []
        for name in planned.slices:
            part = slices.read(name)
            ids = part.voices["id"].to_pylist() if len(part.voices) else []
            known = store.known(self._engine, ids) | self._stored.intersection(ids)
            for found in part.understood(known):
                self._heard.take(found)
            self._stored.update(ids)
            self._heard.consents += [contacts.opened(word, self._heard.contact_key, self._product.name)
                                     for word in part.consents if word.voice not in known]
            self._heard.quarantine.add(part.quarantine)
            intake.add(part.counts, len(known))
            intake.malformed |= part.malformed
            evidence += [part.evidence] if part.evidence else []
            intake.evidence = added(evidence) if evidence else intake.evidence
            if error := part.counts["error"]:
                raise InputError(error)
            log.info("%s: source %s: %s taken in, %s rows", self._product.name, intake.source, name, f"{intake.read:,}")
        intake.cursor = (unmarked(planned.cursor) if intake.malformed else planned.cursor) | {"mapping": planned.mapping}

    def _opened(self, source: AnySource | InboxSource) -> Source:
        if isinstance(source, InboxSource):
            return InboxChannel(self._engine, self._run)
        return opened(source, self._run.at, self._connections)

    def _key_of(self, source: Channel) -> bytes | None:
        """The key that the source's authors are hashed with: none for the inbox, where they are hashes already."""
        return None if isinstance(source, InboxSource) else self._key

    def _taken(self, chunks: Iterator[Chunk], source: Channel, intake: Intake, key: bytes | None) -> Iterator[Chunk]:
        """`chunks`, each after its rows were taken in; authors are hashed with `key`, where they are no hashes yet."""
        contract: Contract | None = None
        began = time.monotonic()
        hearing = Hearing(self._product.name, source.name, source.rating_scale, key, self._run.at, self._heard.classifier)
        for chunk in chunks:
            if not len(chunk.frame) and not chunk.bad:
                yield chunk
                continue
            voices = mapped(chunk.frame, source, self._product.name, self._run.at)
            known = store.known(self._engine, voices["id"].tolist())
            new = [not text or voice not in known  # what has no text can't be told apart by it
                   for voice, text in zip(voices["id"], voices["text"], strict=True)]
            rest = voices[np.asarray(new, dtype=bool)].reset_index(drop=True)
            reasons: dict[int, str] = {}
            if len(rest) > PIECE:
                self._pipeline.many()
            if len(rest):
                contract = contract or Contract(source.rating_scale, self._run.at)
                reasons = contract.broken(rest)
            good = rest.drop(index=list(reasons)).drop_duplicates("id")
            good = good[np.asarray([voice not in self._stored for voice in good["id"]], dtype=bool)]
            self._stored.update(good["id"])
            if source.columns.contact:
                self._heard.consents += self._consents(good, source)
            for piece in pieces(good):
                self._pipeline.put(hearing, piece)
            self._set_aside(chunk, rest, reasons, source, key)
            intake.read += len(chunk.frame) + len(chunk.bad)
            intake.stored += len(good)
            intake.quarantined += len(chunk.bad) + len(reasons)
            intake.duplicates += len(voices) - len(good) - len(reasons)
            intake.malformed |= chunk.malformed
            log.info("%s: source %s: %s", self._product.name, source.name,
                     progress(intake.read, time.monotonic() - began, chunk.share))
            intake.evidence = contract.evidence() if contract else intake.evidence
            yield chunk

    def _consents(self, rows: pd.DataFrame, source: Channel) -> list[contacts.Word]:
        said = zip(*(rows[name].tolist() for name in ("id", "author", "contact", "consent", "written_at")), strict=True)
        return [contacts.Word(author_hash(author, self._key_of(source)), contact or "", agrees, at.to_pydatetime(), source.name,
                              voice) for voice, author, contact, consent, at in said
                if author and (agrees := contacts.agreed(consent)) is not None and (contact or not agrees)]

    def _set_aside(self, chunk: Chunk, rest: pd.DataFrame, reasons: dict[int, str], source: Channel, key: bytes | None) -> None:
        given = rest[["external_id", "date", "rating_given", "text"]].to_numpy()
        broken = [(rest["place"][row], reason, " | ".join(filter(None, given[row])), rest["author"][row])
                  for row, reason in reasons.items()]
        bad = [(row.place, row.reason, row.row.rstrip("\r\n"), None) for row in chunk.bad]
        self._heard.quarantine.add([
            {"id": voice_id(self._product.name, source.name, f"{place}\n{row}", own=False), "product": self._product.name,
             "source": source.name, "place": place, "reason": excerpt(reason), "row": excerpt(row), "at": self._run.at,
             "author": author_hash(author, key) if author else None}
            for place, reason, row, author in [*bad, *broken]
        ])
