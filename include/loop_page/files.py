"""What a release and an incident rest on, from the artifact store: as files to keep, and in short.

Nobody names an artifact: they name the release, the rule, the incident, and the ledger says which artifact that is.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from include.artifacts import Artifacts
from include.key import Key
from include.ledger.tables import checks, incidents, releases
from include.loop_page import shapes
from include.markup import plain

MOST = 20_000_000  # bytes of a file
SHOWN, CUT = 300, 200  # parts and advisories, and characters of a text, that are shown
SEVERITIES = ("critical", "high", "medium", "low")
What = Literal["sbom", "provenance"]


class TooLargeError(ValueError):
    """The file has more than MOST bytes."""


def of_release(connection: Connection, key: Key, what: What) -> str | None:
    """The artifact with a release's bill of materials, or with its signed provenance."""
    return connection.scalar(select(releases.c[what]).where(releases.c.key == str(key)))


def of_rule(connection: Connection, key: Key, rule: str) -> str | None:
    """The artifact with the evidence that the last check of a release has of a rule."""
    return connection.scalar(select(checks.c.evidence).where(checks.c.key == str(key), checks.c.rule == rule)
                             .order_by(checks.c.at.desc()).limit(1))


def of_incident(connection: Connection, product: str, id: str) -> str | None:
    """The artifact with the draft of an incident's post-mortem, in Markdown."""
    return connection.scalar(select(incidents.c.postmortem).where(incidents.c.product == product, incidents.c.id == id))


def content(store: Artifacts, name: str) -> bytes:
    """The bytes of an artifact. Raises FileNotFoundError, and TooLargeError."""
    found = store.read(name, MOST + 1)
    if len(found) > MOST:
        raise TooLargeError(f"more than {MOST:,} bytes: it lies among the artifacts as {name}")
    return found


def file_name(*parts: str) -> str:
    """A name to keep a file under, of plain letters."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts))[:150]


def parts(connection: Connection, store: Artifacts, key: Key) -> shapes.Parts | None:
    """The components of a release and the advisories about them; None where there is no release. What a bill of materials or
    evidence says is taken for text of strangers: only what has the right shape counts."""
    row = connection.execute(select(releases.c.sbom).where(releases.c.key == str(key))).first()
    if row is None:
        return None
    listed = [_component(item) for item in _dicts(_json(store, row.sbom).get("components"))] if row.sbom else []
    newest = select(func.max(checks.c.at)).where(checks.c.key == str(key)).scalar_subquery()
    names = connection.scalars(select(checks.c.evidence).where(checks.c.key == str(key), checks.c.at == newest)
                               .order_by(checks.c.rule)).all()
    found = _advisories(store, names)
    return shapes.Parts(
        components=sorted(listed, key=lambda item: (item.name.lower(), item.version or ""))[:SHOWN], listed=len(listed),
        advisories=None if found is None else found[:SHOWN], found=len(found or []))


def _advisories(store: Artifacts, names: Iterable[str]) -> list[shapes.Advisory] | None:
    """Those of the first evidence that names any; None where none was made of advisories."""
    for name in names:
        facts = _json(store, name).get("facts")
        told = facts.get("advisories") if isinstance(facts, dict) else None
        if isinstance(told, dict) and "found" in told:
            rows = [_advisory(item) for item in _dicts(told["found"])]
            return sorted(rows, key=lambda row: (SEVERITIES.index(row.severity) if row.severity in SEVERITIES else 9, row.id))
    return None


def _json(store: Artifacts, name: str) -> dict[str, Any]:
    try:
        found = json.loads(content(store, name))
    except (FileNotFoundError, TooLargeError, ValueError, RecursionError):  # what can't be read lists nothing: the file says why
        return {}
    return found if isinstance(found, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return plain(value, CUT) if isinstance(value, str) and value else None


def _component(item: dict[str, Any]) -> shapes.Component:
    licences = [_text(each.get("expression")) or _text(_of(each, "id")) or _text(_of(each, "name"))
                for each in _dicts(item.get("licenses"))]
    return shapes.Component(name=_text(item.get("name")) or "?", version=_text(item.get("version")), purl=_text(item.get("purl")),
                            licence=", ".join(filter(None, licences[:10])) or None)


def _of(licence: dict[str, Any], name: str) -> Any:
    inner = licence.get("license")
    return inner.get(name) if isinstance(inner, dict) else None


def _advisory(item: dict[str, Any]) -> shapes.Advisory:
    return shapes.Advisory(id=_text(item.get("id")) or "?", package=_text(item.get("package")) or "?",
                           version=_text(item.get("version")), severity=_text(item.get("severity")),
                           summary=_text(item.get("summary")), new=item.get("new") is True)
