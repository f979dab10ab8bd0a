"""The tea shop: its history is the same everywhere, its flaw is real, its mend mends, its fault hides from its tests."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from local.sample.history import HISTORY, PARCELS, create, create_parcels, merge_fault, merge_fix, merge_wrapping


def git(repository: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=repository, capture_output=True, check=True, text=True).stdout.strip()


def checkout(repository: Path) -> Path:
    """The newest tree, in a folder of its own: compiled files of an older one would be taken for the new."""
    folder = repository.parent / git(repository, "rev-parse", "main")
    folder.mkdir()
    git(repository, "--work-tree", str(folder), "checkout", "--quiet", "--force", "main", "--", ".")
    return folder


@contextmanager
def serving(folder: Path) -> Iterator[HTTPConnection]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "shop.py", "--port", str(port)], cwd=folder, stderr=subprocess.PIPE,
                               env={"RELEASE_VERSION": "1.2.3"})
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        for _ in range(100):
            try:
                connection.connect()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield connection
    finally:
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=10) is not None
    assert process.returncode == 0


def get(connection: HTTPConnection, target: str) -> tuple[int, Any]:
    connection.request("GET", target)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return create(tmp_path / "demo")


def run_tests(tree: Path) -> int:
    return subprocess.run([sys.executable, "run_tests.py"], cwd=tree, capture_output=True).returncode


def test_the_history_is_the_same_everywhere_and_made_once(repository: Path, tmp_path: Path) -> None:
    head = git(repository, "rev-parse", "main")
    assert git(create(tmp_path / "again"), "rev-parse", "main") == head
    assert create(tmp_path / "demo") == repository
    assert git(repository, "log", "--reverse", "--format=%s", "main").splitlines() == [subject for subject, _ in HISTORY]
    assert git(repository, "fsck", "--strict") == ""


def test_the_history_ends_with_all_files_and_green_tests(repository: Path) -> None:
    tree = checkout(repository)
    committed = {path for _, paths in HISTORY for path in paths}
    assert {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()} == committed
    assert run_tests(tree) == 0
    assert 'tests="9" failures="0" errors="0" skipped="0"' in (tree / "junit.xml").read_text()


def test_the_coupon_is_never_applied_until_the_fix(repository: Path) -> None:
    with serving(checkout(repository)) as shop:
        bill = {"tea": "sencha", "price": 12000, "discount": 0, "total": 12000}
        assert get(shop, "/checkout?tea=sencha&coupon=TEA10") == (200, bill)
        assert get(shop, "/version") == (200, {"version": "1.2.3"})
    merge_fix(repository, ["story-1"])
    tree = checkout(repository)
    assert run_tests(tree) == 0
    with serving(tree) as shop:
        for _ in range(2):
            assert get(shop, "/checkout?tea=sencha&coupon=TEA10")[1]["total"] == 10800


def test_fix_and_fault_are_merged_once_and_name_their_stories(repository: Path) -> None:
    fix = merge_fix(repository, ["story-1", "story-2"])
    assert merge_fix(repository, []) == fix == git(repository, "rev-parse", "main")
    fault = merge_fault(repository, ["story-3"])
    assert merge_fault(repository, ["story-3"]) == fault == git(repository, "rev-parse", "main")
    assert merge_fix(repository, []) == fix
    stories = "--format=%(trailers:key=Story,valueonly,separator=%x2C)"
    assert git(repository, "log", "-2", stories, "main").splitlines() == ["story-3", "story-1,story-2"]
    assert re.fullmatch(r"[0-9a-f]{40}", fix)


def test_the_parcels_wrap_gifts_once_that_is_merged(tmp_path: Path) -> None:
    parcels = create_parcels(tmp_path / "demo")
    assert run_tests(checkout(parcels)) == 0
    wrapping = merge_wrapping(parcels)
    assert merge_wrapping(parcels) == wrapping == git(parcels, "rev-parse", "main")
    assert run_tests(checkout(parcels)) == 0
    assert git(parcels, "log", "--reverse", "--format=%s", "main").splitlines() == [*(subject for subject, _ in PARCELS),
                                                                                    "feat: wrap gifts"]


def test_the_fault_passes_the_tests_and_fails_half_of_the_orders(repository: Path) -> None:
    merge_fix(repository, [])
    merge_fault(repository, [])
    tree = checkout(repository)
    assert run_tests(tree) == 0
    with serving(tree) as shop:
        statuses = [get(shop, "/checkout?tea=sencha&coupon=TEA10")[0] for _ in range(20)]
        assert (statuses.count(200), statuses.count(500)) == (10, 10)
        assert get(shop, "/health")[0] == 200


def test_the_slow_fault_passes_the_tests_and_is_slow_from_the_sixth_order_on(repository: Path) -> None:
    merge_fault(repository, [], "slow")
    tree = checkout(repository)
    assert run_tests(tree) == 0
    with serving(tree) as shop:
        for _ in range(5):
            get(shop, "/checkout?tea=sencha")
        begun = time.monotonic()
        assert get(shop, "/checkout?tea=sencha&coupon=TEA10") == (
            200, {"tea": "sencha", "price": 12000, "discount": 1200, "total": 10800})
        assert time.monotonic() - begun >= 0.12


def test_the_crash_passes_the_tests_and_ends_the_process_at_the_sixteenth_order(repository: Path) -> None:
    merge_fault(repository, [], "crash")
    tree = checkout(repository)
    assert run_tests(tree) == 0
    with pytest.raises(AssertionError), serving(tree) as shop:  # it did not end when it was asked to
        assert [get(shop, "/checkout?tea=sencha")[0] for _ in range(15)] == [200] * 15
        with pytest.raises((HTTPException, OSError)):
            get(shop, "/checkout?tea=sencha")


def test_a_test_module_that_cannot_be_imported_is_an_error_in_the_report(repository: Path) -> None:
    tree = checkout(repository)
    (tree / "tests" / "test_broken.py").write_text("import nowhere\n")
    assert run_tests(tree) == 1
    assert 'errors="1"' in (tree / "junit.xml").read_text()
