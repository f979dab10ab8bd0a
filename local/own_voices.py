"""A product file for a file of voices that comes as it is: which column holds what is read off its names and first rows."""

import re
from pathlib import Path
from typing import Any

import yaml

from include.errors import InputError
from include.product import Product

FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
SAMPLE = 500  # rows looked at
# What columns are usually called, the surest names first; compared without case, spaces and punctuation.
NAMES = {
    "id": ("id", "reviewid", "ticketid", "issueid", "commentid", "key"),
    "written_at": ("writtenat", "createdat", "created", "date", "timestamp", "time", "submittedat",
                   "작성일", "작성일시", "날짜", "등록일"),
    "author": ("author", "user", "username", "userid", "customer", "email", "reviewer", "작성자", "고객", "이름"),
    "rating": ("rating", "score", "stars", "star", "별점", "평점"),
}
TEXT_NAMES = ("text", "review", "comment", "feedback", "document", "message", "body", "description", "content", "summary",
              "내용", "리뷰", "후기", "의견")
TITLE_NAMES = ("title", "subject", "summary", "headline", "제목")  # read before the text, where there is one


def describe(path: Path, folder: Path) -> Product:
    """Write `folder/<name>.yaml` for the voices in `path`, up to the scope; returns the product.

    Raises InputError when the file can't be read or no column holds text.
    """
    form = FORMATS.get(path.suffix.lower())
    if form is None or not path.is_file():
        raise InputError(f"{path}: expected a file that ends in {', '.join(FORMATS)}")
    columns = _columns(path, form)
    name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    name = f"voices-{name}"[:40].rstrip("-")
    source: dict[str, Any] = {"name": "file", "path": str(path.resolve()), "format": form, "columns": columns}
    if "rating" in columns:
        source["rating_scale"] = columns.pop("_scale")
    content = {"name": name, "title": path.stem, "owner": "you", "voices": {"sources": [source]}}
    product = Product.model_validate(content)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return product


def _columns(path: Path, form: str) -> dict[str, Any]:
    frame = _head(path, form)
    called = {re.sub(r"[\W_]+", "", str(column).lower()): column for column in frame.columns}
    found: dict[str, Any] = {}
    text = next((called[name] for name in TEXT_NAMES if name in called), None) or _longest(frame)
    if text is None:
        raise InputError(f"{path}: no column holds text; its columns are {', '.join(map(str, frame.columns))}")
    title = next((called[name] for name in TITLE_NAMES if name in called and called[name] != text), None)
    found["text"] = text if title is None else [title, text]
    for field, names in NAMES.items():
        column = next((called[name] for name in names if name in called and called[name] not in (text, title)), None)
        if column is not None and _fits(field, frame[column]):
            found[field] = column
    if "rating" in found:
        found["_scale"] = [1, 5] if _numbers(frame[found["rating"]]).max() <= 5 else [1, 10]
    return found


def _head(path: Path, form: str) -> Any:
    import pandas as pd

    try:
        if form == "parquet":
            return pd.read_parquet(path).head(SAMPLE)
        if form == "jsonl":
            return pd.read_json(path, lines=True, nrows=SAMPLE)
        return pd.read_csv(path, sep="\t" if form == "tsv" else ",", nrows=SAMPLE, on_bad_lines="skip", dtype=str)
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: cannot be read as {form}: {error}") from error


def _longest(frame: Any) -> str | None:
    """The column of text with the longest values on average, if any has more than one word's length."""
    lengths = {column: frame[column].dropna().astype(str).str.len().mean() for column in frame.columns if len(frame)}
    best = max(lengths, key=lambda column: lengths[column], default=None)
    return best if best is not None and lengths[best] > 12 else None


def _numbers(values: Any) -> Any:
    import pandas as pd

    return pd.to_numeric(values, errors="coerce")


def _fits(field: str, values: Any) -> bool:
    import pandas as pd

    if field == "rating":
        numbers = _numbers(values)
        return bool(numbers.notna().mean() > 0.9 and numbers.min() >= 1 and numbers.max() <= 10)
    if field == "written_at":
        return bool(pd.to_datetime(values, errors="coerce", utc=True, format="mixed").notna().mean() > 0.9)
    return field != "id" or bool(values.notna().all() and values.is_unique)
