"""Which advisories touch the parts of a release, and which of them are new since the release before it was checked."""

from collections.abc import Iterable, Mapping
from typing import Any

from packageurl import PackageURL

from include.advisories import Advisory, Mirror, name_of, ordered
from include.compliance_checks.sbom import Component
from include.markup import plain

Row = dict[str, Any]


def advised(mirror: Mirror, components: Iterable[Component], before: Iterable[Row] = (),
            since: str | None = None) -> dict[str, Any]:
    """The advisories of `mirror` about `components`; `before` is what was found (and recorded) for the release `since`.

    Returns `found` (package, version, id, aliases, severity, summary, `new`; in order), `since`, `judged` (how many components)
    and `unjudged` (those without a package URL, or of an ecosystem whose versions can't be ordered here). Raises InputError
    where the mirror can't be read.
    """
    listed = list(components)
    once = {(str(item.package), item.version): item for item in listed if _judged(item)}  # however many files name it
    found = [_row(item.package, item.version, advisory) for item in once.values() if item.package
             for advisory in mirror.about(item.package, item.version)]
    new = {_seen(row) for row in fresh(found, before)}
    rows = [row | {"new": _seen(row) in new} for row in found]
    return {"found": sorted(rows, key=lambda row: (row["package"], row["id"], row["version"])), "since": since,
            "judged": sum(map(_judged, listed)), "unjudged": sorted({str(item) for item in listed if not _judged(item)})}


def fresh(now: Iterable[Row], before: Iterable[Row]) -> list[Row]:
    """The rows (`package`, `id`) of `now` that are not in `before`. Neither the file that names a package nor its version
    matters: an advisory that an update did not get rid of is not new."""
    known = set(map(_seen, before))
    return [row for row in now if _seen(row) not in known]


def _seen(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["package"], row["id"]


def _judged(component: Component) -> bool:
    return component.package is not None and ordered(component.package, component.version)


def _row(package: PackageURL, version: str, advisory: Advisory) -> Row:
    kept, aliases = advisory.get("database_specific"), advisory.get("aliases")
    severity = kept.get("severity") if isinstance(kept, dict) else None
    return {"package": f"pkg:{package.type}/{plain(name_of(package), 200)}", "version": version, "id": plain(advisory["id"], 100),
            "aliases": [plain(str(name), 100) for name in aliases] if isinstance(aliases, list) else [],
            "severity": plain(str(severity), 20).lower() if severity else None,
            "summary": plain(str(advisory.get("summary") or ""), 200)}
