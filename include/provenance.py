"""How a release came to be: SLSA v1 provenance (slsa.dev/spec/v1.0/provenance) in a signed statement, made and verified."""

from dataclasses import dataclass
from typing import Any

from packageurl import PackageURL

from include.attestation import STATEMENT, ForgedError, Keys, opened, sign
from include.ledger.runs import Run
from include.mirror import public
from include.parts.repository import Repository

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD = "urn:closed-loop:build_and_test:v1"


@dataclass(frozen=True)
class Built:
    """A release: made from `commit`; its archive's and its SBOM's digests are `sha256:<hex>`, and so is the container
    image's that its tests ran in, where there was one."""

    product: str
    version: str
    commit: str
    archive: str
    sbom: str
    image: str = ""

    @property
    def name(self) -> str:
        """Its package URL."""
        return str(PackageURL("generic", None, self.product, self.version).to_string())


def signed(run: Run, repository: Repository, built: Built, keys: Keys) -> bytes:
    """The signed provenance of a release. It bears the run's own time, so a run that comes again makes the same bytes."""
    return sign(statement(run, repository, built), keys)


def statement(run: Run, repository: Repository, built: Built) -> dict[str, Any]:
    """What is signed, as plain JSON."""
    image = [{"name": "image", "digest": _digest(built.image)}] if built.image else []
    source = {"uri": f"{_source(repository.url)}@refs/heads/{repository.branch}", "digest": {"gitCommit": built.commit}}
    asked: dict[str, Any] = {"product": built.product, "version": built.version, "path": repository.path,
                             "setup": repository.setup, "test": repository.test}
    if repository.runner == "container":
        asked |= {"image": repository.image, "dockerfile": repository.dockerfile}
    if repository.matrix:
        asked["matrix"] = [entry.model_dump(exclude_none=True) for entry in repository.matrix]
    return {
        "_type": STATEMENT,
        "subject": [{"name": built.name, "digest": _digest(built.archive)}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {"buildType": BUILD, "externalParameters": asked, "resolvedDependencies": [source]},
            "runDetails": {
                "builder": {"id": f"urn:closed-loop:{run.phase}"},
                "metadata": {"invocationId": run.run_id, "startedOn": run.at.isoformat()},
                "byproducts": [{"name": "sbom", "mediaType": "application/vnd.cyclonedx+json", "digest": _digest(built.sbom)},
                               *image]}}}


def verify(envelope: bytes, keys: Keys, built: Built) -> dict[str, Any]:
    """The statement in `envelope`, signed by a trusted key and about this very release. Raises ForgedError: why it is not."""
    said = opened(envelope, keys)
    if said.get("predicateType") != PREDICATE:
        raise ForgedError(f"what was signed is no provenance, but {str(said.get('predicateType'))[:100]!r}")
    try:
        definition, details = (said["predicate"][part] for part in ("buildDefinition", "runDetails"))
        claims = {"release": (built.name, [item["name"] for item in said["subject"]]),
                  "archive": (_digest(built.archive), [item["digest"] for item in said["subject"]]),
                  "commit": ({"gitCommit": built.commit}, [item["digest"] for item in definition["resolvedDependencies"]]),
                  "SBOM": (_digest(built.sbom), [item["digest"] for item in details["byproducts"] if item["name"] == "sbom"])}
    except (KeyError, TypeError) as error:
        raise ForgedError("what was signed is no SLSA v1 provenance") from error
    for what, (ours, theirs) in claims.items():
        if theirs != [ours]:
            raise ForgedError(f"it is about another {what}: {str(theirs)[:300]}, not {ours}")
    return said


def _source(url: str) -> str:
    """A repository as SPDX and SLSA name it: git+<URL>."""
    if "://" not in url:
        url = f"ssh://{url.replace(':', '/', 1)}" if ":" in url.partition("/")[0] else f"file://{url}"  # git's host:path is ssh
    return f"git+{public(url)}"


def _digest(text: str) -> dict[str, str]:
    name, _, value = text.partition(":")
    return {name: value}
