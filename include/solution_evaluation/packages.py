"""Facts of a package from its index: PyPI's JSON API, and npm's package documents."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from packageurl import PackageURL

from include import spdx
from include.errors import InputError
from include.markup import plain
from include.solution_evaluation.answers import days, list_of, moment, object_of
from include.solution_evaluation.facts import Fact, missing
from include.solution_evaluation.site import FactSite

NAMES = ("version", "licence", "days_since_release", "releases_in_a_year", "deprecated")
# Trove classifiers that name one licence, by their last part; the others ("BSD License") name a family.
CLASSIFIERS = {
    "MIT License": "MIT", "Apache Software License": "Apache-2.0", "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense", "zlib/libpng License": "Zlib", "MIT No Attribution License (MIT-0)": "MIT-0",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only", "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
}


class Index(Protocol):
    """Where packages are listed: the facts called NAMES of one package. Raises InputError where it doesn't answer well."""

    def __call__(self, site: FactSite, package: PackageURL, at: datetime) -> dict[str, Fact]: ...


def pypi(site: FactSite, package: PackageURL, at: datetime) -> dict[str, Fact]:
    """Facts from PyPI's JSON API: `info`, `releases`."""
    document = site.get("pypi", package.name, "json")
    info, source = object_of(document.get("info")), f"{site.url}: {package}"
    released = {version: min(times) for version, files in object_of(document.get("releases")).items()
                if (times := [time for file in list_of(files) if not object_of(file).get("yanked")
                              and (time := moment(object_of(file).get("upload_time_iso_8601")))])}
    licence, why = _pypi_licence(info)
    inactive = "Development Status :: 7 - Inactive" in list_of(info.get("classifiers"))
    deprecated = bool(info.get("yanked")) or inactive
    return _facts(at, source, info.get("version"), licence, why, released, deprecated)


def npm(site: FactSite, package: PackageURL, at: datetime) -> dict[str, Fact]:
    """Facts from npm's package document: `dist-tags`, `time`, `versions`."""
    name = f"{package.namespace}/{package.name}" if package.namespace else package.name
    document = site.get(name)
    newest = object_of(document.get("dist-tags")).get("latest")
    release = object_of(object_of(document.get("versions")).get(str(newest)))
    released = {version: time for version, text in object_of(document.get("time")).items()
                if version not in {"created", "modified"} and (time := moment(text))}
    given = release.get("license", document.get("license"))
    given = given.get("type") if isinstance(given, dict) else given
    licence = spdx.normal(given) if isinstance(given, str) else None
    why = None if licence else f"no SPDX licence: {plain(str(given), 80)}" if given else "the index names no licence"
    return _facts(at, f"{site.url}: {package}", newest, licence, why, released, bool(release.get("deprecated")))


INDEXES: Mapping[str, Index] = {"pypi": pypi, "npm": npm}


def _pypi_licence(info: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The licence as an SPDX expression (PEP 639's field, the classifiers, then the old free text), or why there is none."""
    given = [info.get("license_expression"), info.get("license")]
    classified = {CLASSIFIERS[last] for item in list_of(info.get("classifiers"))
                  if isinstance(item, str) and item.startswith("License :: ") and (last := item.split(" :: ")[-1]) in CLASSIFIERS}
    if isinstance(given[0], str) and (found := spdx.normal(given[0])):
        return found, None
    if len(classified) == 1:
        return classified.pop(), None
    if isinstance(given[1], str) and (found := spdx.normal(given[1].strip())):
        return found, None
    named = next((text for text in given if isinstance(text, str) and text.strip()), None)
    return None, f"no SPDX licence: {plain(named, 80)}" if named else "the index names no licence"


def _facts(at: datetime, source: str, version: Any, licence: str | None, why: str | None,
           released: Mapping[str, datetime], deprecated: bool) -> dict[str, Fact]:
    if not isinstance(version, str) or not version:
        raise InputError(f"{source}: the answer names no newest version")
    found = [Fact("version", plain(version, 100), at, source), Fact("licence", licence, at, source, why=why),
             Fact("deprecated", deprecated, at, source)]
    times = [time for time in released.values() if time <= at + timedelta(days=1)]
    if times:
        found += [Fact("days_since_release", days(at - max(times)), at, source, detail=(f"{max(times):%Y-%m-%d}",)),
                  Fact("releases_in_a_year", float(sum(at - time <= timedelta(days=365) for time in times)), at, source)]
    else:
        found += [missing(name, at, source, "the index tells no date of a release")
                  for name in ("days_since_release", "releases_in_a_year")]
    return {fact.name: fact for fact in found}

