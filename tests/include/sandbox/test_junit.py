import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.sandbox.junit import MAX_BYTES, MAX_NAMES, Report, UnreadableError, parse_report, read_report

CASES = b"""<testsuites tests="99"><testsuite name="a" failures="0"><testcase classname="t.A" name="ok"/>
<testcase classname="t.A" name="bad"><failure message="no"/></testcase><testcase name="boom"><error/></testcase>
<testsuite><testcase classname="t.B" name="later"><skipped/></testcase></testsuite></testsuite></testsuites>"""


def test_cases_are_counted_and_totals_not_believed() -> None:
    report = parse_report(CASES)
    assert report.plain() == {"passed": 1, "failed": 1, "errors": 1, "skipped": 1, "failures": ["t.A.bad", "boom"]}
    assert report.trouble == "2 tests failed: t.A.bad, boom"


@pytest.mark.parametrize("content", [
    b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\n" + CASES,
    "<?xml version='1.0' encoding='euc-kr'?><testsuite><testcase name='한글'><failure/></testcase></testsuite>".encode(),
    b"<testsuite><testcase name='a'><failure><![CDATA[expected <!DOCTYPE html>]]></failure></testcase></testsuite>",
])
def test_reports_that_are_fine_are_read(content: bytes) -> None:
    assert parse_report(content).plain()["failed"] == 1


@pytest.mark.parametrize(("content", "reason"), [
    (b"<!DOCTYPE a [<!ENTITY b 'c'>]><testsuite>&b;</testsuite>", "document type"),
    (b"<?xml version='1.0'?>\n<!-- c --><!doctype a><testsuite/>", "broken"),
    (b"", "broken"), (b"<testsuite>", "broken"), (b"<html/>", "broken"), (b"\xff\xfe<\x00", "broken"),
    ("<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a><testsuite/>".encode("utf-16"), "broken"),
    (b"<testsuite>" * 20_000 + b"</testsuite>" * 20_000, "broken"),
])
def test_reports_that_are_none_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        parse_report(content)


def test_a_report_made_to_be_slow_is_not() -> None:
    started = time.perf_counter()
    with pytest.raises(UnreadableError):
        parse_report(b"<testsuite>" + b"<!--" * 500_000)
    assert time.perf_counter() - started < 30


def test_many_failures_are_counted_and_some_named() -> None:
    cases = b"".join(b"<testcase name='t%d'><failure/></testcase>" % number for number in range(500))
    report = parse_report(b"<testsuite>" + cases + b"</testsuite>")
    plain = report.plain()
    assert (plain["failed"], len(plain["failures"])) == (500, MAX_NAMES)


@pytest.mark.parametrize(("content", "trouble"), [
    (b"<testsuite/>", "no tests ran"), (b"<testsuite><testcase><skipped/></testcase></testsuite>", "no tests ran"),
    (b"<testsuite><testcase name='a'/></testsuite>", "")])
def test_only_tests_that_ran_speak_for_a_release(content: bytes, trouble: str) -> None:
    assert parse_report(content).trouble == trouble


def test_only_a_plain_file_in_the_tree_is_read(tmp_path: Path) -> None:
    tree, secret = tmp_path / "tree", tmp_path / "secret.xml"
    tree.mkdir()
    secret.write_bytes(CASES)
    (tree / "link.xml").symlink_to(secret)
    (tree / "out").symlink_to(tmp_path)
    (tree / "loop").symlink_to("loop")
    os.mkfifo(tree / "pipe.xml")
    (tree / "big.xml").touch()
    os.truncate(tree / "big.xml", MAX_BYTES + 1)
    for name in ("link.xml", "out/secret.xml", "loop/a.xml", "pipe.xml", "big.xml", ".", "none.xml"):
        with pytest.raises(UnreadableError):
            read_report(tree, name)


def report(**outcomes: str) -> Report:
    return Report(tuple(outcomes.items()))


def test_a_test_that_fails_and_passes_is_flaky() -> None:
    first = report(a="passed", b="failed", c="errors", d="skipped", e="failed", f="passed")
    both = first.after(report(a="passed", b="passed", c="errors", d="skipped", f="failed"))
    assert both.flaky == ("b", "f")
    assert both.plain() == {"passed": 3, "failed": 1, "errors": 1, "skipped": 1, "failures": ["c", "e"], "flaky": ["b", "f"]}
    assert both.trouble == "2 tests failed: c, e"


def test_what_only_was_flaky_speaks_for_a_release() -> None:
    both = report(a="passed", b="failed").after(report(b="passed"))
    assert (both.trouble, both.plain()["passed"]) == ("", 2)


outcomes = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["passed", "failed", "errors", "skipped"]))


@given(outcomes, outcomes)
def test_running_again_loses_and_invents_no_test(first: dict[str, str], again: dict[str, str]) -> None:
    both = report(**first).after(report(**again))
    assert [name for name, _ in both.cases] == list(first)
    assert set(both.failing) <= set(report(**first).failing)
    assert not set(both.failing) & set(both.flaky)
