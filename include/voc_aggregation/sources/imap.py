"""Mails in a mailbox, over IMAP (RFC 9051), by Python's imaplib: rules and adapters stay free of Airflow."""

import base64
import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from include.connection import Connections
from include.errors import InputError
from include.parts.channels import ImapSource
from include.voc_aggregation.sources import mail
from include.voc_aggregation.sources.source import BadRow, Chunk, Cursor, Row, gathered

LARGEST = 10_000_000  # bytes of a mail
BATCH = 200  # mails that make a chunk
_HERE = {"127.0.0.1", "::1", "localhost"}
_UID, _SIZE = re.compile(rb"\bUID (\d+)"), re.compile(rb"\bRFC822\.SIZE (\d+)")


class ImapChannel:
    """A mailbox as a `Source`: what has a higher UID than the last mail read. Nothing changes there: no mail is marked read."""

    def __init__(self, source: ImapSource, connections: Connections) -> None:
        self._source, self._connection = source, connections(source.connection)
        host, port = self._connection.host or "", self._connection.port or (993 if source.tls else 143)
        self._host, self._port, self._where = host, port, f"imap://{host}:{port}/{source.mailbox}"
        if not source.tls and host not in _HERE:
            raise InputError(f"{self._where}: without TLS only a server on this very machine may be asked")

    def news(self, cursor: Cursor | None) -> Iterator[Chunk]:
        """See `Source`. The cursor is the mailbox's UIDVALIDITY and the last UID; another UIDVALIDITY is another mailbox."""
        yield from gathered(self._mails(cursor or {}), self._source.columns.names(), BATCH)

    def _mails(self, known: Cursor) -> Iterator[tuple[list[Row], Cursor]]:
        try:
            with self._selected() as imap:
                validity = int((imap.response("UIDVALIDITY")[1] or [b"0"])[0] or 0)
                last = known["uid"] if known.get("uidvalidity") == validity else 0
                for uid, size in self._sizes(imap, last):
                    yield [self._mail(imap, uid, size)], {"uidvalidity": validity, "uid": uid}
        except (imaplib.IMAP4.error, OSError) as error:
            raise InputError(f"{self._where}: {str(error)[:300] or type(error).__name__}") from error

    @contextmanager
    def _selected(self) -> Iterator[imaplib.IMAP4]:
        limit = self._source.timeout_seconds
        imap = (imaplib.IMAP4_SSL(self._host, self._port, ssl_context=ssl.create_default_context(), timeout=limit)
                if self._source.tls else imaplib.IMAP4(self._host, self._port, timeout=limit))
        with imap:  # logs out
            imap.login(self._connection.login or "", self._connection.password or "")
            answer, told = imap.select(quoted(self._source.mailbox), readonly=True)
            if answer != "OK":
                raise InputError(f"{self._where}: the mailbox can't be opened: {_text(told)}")
            yield imap

    def _sizes(self, imap: imaplib.IMAP4, last: int) -> list[tuple[int, int]]:
        """UID and size of each mail after `last`, by UID. `n:*` always names the last mail too."""
        found = []
        for line in self._fetched(imap, f"{last + 1}:*", "(UID RFC822.SIZE)"):
            if isinstance(line, bytes) and (uid := _UID.search(line)) and (size := _SIZE.search(line)) and int(uid[1]) > last:
                found.append((int(uid[1]), int(size[1])))
        return sorted(found)

    def _mail(self, imap: imaplib.IMAP4, uid: int, size: int) -> Row:
        place = f"mail {uid}"
        if size > LARGEST:
            return BadRow(place, f"larger than {LARGEST:,} bytes", "")
        raw = next((part[1] for part in self._fetched(imap, str(uid), "(BODY.PEEK[])") if isinstance(part, tuple)), None)
        if raw is None:
            return BadRow(place, "it is gone again", "")
        try:
            return place, mail.read(raw)
        except ValueError as error:
            return BadRow(place, str(error), raw[:10_000].decode("utf-8", "replace"))

    def _fetched(self, imap: imaplib.IMAP4, uids: str, what: str) -> list[bytes | tuple[bytes, bytes] | None]:
        answer, found = imap.uid("FETCH", uids, what)
        if answer != "OK":
            raise InputError(f"{self._where}: {what} of {uids} is refused: {_text(found)}")
        return found


def quoted(mailbox: str) -> str:
    """The name of a mailbox as IMAP sends it: quoted, other letters than ASCII in modified UTF-7 (RFC 3501, 5.1.3)."""
    def packed(match: re.Match[str]) -> str:
        return f"&{base64.b64encode(match[0].encode('utf-16-be')).decode().rstrip('=').replace('/', ',')}-"

    name = re.sub(r"[^\x20-\x7e]+", packed, mailbox.replace("&", "&-"))
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(told: list[bytes | None]) -> str:
    return b" ".join(filter(None, told)).decode("utf-8", "replace")[:300]
