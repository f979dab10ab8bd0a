"""Commits are read as git-cliff reads them, in English and Korean."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from semver import Version

from include.build_and_test.commits import Commit, next_version
from tests.conftest import NOW

CLIFF = Path(sys.executable).parent / "git-cliff"
MESSAGES = (
    "feat(장바구니): 쿠폰을 적용한다", "fix: 결제 오류 수정\n\n환불도 된다.\n\nStory: S-0123456789", "Docs(readme): two words",
    "perf(a b)!: faster", "chore: x\n\nBREAKING CHANGE: the path moved", "refactor: y\n\nBREAKING-CHANGE: 주소가 바뀐다",
    "revert: feat(장바구니): 쿠폰을 적용한다", "style(ui)!: 색", "test: no breaking change: at all", "결제 오류 수정",
    "Merge branch 'x'")
BUMPS = (("fix: 하나", "docs: 둘"), ("fix: a", "feat(차): 새 차"), ("feat!: 모두", "fix: a"), ("docs: a\n\nBREAKING CHANGE: b",))


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True, capture_output=True)


def repository(folder: Path, messages: tuple[str, ...]) -> Path:
    folder.mkdir()
    git(folder, "init", "-q")
    for message in ("feat: first", *messages):
        git(folder, "commit", "-q", "--allow-empty", "-m", message)
        if message == "feat: first":
            git(folder, "tag", "v1.2.3")
    return folder


def cliff(folder: Path, *arguments: str) -> str:
    config = folder / "cliff.toml"
    config.write_text('[git]\nconventional_commits = true\nfilter_unconventional = false\ncommit_parsers = []\n')
    found = subprocess.run([CLIFF, "--config", config, "--offline", *arguments], cwd=folder, check=True, capture_output=True,
                           text=True)
    return found.stdout


def ours(message: str) -> Commit:
    subject, _, body = message.partition("\n")
    return Commit("c" * 40, NOW, subject, body)


def test_kind_scope_and_breaking_are_the_same(tmp_path: Path) -> None:
    [release] = json.loads(cliff(repository(tmp_path / "r", MESSAGES), "--context", "--unreleased"))
    theirs: dict[str, Any] = {item["raw_message"].strip(): item for item in release["commits"]}
    assert set(theirs) == set(MESSAGES)
    for message, item in theirs.items():
        mine = ours(message)
        assert (mine.kind != "other") == item["conventional"], message
        assert mine.breaking == bool(item.get("breaking")), message
        if item["conventional"]:
            assert mine.title == (f"{item['scope']}: " if item["scope"] else "") + item["message"], message


def test_the_next_version_is_the_same(tmp_path: Path) -> None:
    for number, messages in enumerate(BUMPS):
        bumped = cliff(repository(tmp_path / str(number), messages), "--bumped-version").strip()
        assert f"v{next_version(Version.parse('1.2.3'), [ours(message) for message in messages])}" == bumped, messages
