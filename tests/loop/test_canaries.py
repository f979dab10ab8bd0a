"""What looks for secrets finds them, however they are written."""

import base64
import gzip
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.loop.canaries import places

SECRET = 'n0t-"a/secret+\\but?like-one='


@pytest.mark.parametrize("written", [
    SECRET.encode(), json.dumps({"key": SECRET}).encode(), quote(SECRET, safe="").encode(), gzip.compress(SECRET.encode()),
    *(base64.b64encode(b"x" * n + SECRET.encode() + b"y" * n) for n in range(4)),
    *(base64.urlsafe_b64encode(b"\xff" * n + SECRET.encode()) for n in range(4)), b"\0" * 9000 + SECRET.encode() + b"\0"])
def test_a_secret_is_found_however_it_is_written(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(written)
    (tmp_path / "other").write_bytes(b"n0t-a-secret" + base64.b64encode(b"nothing of it at all"))
    assert places(tmp_path, {"it": SECRET, "pem": "-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END KEY-----"}) == {
        "it": {"a/file"}, "pem": set()}
