"""What a candidate is: one folder of a repository, tied to its stories, with its bill of materials and signed provenance."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cyclonedx import schema
from packageurl import PackageURL
from referencing import Registry, Resource
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.attestation import keys_of, new_key
from include.build_and_test.git import Mirror
from include.build_and_test.run import Means, build
from include.connection import Connection
from include.errors import InputError
from include.ledger.tables import commit_stories, releases, tracker_issues
from include.mirror import public
from include.product import Product
from include.provenance import Built, verify
from tests.conftest import NOW
from tests.crash import ROOT, ledger_after_kills
from tests.include.build_and_test.conftest import GREEN, Repo, a_run
from tests.rows import get, put, story

KEY = Connection("generic", password=new_key())
LOCK = "flask==3.0.0 --hash=sha256:aa\n"


def folder_product(repo: Repo, **fields: Any) -> Product:
    repository = {"url": str(repo.path), "test": "cp green.xml junit.xml", "path": "services/shop"} | fields
    return Product.model_validate({"name": "shop", "title": "Shop", "owner": "team", "repository": repository})


def sbom_of(artifacts: Artifacts, name: str) -> Any:
    folder = Path(schema.__file__).parent / "_res"
    read = {name: json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text()) for name in ("bom-1.6", "spdx", "jsf-0.82")}
    registry = Registry().with_resources((item["$id"], Resource.from_contents(item)) for item in read.values())
    document = json.loads(artifacts.read(name))
    jsonschema.Draft7Validator(read["bom-1.6"], registry=registry).validate(document)
    return document


def test_only_commits_of_the_folder_count_and_only_it_is_shipped(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    mine = repo.commit("feat: shop", {"services/shop/green.xml": GREEN, "services/shop/app.py": "1"})
    repo.commit("feat!: others", {"services/pay/app.py": "1"})
    first = build(ledger, folder_product(repo), a_run(), artifacts)
    assert (first["publish"], first["commit"], first["commits"]) == (["shop|1.0.0"], mine, 1)
    repo.commit("feat!: others again", {"services/pay/app.py": "2"})
    assert "already release 1.0.0" in build(ledger, folder_product(repo), a_run(2), artifacts)["rests"]
    repo.commit("fix: shop", {"services/shop/app.py": "2"})
    assert build(ledger, folder_product(repo), a_run(3), artifacts)["publish"] == ["shop|1.0.1"]
    with pytest.raises(InputError, match="no folder 'services/cart'"):
        build(ledger, folder_product(repo, path="services/cart"), a_run(4), artifacts)


@pytest.mark.parametrize("folder", ["", "services/shop"])
def test_two_builds_at_two_times_in_two_places_give_the_same_digest(repo: Repo, tmp_path: Path, folder: str) -> None:
    repo.commit("feat: 차", {"services/shop/차.txt": "1", "services/shop/run.sh": "x"})
    code = ("import hashlib, sys; from pathlib import Path; from include.build_and_test.git import Mirror\n"
            "mirror = Mirror(Path(sys.argv[1]), sys.argv[2], 'main', sys.argv[3])\n"
            "print(hashlib.sha256(mirror.archive(mirror.fetch())).hexdigest())")
    said = []
    for number, (umask, language) in enumerate([(0o022, "C"), (0o077, "ko_KR.UTF-8")]):
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / f"m{number}.git"), str(repo.path), folder], check=True,
                              env=os.environ | {"PYTHONPATH": str(ROOT), "LC_ALL": language, "TZ": f"UTC{number:+d}"},
                              capture_output=True, text=True, umask=umask)
        said.append(done.stdout)
        subprocess.run(["sleep", "1.1"], check=True)
    assert said[0] == said[1]


def test_a_candidate_has_a_bill_of_materials_and_signed_provenance(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    repo.commit("feat: b", {"pyproject.toml": '[project]\ndependencies = ["Flask>=3"]\n[dependency-groups]\ndev = ["pytest"]\n',
                            "requirements.lock": LOCK, "broken/package.json": "{"})
    result = build(ledger, repo.product(), a_run(), artifacts, None, Means(signing_key=KEY))
    row = get(ledger, releases)[0]
    document = sbom_of(artifacts, row["sbom"])
    found = {part["purl"]: part for part in document["components"]}
    scopes = {url: part["scope"] for url, part in found.items()}
    assert scopes == {"pkg:pypi/flask@3.0.0": "required", "pkg:pypi/pytest": "excluded"}
    assert {"name": "closed-loop:asked_for", "value": ">=3"} in found["pkg:pypi/flask@3.0.0"]["properties"]
    assert document["metadata"]["properties"][0]["value"].startswith("broken/package.json:1: no JSON")
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": row["digest"][7:]}]
    assert all(PackageURL.from_string(url) for url in found)
    of_sbom = "sha256:" + hashlib.sha256(artifacts.read(row["sbom"])).hexdigest()
    built = Built("shop", "1.0.0", row["commit"], row["digest"], of_sbom)
    assert verify(artifacts.read(row["provenance"]), keys_of(KEY), built)["predicate"]["runDetails"]["metadata"]
    assert (result["sbom"], result["provenance"]) == (row["sbom"], row["provenance"])


def test_without_a_key_there_is_no_provenance(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    result = build(ledger, repo.product(), a_run(), artifacts)
    assert result["sbom"] and result["provenance"] is None


def test_issues_and_trailers_tie_commits_to_stories_and_the_rest_is_listed(repo: Repo, ledger: Engine,
                                                                            artifacts: Artifacts) -> None:
    for number in ("1", "2", "3"):
        story(ledger, f"s-{number}")
        put(ledger, tracker_issues, {
            "story_id": f"s-{number}", "tracker": "github", "number": f"1{number}", "words": "", "status": "", "state": "open",
            "url": f"https://github.com/o/r/issues/1{number}", "seen": [], "labels": [], "told": [], "at": NOW})
    by_number = repo.commit("fix: 쿠폰 (#11)")
    by_link = repo.commit("fix: b\n\nSee https://github.com/o/r/issues/12.")
    by_trailer = repo.commit("fix: c\n\nStory: s-3")
    loose = [repo.commit("fix: d, as other/repo#11 and &#11; say"), repo.commit("fix: e #99")]
    result = build(ledger, repo.product(), a_run(), artifacts)
    links = {row["sha"]: row["story_id"] for row in get(ledger, commit_stories)}
    assert links == {by_number: "s-1", by_link: "s-2", by_trailer: "s-3"}
    assert [item["commit"] for item in result["untied"]][:2] == loose[::-1]
    assert get(ledger, releases)[0]["untied"][:2] == loose[::-1]


def test_secrets_of_a_repository_are_not_told() -> None:
    assert public("https://kim:token@h/x.git?private_token=t") == "https://h/x.git"  # pragma: allowlist secret
    assert public("ssh://git:secret@h:22/x.git") == "ssh://git@h:22/x.git"  # pragma: allowlist secret
    assert public("/srv/x.git") == "/srv/x.git"


def test_a_repository_over_ssh_is_reached_by_the_key_of_its_connection(repo: Repo, tmp_path: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of ssh stands a program that notes what it was given and serves the repository itself."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "ssh").write_text(f"""#!/bin/sh
echo "$@" > {tmp_path}/given
for word in "$@"; do
  case $word in -oIdentityFile=*) cat "${{word#*=}}" > {tmp_path}/key; stat -c %a "${{word#*=}}" > {tmp_path}/mode;; esac
done
git-upload-pack {repo.path}
""")
    (tools / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    connection = Connection("ssh", login="git", extra={"private_key": "PRIVATE", "host_key": "ssh-ed25519 AAAA"})
    mirror = Mirror(tmp_path / "m.git", "ssh://git.example.com/shop.git", "main", "", connection)
    assert mirror.fetch() == repo.git("rev-parse", "HEAD")
    assert (tmp_path / "key").read_text() == "PRIVATE\n" and (tmp_path / "mode").read_text() == "600\n"
    given = (tmp_path / "given").read_text()
    assert "StrictHostKeyChecking=yes" in given and "PRIVATE" not in given
    identity = next(word for word in given.split() if "IdentityFile" in word).partition("=")[2]
    assert not Path(identity).exists()


def prepare(engine: Engine, folder: Path) -> None:
    repo = Repo(folder / "repo")
    repo.commit("feat: first\n\nStory: s-1", {"green.xml": GREEN, "requirements.lock": LOCK})
    story(engine, "s-1")


def scenario(engine: Engine, folder: Path) -> Any:
    product = Product.model_validate({"name": "shop", "title": "Shop", "owner": "team", "repository": {
        "url": str(folder / "repo"), "test": "cp green.xml junit.xml"}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSED_LOOP_HOME", str(folder / "home"))
        return build(engine, product, a_run(), Artifacts(str(folder / "artifacts")), None, Means(signing_key=KEY))


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=8) > 5
