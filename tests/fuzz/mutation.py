"""Wrong and hostile input, made of good input: pieces are cut, doubled, swapped and put in that break readers."""

import os
from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# Bounded and the same in each run of the tests; `make fuzz` tries more, and other ones each time.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
bounded = settings(max_examples=EXAMPLES or 40, derandomize=not EXAMPLES, database=None, deadline=None,
                   suppress_health_check=list(HealthCheck))

NASTY: tuple[bytes, ...] = (
    b"", b"\0", b"\n", b"\r", b"\r\n", b'"', b"'", b"\\", b"<", b">", b"&", b"{", b"}", b"[", b"]", b"(", b")", b",", b":", b";",
    b"#", b"|", b"=", b"..", b"/", b"../../etc/passwd", b"-1", b"0", b"1e999", b"-1e999", b"NaN", b"Infinity", b"null", b"true",
    b"9" * 400, b"a" * 5000, b"[" * 3000, b"{" * 3000, b'{"a":' * 1500, b"((((" * 500, b"<a>" * 2000, b"&b;", b"<![CDATA[",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<script>alert(1)</script>", b"'; DROP TABLE voices; --", b"{{7*7}}", b"${HOME}", b"`id`",
    b"$(id)", b"%s%n", b"=1+1", b"&a [*a]", b"!!python/object:os.system", b"\xff\xfe", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xae", b"\xef\xbb\xbf", b"\xc0\x80", "값".encode(), b"2026-13-45T99:99:99Z", b"0001-01-01T00:00:00Z",
    b"9999-12-31T23:59:59+14:00", b"=?utf-8?B?!!!!?=", b"\x1b[31m")


def hostile(good: bytes, most: int = 5) -> st.SearchStrategy[bytes]:
    """The document `good` after up to `most` changes, or bytes without any sense."""
    return st.one_of(st.builds(_changed, st.just(good), st.lists(_CHANGE, max_size=most)), st.binary(max_size=200))


_CHANGE = st.tuples(st.sampled_from(("insert", "replace", "cut", "double", "swap")), st.floats(0, 1), st.floats(0, 1),
                    st.one_of(st.sampled_from(NASTY), st.binary(max_size=8)))


def _changed(document: bytes, changes: Sequence[tuple[str, float, float, bytes]]) -> bytes:
    for how, first, second, piece in changes:
        start, end = sorted((int(first * len(document)), int(second * len(document))))
        end = min(end, start + 200)
        inner = document[start:end]
        document = document[:start] + {
            "insert": piece + inner, "replace": piece, "cut": b"", "double": inner * 2, "swap": inner[::-1]}[how] + document[end:]
    return document
