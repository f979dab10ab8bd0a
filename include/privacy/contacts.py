"""How to reach the authors who agreed to it: handles are kept encrypted, and only as long as the author agrees.

AES-SIV (RFC 5297) is deterministic and bound to product and author: the same handle is the same text again, so that a run
that comes again writes the same, and a row copied to another author can't be read.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Engine, select, tuple_, update

from include.connection import Connections
from include.errors import InputError
from include.ledger.engine import reading, upsert, writing
from include.ledger.tables import contacts

_YES = frozenset({"1", "true", "t", "yes", "y", "on", "agreed", "예", "네", "동의", "동의함", "o"})
_NO = frozenset({"0", "false", "f", "no", "n", "off", "withdrawn", "아니오", "아니요", "거부", "철회", "동의안함", "x"})


@dataclass(frozen=True)
class Word:
    """What an author said at a time about being reached: `agreed`, or not; `voice` is where. `author` is the keyed hash."""

    author: str
    handle: str
    agreed: bool
    at: datetime
    source: str
    voice: str = ""


def key_of(connections: Connections) -> bytes:
    """The secret that handles are encrypted with: the password of the connection `contact_key`. Raises InputError without."""
    password = connections("contact_key").password
    if not password:
        raise InputError("the connection 'contact_key' has no password: contacts are kept encrypted, or not at all")
    return password.encode()


def agreed(value: str | None) -> bool | None:
    """Whether a consent column says yes or no; None where it says neither, which is no consent and no withdrawal."""
    word = (value or "").strip().casefold()
    return True if word in _YES else False if word in _NO else None


def channel_of(handle: str) -> str:
    """email, phone or other."""
    digits = sum(map(str.isdigit, handle))
    return "email" if "@" in handle else "phone" if digits >= 7 else "other"


def encrypted(handle: str, key: bytes, product: str, author: str) -> str:
    """`handle` under `key` (a secret of any length), as URL-safe base64."""
    return base64.urlsafe_b64encode(_cipher(key).encrypt(handle.encode(), _bound(product, author))).decode()


def decrypted(text: str, key: bytes, product: str, author: str) -> str:
    """The handle again. Raises InputError where `key` is another, or the text belongs to another author."""
    try:
        return _cipher(key).decrypt(base64.urlsafe_b64decode(text), _bound(product, author)).decode()
    except InvalidTag as error:
        raise InputError("a contact can't be read: the connection 'contact_key' holds another key") from error


def closed(word: Word, key: bytes, product: str) -> Word:
    """`word` with its handle encrypted, as it may be kept."""
    return replace(word, handle=encrypted(word.handle, key, product, word.author))


def opened(word: Word, key: bytes, product: str) -> Word:
    """`word` as it was before it was `closed`."""
    return replace(word, handle=decrypted(word.handle, key, product, word.author))


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(HKDF(SHA256(), 64, salt=None, info=b"closed-loop contacts").derive(key))


def _bound(product: str, author: str) -> list[bytes]:
    return [product.encode(), author.encode()]


def heard(connection: Connection, product: str, words: Iterable[Word], key: bytes) -> None:
    """Keep or delete handles as `words` say. An author's newest word counts; a withdrawal deletes all handles of the author."""
    newest: dict[str, Word] = {}
    for word in sorted(words, key=lambda word: word.at):
        newest[word.author] = word
    known = _last_words(connection, product, list(newest))
    for word in newest.values():
        if word.author in known and known[word.author] > word.at:
            continue
        if word.agreed:
            upsert(connection, contacts, [_row(product, word, key)])
        else:
            _delete(connection, product, word.author, word.at)


def _row(product: str, word: Word, key: bytes) -> dict[str, Any]:
    return {"product": product, "author": word.author, "channel": channel_of(word.handle),
            "handle": encrypted(word.handle, key, product, word.author), "source": word.source, "given_at": word.at,
            "withdrawn_at": None}


def _last_words(connection: Connection, product: str, authors: list[str]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    columns = (contacts.c.author, contacts.c.given_at, contacts.c.withdrawn_at)
    for start in range(0, len(authors), 5_000):
        among = tuple_(contacts.c.product, contacts.c.author).in_([(product, name) for name in authors[start: start + 5_000]])
        for author, given_at, withdrawn_at in connection.execute(select(*columns).where(among)):
            found[author] = max(found.get(author, given_at), withdrawn_at or given_at)
    return found


def _delete(connection: Connection, product: str, author: str, at: datetime) -> int:
    return connection.execute(update(contacts).values(handle=None, withdrawn_at=at).where(
        contacts.c.product == product, contacts.c.author == author, contacts.c.handle.is_not(None))).rowcount


def withdraw(engine: Engine, product: str, author: str, at: datetime) -> int:
    """Delete the handles of `author` (the keyed hash), as if the author had said no at `at`. Returns how many there were."""
    with writing(engine) as connection:
        return _delete(connection, product, author, at)


def reachable(engine: Engine, product: str, authors: Iterable[str], key: bytes) -> dict[str, dict[str, str]]:
    """How those of `authors` (keyed hashes) who agreed can be reached: author to channel to handle."""
    wanted, found = set(authors), dict[str, dict[str, str]]()
    with reading(engine) as connection:
        rows = connection.execute(select(contacts.c.author, contacts.c.channel, contacts.c.handle).where(
            contacts.c.product == product, contacts.c.handle.is_not(None)).order_by(contacts.c.author, contacts.c.channel))
        for author, channel, handle in rows:
            if author in wanted:
                found.setdefault(author, {})[channel] = decrypted(handle, key, product, author)
    return found
