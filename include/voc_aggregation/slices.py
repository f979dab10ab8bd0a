"""Big files are cut into slices that workers hear side by side, wherever they are.

The plan, and what was heard of each slice, wait in the artifact store until the run stores all of it in the order of the files:
so it comes to the same however many workers there are, in whatever order they are done, and however often one was killed. As
everything that is stored, slices are redacted and authors are hashes; they go with the end of the run, and those of runs that
never ended go KEPT later. Nothing but files is cut: a query, an API and a mailbox are read in one go, as their cursors want it.
"""

import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
import scipy.sparse as sp
from scipy.sparse import csr_matrix
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.connection import Connections
from include.errors import InputError
from include.ledger.runs import Run
from include.parts.channels import Channel, FileSource
from include.privacy import contacts
from include.product import Product
from include.redaction import excerpt
from include.voc_aggregation import store
from include.voc_aggregation.features import WIDTH
from include.voc_aggregation.hearing import PIECE, Understood
from include.voc_aggregation.sources.files import FileChannel
from include.voc_aggregation.sources.source import Slice, Start
from include.voc_aggregation.spool import Row, encoded

log = logging.getLogger(__name__)
KEPT = timedelta(days=2)
_PLAN = "plan.json"
_FEATURES = {"feature_columns": pa.int32(), "feature_counts": pa.float32()}
_GROUPED = ("id", "kind", "language", "written_at")  # what grouping wants of a row


@dataclass(frozen=True)
class Planned:
    """A file that was cut: what its source was said to be, the cursor for when it is stored, and its slices by name."""

    mapping: str
    cursor: dict[str, Any]
    slices: dict[str, Slice]


def mapping_of(source: Channel) -> str:
    """What the product file says of `source`, as a short hash: a cursor counts as long as that stays."""
    return hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Part:
    """What was heard of a slice: its counts and evidence, whether rows could not be told apart, the rows that were set aside,
    what authors said of being reached (handles are encrypted), and the voices.
    """

    counts: dict[str, Any]
    evidence: dict[str, Any] | None
    malformed: bool
    quarantine: list[Row]
    consents: list[contacts.Word]
    voices: pa.Table

    def understood(self, known: Collection[str]) -> Iterator[Understood]:
        """The voices but for those that are `known`, in their order, some thousands at a time."""
        for batch in self.voices.to_batches(max_chunksize=PIECE):
            rows = batch.drop_columns(list(_FEATURES)).to_pylist()
            counted = _matrix(batch)
            there = [number for number, row in enumerate(rows) if row["id"] not in known]
            if len(there) < len(rows):
                rows, counted = [rows[number] for number in there], counted[there]
            if rows:
                ids, kinds, languages, times = ([row[name] for row in rows] for name in _GROUPED)
                yield Understood(encoded(rows), ids, kinds, languages, times, counted)


class Slices:
    """The slices of one run in the artifact store."""

    def __init__(self, artifacts: Artifacts, run: Run) -> None:
        self._artifacts, self._run = artifacts, run
        self._product = f"slices/{run.product}"
        self._folder = f"{self._product}/{hashlib.sha256(run.run_id.encode()).hexdigest()[:16]}"

    @cached_property
    def plan(self) -> dict[str, Planned]:
        """The files that were cut for this run, by source."""
        if not self._artifacts.exists(name := f"{self._folder}/{_PLAN}"):
            return {}
        return {source: Planned(each["mapping"], each["cursor"], {
            name: Slice(Start(*start) if start else None, rows) for name, (start, rows) in each["slices"].items()})
            for source, each in json.loads(self._artifacts.read(name))["sources"].items()}

    def cut(self, engine: Engine, product: Product, connections: Connections) -> list[str]:
        """The names of the slices of all big files that have news; what was cut once stays so."""
        if not self.plan and (planned := dict(_planned(engine, product, connections))):
            sources = {name: {"mapping": each.mapping, "cursor": each.cursor, "slices": each.slices}
                       for name, each in planned.items()}
            document = {"at": self._run.at.isoformat(), "sources": sources}
            self._artifacts.write(f"{self._folder}/{_PLAN}", json.dumps(document).encode())
            self.__dict__["plan"] = planned
        return [name for each in self.plan.values() for name in each.slices]

    def named(self, product: Product, name: str) -> tuple[FileSource, Slice]:
        """The source that a slice belongs to, and where it is. Raises InputError where there is none any more."""
        for source in product.voices.sources:
            found = self.plan.get(source.name)
            if isinstance(source, FileSource) and found and name in found.slices:
                return source, found.slices[name]
        raise InputError(f"{product.name}: no source has a slice {name!r}: the product file was changed meanwhile")

    def write(self, name: str, part: Part) -> None:
        """Leave what was heard of a slice, whole or not at all."""
        rest = {"counts": part.counts, "evidence": part.evidence, "malformed": part.malformed,
                "quarantine": [{name: value for name, value in row.items() if name != "at"} for row in part.quarantine],
                "consents": [vars(word) for word in part.consents]}
        content, voices = io.BytesIO(), io.BytesIO()
        with pa.ipc.new_file(voices, part.voices.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
            file.write_table(part.voices, max_chunksize=PIECE)
        with zipfile.ZipFile(content, "w") as both:
            both.writestr("voices.arrow", voices.getvalue())
            both.writestr("rest.json", json.dumps(rest, default=datetime.isoformat), zipfile.ZIP_DEFLATED)
        self._artifacts.write(self._file(name), content.getvalue())

    def there(self, name: str) -> bool:
        """Whether a slice was heard already."""
        return self._artifacts.exists(self._file(name))

    def read(self, name: str) -> Part:
        """What was heard of a slice. Raises FileNotFoundError."""
        with zipfile.ZipFile(io.BytesIO(self._artifacts.read(self._file(name)))) as both:
            rest = json.loads(both.read("rest.json"))
            voices = pa.ipc.open_file(both.read("voices.arrow")).read_all()
        consents = [contacts.Word(**word | {"at": datetime.fromisoformat(word["at"])}) for word in rest["consents"]]
        quarantine = [row | {"at": self._run.at} for row in rest["quarantine"]]
        return Part(rest["counts"], rest["evidence"], rest["malformed"], quarantine, consents, voices)

    def clear(self) -> None:
        """Remove this run's slices, and those that other runs of the product left behind long ago."""
        for name in self._artifacts.listed(self._product):
            folder = f"{self._product}/{name}"
            if folder == self._folder or self._made(folder) < self._run.at - KEPT:
                self._artifacts.remove(folder)

    def _made(self, folder: str) -> datetime:
        return datetime.fromisoformat(json.loads(self._artifacts.read(f"{folder}/{_PLAN}"))["at"])

    def _file(self, name: str) -> str:
        return f"{self._folder}/{name.replace(' ', '-')}.zip"


def _planned(engine: Engine, product: Product, connections: Connections) -> Iterator[tuple[str, Planned]]:
    for source in product.voices.sources:
        if isinstance(source, FileSource):
            known, mapping = store.cursor(engine, product.name, source.name) or {}, mapping_of(source)
            try:
                channel = FileChannel(source, connections)
                slices, cursor = channel.cut(known if known.get("mapping") == mapping else None, product.voices.slice_rows)
            except InputError as error:
                log.info("%s: source %s is not cut: %s", product.name, source.name, excerpt(str(error)))
                continue
            if slices:
                yield source.name, Planned(mapping, cursor, {
                    f"{source.name} {number} of {len(slices)}": each for number, each in enumerate(slices, 1)})


def table(rows: Iterator[list[Row]], features: Sequence[csr_matrix]) -> pa.Table:
    """Blocks of voices' rows, and what was counted of them in the same order, as one table."""
    tables = [pa.Table.from_pylist(block) for block in rows]
    if not tables:
        return pa.table({name: pa.array([], pa.list_(kind)) for name, kind in _FEATURES.items()})
    counted = sp.vstack(features).tocsr()
    voices = pa.concat_tables(tables, promote_options="permissive")
    for name, values in zip(_FEATURES, (counted.indices, counted.data), strict=True):
        array = pa.ListArray.from_arrays(pa.array(counted.indptr, pa.int32()), pa.array(values, _FEATURES[name]))
        voices = voices.append_column(name, array)
    return voices


def _matrix(batch: pa.RecordBatch) -> csr_matrix:
    columns, counts = (batch.column(name) for name in _FEATURES)
    ends = columns.offsets.to_numpy()
    return csr_matrix((counts.flatten().to_numpy(), columns.flatten().to_numpy(), ends - ends[0]), shape=(len(batch), WIDTH))
