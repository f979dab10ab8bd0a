"""Facts about what a release is made of, how it came to be, and how its customers' voices are handled.

sbom        {components, unnamed: [what has no package URL], unclear: [parts whose licence is no SPDX expression or is not
            given], licences: {SPDX expression: [parts]}}
advisories  {found: [{package, version, id, aliases, severity, summary, new}], since, judged, unjudged: [parts]}
sast        {findings: [{file, line, rule, level: error | warning | note, message}], tool, sarif: the SARIF document}
dockerfile  {files, problems: [{file, line, problem: root | unpinned | remote | secret | pipe, what}]}
settings    {secrets: [variables that bear one], insecure: [addresses without TLS], replicas: null where nothing is deployed}
provenance  {trouble: "" | why its signature does not hold for this release, builder, source, keys: [ids of what signed it]}
approvals   [{gate, subject, decision, person, wrote}]
handling    see `include.compliance_checks.handling`
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from include.advisories import Mirror as Advisories
from include.attestation import CONNECTION, ForgedError, keys_of
from include.compliance_checks.advisories import advised
from include.compliance_checks.dockerfile import SECRET, dockerfiles
from include.compliance_checks.four_eyes import approvals, committers, shas_of
from include.compliance_checks.handling import handling
from include.compliance_checks.policy import Missing
from include.compliance_checks.sast import sarif_of, summary
from include.compliance_checks.sbom import Component, components
from include.ledger.engine import reading
from include.ledger.tables import checks
from include.markup import plain
from include.mirror import Mirror, address
from include.product import home
from include.provenance import Built, verify

if TYPE_CHECKING:
    from include.compliance_checks.facts import Subject

NO_SBOM = Missing("the release has no SBOM")
_PLAIN_HTTP = re.compile(r"http://(?!localhost\b|127\.|\[::1\])[^\s]+")


def _listed(subject: "Subject") -> list[Component] | None:
    name = subject.release.get("sbom")
    return components(subject.artifacts.read(name)) if name and subject.artifacts.exists(name) else None


def sbom(subject: "Subject") -> Any:
    """The parts that the release's SBOM names, and what is not clear about them."""
    if (listed := _listed(subject)) is None:
        return NO_SBOM
    licences: dict[str, list[str]] = {}
    for item in listed:
        for licence in item.licences:
            licences.setdefault(licence, []).append(str(item))
    return {"components": len(listed), "unnamed": sorted(str(item) for item in listed if item.package is None),
            "unclear": sorted(str(item) for item in listed if item.unclear or not item.licences), "licences": licences}


def advisories(subject: "Subject") -> Any:
    """What the product's mirror of OSV says about the release's parts, against what was known of the release before it."""
    folder = subject.product.compliance.osv
    if folder is None:
        return Missing("the product names no compliance.osv")
    if (listed := _listed(subject)) is None:
        return NO_SBOM
    since, before = _known(subject)
    return advised(Advisories(home() / folder, "compliance.osv"), listed, before, since)


def _known(subject: "Subject") -> tuple[str | None, list[dict[str, Any]]]:
    """What was found when the release was a candidate; for a candidate, when the release before it was one."""
    release = subject.release
    key = release["key"]
    if release["status"] == "candidate":
        if release["previous"] is None:
            return None, []
        key = f"{release['product']}|{release['previous']}"
    query = select(checks.c.evidence).where(checks.c.key == key, checks.c.at < subject.at).order_by(checks.c.at, checks.c.rule)
    with reading(subject.engine) as connection:
        names = connection.scalars(query).all()
    for name in names:
        if found := json.loads(subject.artifacts.read(name)).get("facts", {}).get("advisories"):
            return key, found["found"]
    return None, []


def sast(subject: "Subject") -> Any:
    """What static analysis says about the release's Python code."""
    if subject.tree is None:
        return Missing("the release has no archive")
    document = sarif_of(subject.tree)
    return summary(document) | {"sarif": document}


def dockerfile(subject: "Subject") -> Any:
    """What the release's Dockerfiles say; one that has none has no files and no problems."""
    return Missing("the release has no archive") if subject.tree is None else dockerfiles(subject.tree)


def settings(subject: "Subject") -> dict[str, Any]:
    """What the product file says about how it runs: names and addresses, never values."""
    product = subject.product
    deployment = product.deployment
    given = deployment.env if deployment else {}
    return {"secrets": sorted(name for name, value in given.items() if value and SECRET.search(name)),
            "insecure": sorted({plain(address.split("?")[0], 200) for text in _texts(product.model_dump())
                                for address in _PLAIN_HTTP.findall(text)}),
            "replicas": deployment.replicas if deployment else None}


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def approved(subject: "Subject") -> Any:
    """Who let the release come to be, beside who wrote it."""
    product, key = subject.product, subject.release["key"]
    if product.repository is None:
        return Missing("the product has no repository")
    mirror = Mirror(home() / "mirrors" / f"{product.name}.git", address(product.repository.url), product.repository.branch)
    with reading(subject.engine) as connection:
        shas = shas_of(connection, product.name, key)
        if not shas or not mirror.path.is_dir() or not all(map(mirror.has, shas)):
            return Missing("its commits are not to be seen in the repository's mirror")
        return approvals(connection, product.name, key, committers(mirror, shas), product.compliance.committers)


def handled(subject: "Subject") -> dict[str, Any]:
    """How the voices of the product's customers are handled."""
    with reading(subject.engine) as connection:
        return handling(connection, subject.product, subject.at)


def provenance(subject: "Subject") -> Any:
    """What the release's provenance says, verified as deployment does; of one that does not hold, nothing is believed."""
    if not (name := subject.release.get("provenance")):
        return Missing("the release has no provenance")
    if subject.signing_key is None:
        return Missing(f"there is no Airflow connection {CONNECTION!r} to verify it with")
    said: dict[str, Any] = {"trouble": "", "builder": "", "source": "", "keys": []}
    try:
        envelope, bom = (_held(subject, held, what) for held, what in ((name, "provenance"), (subject.release["sbom"], "SBOM")))
        statement = verify(envelope, keys_of(subject.signing_key), _built(subject.release, bom))
    except ForgedError as error:
        return said | {"trouble": plain(str(error), 500)}
    predicate = statement["predicate"]
    return said | {"builder": plain(predicate["runDetails"]["builder"]["id"]),
                   "source": plain(predicate["buildDefinition"]["resolvedDependencies"][0]["uri"]),
                   "keys": [plain(item["keyid"], 100) for item in json.loads(envelope)["signatures"]]}


def _held(subject: "Subject", name: str | None, what: str) -> bytes:
    if not name or not subject.artifacts.exists(name):
        raise ForgedError(f"its {what} is not among the artifacts")
    return subject.artifacts.read(name)


def _built(release: Mapping[str, Any], bom: bytes) -> Built:
    return Built(release["product"], release["version"], release["commit"], str(release["digest"]),
                 f"sha256:{hashlib.sha256(bom).hexdigest()}")


PROVIDERS = {"sbom": sbom, "advisories": advisories, "sast": sast, "dockerfile": dockerfile, "settings": settings,
             "approvals": approved, "handling": handled, "provenance": provenance}
