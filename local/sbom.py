"""The bill of materials of Closed Loop's own image: CycloneDX 1.6 (JSON) of the Python packages that
`requirements-scale.lock` pins, with their hashes and licences, and of the Debian packages of `packages.txt`.

    python -m local.sbom sbom.json
    python -m local.sbom sbom.json --installed --version 1.2.0

The first lists what the two files name, with the versions of Debian packages here. The second lists all that is installed: every
Debian package, and Python packages that no lock names. It is meant for a container of the image.
"""

import argparse
import platform
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from include.errors import InputError

ROOT = Path(__file__).parents[1]
LOCK, DEBIAN = ROOT / "requirements-scale.lock", ROOT / "packages.txt"
MAX_LICENCE = 80  # characters: what is longer is a licence's text, not its name


@dataclass(frozen=True)
class Pin:
    """A line of a lock file: its requirement (`name==version`, maybe with a marker), and its files' sha256 hashes (hex)."""

    requirement: Requirement
    version: str
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)


def pins(lock: str) -> list[Pin]:
    """What a lock file (pip's format) pins. Raises InputError for a line that is no exact version with a sha256 hash."""
    lines = (line for line in lock.replace("\\\n", " ").splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return [_pin(line) for line in lines]


def _pin(line: str) -> Pin:
    what, *hashes = (part.strip() for part in line.split("--hash="))
    try:
        requirement = Requirement(what)
        [exact] = requirement.specifier
    except (InvalidRequirement, ValueError) as error:
        raise InputError(f"the lock file pins no version: {what!r}") from error
    if exact.operator != "==" or exact.version.endswith("*"):
        raise InputError(f"the lock file pins no version: {what!r}")
    if not hashes or not all(item.startswith("sha256:") for item in hashes):
        raise InputError(f"the lock file has no sha256 hash for {what!r}")
    return Pin(requirement, exact.version, tuple(item.removeprefix("sha256:") for item in hashes))


def python_parts(lock: str, installed: bool = False) -> list[Component]:
    """A component for each pin of `lock` that is meant for this Python, and, with `installed`, for what else is installed."""
    known = {str(canonicalize_name(item.name)): item for item in metadata.distributions()}
    meant = [pin for pin in pins(lock) if pin.requirement.marker is None or pin.requirement.marker.evaluate()]
    found = [_python(pin.name, pin.version, pin.hashes, known.get(pin.name)) for pin in meant]
    others = sorted(set(known) - {pin.name for pin in meant}) if installed else []
    return found + [_python(name, known[name].version, (), known[name]) for name in others]


def _python(name: str, version: str, hashes: Iterable[str], installed: metadata.Distribution | None) -> Component:
    purl = PackageURL("pypi", None, name, version)
    made, same = LicenseFactory(), installed is not None and installed.version == version
    names = licences(installed.metadata) if installed and same else []
    said = [made.make_from_string(names[0])] if len(names) == 1 else [DisjunctiveLicense(name=item) for item in names]
    return Component(name=name, version=version, purl=purl, bom_ref=purl.to_string(), type=ComponentType.LIBRARY, licenses=said,
                     hashes=[HashType(alg=HashAlgorithm.SHA_256, content=item) for item in hashes])


def licences(about: metadata.PackageMetadata) -> list[str]:
    """What a package's metadata calls its licence: an SPDX expression (PEP 639), else its own name, else its classifiers'."""
    given = next((text for field in ("License-Expression", "License") for text in about.get_all(field) or [] if text), "")
    if given and given != "UNKNOWN" and len(given) <= MAX_LICENCE and "\n" not in given:
        return [given]
    return sorted(item.rpartition(" :: ")[2] for item in about.get_all("Classifier") or []
                  if item.startswith("License :: ") and item != "License :: OSI Approved")


def debian_parts(names: Sequence[str]) -> list[Component]:
    """The Debian packages `names` as they are installed here (one that is not has no version); all, where there are no names."""
    form = "${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\n"
    try:
        told = subprocess.run(["dpkg-query", "-W", "-f", form, *names], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:  # no Debian
        told = ""
    rows = [line.split("\t")[1:] for line in told.splitlines() if line.startswith("ii")]
    missing = sorted(set(names) - {name for name, _, _ in rows})
    return [_debian(*row) for row in sorted(rows)] + [Component(name=name, type=ComponentType.LIBRARY, bom_ref=f"deb:{name}",
                                                                purl=PackageURL("deb", "debian", name)) for name in missing]


def _debian(name: str, version: str, architecture: str) -> Component:
    system = platform.freedesktop_os_release()
    distro = {"distro": system["VERSION_CODENAME"]} if "VERSION_CODENAME" in system else {}
    purl = PackageURL("deb", system["ID"], name, version, {"arch": architecture} | distro)
    return Component(name=name, version=version, purl=purl, bom_ref=purl.to_string(), type=ComponentType.LIBRARY)


def document(version: str, at: datetime, parts: Sequence[Component]) -> bytes:
    """Closed Loop's `version` and the `parts` of its image. Parts without a version are named in the metadata too."""
    root = Component(name="closed-loop", version=version, type=ComponentType.APPLICATION, bom_ref="closed-loop",
                     purl=PackageURL("generic", None, "closed-loop", version),
                     licenses=[LicenseFactory().make_from_string("Apache-2.0")])
    notes = [Property(name="closed-loop:set_aside", value=f"{part.name}: not installed here, its version is not known")
             for part in parts if part.version is None]
    bom = Bom(components=parts, metadata=BomMetaData(component=root, timestamp=at, properties=notes))
    bom.register_dependency(root, parts)
    return JsonV1Dot6(bom).output_as_string(indent=1).encode()


def own_version() -> str:
    """As git describes this checkout; where it has no history, as in an image, what pyproject.toml says."""
    command = ["git", "describe", "--tags", "--always", "--dirty"]
    described = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if described.returncode == 0:
        return described.stdout.strip()
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("into", type=Path, help="the file to write")
    parser.add_argument("--installed", action="store_true", help="all that is installed here, as in an image")
    parser.add_argument("--version", default="", help="of Closed Loop; else as git describes this checkout")
    given = parser.parse_args()
    listed = [] if given.installed else DEBIAN.read_text().split()
    parts = python_parts(LOCK.read_text(), given.installed) + debian_parts(listed)
    given.into.parent.mkdir(parents=True, exist_ok=True)
    given.into.write_bytes(document(given.version or own_version(), datetime.now(UTC), parts))
    unknown = ", ".join(part.name for part in parts if part.version is None)
    sys.stdout.write(f"{given.into}: {len(parts)} packages"
                     + (f"; not installed here, so without a version: {unknown}" if unknown else "") + "\n")


if __name__ == "__main__":
    main()
