"""Secrets looked for where they do not belong: in every byte of every file of a stage, however they may be written there."""

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path
from urllib.parse import quote
from zipfile import ZipFile

from pypdfium2 import PdfDocument
from sqlalchemy import NullPool, create_engine, inspect, literal_column, select, table

from include.artifacts import Artifacts

STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.S)


def places(home: Path, secrets: Mapping[str, str]) -> dict[str, set[str]]:
    """The files under `home` that hold each of `secrets` (by name), relative to it. A secret of several lines is looked for line
    by line, each of them as it is, in JSON, quoted, escaped for a URL, or in base64; in a file as it is, in what is packed in it
    with gzip or zip, and in a PDF's text and streams. Databases and their journals are read as bytes."""
    looked_for = {name: set(_forms(secret)) for name, secret in secrets.items()}
    found: dict[str, set[str]] = {name: set() for name in secrets}
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = _content(path)
            for name, forms in looked_for.items():
                if any(form in content for form in forms):
                    found[name].add(path.relative_to(home).as_posix())
    return found


def written_out(urls: Iterable[str], artifacts: Artifacts, folder: Path) -> None:
    """Every row of the databases at `urls`, and every artifact, in files of `folder`: a place may keep them elsewhere, and a
    database's own files break long values into pieces."""
    for number, url in enumerate(urls):
        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as database:
            for name in inspect(engine).get_table_names():
                rows = database.execute(select(literal_column("*")).select_from(table(name)))
                with (folder / f"{number}-{name}").open("w") as file:
                    file.writelines(f"{value}\n" for row in rows for value in row)
    for number, name in enumerate(artifacts.names()):
        (folder / f"artifact-{number}").write_bytes(artifacts.read(name))


def _content(path: Path) -> bytes:
    """The stage runs meanwhile: a file may be gone by now (a database's journal), or be written just now."""
    content = b""
    with suppress(FileNotFoundError, EOFError, gzip.BadGzipFile, zlib.error):
        content = path.read_bytes()
        return content + b"\n".join(_unpacked(content))
    return content


def _unpacked(content: bytes) -> Iterator[bytes]:
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    if content.startswith(b"PK\x03\x04"):
        with ZipFile(BytesIO(content)) as packed:
            yield from map(packed.read, packed.namelist())
    if content.startswith(b"%PDF"):
        for stream in STREAM.findall(content):  # not all of them are packed
            with suppress(zlib.error):
                yield zlib.decompressobj().decompress(stream)
        with closing(PdfDocument(content)) as document:  # letters are there as numbers of a font's glyphs, broken into lines
            for page in document:
                yield "".join(page.get_textpage().get_text_range().split()).encode()
            yield "\n".join(document.get_metadata_dict().values()).encode()


def _forms(secret: str) -> Iterator[bytes]:
    for line in (line for line in secret.splitlines() if not line.startswith("-----")):
        yield from {line.encode(), quote(line, safe="").encode(), json.dumps(line)[1:-1].encode()}
        for shift in range(3):  # in the midst of a longer text, it stands at any of three places
            coded = base64.b64encode(b"\0" * shift + line.encode())
            whole = coded[(8 * shift + 5) // 6: len(coded) - 4]
            yield from {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
