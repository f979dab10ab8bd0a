"""A source's own columns become the columns of a voice, as its product file maps them."""

import hashlib
import re
import unicodedata
from datetime import datetime
from typing import Any

import pandas as pd

from include.parts.channels import Channel

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_DATED = re.compile(r"\d{4}|\d{1,2}\D+\w+\D+\d{2}")  # without a day and a year pandas would fill in today's
_EPOCH = re.compile(r"\d{10}(?:\d{3})?")


def mapped(frame: pd.DataFrame, source: Channel, product: str, at: datetime) -> pd.DataFrame:
    """The rows of `frame` (columns of the source, and `place`) as voices to be.

    Columns: place, external_id, text, written_at (UTC; `at` where the row says none, NaT where it can't be read), date (as
    given), author, rating (NaN where there is none or none that can be read), rating_given, language, version, contact,
    consent, id.
    Where the source gives a voice no id, its text and date identify it.
    """
    columns = source.columns
    texts = [columns.text] if isinstance(columns.text, str) else columns.text
    parts = [[_cleaned(value) for value in frame[name]] for name in texts]
    voices = pd.DataFrame(index=frame.index)
    voices["place"] = frame["place"]
    joined = ["\n".join(filter(None, row)) for row in zip(*parts, strict=True)]
    voices["text"] = pd.Series(joined, index=frame.index, dtype=object)
    voices["external_id"] = _column(frame, columns.id)
    voices["author"] = _column(frame, columns.author)
    voices["language"] = _column(frame, columns.language)
    voices["version"] = _column(frame, columns.version)
    voices["contact"] = _column(frame, columns.contact)
    voices["consent"] = _column(frame, columns.consent)
    voices["rating_given"] = _column(frame, columns.rating)
    voices["rating"] = pd.to_numeric(voices["rating_given"], errors="coerce").astype(float)
    voices["date"] = _column(frame, columns.written_at)
    voices["written_at"] = times(voices["date"], at)
    ids = [voice_id(product, source.name, external or f"{date or ''}\n{text}", own=bool(external))
           for external, date, text in zip(voices["external_id"], voices["date"], voices["text"], strict=True)]
    voices["id"] = pd.Series(ids, index=frame.index, dtype=object)
    return voices


def voice_id(product: str, source: str, what: str, own: bool = True) -> str:
    """The id of a voice: a hash of where it came from and the source's `own` id of it, or else its content."""
    parts = "\x1f".join((product, source, "id" if own else "content", what))
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def times(given: pd.Series, at: datetime) -> pd.Series:
    """The times in `given` (text or None) in UTC: `at` for None, NaT for what is no time."""
    codes, found = pd.factorize(given, use_na_sentinel=True)
    unique = pd.Series(found, dtype=object)
    dated = unique.where(unique.map(lambda text: bool(_DATED.search(text))))
    read = pd.to_datetime(dated, format="ISO8601", utc=True, errors="coerce").astype("datetime64[us, UTC]")
    numbers = dated.where(dated.map(lambda text: isinstance(text, str) and bool(_EPOCH.fullmatch(text))))
    epochs = numbers.map(lambda text: int(text) / (1000 if len(text) == 13 else 1), na_action="ignore").astype(float)
    read = read.where(numbers.isna(), pd.to_datetime(epochs, unit="s", utc=True, errors="coerce").astype("datetime64[us, UTC]"))
    rest = dated[read.isna() & dated.notna()]
    if len(rest):
        read.loc[rest.index] = pd.to_datetime(rest, format="mixed", utc=True, errors="coerce").astype("datetime64[us, UTC]")
    moments = pd.Series(read.array.take(codes, allow_fill=True), index=given.index)
    return moments.mask(given.isna(), pd.Timestamp(at).as_unit("us")).astype("datetime64[us, UTC]")


def _column(frame: pd.DataFrame, name: str | None) -> pd.Series:
    values = [None] * len(frame) if name is None else [_cleaned(value) or None for value in frame[name]]
    return pd.Series(values, index=frame.index, dtype=object)


def _cleaned(value: Any) -> str:
    """`value` as text in Unicode's NFC, without control characters and lone surrogates; nothing for a missing one."""
    if value is None or value != value:  # NaN, NaT
        return ""
    text = value if isinstance(value, str) else value.isoformat() if isinstance(value, datetime) else str(value)
    text = text if text.isascii() else unicodedata.normalize("NFC", text)
    return (_CONTROL.sub("", text) if _CONTROL.search(text) else text).strip()
