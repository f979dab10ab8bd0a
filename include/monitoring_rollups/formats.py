"""Lines of access logs as frames, one function a format: HAProxy's JSON, the combined format of nginx and Apache, any JSON.

Each takes whole lines and returns a frame with the columns of SCHEMA, and how many lines were malformed. `ms` is UNKNOWN where a
log doesn't say how long an answer took; an address of a client is never kept.
"""

import io
import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from include.parts.monitoring import JsonFields, Log

SCHEMA = pa.schema([("at", pa.int64()), ("path", pa.string()), ("status", pa.int64()), ("ms", pa.int64()),
                    ("server", pa.string()), ("ended", pa.string())])
LATEST = 4_102_444_800_000  # 2100-01-01 in ms: what is later, or before 1970, is no time of a request
UNKNOWN = -2  # ms; HAProxy itself writes -1 for an answer that never came
PER_SECOND = {"s": 1000.0, "ms": 1.0, "us": 0.001}
Parsed = tuple[pd.DataFrame, int]
Parse = Callable[[bytes], Parsed]

# nginx.org/en/docs/http/ngx_http_log_module.html, httpd.apache.org/docs/2.4/mod/mod_log_config.html (combined, common). Nothing
# behind the size is needed, and user agents may be cut off; a number at the end is how long it took, where the log is told to
# write it ($request_time, %D).
_COMBINED = re.compile(
    r'^(?:\S+:\d+ )?\S+ \S+ [^\[\n]*\[(?P<at>[^\]\n]{20,30})\] "(?P<request>(?:[^"\\\n]|\\.)*)" (?P<status>\d{3}) (?:\d+|-)'
    r'(?:(?: [^\n]*")? (?P<took>\d+(?:\.\d+)?)| [^\n]*)?\r?$', re.MULTILINE)
_REQUEST = re.compile(r"[A-Z]+ (?P<path>\S+)(?: HTTP/\S+)?")


def parser(log: Log) -> Parse:
    """The function that reads the lines of `log`."""
    server = f"v{log.version}_0" if log.version else ""
    if log.format == "combined":
        return partial(combined, server=server, unit=log.unit)
    if log.format == "json":
        return partial(any_json, fields=log.fields, server=server, unit=log.unit)
    return haproxy


def haproxy(content: bytes) -> Parsed:
    """HAProxy's lines, see `include.deployment.haproxy`."""
    lines = content.count(b"\n")
    try:
        table = _table(content)
    except pa.ArrowInvalid:
        table = None
    if table is None or table.num_rows != lines:  # some line is wrong: look at each
        table = _table(b"".join(line + b"\n" for line in content.split(b"\n") if _is_entry(line)))
    at = table["at"]
    table = table.filter(pc.and_(pc.greater_equal(at, 0), pc.less(at, LATEST))).drop_null()
    return table.to_pandas(), lines - table.num_rows


def combined(content: bytes, server: str = "", unit: str = "s") -> Parsed:
    """Lines in the combined or common format."""
    found = _COMBINED.findall(content.decode("utf-8", errors="replace"))
    frame = pd.DataFrame(found, columns=["at", "request", "status", "took"], dtype="str")
    took = pd.to_numeric(frame["took"], errors="coerce") * PER_SECOND[unit]
    return _checked({
        "at": _times(frame["at"], "%d/%b/%Y:%H:%M:%S %z"), "status": frame["status"].astype("int64"), "ms": took,
        "path": pd.Series([_path(request) for request in frame["request"]], dtype="str")}, server, content.count(b"\n"))


def _path(request: str) -> str:
    match = _REQUEST.match(request)
    return match["path"] if match else "-"


def any_json(content: bytes, fields: JsonFields, server: str = "", unit: str = "s") -> Parsed:
    """One JSON object a line; `fields` says what is called how, with dots for objects within objects."""
    rows = [row for line in content.split(b"\n") if (row := _picked(line, fields))]
    frame = pd.DataFrame(rows, columns=["at", "path", "status", "took"])
    return _checked({
        "at": pd.Series([_moment(value) for value in frame["at"]], dtype="float64"), "path": frame["path"].astype("str"),
        "status": pd.to_numeric(frame["status"], errors="coerce"),
        "ms": pd.to_numeric(frame["took"], errors="coerce") * PER_SECOND[unit]}, server, content.count(b"\n"))


def _checked(columns: dict[str, "pd.Series[Any]"], server: str, lines: int) -> Parsed:
    frame = pd.DataFrame(columns)
    good = frame["at"].between(0, LATEST - 1) & frame["status"].between(100, 999) & (frame["path"].str.len() > 0)
    frame = frame[good].reset_index(drop=True)
    frame["ms"] = frame["ms"].where(frame["ms"].between(0, 2**53)).fillna(UNKNOWN).round()
    frame = frame.astype({"at": "int64", "status": "int64", "ms": "int64"}).assign(server=server, ended="--")
    return frame[SCHEMA.names], lines - len(frame)


def _times(texts: "pd.Series[str]", form: str) -> "pd.Series[float]":
    """ms since 1970; NaN for what is no time."""
    codes, unique = pd.factorize(texts)
    times = pd.to_datetime(pd.Series(unique, dtype="str"), format=form, utc=True, errors="coerce")
    stamps = times.astype("datetime64[ms, UTC]").astype("int64").astype("float64").where(times.notna())
    return stamps.take(codes).reset_index(drop=True)


def _picked(line: bytes, fields: JsonFields) -> tuple[Any, ...] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    path = _at(entry, fields.path)
    return (_at(entry, fields.at), path if isinstance(path, str) else "", _at(entry, fields.status),
            _at(entry, fields.took) if fields.took else None)


def _at(entry: Any, name: str) -> Any:
    for step in name.split("."):
        entry = entry.get(step) if isinstance(entry, dict) else None
    return entry


def _moment(value: Any) -> float:
    """ms since 1970 of an ISO time or a number of seconds or ms; NaN for what is none."""
    try:
        number = float(value) if not isinstance(value, bool) else float("nan")
        return number if abs(number) > 1e11 else number * 1000
    except (TypeError, ValueError):
        pass
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return float("nan")
    return time.timestamp() * 1000 if time.tzinfo else float("nan")


def _table(content: bytes) -> pa.Table:
    if not content:
        return SCHEMA.empty_table()
    options = pyarrow.json.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")
    return pyarrow.json.read_json(io.BytesIO(content), pyarrow.json.ReadOptions(block_size=4 * 2**20), options)


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object that says nothing twice: two torn lines may make one that does."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a field stands twice")
    return found


def _is_entry(line: bytes) -> bool:
    try:
        entry = json.loads(line, object_pairs_hook=_single)
    except (ValueError, RecursionError):
        return False
    kinds = {name: int if kind == pa.int64() else str for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True)}
    return isinstance(entry, dict) and all(
        type(entry.get(name)) is kind and (kind is str or abs(entry[name]) < 2**63) for name, kind in kinds.items())
