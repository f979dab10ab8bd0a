"""The bill of materials of a release: a CycloneDX 1.6 document of the packages that its manifests and lock files name."""

import io
import tarfile
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from include import manifests
from include.manifests import Found

# CycloneDX: what is excluded is no part of what runs
SCOPES = {"runtime": ComponentScope.REQUIRED, "optional": ComponentScope.OPTIONAL}
TOOL = Component(name="closed-loop", type=ComponentType.APPLICATION, bom_ref="closed-loop")
MAX_PLACES = 20


def packages_in(archive: bytes) -> Found:
    """What the manifests in a release's archive (a tar) name, and what in them could not be read."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
        members = {member.name: member for member in tar if member.isreg()}

        def read(path: str) -> bytes:
            file = tar.extractfile(members[path])
            return file.read() if file else b""

        return manifests.read_manifests({path: member.size for path, member in members.items()}, read)


def sbom(product: str, version: str, digest: str, at: datetime, found: Found) -> bytes:
    """The document of a release whose archive has the `digest` (sha256:<hex>), made `at`: the same bytes for the same archive.

    A package that a lock file pins appears with that version, one that is only asked for by a range without. What could not be
    read is named in the metadata, since a document that is silent about it would look complete.
    """
    root = Component(name=product, version=version, type=ComponentType.APPLICATION, bom_ref="product",
                     purl=PackageURL("generic", None, product, version),
                     hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))])
    parts, direct = _components(found.components)
    notes = [Property(name="closed-loop:set_aside", value=text) for text in found.set_aside]
    bom = Bom(components=parts, version=1, serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{product}@{version}?{digest}"),
              metadata=BomMetaData(component=root, timestamp=at, properties=notes, tools=ToolRepository(components=[TOOL])))
    bom.register_dependency(root, direct)
    return JsonV1Dot6(bom).output_as_string(indent=1).encode()


def _components(named: Sequence[manifests.Component]) -> tuple[list[Component], list[Component]]:
    """Every package once for each version, and those of them that a manifest asks for itself."""
    pinned: dict[str, set[str]] = {}
    for item in named:
        pinned.setdefault(item.package, set()).update({item.version} - {""})
    groups: dict[tuple[str, str], list[manifests.Component]] = {}
    for item in named:
        for version in [item.version] if item.version else pinned[item.package] or {""}:
            groups.setdefault((item.package, version), []).append(item)
    asked = {item.package for item in named if item.kind == "manifest"}
    parts = {group: _component(*group, items) for group, items in sorted(groups.items())}
    return list(parts.values()), [part for (package, _), part in parts.items() if package in asked]


def _component(package: str, version: str, items: Iterable[manifests.Component]) -> Component:
    url = PackageURL.from_string(package)
    whole = PackageURL(url.type, url.namespace, url.name, version or None)
    scopes = {SCOPES.get(item.scope, ComponentScope.EXCLUDED) for item in items}
    scope = next(scope for scope in (*SCOPES.values(), ComponentScope.EXCLUDED) if scope in scopes)
    places = sorted({f"{item.file}:{item.line}" for item in items})[:MAX_PLACES]
    ranges = sorted({item.needs for item in items if item.needs})[:MAX_PLACES]
    return Component(name=url.name, group=url.namespace, version=version or None, purl=whole, bom_ref=whole.to_string(),
                     scope=scope, properties=[*(Property(name="closed-loop:named_in", value=place) for place in places),
                                              *(Property(name="closed-loop:asked_for", value=needs) for needs in ranges)])
