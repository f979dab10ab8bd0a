"""The link in a letter by which its customer says whether it helped: signed, for a time, and without anything about a person.

Its token is the notice's id and a time in seconds, and an HMAC-SHA256 (RFC 2104) over both and the product. The key is derived
from the secret with which authors are hashed, so that neither can stand for the other.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from include.errors import InputError

VALID = timedelta(days=60)
_ID, _TIME, _MAC = 16, 5, 16  # bytes


class ForgedLinkError(InputError):
    """The link is none of ours, or not of this product."""


class ExpiredLinkError(InputError):
    """The link's time is over."""


def link(base: str, product: str, notice: str, made_at: datetime, secret: bytes) -> str:
    """The URL for the notice with the id `notice` (32 hexadecimal digits)."""
    payload = bytes.fromhex(notice) + int((made_at + VALID).timestamp()).to_bytes(_TIME, "big")
    token = base64.urlsafe_b64encode(payload + _mac(product, payload, secret)).decode().rstrip("=")
    return f"{base.rstrip('/')}/{product}/answer/{token}"


def opened(token: str, product: str, now: datetime, secret: bytes) -> str:
    """The id of the notice that a token is of. Raises ForgedLinkError or ExpiredLinkError."""
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ForgedLinkError("no link of ours") from error
    payload, mac = content[:-_MAC], content[-_MAC:]
    if len(content) != _ID + _TIME + _MAC or not hmac.compare_digest(mac, _mac(product, payload, secret)):
        raise ForgedLinkError("no link of ours")
    if now > datetime.fromtimestamp(int.from_bytes(payload[_ID:], "big"), UTC):
        raise ExpiredLinkError("the link's time is over")
    return payload[:_ID].hex()


def _mac(product: str, payload: bytes, secret: bytes) -> bytes:
    key = hmac.digest(secret, b"closed-loop answer link", hashlib.sha256)
    return hmac.digest(key, product.encode() + b"\x1f" + payload, hashlib.sha256)[:_MAC]


def reference(story: str, notice: str) -> str:
    """What an answer to a notice bears, in brackets."""
    return f"{story}-{code(notice)}"


def code(notice: str) -> str:
    """The part of a reference that is this notice's alone: letters only, which no redaction takes for a number of somebody."""
    return "".join("abcdefghijklmnop"[int(digit, 16)] for digit in notice[:8])
