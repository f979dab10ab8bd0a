"""The whole loop under a real scheduler: it turns, it rests, a fix is traced to its outcome, a fault is rolled back."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from include.artifacts import Artifacts
from include.ledger.engine import reading
from include.ledger.tables import (
    decisions,
    deployments,
    intakes,
    outcomes,
    quarantine,
    releases,
    reports,
    rollups,
    scopes,
    signals,
    stories,
    themes,
    voices,
)
from include.ledger.trace import trace
from local.customers import keep_using
from local.sample.history import merge_fault, merge_fix
from tests.loop.canaries import places, written_out
from tests.loop.stage import PATIENCE, Stage, staged

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(3 * PATIENCE)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for this module: its tests are the chapters of one story, in their order."""
    folder = tmp_path_factory.mktemp("turns")
    with staged(folder, approval="person") as stage:
        (stage.products / "quiet.yaml").write_text("name: quiet\ntitle: Quiet\nowner: nobody\n")
        (stage.products / "typo.yaml").write_text("name: typo\ntitle: Typo\nonwer: me\n")
        yield stage


@pytest.fixture(autouse=True)
def one_truth(stage: Stage) -> Iterator[None]:
    """Whatever a chapter did, every invariant of the ledger holds at its end."""
    yield
    assert stage.broken() == []


@contextmanager
def customers(stage: Stage) -> Iterator[None]:
    done = threading.Event()
    using = threading.Thread(target=keep_using, args=(stage.shop, stage.reviews, 30, done))
    using.start()
    try:
        yield
    finally:
        done.set()
        using.join()


def version_served(stage: Stage) -> str:
    with urllib.request.urlopen(f"{stage.shop}/version", timeout=5) as answer:
        found: str = json.load(answer)["version"]
        return found


def bill(stage: Stage) -> dict[str, float]:
    with urllib.request.urlopen(f"{stage.shop}/checkout?tea=sencha&coupon=TEA10", timeout=5) as answer:
        found: dict[str, float] = json.load(answer)
        return found


class TestTheStory:
    """In the order of its chapters."""

    def test_1_voices_become_a_running_release(self, stage: Stage) -> None:
        events = stage.turn()
        assert not (failed := stage.loop.failures()), "\n".join(failed)
        assert {event for event in events if event[1] != "quiet"} == {
            ("cycle/started", "shop"), ("voice/themes", "shop"), ("backlog/stories", "shop"), ("backlog/dependencies", "shop"),
            ("backlog/scope", "shop"), ("release/candidate", "shop|1.0.0"), ("release/compliant", "shop|1.0.0"),
            ("release/accepted", "shop|1.0.0"), ("release/deployed", "shop|1.0.0")}
        assert [event for event in events if event[1] == "quiet"] == [("cycle/started", "quiet")]
        assert version_served(stage) == "1.0.0"
        assert bill(stage)["discount"] == 0

    def test_1_the_ledger_tells_it(self, stage: Stage) -> None:
        [intake] = stage.rows(intakes, product="shop", source="reviews")
        heard = stage.rows(voices, product="shop")
        assert intake["read"] == intake["stored"] + intake["duplicates"] + intake["quarantined"]
        assert len(heard) == intake["stored"] >= 50
        assert {voice["language"] for voice in heard} >= {"en", "ko"}
        assert len(stage.rows(quarantine, product="shop")) == intake["quarantined"]
        assert stage.rows(themes, product="shop")
        [scope] = stage.rows(scopes, product="shop")
        assert (scope["status"], scope["decided_by"], scope["note"]) == ("approved", "admin", "as agreed")
        assert {story["status"] for story in stage.rows(stories, product="shop")} <= {"scoped", "ready"}
        [accepted] = stage.rows(decisions, gate="user_testing")
        assert (accepted["subject"], accepted["by"]) == ("shop|1.0.0", "admin")
        [deployment] = stage.rows(deployments)
        assert (deployment["version"], deployment["status"]) == ("1.0.0", "succeeded")

    def test_2_nothing_new_comes_to_rest(self, stage: Stage) -> None:
        assert sorted(stage.turn()) == [("cycle/started", "quiet"), ("cycle/started", "shop")]

    def test_3_a_broken_product_file_is_named_in_the_ui(self, stage: Stage) -> None:
        [error] = stage.loop.airflow.api("GET", "/importErrors")["import_errors"]
        assert error["filename"] == "product_files.py"
        assert "typo.yaml:3:1: onwer: Extra inputs are not permitted" in error["stack_trace"]

    def test_4_a_fix_is_released_and_traced(self, stage: Stage) -> None:
        [story] = [story for story in stage.rows(stories, product="shop")
                   if "coupon" in story["title"].lower() or "쿠폰" in story["title"]][:1]
        merge_fix(stage.repository, [story["id"]])
        with customers(stage):
            events = stage.turn("release", product="shop", note="coupons")
        assert ("release/deployed", "shop|1.0.1") in events
        assert version_served(stage) == "1.0.1"
        assert bill(stage)["discount"] > 0
        assert ("voice/themes", "shop") in stage.turn()
        [outcome] = stage.rows(outcomes, story_id=story["id"])
        assert outcome["release"] == "shop|1.0.1"
        with reading(stage.ledger) as connection:
            chain = trace(connection, "release", "shop|1.0.1")
        assert [row["id"] for row in chain["story"]] == [story["id"]]
        assert min(len(chain[kind]) for kind in ("voice", "theme", "commit", "deployment", "outcome")) >= 1
        assert sum(row["requests"] for row in stage.rows(rollups, product="shop", version="1.0.1")) > 0
        *_, changelog = sorted(stage.rows(reports, product="shop", audience="customers"), key=lambda row: row["at"])
        [news, _] = changelog["numbers"]["sections"][0]["tables"]
        assert [(row["id"], row["version"]) for row in news["rows"]] == [(f"{story['id']} 1.0.1", "1.0.1")]
        kept = [Artifacts(stage.place.artifacts).read(changelog["files"][language]["pdf"][0]) for language in ("en", "ko")]
        assert all(file.startswith(b"%PDF") for file in kept)

    def test_5_a_fault_is_rolled_back_and_heard(self, stage: Stage) -> None:
        merge_fault(stage.repository, [])
        with customers(stage):
            events = stage.turn("release", product="shop")
        assert ("release/deployed", "shop|1.1.0") not in events
        assert ("operations/signals", "shop") in events
        assert version_served(stage) == "1.0.1"
        assert "failed" in stage.states()["deployment"]
        [release] = stage.rows(releases, key="shop|1.1.0")
        assert release["status"] == "rolled_back"
        [signal] = stage.rows(signals, product="shop", kind="deployment")
        assert "1.1.0" in signal["title"]
        heard = stage.rows(voices, product="shop", origin="operation")
        assert [voice["text"] for voice in heard] == [signal["title"]]
        with reading(stage.ledger) as connection:
            answers = trace(connection, "voice", heard[0]["id"])["story"]
        assert [answer["kind"] for answer in answers] == ["operation"]

    def test_6_the_running_version_never_failed_its_own_customers(self, stage: Stage) -> None:
        counted = stage.rows(rollups, product="shop")
        assert sum(row["errors"] for row in counted if row["version"] in ("1.0.0", "1.0.1")) == 0

    def test_7_nothing_listens_outside_loopback(self, stage: Stage) -> None:
        ours = {link for pid in stage.airflow.processes() for link in sockets_of(pid)}
        listening = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
        addresses = {fields[1].partition(":")[0] for fields in listening if fields[3] == "0A" and fields[9] in ours}
        assert addresses == {"0100007F"}

    @pytest.mark.parametrize(("key", "message"), [
        ("nosuch", "unknown product 'nosuch': no nosuch.yaml in"), ("typo", "typo.yaml:3:1: onwer: Extra inputs"),
        ("Shop|1", "'Shop|1' is no key: expected 'product' or 'product|1.2.3'"),
    ])
    def test_8_wrong_input_fails_at_once_and_says_why(self, stage: Stage, key: str, message: str) -> None:
        run_id = stage.loop.trigger("voc_aggregation", key)
        runs = stage.loop.rest(PATIENCE)
        [run] = [run for run in runs if run["dag_run_id"] == run_id]
        [task] = [task for task in stage.loop.tasks(run) if task["state"] == "failed"]
        assert (run["state"], task["try_number"]) == ("failed", 1)
        assert message in stage.loop.log(task)

    def test_9_no_secret_is_anywhere_but_where_it_belongs(self, stage: Stage, tmp_path: Path) -> None:
        """Logs, XComs, runs' configurations, both databases, artifacts, evidence, reports, the shop's own files."""
        keys = stage.airflow.keys
        assert {"password", "jwt", "session", "fernet", "author_key", "contact_key", "signing_key"} <= keys.keys()
        found = places(stage.home, keys)
        assert found.pop("password") == {"secrets.json", "airflow/passwords.json"}
        assert found == {name: {"secrets.json"} for name in found}
        databases = (stage.place.ledger, stage.airflow.env()["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
        written_out(databases, Artifacts(stage.place.artifacts), tmp_path)
        assert places(tmp_path, keys) == {name: set() for name in keys}
        assert {"0-releases", "1-dag_run"} <= places(tmp_path, {"known": "shop|1.0.1"})["known"]


def sockets_of(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            found.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
    return found
