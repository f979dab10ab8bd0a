"""Signed provenance: what is not ours, not whole, or about something else is refused."""

import base64
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include import attestation
from include.attestation import PAYLOAD, ForgedError, keys_of, new_key, opened, public_line, sign
from include.connection import Connection
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Run
from include.parts.repository import Repository
from include.provenance import Built, signed, statement, verify
from tests.conftest import NOW

RUN = Run("build_and_test", "run-1", Key("shop"), NOW)
SOURCE = Repository(url="https://kim:token@git.example.com/shop.git?x=token", test="pytest")
BUILT = Built("shop", "1.4.0", "c" * 40, "sha256:" + "a" * 64, "sha256:" + "b" * 64)
MINE = keys_of(Connection("generic", password=new_key()))
OTHERS = keys_of(Connection("generic", password=new_key()))
ENVELOPE = signed(RUN, SOURCE, BUILT, MINE)

Change = Callable[[dict[str, Any]], None]


def changed(change: Change) -> bytes:
    """The envelope, changed after it was signed."""
    document = json.loads(ENVELOPE)
    change(document)
    return json.dumps(document).encode()


def payload(change: Change) -> bytes:
    """The envelope with another statement in it, and the old signature."""

    def put(document: dict[str, Any]) -> None:
        said = json.loads(base64.b64decode(document["payload"]))
        change(said)
        document["payload"] = base64.b64encode(json.dumps(said).encode()).decode()

    return changed(put)


def resigned(change: Change) -> bytes:
    """Another statement that our own key signed."""
    said = statement(RUN, SOURCE, BUILT)
    change(said)
    return sign(said, MINE)


def test_what_we_signed_holds() -> None:
    said = verify(ENVELOPE, MINE, BUILT)
    assert said["subject"] == [{"name": "pkg:generic/shop@1.4.0", "digest": {"sha256": "a" * 64}}]
    assert said["predicate"]["buildDefinition"]["resolvedDependencies"] == [
        {"uri": "git+https://git.example.com/shop.git@refs/heads/main", "digest": {"gitCommit": "c" * 40}}]
    assert b"token" not in base64.b64decode(json.loads(ENVELOPE)["payload"])
    assert signed(RUN, SOURCE, BUILT, MINE) == ENVELOPE


@pytest.mark.parametrize(("envelope", "why"), [
    (b"", "no DSSE envelope"),
    (b"[" * 100_000, "no DSSE envelope"),
    (b"[]", "no DSSE envelope"),
    (b'{"payload": 1, "payloadType": 2, "signatures": 3}', "no DSSE envelope"),
    (ENVELOPE[:-20], "no DSSE envelope"),
    (changed(lambda document: document.pop("signatures")), "no DSSE envelope"),
    (changed(lambda document: document.update(signatures={})), "no DSSE envelope"),
    (changed(lambda document: document.update(signatures=[])), "no signature"),
    (changed(lambda document: document["signatures"][0].update(sig="")), "no signature"),
    (changed(lambda document: document["signatures"][0].update(sig="not base64!")), "no DSSE envelope"),
    (changed(lambda document: document.update(payloadType="application/json")), "of the type 'application/json'"),
    (changed(lambda document: document.update(payloadType=[])), "of the type"),
    (payload(lambda said: said["subject"][0].update(name="pkg:generic/shop@9.9.9")), "no signature"),
    (payload(lambda said: None), "no signature"),  # the same statement in other bytes is not what was signed
    (signed(RUN, SOURCE, BUILT, OTHERS), "no signature on it is one of a trusted key"),
    (resigned(lambda said: said.update(_type="https://in-toto.io/Statement/v0.1")), "no in-toto statement"),
    (resigned(lambda said: said.update(predicateType="https://slsa.dev/provenance/v0.2")), "no provenance"),
    (resigned(lambda said: said.pop("predicate")), "no SLSA v1 provenance"),
    (resigned(lambda said: said.update(subject=[])), "another release"),
    (resigned(lambda said: said["subject"].append(said["subject"][0])), "another release"),
    (resigned(lambda said: said["predicate"]["runDetails"].update(byproducts=[])), "another SBOM"),
])
def test_what_does_not_hold_is_refused(envelope: bytes, why: str) -> None:
    with pytest.raises(ForgedError, match=why):
        verify(envelope, MINE, BUILT)


@pytest.mark.parametrize(("other", "why"), [
    ({"version": "1.4.1"}, "another release"),  # the same archive, released anew
    ({"product": "pay"}, "another release"),
    ({"archive": "sha256:" + "0" * 64}, "another archive"),
    ({"sbom": "sha256:" + "0" * 64}, "another SBOM"),
    ({"commit": "d" * 40}, "another commit"),
])
def test_the_envelope_of_another_release_is_refused(other: dict[str, str], why: str) -> None:
    with pytest.raises(ForgedError, match=why):
        verify(ENVELOPE, MINE, replace(BUILT, **other))


@given(st.integers(0, len(ENVELOPE) - 1), st.integers(1, 255))
def test_no_changed_byte_changes_what_holds(place: int, by: int) -> None:
    content = bytearray(ENVELOPE)
    content[place] ^= by
    try:
        said = opened(bytes(content), MINE)
    except ForgedError:
        return
    assert said == statement(RUN, SOURCE, BUILT)  # only a hint (keyid) was changed


def test_a_key_that_was_replaced_still_counts_where_it_is_named() -> None:
    old = public_line(MINE.trusted[0])
    both = keys_of(Connection("generic", password=new_key(), extra={"trusted": [old]}))
    only_verifies = keys_of(Connection("generic", extra={"trusted": [old]}))
    assert verify(ENVELOPE, both, BUILT) == verify(ENVELOPE, only_verifies, BUILT)
    with pytest.raises(InputError, match="no private key"):
        sign({}, only_verifies)


def test_a_key_may_be_pem_or_its_middle_line(tmp_path: Path) -> None:
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], check=True, capture_output=True, text=True).stdout
    whole, line = (keys_of(Connection("generic", password=text)) for text in (made, made.splitlines()[1]))
    assert sign({"a": 1}, whole) == sign({"a": 1}, line)


def test_openssl_verifies_what_we_signed(tmp_path: Path) -> None:
    document = json.loads(ENVELOPE)
    body = base64.b64decode(document["payload"])
    (tmp_path / "said").write_bytes(b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(body), body))
    (tmp_path / "signature").write_bytes(base64.b64decode(document["signatures"][0]["sig"]))
    (tmp_path / "key").write_text(f"-----BEGIN PUBLIC KEY-----\n{public_line(MINE.trusted[0])}\n-----END PUBLIC KEY-----\n")
    done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key", "-rawin", "-in", "said", "-sigfile",
                           "signature"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully"), done.stderr


@pytest.mark.parametrize("connection", [
    Connection("generic"), Connection("generic", password="AAAA"),  # pragma: allowlist secret
    Connection("generic", password="secret"),  # pragma: allowlist secret
    Connection("generic", extra={"trusted": "all"}), Connection("generic", extra={"trusted": ["AAAA"]}),
    Connection("generic", password=public_line(MINE.trusted[0])),
])
def test_a_connection_without_a_usable_key_is_named(connection: Connection) -> None:
    with pytest.raises(InputError, match="connection signing_key") as caught:
        keys_of(connection)
    assert str(connection.password) not in str(caught.value) or connection.password is None


def test_a_key_of_another_kind_is_refused() -> None:
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "x25519"], check=True, capture_output=True, text=True).stdout
    with pytest.raises(InputError, match="another kind than Ed25519"):
        keys_of(Connection("generic", password=made))


def test_a_huge_envelope_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attestation, "MAX_BYTES", 100)
    with pytest.raises(ForgedError, match="larger than 100 bytes"):
        opened(ENVELOPE, MINE)
