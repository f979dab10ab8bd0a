"""One source is listened to: its rows become voices, duplicates or quarantined rows, and the counts add up."""

import hashlib
import logging
import time
from collections.abc import Iterator
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
from include.parts.channels import AnySource, Channel
from include.privacy import contacts
from include.product import Product
from include.redaction import author_hash, excerpt
from include.voc_aggregation import quarantine, store
from include.voc_aggregation.classifier import Classifier
from include.voc_aggregation.contract import Contract
from include.voc_aggregation.hearing import Columns, Hearing, Understood, pieces, understood
from include.voc_aggregation.mapping import mapped, voice_id
from include.voc_aggregation.second import Pipeline
from include.voc_aggregation.sources import opened
from include.voc_aggregation.sources.inbox import InboxChannel, InboxSource
from include.voc_aggregation.sources.source import Chunk, Source
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

    def take(self, found: Understood) -> None:
        """Take in voices of customers that are understood already."""
        self.voices.extend(found.rows, len(found.ids))
        self.ids += found.ids
        self.kinds += found.kinds
        self.languages += found.languages
        self.times += found.times
        self.features.append(found.features)


class Listener:
    """Listens to the sources of one product in one run."""

    def __init__(self, engine: Engine, product: Product, run: Run, author_key: bytes, heard: Heard,
                 connections: Connections, pipeline: Pipeline[Columns, Understood]) -> None:
        self._engine, self._product, self._run, self._key, self._heard = engine, product, run, author_key, heard
        self._connections, self._pipeline = connections, pipeline
        self._stored: set[str] = set()
        self.replayed: list[str] = []

    def listen(self, source: AnySource | InboxSource) -> Intake:
        """Hear what is new in `source`. A source that can't be read (further) says so in its `error`, and stops no other.

        The cursor goes with what the product file says of the source: where that changes, it is read from its beginning.
        """
        intake = Intake(source.name)
        mapping = hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:16]
        known = store.cursor(self._engine, self._product.name, source.name) or {}
        try:
            if source.columns.contact:
                self._heard.contact_key = contacts.key_of(self._connections)
            ids, corrected, rows = quarantine.corrected(self._engine, self._product.name, source)
            for _ in self._taken(rows, corrected, intake, None):
                self.replayed += ids
            news = self._opened(source).news(known if known.get("mapping") == mapping else None)
            for chunk in self._taken(news, source, intake, self._key_of(source)):
                if chunk.cursor is not None:
                    intake.cursor = chunk.cursor | {"mapping": mapping}
        except InputError as error:
            intake.error = excerpt(str(error))
            log.warning("%s: source %s failed: %s", self._product.name, source.name, intake.error)
        log.info("%s: source %s: %s", self._product.name, source.name, intake.counts())
        return intake

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
            new = [not text or not (voice in known or voice in self._stored)  # what has no text can't be told apart by it
                   for voice, text in zip(voices["id"], voices["text"], strict=True)]
            rest = voices[np.asarray(new, dtype=bool)].reset_index(drop=True)
            reasons: dict[int, str] = {}
            if len(rest):
                contract = contract or Contract(source.rating_scale, self._run.at)
                reasons = contract.broken(rest)
            good = rest.drop(index=list(reasons)).drop_duplicates("id")
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
            log.info("%s: source %s: %s rows read, %s a second", self._product.name, source.name, f"{intake.read:,}",
                     f"{intake.read / (time.monotonic() - began):,.0f}")
            intake.evidence = contract.evidence() if contract else intake.evidence
            yield chunk

    def _consents(self, rows: pd.DataFrame, source: Channel) -> list[contacts.Word]:
        said = zip(*(rows[name].tolist() for name in ("author", "contact", "consent", "written_at")), strict=True)
        return [contacts.Word(author_hash(author, self._key_of(source)), contact or "", agrees, at.to_pydatetime(), source.name)
                for author, contact, consent, at in said
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
