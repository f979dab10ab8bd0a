"""Secrets in a tree, found by detect-secrets. What is found is named by file, line and type; its value is never kept."""

import codecs
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

from include.markup import plain

MAX_FILE_BYTES = 10_000_000
PLUGINS = [
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector",
    "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector", "IbmCloudIamDetector", "IbmCosHmacDetector",
    "JwtTokenDetector", "KeywordDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector",
    "PypiTokenDetector", "SendGridDetector", "SlackDetector", "SoftlayerDetector", "SquareOAuthDetector", "StripeDetector",
    "TelegramBotTokenDetector", "TwilioKeyDetector",
]
# Its default filters without verification, which would send what it found to the service that it may belong to.
FILTERS = ["allowlist.is_line_allowlisted", *(f"heuristic.{name}" for name in (
    "is_sequential_string", "is_potential_uuid", "is_likely_id_string", "is_templated_secret", "is_prefixed_with_dollar_sign",
    "is_indirect_reference", "is_lock_file", "is_not_alphanumeric_string", "is_swagger_file"))]
CONFIG = {
    "plugins_used": [*({"name": name} for name in PLUGINS), {"name": "Base64HighEntropyString", "limit": 4.5},
                     {"name": "HexHighEntropyString", "limit": 3.0}],
    "filters_used": [{"path": f"detect_secrets.filters.{name}"} for name in FILTERS],
}
_REFERENCE = re.compile(r"[sS]ecretName[\"']?\s*:")  # Kubernetes' name of where a secret lies
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def secrets_in(tree: Path) -> dict[str, Any]:
    """What looks like a secret in the files of `tree`; links are not followed.

    Returns `found` (file, line, type; in order), `scanned` and `binary` (how many files), `unscanned` (names of files too big).
    """
    found: set[tuple[str, int, str]] = set()
    counts, unscanned = {"scanned": 0, "binary": 0}, []
    with transient_settings(CONFIG), tempfile.TemporaryDirectory() as copies:
        for path in _files(tree):
            name = path.relative_to(tree).as_posix()
            if path.stat().st_size > MAX_FILE_BYTES:
                unscanned.append(plain(name))
                continue
            text = _text(path.read_bytes())
            counts["binary" if text is None else "scanned"] += 1
            if text is not None:
                found.update((plain(name), secret.line_number, secret.type) for secret in _scanned(Path(copies), path, text))
    return {"found": [{"file": file, "line": line, "type": kind} for file, line, kind in sorted(found)], **counts,
            "unscanned": sorted(unscanned)}


def _files(tree: Path) -> Iterator[Path]:
    return (path for path in sorted(tree.rglob("*")) if path.is_file() and not path.is_symlink())


def _text(content: bytes) -> str | None:
    """The text of a file in any encoding, one byte a character where it is none of the usual; None where it is binary."""
    encoding = next((name for mark, name in _BOMS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return None if "\0" in text else text


def _scanned(folder: Path, path: Path, text: str) -> Iterator[Any]:
    """Scan a copy in UTF-8: the scanner passes over what it can't decode. Its name keeps what the scanner looks at."""
    copy = folder / path.name
    copy.write_text(text, encoding="utf-8")
    lines = text.split("\n")
    for secret in scan_file(str(copy)):
        if secret.type != "Secret Keyword" or not _REFERENCE.search(lines[secret.line_number - 1]):
            yield secret
    copy.unlink()
