import io
import shutil
import tarfile
from pathlib import Path

import pytest

from include import mirror as mirrors
from include.archive import extract
from include.build_and_test.git import Mirror
from include.errors import InputError
from tests.include.build_and_test.conftest import Repo


@pytest.fixture
def mirror(repo: Repo, tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirrors" / "shop.git", str(repo.path), "main")


def test_commits_are_read_with_their_stories(repo: Repo, mirror: Mirror) -> None:
    first = repo.git("rev-parse", "HEAD")
    body = "쿠폰이 적용되지 않았다\n여러 줄\n\nStory: s-1\nStory: s-2, s-3\nstory: s-1\nSigned-off-by: dev <dev@example.com>"
    head = repo.commit(f"fix(결제): 쿠폰을 적용한다\n\n{body}")
    assert mirror.fetch() == head
    last, = mirror.commits(head, first)
    assert (last.sha, last.subject, last.stories) == (head, "fix(결제): 쿠폰을 적용한다", ("s-1", "s-2", "s-3"))
    assert last.at.isoformat() == "2026-01-01T00:02:00+00:00"
    assert [commit.sha for commit in mirror.commits(head, None)] == [first, head]
    assert [commit.sha for commit in mirror.commits(head, "f" * 40)] == [first, head]


def test_a_story_named_in_the_text_is_no_trailer(repo: Repo, mirror: Mirror) -> None:
    head = repo.commit("fix: a\n\nStory: s-1\n\nand more text")
    mirror.fetch()
    assert mirror.commits(head, None)[-1].stories == ()


def test_a_rewritten_branch_is_followed(repo: Repo, mirror: Mirror) -> None:
    old = repo.commit("feat: b")
    mirror.fetch()
    repo.git("reset", "--quiet", "--hard", "HEAD~1")
    new = repo.commit("feat: c")
    assert mirror.fetch() == new
    assert [commit.sha for commit in mirror.commits(new, old)] == [new]


def test_a_mirror_that_a_kill_left_locked_is_used_again(repo: Repo, mirror: Mirror) -> None:
    mirror.fetch()
    head = repo.commit("feat: b")
    (mirror.path / "refs" / "heads" / "main.lock").touch()
    (mirror.path / "packed-refs.lock").touch()
    assert mirror.fetch() == head


def test_the_archive_is_the_same_each_time_and_whole(repo: Repo, mirror: Mirror, tmp_path: Path) -> None:
    head = repo.commit("feat: b", {".gitattributes": "tests export-ignore\nv.txt export-subst ident\n", "tests/t.py": "1",
                                   "v.txt": "$Format:%H$ $Id$"})
    mirror.fetch()
    content = mirror.archive(head)
    shutil.rmtree(mirror.path)
    mirror.fetch()
    assert mirror.archive(head) == content
    extract(content, tmp_path / "tree")
    assert (tmp_path / "tree" / "tests" / "t.py").read_text() == "1"
    assert (tmp_path / "tree" / "v.txt").read_text() == "$Format:%H$ $Id$"


def test_links_are_kept_as_links(repo: Repo, mirror: Mirror) -> None:
    (repo.path / "passwd").symlink_to("/etc/passwd")
    head = repo.commit("feat: link")
    mirror.fetch()
    with tarfile.open(fileobj=io.BytesIO(mirror.archive(head))) as archive:
        assert archive.getmember("passwd").linkname == "/etc/passwd"


def test_files_are_read_where_they_lie(repo: Repo, mirror: Mirror) -> None:
    (repo.path / "passwd").symlink_to("/etc/passwd")
    head = repo.commit("feat: files", {"a/가.txt": "하나", "b\tc\n.txt": "2"})
    mirror.fetch()
    found = mirror.files(head)
    assert (found["a/가.txt"], found["b\tc\n.txt"], "passwd" in found) == (6, 1, False)
    assert mirror.read(head, "a/가.txt").decode() == "하나"


def test_a_tree_that_is_too_big_is_refused(repo: Repo, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    head = repo.commit("feat: big", {"big": "x" * 100_000})
    mirror.fetch()
    monkeypatch.setattr(mirrors, "MAX_BYTES", 50_000)
    with pytest.raises(InputError, match="larger than"):
        mirror.archive(head)


def test_hooks_and_settings_of_the_user_are_not_used(repo: Repo, mirror: Mirror, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    hook = tmp_path / "hooks" / "reference-transaction"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'called'}\n")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f"[core]\n hooksPath = {hook.parent}\n[url \"/nowhere/\"]\n insteadOf = /\n")
    head = repo.git("rev-parse", "HEAD")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert mirror.fetch() == head
    assert not (tmp_path / "called").exists()


def test_nothing_that_a_hostile_repository_brings_is_run_or_followed(repo: Repo, mirror: Mirror, tmp_path: Path) -> None:
    """Hooks and settings of its own, submodules with commands for addresses, filters, links out of its tree, in any order."""
    called, secret = tmp_path / "called", tmp_path / "secret"
    secret.write_text("ours")
    script = repo.path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {called}\n")
    script.chmod(0o755)
    (repo.path / "absolute").symlink_to(secret)
    (repo.path / "relative").symlink_to("../secret")
    (repo.path / "folder").symlink_to("..")
    addresses = (f"ext::{script}", f"file://{tmp_path}", "--upload-pack=./evil.sh", "../../secret")
    modules = "".join(f'[submodule "m{n}"]\n\tpath = m{n}\n\turl = {url}\n\tupdate = !./evil.sh\n'
                      for n, url in enumerate(addresses))
    first = repo.commit("feat: evil", {".gitmodules": modules, ".gitattributes": "* filter=evil diff=evil merge=evil\n",
                                       "hooks/post-checkout": script.read_text(), ".lfsconfig": "[lfs]\n\turl = file:///\n"})
    for n in range(len(addresses)):
        repo.git("update-index", "--add", "--cacheinfo", f"160000,{first},m{n}")
    repo.git("commit", "--quiet", "--message", "feat: submodules")
    head = repo.git("rev-parse", "HEAD")
    hooks = repo.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "post-merge", "pre-auto-gc", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(script, hooks / name)
    for name in ("core.fsmonitor", "core.sshCommand", "filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv",
                 "core.pager", "diff.external", "uploadpack.packObjectsHook", "core.alternateRefsCommand", "tar.tar.command"):
        repo.git("config", name, str(script))
    assert mirror.fetch() == head
    assert extract(mirror.archive(head), tmp_path / "tree") == ["absolute", "folder", "relative"]
    assert {"evil.sh", ".gitmodules"} <= set(mirror.files(head)) and not {"absolute", "m0"} & set(mirror.files(head))
    assert [list(path.iterdir()) for path in (tmp_path / "tree").glob("m?")] == [[]] * len(addresses)
    assert not called.exists() and secret.read_text() == "ours"
    assert not list((mirror.path / "hooks").glob("*"))


def test_what_is_not_there_is_named(repo: Repo, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    Path(empty).mkdir()
    bare = tmp_path / "bare.git"
    repo.git("init", "--quiet", "--bare", str(bare))
    for url, branch, said in ((str(repo.path), "trunk", "no branch 'trunk'"), (str(bare), "main", "no commit at all"),
                              (str(empty), "main", "cannot be read"), (str(tmp_path / "none"), "main", "cannot be read"),
                              ("ext::sh -c true", "main", "cannot be read"), ("--upload-pack=x", "main", "cannot be read")):
        with pytest.raises(InputError, match=said) as caught:
            Mirror(tmp_path / "m.git", url, branch).fetch()
        assert url in str(caught.value)


def test_a_host_that_is_down_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="could not be fetched"):
        Mirror(tmp_path / "m.git", "http://127.0.0.1:9/shop.git", "main").fetch()
