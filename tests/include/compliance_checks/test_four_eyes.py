"""Who approved and who wrote, with a real git repository."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from include.compliance_checks.four_eyes import approvals, committers, shas_of
from include.ledger.engine import reading, writing
from include.ledger.tables import commit_stories, commits, decisions, scope_items, scopes, stories
from include.mirror import Mirror
from tests.conftest import NOW

HANA = ("Hana Kim", "hana@shop.example")


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    git(tmp_path, "init", "-q", "-b", "main", "work")
    git(tmp_path / "work", "commit", "-q", "--allow-empty", "-m", "feat: coupon\n\nCo-authored-by: Jun Lee <jun@shop.example>\n")
    return Mirror(tmp_path / "work" / ".git", "unused", "main")


def git(folder: Path, *arguments: str) -> str:
    who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
           for part, value in zip(("NAME", "EMAIL"), HANA, strict=True)}
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=True, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": str(folder), **who})
    return done.stdout.strip()


def test_authors_and_those_who_wrote_with_them_are_known(mirror: Mirror) -> None:
    sha = git(mirror.path, "rev-parse", "HEAD")
    assert committers(mirror, [sha]) == {"hana kim", "hana@shop.example", "jun lee", "jun@shop.example"}
    assert committers(mirror, []) == set()


def decided(engine: Engine, by: str, identities: dict[str, list[str]] | None = None, **more: Any) -> list[dict[str, Any]]:
    """What is known of a release with one commit, one story in an approved scope, and an acceptance."""
    story = dict.fromkeys(("language", "kind", "title", "role", "want", "reason", "acceptance"), "x") | {
        "id": "S-1", "product": "shop", "metric": {}, "evidence": {}, "status": "scoped", "created_at": NOW, "updated_at": NOW}
    with writing(engine) as connection:
        connection.execute(insert(stories).values(story))
        connection.execute(insert(commits).values(
            product="shop", sha="c1", at=NOW, subject="x", kind="feat", release="shop|1.4.0"))
        connection.execute(insert(commit_stories).values(product="shop", sha="c1", story_id="S-1"))
        for scope in ("scope-1", "scope-2"):
            connection.execute(insert(scopes).values(
                id=scope, product="shop", method="rice", capacity=1, used=1, status="approved", at=NOW))
            connection.execute(insert(scope_items).values(scope_id=scope, story_id="S-1", score=1, factors={}, why="",
                                                          chosen=scope == "scope-1"))
            connection.execute(insert(decisions).values(subject=scope, gate="scope", decision="approved", by="automatic", at=NOW))
        connection.execute(insert(decisions).values(
            {"subject": "shop|1.4.0", "gate": "user_testing", "decision": "accepted", "by": by, "at": NOW} | more))
    with reading(engine) as connection:
        assert shas_of(connection, "shop", "shop|1.4.0") == ["c1"]
        return approvals(connection, "shop", "shop|1.4.0", {"hana kim", "hana@shop.example"}, identities or {})


@pytest.mark.parametrize(("by", "identities", "wrote"), [
    ("Hana Kim", {}, True), ("HANA@shop.example", {}, True), ("hana", {}, True), ("jun", {}, False),
    ("admin", {"admin": ["hana@shop.example"]}, True), ("admin", {"admin": ["jun@shop.example"]}, False)])
def test_who_approved_is_known_among_those_who_wrote(ledger: Engine, by: str, identities: dict[str, list[str]],
                                                     wrote: bool) -> None:
    found = decided(ledger, by, identities)
    assert found == [
        {"gate": "scope", "subject": "scope-1", "decision": "approved", "person": False, "wrote": False},
        {"gate": "user_testing", "subject": "shop|1.4.0", "decision": "accepted", "person": True, "wrote": wrote}]
    assert "hana" not in str(found).lower()
