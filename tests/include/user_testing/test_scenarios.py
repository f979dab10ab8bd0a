"""A product's own end-to-end tests run in the sandbox against the release, and what they find binds to criteria."""

import io
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.errors import InputError
from include.key import Key
from include.ledger.engine import writing
from include.ledger.runs import Run
from include.ledger.tables import commit_stories, commits, decisions, releases, test_results
from include.parts.deployment import Containers
from include.product import Product
from include.user_testing.run import Means, ask, comment, record
from tests import rows
from tests.conftest import NOW
from tests.docker import IMAGE, engine

STORY = "S-0123456789"
GHERKIN = "Feature: c\n\n  Scenario: Coupon is applied\n    Then c\n\n  Scenario: Tea is priced\n    Then d\n"
RUN = Run("user_testing", "run-1", Key("shop", "1.1.0"), NOW)
# The release says what its setting and version are; the scenarios ask it over HTTP and write what they found.
SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{os.environ['MOOD']} {os.environ['RELEASE_VERSION']}".encode())
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SCENARIOS = """
import os, urllib.request
said = urllib.request.urlopen(os.environ["BASE_URL"] + "/any", timeout=5).read().decode()
bad = "" if said == "sunny day 1.1.0" else f"<failure message='said {said}'/>"
open("e2e.xml", "w").write(f"<testsuite><testcase classname='shop' name='Coupon is applied'>{bad}</testcase>"
                           "<testcase classname='shop' name='Tea is priced'/><testcase classname='shop' name='z'/></testsuite>")
"""


def product(folder: Path, mood: str = "sunny day", command: str = "python server.py {port}", **scenarios: Any) -> Product:
    return rows.product(
        repository={"url": str(folder), "test": "true", "timeout_seconds": 30, "network": False},
        deployment={"command": command, "port": 8091, "env": {"MOOD": mood}, "start_seconds": 20},
        user_testing={"scenarios": {"command": "python e2e.py", "junit": "e2e.xml", "timeout_seconds": 60} | scenarios})


@pytest.fixture
def means(ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Means:
    """A release of a small web service, tied to a story."""
    monkeypatch.setenv("CLOSED_LOOP_HOME", str(tmp_path / "home"))
    artifacts = Artifacts(str(tmp_path / "artifacts"))
    name, digest = artifacts.keep(archive({"server.py": SERVER, "e2e.py": SCENARIOS}), ".tar")
    rows.theme(ledger, "t", [NOW])
    rows.story(ledger, STORY, "t", title="coupon", acceptance=GHERKIN)
    rows.release(ledger, "1.1.0", artifact=name, digest=digest)
    rows.put(ledger, commits, {"product": "shop", "sha": "a", "author": None, "at": NOW, "subject": "fix", "kind": "fix",
                               "breaking": False, "release": "shop|1.1.0"})
    rows.put(ledger, commit_stories, {"product": "shop", "sha": "a", "story_id": STORY})
    return Means(artifacts)


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def verdicts(engine: Engine) -> dict[str, tuple[str, str]]:
    return {row["criterion"]: (row["verdict"], row["why"]) for row in rows.get(engine, test_results)}


def automatic(accepted: bool = True) -> dict[str, Any]:
    return {"accepted": accepted, "by": "automatic", "note": "", "fields": None}


def test_scenarios_that_pass_speak_for_the_criteria_and_accept(ledger: Engine, means: Means, tmp_path: Path) -> None:
    question = ask(ledger, product(tmp_path), RUN, means)
    assert question["trouble"] == "" and "*works* by scenarios: shop\\.Coupon is applied" in question["body"]
    assert verdicts(ledger) == {f"{STORY}/1": ("pass", "shop.Coupon is applied"), f"{STORY}/2": ("pass", "shop.Tea is priced"),
                                "-": ("pass", "3 tests passed")}
    assert record(ledger, product(tmp_path), RUN, automatic()) == {"accepted": True, "publish": ["shop|1.1.0"]}
    assert b"python e2e.py" in (means.artifacts or Artifacts("")).read("testing/shop/1.1.0/scenarios.log")
    assert not (tmp_path / "home" / "testing" / "shop").exists()


def test_a_release_that_is_deployed_in_containers_is_tested_in_one(ledger: Engine, means: Means, tmp_path: Path) -> None:
    """As the user that it will be, with its own settings and no file of ours; nothing of it stays on the engine."""
    server = SERVER.replace("'RELEASE_VERSION']}", "'RELEASE_VERSION']} {os.getuid()}").replace('"127.0.0.1"', "sys.argv[2]")
    name, digest = (means.artifacts or Artifacts("")).keep(
        archive({"server.py": server, "e2e.py": SCENARIOS.replace("day 1.1.0", "day 1.1.0 65534")}), ".tar")
    with writing(ledger) as connection:
        connection.execute(releases.update().values(artifact=name, digest=digest))
    with engine() as client:
        own = product(tmp_path, command="python server.py {port} {host}")
        assert own.deployment and own.repository
        contained = own.deployment.model_copy(update={"containers": Containers(image=IMAGE, memory_mb=64), "start_seconds": 60})
        shop = own.model_copy(update={"deployment": contained,
                                      "repository": own.repository.model_copy(update={"network": None})})
        assert ask(ledger, shop, RUN, means)["trouble"] == ""
        assert verdicts(ledger)["-"] == ("pass", "3 tests passed")
        ends = contained.model_copy(update={"command": "false {port}", "start_seconds": 10})
        gone = shop.model_copy(update={"deployment": ends})
        trouble = ask(ledger, gone, replace(RUN, run_id="run-2"), means)["trouble"]
        assert "the release did not come up: v1.1.0_" in trouble
        there = client.containers(all=True), client.images()
        assert not [item for found in there for item in found if "shop.testing" in str(item)]


def test_a_scenario_that_fails_names_its_criterion_and_rejects(ledger: Engine, means: Means, tmp_path: Path) -> None:
    bad = product(tmp_path, mood="rainy day")
    question = ask(ledger, bad, RUN, means)
    assert "1 tests failed: shop.Coupon is applied" in question["trouble"]
    assert "*FAILS* by scenarios" in question["body"] and verdicts(ledger)[f"{STORY}/2"][0] == "pass"
    result = record(ledger, bad, RUN, automatic())
    assert (result["accepted"], result["publish"]) == (False, []) and "1 tests failed" in result["failed"]
    assert rows.get(ledger, releases)[0]["status"] == "rejected"
    assert "1 tests failed" in rows.get(ledger, decisions)[0]["note"]


def test_a_person_may_accept_what_scenarios_reject(ledger: Engine, means: Means, tmp_path: Path) -> None:
    bad = product(tmp_path, mood="rainy day")
    ask(ledger, bad, RUN, means)
    said = {"accepted": True, "by": "ada", "note": "known", "fields": {"criteria": f"{STORY}/1: fails: rain\n{STORY}/2: works"}}
    assert record(ledger, bad, RUN, said) == {"accepted": True, "publish": ["shop|1.1.0"]}
    by_ada = {row["criterion"]: (row["verdict"], row["why"]) for row in rows.get(ledger, test_results, source="acceptance")}
    assert by_ada == {f"{STORY}/1": ("fail", "rain"), f"{STORY}/2": ("pass", "")}


@pytest.mark.parametrize(("fields", "trouble"), [
    ({"command": "python -c 'print(1/0)'"}, "the release ended as soon as it was started"),
    ({"command": f"{sys.executable} -c 'import time; time.sleep(60)'"}, "the release was not ready in time"),
])
def test_a_release_that_does_not_come_up_is_no_pass(ledger: Engine, means: Means, tmp_path: Path, fields: dict[str, str],
                                                    trouble: str) -> None:
    broken = product(tmp_path, **fields)
    assert broken.deployment
    broken = broken.model_copy(update={"deployment": broken.deployment.model_copy(update={"start_seconds": 2})})
    question = ask(ledger, broken, RUN, means)
    assert "came to no result" in question["trouble"] and "wrote no e2e.xml" in question["trouble"]
    log = (means.artifacts or Artifacts("")).read("testing/shop/1.1.0/scenarios.log").decode()
    assert trouble in log


def test_a_command_that_fails_or_takes_too_long_is_no_pass(ledger: Engine, means: Means, tmp_path: Path) -> None:
    failing = product(tmp_path, mood="sunny day")
    for number, (command, seconds, trouble) in enumerate((("python e2e.py; exit 3", 60, "exit code 3"),
                                                          ("python e2e.py; sleep 60", 3, "not done within 3 s"))):
        scenarios = failing.user_testing.scenarios
        assert scenarios
        testing = failing.user_testing.model_copy(update={"scenarios": scenarios.model_copy(
            update={"command": command, "timeout_seconds": seconds})})
        found = ask(ledger, failing.model_copy(update={"user_testing": testing}), replace(RUN, run_id=f"run-{number}"), means)
        assert trouble in found["trouble"]


def test_another_archive_is_refused(ledger: Engine, means: Means, tmp_path: Path) -> None:
    with writing(ledger) as connection:
        connection.execute(releases.update().values(digest="sha256:0"))
    with pytest.raises(InputError, match="not the one that was built"):
        ask(ledger, product(tmp_path), RUN, means)


def test_comments_are_shown_to_whoever_decides_later(ledger: Engine, means: Means) -> None:
    run = Run("comment_release", "form-1", Key("shop"), NOW)
    form = {"version": " 1.1.0 ", "found": f"{STORY}/1: fails: <b>no</b> discount\nnice tea"}
    assert comment(ledger, run, "grace", form) == comment(ledger, run, "grace", form) == {"publish": [], "recorded": 2}
    terms = {"by": "person", "assigned": ["ada"], "timeout_hours": 2, "on_timeout": "reject"}
    body = ask(ledger, rows.product(user_testing=terms), RUN)["body"]
    assert "    - *FAILS* by grace: \\<b\\>no\\</b\\> discount" in body and "- *said* by grace: nice tea" in body
    assert "Testers: ada" in body.replace("\\", "") and "then it is rejected" in body
    with pytest.raises(InputError, match="unknown release"):
        comment(ledger, replace(run, run_id="form-2"), "grace", form | {"version": "9.9.9"})
    with pytest.raises(InputError, match="nothing is said"):
        comment(ledger, replace(run, run_id="form-3"), "grace", {"version": "1.1.0", "found": f"{STORY}/1:  "})


def test_scenarios_need_what_starts_a_release() -> None:
    with pytest.raises(ValueError, match="needs repository and deployment"):
        rows.product(user_testing={"scenarios": {"command": "true"}})


