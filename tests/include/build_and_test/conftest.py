"""A small git repository of a product, and what a build of it needs."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.key import Key
from include.ledger.runs import Run
from include.parts.repository import Repository
from include.product import Product

GREEN = '<testsuite><testcase classname="t" name="a"/><testcase classname="t" name="b"/></testsuite>'


class Repo:
    """A repository in `path`; each commit writes files and is a minute younger than the one before."""

    def __init__(self, path: Path) -> None:
        self.path, self.age = path, 0
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", "--template=")

    def git(self, *arguments: str) -> str:
        when = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=self.age)).isoformat()
        who = {f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER")
               for field, value in (("NAME", "dev"), ("EMAIL", "dev@example.com"), ("DATE", when))}
        settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        environment = os.environ | who | settings
        done = subprocess.run(["git", *arguments], cwd=self.path, env=environment, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def commit(self, message: str, files: dict[str, str] | None = None) -> str:
        for name, content in (files or {}).items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.age += 1
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def product(self, test: str = "cp green.xml junit.xml", **more: object) -> Product:
        repository = Repository.model_validate({"url": str(self.path), "test": test, "timeout_seconds": 30} | more)
        return Product(name="shop", title="Shop", owner="team", repository=repository)


def a_run(number: int = 1) -> Run:
    """One run of the phase; each number is a night of its own."""
    return Run("build_and_test", f"run-{number}", Key("shop"), datetime(2026, 3, number, 2, tzinfo=UTC))


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository whose tests are green."""
    repo = Repo(tmp_path / "repo")
    repo.commit("feat: first", {"green.xml": GREEN})
    return repo
