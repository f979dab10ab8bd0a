from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from include.build_and_test.commits import Commit, asked_version, changelog, next_version
from include.errors import InputError
from include.key import Key

AT = datetime(2026, 1, 1, tzinfo=UTC)


def commit(subject: str, body: str = "", *stories: str) -> Commit:
    return Commit("a" * 40, AT, subject, body, stories)


@pytest.mark.parametrize(("subject", "body", "kind", "breaking", "title"), [
    ("feat: add teas", "", "feat", False, "add teas"),
    ("FIX(장바구니): 쿠폰을 적용한다", "", "fix", False, "장바구니: 쿠폰을 적용한다"),
    ("feat(api)!: drop v1", "", "feat", True, "api: drop v1"),
    ("docs: x", "BREAKING CHANGE: the path moved", "docs", True, "x"),
    ("docs: x", "text\n\nBREAKING-CHANGE: the path moved", "docs", True, "x"),
    ("docs: x", "no breaking change: at all", "docs", False, "x"),
    ("Merge branch 'a: b'", "", "other", False, "Merge branch 'a: b'"),
    ("feat:no space", "", "other", False, "feat:no space"),
    ("결제 오류 수정", "", "other", False, "결제 오류 수정"),
])
def test_a_conventional_commit_is_read(subject: str, body: str, kind: str, breaking: bool, title: str) -> None:
    found = commit(subject, body)
    assert (found.kind, found.breaking, found.title) == (kind, breaking, title)


@pytest.mark.parametrize(("last", "subjects", "expected"), [
    (None, ["feat!: all"], "1.0.0"),
    ("1.4.2", ["docs: a", "chore: b"], "1.4.3"),
    ("1.4.2", ["fix: a"], "1.4.3"),
    ("1.4.2", ["fix: a", "feat: b"], "1.5.0"),
    ("1.4.2", ["feat!: a", "fix: b"], "2.0.0"),
    ("0.4.2", ["feat!: a"], "0.5.0"),
    ("1.4.2", ["기타 변경"], "1.4.3"),
    ("1.5.0-rc.1", ["fix: a"], "1.5.0"),
])
def test_the_next_version_follows_from_the_commits(last: str | None, subjects: list[str], expected: str) -> None:
    found = next_version(Version.parse(last) if last else None, [commit(subject) for subject in subjects])
    assert str(found) == expected


@given(st.tuples(*[st.integers(0, 10**6)] * 3), st.sampled_from([None, "rc.1", "0", "alpha.beta"]),
       st.lists(st.sampled_from(["feat: a", "fix: b", "feat!: c", "d", "chore(x): e"])))
def test_the_next_version_is_above_the_last_and_makes_a_key(numbers: tuple[int, ...], pre: str | None,
                                                            subjects: list[str]) -> None:
    last = Version(*numbers, prerelease=pre)
    found = next_version(last, [commit(subject) for subject in subjects])
    assert found > last
    assert Key.parse(f"shop|{found}").version == str(found)


@pytest.mark.parametrize("text", [
    "1.2", "v1.3.0", "1.2.3", "1.2.2", "1.3.0+build", "01.3.0", "1.3.0-" + "a" * 70, "..", "1.3.0 "])
def test_a_version_that_is_none_or_not_above_the_last_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        asked_version(text, Version(1, 2, 3))


def test_a_version_above_the_last_is_taken() -> None:
    assert asked_version("1.2.4-rc.1", Version(1, 2, 3)) == Version(1, 2, 4, "rc.1")
    assert asked_version("0.1.0", None) == Version(0, 1, 0)


def test_the_changelog_groups_by_kind_and_shows_markup_as_text() -> None:
    text = changelog("1.1.0", [commit("fix: 쿠폰 적용", "", "story-7"), commit("feat!: drop"), commit("feat: [x](http://evil)"),
                               commit("perf: less"), commit("# whatever <script>")])
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "## 1.1.0", "### Breaking changes", "### Features", "### Fixes", "### Performance", "### Other"]
    assert "- 쿠폰 적용 (story\\-7) `aaaaaaaaaa`" in text
    assert "](http" not in text and "<script>" not in text
