"""Rows of a source become voices: redacted, understood, and counted for the grouping. Pure, so it may be done anywhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scipy.sparse import csr_matrix

from include.redaction import author_hash, redact
from include.voc_aggregation import features, understanding
from include.voc_aggregation.classifier import Classifier
from include.voc_aggregation.spool import encoded

if TYPE_CHECKING:  # who hears in a second process needs no frames
    import pandas as pd

Columns = dict[str, list[Any]]
PIECE = 5_000  # rows that are worked on at a time
_WANTED = ("id", "external_id", "text", "language", "rating", "author", "version")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,64}")


@dataclass(frozen=True)
class Understood:
    """Voices: their rows as a spool keeps them (`spool.encoded`), and what grouping needs of them, in the same order."""

    rows: bytes
    ids: list[str]
    kinds: list[str]
    languages: list[str]
    times: list[datetime]
    features: csr_matrix


def understood(rows: list[dict[str, Any]], classifier: Classifier) -> Understood:
    """Rows of the table `voices`, whose kinds and severity `classifier` tells, with all that is wanted of them."""
    texts, feelings = [row["text"] for row in rows], [row["sentiment"] for row in rows]
    counts = features.counts(texts)
    kinds = classifier.kinds(texts, feelings, counts)
    levels = classifier.severities(texts, kinds, feelings)
    told = [row | {"kind": some[0], "kinds": list(some) if len(some) > 1 else None, "severity": level}
            for row, some, level in zip(rows, kinds, levels, strict=True)]
    return Understood(encoded(told), [row["id"] for row in rows], [some[0] for some in kinds], [row["language"] for row in rows],
                      [row["written_at"] for row in rows], counts)


@dataclass(frozen=True)
class Hearing:
    """How the rows of one source become voices: `pieces` of them go in, and each comes out as `Understood`."""

    product: str
    source: str
    rating_scale: tuple[float, float]
    author_key: bytes | None
    at: datetime
    classifier: Classifier

    def __call__(self, columns: Columns) -> Understood:
        records = zip(*columns.values(), strict=True)
        rows = [dict(zip(columns, record, strict=True)) for record in records]
        for row in rows:
            row["text"] = redact(row["text"])
        feelings = self.classifier.feelings([row["text"] for row in rows])
        return understood(list(map(self._voice, rows, feelings)), self.classifier)

    def _voice(self, row: dict[str, Any], told: float) -> dict[str, Any]:
        text = row["text"]
        rating = None if row["rating"] != row["rating"] else row["rating"]  # NaN is no rating
        feeling = understanding.felt(told, rating, self.rating_scale)
        external = row["external_id"]
        return {
            "id": row["id"], "product": self.product, "source": self.source, "origin": "customer",
            "external_id": redact(external) if external and "@" in external else external, "text": text,
            "language": understanding.language(text, row["language"]), "sentiment": feeling, "rating": rating,
            "author": author_hash(row["author"], self.author_key) if row["author"] else None,
            "written_at": row["written_at"], "heard_at": self.at,
            "version": row["version"] if row["version"] and _VERSION.fullmatch(row["version"]) else None,
        }


def pieces(rows: "pd.DataFrame") -> Iterator[Columns]:
    """What `Hearing` wants of rows as `mapping.mapped` gives them, at most PIECE at a time."""
    for start in range(0, len(rows), PIECE):
        part = rows.iloc[start: start + PIECE]
        moments = part["written_at"].dt.tz_localize(None).to_numpy("datetime64[us]").tolist()
        yield {name: part[name].tolist() for name in _WANTED} | {"written_at": [at.replace(tzinfo=UTC) for at in moments]}
