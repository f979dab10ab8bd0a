"""A build end to end: a real repository, a real sandbox, a real ledger."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sqlalchemy import Engine, insert, select, update

from include.artifacts import Artifacts
from include.build_and_test.run import build
from include.errors import InputError
from include.ledger.engine import writing
from include.ledger.tables import commit_stories, commits, events, releases, stories
from include.product import Product, product_named
from local.sample.history import create, merge_fix
from tests.conftest import NOW, SHARED
from tests.crash import ledger_after_kills
from tests.include.build_and_test.conftest import GREEN, Repo, a_run

SCHEMAS = SHARED / "cases" / "cdevents" / "schemas"
RED = '<testsuite><testcase classname="t" name="a"/><testcase classname="t" name="b"><failure/></testcase></testsuite>'


def release_of(engine: Engine, key: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(releases).where(releases.c.key == key)).mappings().one()


def mark(engine: Engine, key: str, status: str) -> None:
    with writing(engine) as connection:
        connection.execute(update(releases).where(releases.c.key == key).values(status=status))


def add_story(engine: Engine, story: str, product: str = "shop") -> None:
    with writing(engine) as connection:
        connection.execute(insert(stories).values(
            id=story, product=product, language="ko", kind="bug", title="쿠폰", role="r", want="w", reason="b", acceptance="a",
            metric={}, evidence=[], status="scoped", revision=1, created_at=NOW, updated_at=NOW))


def test_the_newest_commit_becomes_a_candidate(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    head = repo.git("rev-parse", "HEAD")
    result = build(ledger, repo.product(), a_run(), artifacts)
    assert result["publish"] == ["shop|1.0.0"] and "failed" not in result
    row = release_of(ledger, "shop|1.0.0")
    assert (row["status"], row["commit"], row["previous"], row["at"]) == ("candidate", head, None, a_run().at)
    assert row["tests"] == {"passed": 2, "failed": 0, "errors": 0, "skipped": 0, "failures": []}
    assert row["digest"] == "sha256:" + hashlib.sha256(artifacts.read(row["artifact"])).hexdigest()
    assert b"cp green.xml junit.xml" in artifacts.read(result["log"])
    assert build(ledger, repo.product(), a_run(), artifacts) == result


def test_it_rests_where_there_is_nothing_new(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    build(ledger, repo.product(), a_run(), artifacts)
    for number, request in ((2, None), (3, {"version": "", "note": "please", "by": "kim"})):
        result = build(ledger, repo.product(), a_run(number), artifacts, request)
        assert result["publish"] == [] and "already release 1.0.0 (candidate)" in result["rests"]


def test_a_product_without_repository_rests(ledger: Engine, artifacts: Artifacts) -> None:
    product = Product(name="shop", title="Shop", owner="team")
    assert build(ledger, product, a_run(), artifacts) == {"publish": [], "rests": "the product has no repository"}


def test_commits_stories_and_changelog_are_written(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    build(ledger, repo.product(), a_run(), artifacts)
    for story, product in (("s-1", "shop"), ("s-2", "shop"), ("s-9", "other")):
        add_story(ledger, story, product)
    fix = repo.commit("fix: 쿠폰을 적용한다\n\nStory: s-1\nStory: s-2\nStory: s-9\nStory: nobody")
    feat = repo.commit("feat(cart)!: drop guests")
    result = build(ledger, repo.product(), a_run(2), artifacts)
    assert result["publish"] == ["shop|2.0.0"]
    assert (result["stories"], result["unknown_stories"], result["commits"]) == (["s-1", "s-2"], ["nobody", "s-9"], 2)
    with ledger.connect() as connection:
        rows = {row.sha: row for row in connection.execute(select(commits).where(commits.c.release == "shop|2.0.0"))}
        links = connection.execute(select(commit_stories.c.sha, commit_stories.c.story_id)).all()
    row = rows[fix]
    assert (row.kind, row.breaking, row.author, row.subject) == ("fix", False, None, "fix: 쿠폰을 적용한다")
    assert (rows[feat].kind, rows[feat].breaking) == ("feat", True)
    assert sorted(map(tuple, links)) == [(fix, "s-1"), (fix, "s-2")]
    assert release_of(ledger, "shop|2.0.0")["changelog"].startswith("## 2.0.0\n\n### Breaking changes\n\n- cart\\: drop guests `")


@pytest.mark.parametrize(("test", "files", "reason"), [
    ("cp red.xml junit.xml; exit 1", {"red.xml": RED}, "1 tests failed: t.b"),
    ("cp red.xml junit.xml", {"red.xml": RED}, "1 tests failed: t.b"),
    ("cp green.xml junit.xml; exit 3", {}, "the test command failed: exit code 3"),
    ("echo no tests here", {}, "no tests ran; the tests wrote no junit.xml"),
    ("python -m nowhere", {}, "No module named nowhere"),
    ("true", {"junit.xml": GREEN}, "the tests wrote no junit.xml"),
    ("cp none.xml junit.xml", {"none.xml": "<testsuite/>"}, "no tests ran"),
    ("ln -s /etc/passwd junit.xml", {}, "junit.xml cannot be read"),
    ("cp doctype.xml junit.xml", {"doctype.xml": "<!DOCTYPE a><testsuite/>"}, "document type"),
])
def test_tests_that_do_not_speak_for_a_release_fail_it(repo: Repo, ledger: Engine, artifacts: Artifacts, test: str,
                                                       files: dict[str, str], reason: str) -> None:
    repo.commit("feat: b", files)
    result = build(ledger, repo.product(test), a_run(), artifacts)
    assert result["publish"] == [] and reason in result["failed"]
    row = release_of(ledger, "shop|1.0.0")
    assert row["status"] == "failed" and reason in row["tests"]["reason"]


def test_a_repository_without_tests_fails_clearly(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    result = build(ledger, repo.product("python run_tests.py"), a_run(), artifacts)
    assert "can't open file" in result["failed"] and "the tests wrote no junit.xml" in result["failed"]


def test_an_endless_test_is_ended(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    product = repo.product("cp green.xml junit.xml; sleep 1000", timeout_seconds=1)
    assert "not done within 1 s" in build(ledger, product, a_run(), artifacts)["failed"]


def test_a_failed_setup_fails_the_release(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    product = repo.product(setup="python -m pip --version && echo broken wheel && exit 4")
    result = build(ledger, product, a_run(), artifacts)
    assert "the setup command failed: exit code 4 (broken wheel)" in result["failed"]
    assert b"pip" in artifacts.read(result["log"])


def test_a_failed_release_is_built_again_when_asked_and_its_version_used_again(repo: Repo, ledger: Engine,
                                                                               artifacts: Artifacts) -> None:
    assert build(ledger, repo.product("exit 1"), a_run(), artifacts)["failed"]
    assert "already release 1.0.0 (failed)" in build(ledger, repo.product(), a_run(2), artifacts)["rests"]
    asked = {"version": "", "note": "again", "by": "kim"}
    assert build(ledger, repo.product(), a_run(3), artifacts, asked)["publish"] == ["shop|1.0.0"]
    assert release_of(ledger, "shop|1.0.0")["status"] == "candidate"
    repo.commit("feat: b")
    assert build(ledger, repo.product("exit 1"), a_run(4), artifacts)["failed"].startswith("shop|1.1.0 ")
    repo.commit("fix: b")
    result = build(ledger, repo.product(), a_run(5), artifacts)
    assert (result["publish"], result["commits"]) == (["shop|1.1.0"], 2)


def test_what_a_rolled_back_release_brought_counts_to_the_next(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    build(ledger, repo.product(), a_run(), artifacts)
    feat = repo.commit("feat: b")
    build(ledger, repo.product(), a_run(2), artifacts)
    mark(ledger, "shop|1.1.0", "rolled_back")
    assert build(ledger, repo.product(), a_run(3), artifacts)["publish"] == []
    repo.commit("fix: b")
    assert build(ledger, repo.product(), a_run(4), artifacts)["publish"] == ["shop|1.1.1"]
    row = release_of(ledger, "shop|1.1.1")
    assert row["previous"] == "1.0.0" and "### Features" in row["changelog"]
    with ledger.connect() as connection:
        assert connection.scalar(select(commits.c.release).where(commits.c.sha == feat)) == "shop|1.1.1"


def test_a_version_that_was_asked_for_wins(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    asked = {"version": "3.2.0", "note": "", "by": "kim"}
    assert build(ledger, repo.product(), a_run(), artifacts, asked)["publish"] == ["shop|3.2.0"]
    repo.commit("fix: b")
    with pytest.raises(InputError, match=r"3\.2\.0 is not above the last release"):
        build(ledger, repo.product(), a_run(2), artifacts, asked)


def test_a_missing_repository_is_named(repo: Repo, ledger: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.git"):
        build(ledger, repo.product(url=str(tmp_path / "nowhere.git")), a_run(), artifacts)


def test_links_out_of_the_tree_are_not_followed(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    (repo.path / "out").symlink_to("/etc")
    repo.commit("feat: link")
    result = build(ledger, repo.product("test ! -e out && cp green.xml junit.xml"), a_run(), artifacts)
    assert result["publish"] == ["shop|1.0.0"]
    assert b"left out: out" in artifacts.read(result["log"])


def test_the_same_commit_gives_the_same_digest(repo: Repo, ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    first = build(ledger, repo.product("exit 1"), a_run(), artifacts)
    (home / "mirrors").rename(home / "elsewhere")
    again = build(ledger, repo.product(), a_run(2), artifacts, {"version": ""})
    assert again["digest"] == first["digest"]
    assert not list((home / "builds").iterdir())


def test_events_follow_the_standard(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    build(ledger, repo.product(), a_run(), artifacts)
    repo.commit("fix: b")
    build(ledger, repo.product("exit 1"), a_run(2), artifacts)
    with ledger.connect() as connection:
        bodies = list(connection.scalars(select(events.c.body)))
    kinds = sorted(body["context"]["type"].split(".", 2)[2].rsplit(".", 3)[0] for body in bodies)
    assert kinds == ["artifact.packaged", "build.finished", "change.merged", "change.merged", "testsuiterun.finished",
                     "testsuiterun.finished"]
    for body in bodies:
        name = "".join(body["context"]["type"].split(".")[2:4])
        jsonschema.validate(body, json.loads((SCHEMAS / f"{name}.json").read_text()))


def test_the_sample_product_is_built_twice(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    repository = create(home / "demo")
    product = product_named("shop")
    assert build(ledger, product, a_run(), artifacts)["tests"]["passed"] == 9
    add_story(ledger, "s-1")
    sha = merge_fix(repository, ["s-1"])
    result = build(ledger, product, a_run(2), artifacts)
    assert (result["publish"], result["commit"], result["stories"]) == (["shop|1.0.1"], sha, ["s-1"])


ONCE = "if test -e ran; then cp green.xml junit.xml; else touch ran; cp red.xml junit.xml; exit 1; fi"


def test_a_flaky_test_stops_no_release_and_is_remembered(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    for number in (1, 2):
        repo.commit("fix: b", {"red.xml": RED, "again": str(number)})
        result = build(ledger, repo.product(ONCE), a_run(number), artifacts)
        assert result["flaky"] == [{"test": "t.b", "commits": number}] and len(result["publish"]) == 1
        assert release_of(ledger, result["release"])["tests"]["flaky"] == ["t.b"]
        assert b"$ test again:" in artifacts.read(result["log"])
    repo.commit("fix: c")
    strict = repo.product(ONCE, rerun_failures=False)
    assert "1 tests failed: t.b" in build(ledger, strict, a_run(3), artifacts)["failed"]


def test_a_test_that_crashes_when_it_runs_again_has_failed(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    repo.commit("fix: b", {"red.xml": RED})
    result = build(ledger, repo.product("test -e ran && exit 9; touch ran; cp red.xml junit.xml"), a_run(), artifacts)
    assert result["failed"].endswith(": 1 tests failed: t.b") and result["flaky"] == []


def test_a_failing_test_names_its_story(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    add_story(ledger, "S-00000000aa")
    add_story(ledger, "S-00000000bb")
    red = RED.replace('name="b"', 'name="test_s_00000000bb_b"')
    repo.commit("fix: b\n\nStory: S-00000000aa", {"red.xml": RED, "other.xml": red, "t.py": ""})
    result = build(ledger, repo.product("cp red.xml junit.xml"), a_run(), artifacts)
    assert result["failed"].endswith("1 tests failed: t.b (of S-00000000aa)")
    assert release_of(ledger, result["release"])["tests"]["stories"] == {"t.b": ["S-00000000aa"]}
    result = build(ledger, repo.product("cp other.xml junit.xml"), a_run(2), artifacts, {"version": ""})
    assert result["tests"]["stories"] == {"t.test_s_00000000bb_b": ["S-00000000bb"]}


def prepare(engine: Engine, folder: Path) -> None:
    repo = Repo(folder / "repo")
    repo.commit("feat: first\n\nStory: s-1", {"green.xml": GREEN})
    add_story(engine, "s-1")


def scenario(engine: Engine, folder: Path) -> Any:
    repository = {"url": str(folder / "repo"), "test": "cp green.xml junit.xml"}
    product = Product.model_validate({"name": "shop", "title": "Shop", "owner": "team", "repository": repository})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSED_LOOP_HOME", str(folder / "home"))
        return build(engine, product, a_run(), Artifacts(str(folder / "artifacts")))


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=30) > 10
