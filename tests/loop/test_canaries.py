"""What looks for secrets finds them, however they are written."""

import base64
import gzip
import json
from io import BytesIO
from pathlib import Path
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import typst

from tests.loop.canaries import places


def pdf(title: str, text: str) -> bytes:
    """A PDF as reports are: typeset, its fonts cut down to what is used."""
    source = b"#set document(title: sys.inputs.title)\n#set page(width: 5cm)\n#sys.inputs.text"
    found: bytes = typst.compile(source, sys_inputs={"title": title, "text": text})
    return found


def packed(content: bytes) -> bytes:
    """A zip with one file."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as file:
        file.writestr("a/b.txt", content)
    return buffer.getvalue()


SECRET = 'n0t-"a/secret+\\but?like-one='


@pytest.mark.parametrize("written", [
    SECRET.encode(), json.dumps({"key": SECRET}).encode(), quote(SECRET, safe="").encode(), gzip.compress(SECRET.encode()),
    packed(SECRET.encode()), pdf("", f"A report with {SECRET} in it"), pdf(SECRET, "A report"),
    *(base64.b64encode(b"x" * n + SECRET.encode() + b"y" * n) for n in range(4)),
    *(base64.urlsafe_b64encode(b"\xff" * n + SECRET.encode()) for n in range(4)), b"\0" * 9000 + SECRET.encode() + b"\0"])
def test_a_secret_is_found_however_it_is_written(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(written)
    (tmp_path / "other").write_bytes(b"n0t-a-secret" + base64.b64encode(b"nothing of it at all"))
    assert places(tmp_path, {"it": SECRET, "pem": "-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END KEY-----"}) == {
        "it": {"a/file"}, "pem": set()}
