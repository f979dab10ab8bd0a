"""What a customer wrote in a mail: its own words, without quoted replies, signatures and attachments."""

import email
import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any

# What comes after one of these lines is quoted (Gmail, Outlook and Apple Mail, in English and Korean) or a signature (RFC 3676).
_END = re.compile(
    r"-- ?$|_{10,}$|-{2,} ?(?:Original Message|Forwarded message|원본 메시지|Original|전달된 메시지)"
    r"|On .{4,200} wrote:$|.{4,200}(?:님이|이|가)? ?(?:작성|썼습니다|쓴 글) ?:$"
    r"|(?:From|보낸 사람|보낸사람|발신): ?\S.*|Sent from my |나의 \S+에서 보냄|Get Outlook for", re.IGNORECASE)
_BREAKS = {"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "table", "ul", "ol"}
_UNSEEN = {"script", "style", "head", "title", "blockquote", "template"}
_QUOTES = ("gmail_quote", "moz-cite", "yahoo_quoted", "moz-signature", "gmail_signature")
_VOID = {"br", "img", "hr", "input", "meta", "link", "wbr", "area", "base", "col", "embed", "source", "track"}


def read(raw: bytes) -> dict[str, Any]:
    """The columns of a mail: text, id, written_at, author. Raises ValueError where it can't be read or no person wrote it."""
    message = email.message_from_bytes(raw)
    if _header(message, "Auto-Submitted").lower() not in {"", "no"}:
        raise ValueError("a machine wrote it (Auto-Submitted)")
    words = own_words(_body(message))
    return {"text": "\n".join(filter(None, (_header(message, "Subject"), words))), "id": _header(message, "Message-ID") or None,
            "written_at": _date(message), "author": _author(message)}


def own_words(text: str) -> str:
    """`text` without quoted lines, and without what follows the beginning of a quoted mail or of a signature."""
    kept: list[str] = []
    for line in text.splitlines():
        if _END.match(line) or _END.match(line.strip()):
            break
        if not line.lstrip().startswith(">"):
            kept.append(line.rstrip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _body(message: Message) -> str:
    parts = [part for part in message.walk() if not part.is_multipart() and part.get_content_disposition() != "attachment"]
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.get_content_type() == kind:
                text = _decoded(part)
                return text if kind == "text/plain" else html_to_text(text)
    return ""


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return _text(payload if isinstance(payload, bytes) else b"", part.get_content_charset("utf-8"))


def _text(payload: bytes, charset: str) -> str:
    korean = charset.lower().replace("_", "-") in {"euc-kr", "ks-c-5601-1987", "ksc5601", "ks-c-5601"}
    try:
        return payload.decode("cp949" if korean else charset)  # what says EUC-KR is written in its superset
    except (LookupError, UnicodeError) as error:
        raise ValueError(f"is not {charset[:50]}: {str(error)[:200]}") from error


def _header(message: Message, name: str) -> str:
    try:
        parts = decode_header(str(message.get(name) or ""))
    except HeaderParseError as error:
        raise ValueError(f"{name}: can't be decoded: {error}") from error
    return "".join(part if isinstance(part, str) else _text(part, charset or "latin-1") for part, charset in parts).strip()


def _author(message: Message) -> str | None:
    try:
        return parseaddr(_header(message, "From"))[1].lower() or None
    except RecursionError as error:  # comments in comments
        raise ValueError("From: nested too deep") from error


def _date(message: Message) -> str | None:
    if not (given := _header(message, "Date")):
        return None
    try:
        return parsedate_to_datetime(given).isoformat()
    except ValueError:
        return given


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen: list[str] = []  # the open elements from the first that is not shown

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        marks = " ".join(value or "" for name, value in attrs if name in {"class", "id"})
        if tag not in _VOID and (self._unseen or tag in _UNSEEN or any(quote in marks for quote in _QUOTES)):
            self._unseen.append(tag)
        elif tag in _BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            while self._unseen.pop() != tag:
                pass
        elif tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(re.sub(r"\s+", " ", data))


def html_to_text(source: str) -> str:
    """The text of an HTML mail, a line for each block, without scripts, styles and quoted mails."""
    parser = _Html()
    parser.feed(source)
    parser.close()
    return re.sub(r" *\n[ \n]*", "\n", "".join(parser.parts)).strip()
