"""Signed statements: in-toto Statement v1 in a DSSE envelope, signed with Ed25519.

github.com/in-toto/attestation (spec/v1), github.com/secure-systems-lab/dsse (protocol.md, envelope.md).
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from include.connection import Connection
from include.errors import InputError

CONNECTION = "signing_key"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
MAX_BYTES = 10_000_000
MAX_SIGNATURES = 20


class ForgedError(Exception):
    """An envelope is none, or bears no signature of a key that is trusted."""


@dataclass(frozen=True)
class Keys:
    """The key that signs (None: this side may only verify), and every public key whose signature counts."""

    private: Ed25519PrivateKey | None
    trusted: tuple[Ed25519PublicKey, ...]


def keys_of(connection: Connection) -> Keys:
    """The keys that the Airflow connection `signing_key` holds: its password is the private key, the list `trusted` in its extra
    names public keys that count too (of before a rotation; or all, where this side only verifies).

    A key is PEM (PKCS #8, SubjectPublicKeyInfo), or what stands between PEM's two lines. Raises InputError where one is wrong.
    """
    listed = connection.extra.get("trusted", [])
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise InputError(f"connection {CONNECTION}: extra trusted must be a list of public keys")
    try:
        private = load_der_private_key(_der(connection.password), None) if connection.password else None
        public = [load_der_public_key(_der(item)) for item in listed]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError(f"connection {CONNECTION}: a key cannot be read; {_HOW}") from None  # the cause may quote the key
    if not all(isinstance(key, Ed25519PublicKey) for key in public) or not isinstance(private, Ed25519PrivateKey | None):
        raise InputError(f"connection {CONNECTION}: a key is of another kind than Ed25519; {_HOW}")
    trusted = [*([private.public_key()] if private else []), *cast(list[Ed25519PublicKey], public)]
    if not trusted:
        raise InputError(f"connection {CONNECTION} holds no key; {_HOW}")
    return Keys(private, tuple(trusted))


_HOW = "`openssl genpkey -algorithm ed25519` makes one"


def new_key() -> str:
    """A new private key on one line, as the connection's password."""
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(made).decode()


def public_line(key: Ed25519PublicKey) -> str:
    """A public key on one line, as `trusted` takes it."""
    return base64.b64encode(_public(key)).decode()


def sign(statement: dict[str, Any], keys: Keys) -> bytes:
    """The statement in an envelope: the same bytes for the same statement and key. Raises InputError without a private key."""
    if keys.private is None:
        raise InputError(f"connection {CONNECTION} has no private key (its password), so nothing can be signed")
    payload = _json(statement)
    signature = keys.private.sign(_pae(PAYLOAD, payload))
    return _json({"payload": _base64(payload), "payloadType": PAYLOAD,
                  "signatures": [{"keyid": key_id(keys.private.public_key()), "sig": _base64(signature)}]})


def opened(envelope: bytes, keys: Keys) -> dict[str, Any]:
    """The statement in an envelope that a trusted key signed. Raises ForgedError; nothing of it is read before that is sure."""
    try:
        if len(envelope) > MAX_BYTES:
            raise ForgedError(f"the envelope is larger than {MAX_BYTES:,} bytes")
        document = json.loads(envelope)
        kind, payload = document["payloadType"], base64.b64decode(document["payload"], validate=True)
        signatures = [base64.b64decode(item["sig"], validate=True) for item in document["signatures"][:MAX_SIGNATURES]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ForgedError("it is no DSSE envelope") from error
    if kind != PAYLOAD:
        raise ForgedError(f"its payload is of the type {str(kind)[:100]!r}, not {PAYLOAD}")
    if not any(_signed(key, signature, _pae(kind, payload)) for key in keys.trusted for signature in signatures):
        raise ForgedError("no signature on it is one of a trusted key")
    try:
        statement = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ForgedError("what was signed is no JSON") from error
    if not isinstance(statement, dict) or statement.get("_type") != STATEMENT:
        raise ForgedError("what was signed is no in-toto statement")
    return statement


def key_id(key: Ed25519PublicKey) -> str:
    """A hint which key signed; what counts is the signature."""
    return f"sha256:{hashlib.sha256(_public(key)).hexdigest()}"


def _signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _pae(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def _public(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _der(text: str) -> bytes:
    return base64.b64decode(re.sub(r"-----[A-Z ]*-----|\s", "", text), validate=True)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
