"""The DAGs: they load, they keep the house's rules, and together they are the loop."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.airflow
ROOT = Path(__file__).resolve().parents[2]
STARTERS = {"nightly_cycle", "release", "support_clock", "correct_voices", "correct_themes", "block_story", "edit_story",
            "rollback", "preview", "acknowledge_signal", "alert_clock", "comment_release"}

# The cycle as the plan has it: dag -> (wakes on any of, or all of; publishes).
CYCLE: dict[str, tuple[set[str], set[str]]] = {
    "nightly_cycle": (set(), {"cycle/started"}),
    "release": (set(), {"release/requested"}),
    "support_clock": (set(), {"support/due"}),
    "correct_voices": (set(), {"voice/received", "voice/themes"}),
    "correct_themes": (set(), {"voice/themes"}),
    "block_story": (set(), {"backlog/stories"}),
    "edit_story": (set(), {"backlog/stories"}),
    "rollback": (set(), {"operations/signals"}),
    "preview": (set(), set()),
    "customer_support": ({"cycle/started", "voice/received", "support/due"}, {"support/signals"}),
    "voc_aggregation": ({"cycle/started", "voice/received", "operations/signals", "support/signals"}, {"voice/themes"}),
    "story_writing": ({"voice/themes", "cycle/started", "release/deployed"}, {"backlog/stories"}),
    "dependency_management": ({"backlog/stories", "release/deployed"}, {"backlog/dependencies"}),
    "scope_planning": ({"backlog/dependencies", "backlog/replan"}, {"backlog/scope", "backlog/replan"}),
    "solution_evaluation": ({"backlog/scope", "cycle/started"}, {"backlog/decisions", "operations/signals"}),
    "build_and_test": ({"backlog/scope", "cycle/started", "release/requested"}, {"release/candidate"}),
    "compliance_checks": ({"release/candidate", "cycle/started"}, {"release/compliant", "operations/signals"}),
    "user_testing": ({"release/candidate", "cycle/started"}, {"release/accepted"}),
    "deployment": ({"release/candidate", "release/compliant", "release/accepted"}, {"release/deployed", "operations/signals"}),
    "acknowledge_signal": (set(), {"alerts/due"}),
    "alert_clock": (set(), {"alerts/due"}),
    "alerting": ({"operations/signals", "support/signals", "alerts/due"}, set()),
    "comment_release": (set(), set()),
    "monitoring_rollups": ({"release/deployed", "cycle/started"}, {"operations/signals"}),
    "outcome_review": ({"voice/themes", "cycle/started"}, set()),
    "stakeholder_reporting": ({"release/deployed", "cycle/started"}, set()),
}


def wakes_on(dag: Any) -> set[str]:
    condition = getattr(dag.timetable, "asset_condition", None)
    return {asset.name for asset in getattr(condition, "objects", [condition])} if condition else set()


def publishes(dag: Any) -> set[str]:
    return {outlet.name for task in dag.tasks for outlet in task.outlets}


def test_every_dag_file_loads_without_a_warning(bag: "DagBag") -> None:
    assert (bag.import_errors, bag.captured_warnings) == ({}, {})


def test_the_dags_are_the_cycle(bag: "DagBag") -> None:
    assert {name: (wakes_on(dag), publishes(dag)) for name, dag in bag.dags.items()} == CYCLE


def test_every_phase_has_a_deadline_that_a_product_may_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from typing import get_args

    from include.cycle import WITH_PEOPLE, phase
    from include.parts.alerts import Phase

    assert set(get_args(Phase)) == set(CYCLE) - STARTERS
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    for name, hours in (("one", "{deployment: 24}"), ("two", "{deployment: 0.5, alerting: 1}"), ("three", "{deployment: 24}")):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\ntitle: T\nowner: o\nalerts: {{phase_hours: {hours}}}\n")
    assert [each.name for each in phase("deployment", WITH_PEOPLE)["deadline"]] == ["0.5 hours", "24 hours", "72 hours"]
    assert [each.name for each in phase("user_testing", WITH_PEOPLE)["deadline"]] == ["72 hours"]
    assert [each.name for each in phase("alerting")["deadline"]] == ["1 hours", "3 hours"]


def test_a_deployment_waits_for_all_three_gates(bag: "DagBag") -> None:
    from airflow.sdk import AssetAll

    assert isinstance(bag.dags["deployment"].timetable.asset_condition, AssetAll)


def test_the_loop_is_closed() -> None:
    """From the nightly start every phase is reached, and what operation signals comes back as a voice."""
    wakes = {asset: {dag for dag, (heard, _) in CYCLE.items() if asset in heard} for _, out in CYCLE.values() for asset in out}
    reached, new = set[str](), {"nightly_cycle"}
    while new:
        reached |= new
        new = {dag for name in new for asset in CYCLE[name][1] for dag in wakes[asset]} - reached
    assert reached == set(CYCLE) - STARTERS | {"nightly_cycle"}
    assert "voc_aggregation" in wakes["operations/signals"]


def test_the_loop_page_shows_the_cycle() -> None:
    from include.loop_page.ring import BESIDE, PHASES

    assert set(PHASES) == set(CYCLE) - STARTERS
    for phase, (_, wakes) in PHASES.items():
        assert set(wakes) == {dag for dag, (heard, _) in CYCLE.items() if heard & CYCLE[phase][1]}, phase
    assert not any(CYCLE[phase][1] for phase in BESIDE)  # they end their turn


def test_the_forms_of_corrections_offer_what_there_is(bag: "DagBag") -> None:
    from include.voc_aggregation.classifier import FIELDS
    from include.voc_aggregation.forms import ACTIONS

    voices, themes = (bag.dags[name].params for name in ("correct_voices", "correct_themes"))
    offered = [voices.get_param(field).schema["enum"][1:] for field in ("severity", "sentiment")]
    assert [voices.get_param("kinds").schema["items"]["enum"], *offered] == [[*words] for words in FIELDS.values()]
    assert themes.get_param("action").schema["enum"] == [*ACTIONS]


@pytest.mark.parametrize("name", CYCLE)
def test_a_dag_keeps_the_rules_of_the_house(bag: "DagBag", name: str) -> None:
    dag = bag.dags[name]
    assert Path(dag.fileloc) == ROOT / "dags" / f"{name}.py"
    assert name in STARTERS or (ROOT / "include" / name / "__init__.py").exists()
    assert dag.doc_md.startswith("###")
    assert (dag.tags, dag.catchup) == ({"closed-loop"}, False)
    for task in dag.tasks:
        assert (task.owner, task.retries) == ("closed-loop", 2)
        assert task.retry_policy is not None


@pytest.mark.parametrize("name", CYCLE)
def test_a_dag_file_reads_the_same_every_time(name: str) -> None:
    """What differs between two readings would make a new DAG version each time."""
    from airflow.utils.dag_version_inflation_checker import check_dag_file_stability

    result = check_dag_file_stability(str(ROOT / "dags" / f"{name}.py"))
    assert not result.warnings, result.format_warnings()


def test_wrong_input_is_not_retried() -> None:
    from airflow.sdk import RetryAction

    from include.cycle import RETRIES
    from include.errors import InputError

    assert RETRIES.evaluate(InputError("wrong"), 1, 2).action == RetryAction.FAIL
    assert RETRIES.evaluate(OSError("busy"), 1, 2).action != RetryAction.FAIL


READ = """
import sys
import airflow.sdk, airflow.providers.standard.operators.hitl
before = set(sys.modules)
import importlib.util
from pathlib import Path
for path in sorted(Path("dags").glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def test_reading_the_dag_files_imports_nothing_heavy() -> None:
    loaded = subprocess.run([sys.executable, "-c", READ], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert "include" in loaded
    assert not {"pandas", "numpy", "scipy", "sklearn", "great_expectations", "pyarrow", "alembic"} & set(loaded)


def test_a_broken_product_file_is_an_import_error_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    (tmp_path / "good.yaml").write_text("name: good\ntitle: G\nowner: o\n")
    (tmp_path / "bad.yaml").write_text("name: bad\ntitel: B\nowner: o\n")
    bag = DagBag(str(ROOT / "dags"))
    assert set(bag.dags) == set(CYCLE)
    [(path, message)] = bag.import_errors.items()
    assert path.endswith("product_files.py")
    assert "bad.yaml:2:1: titel: Extra inputs are not permitted" in message
    assert bag.dags["release"].params.get_param("product").schema["enum"] == ["good"]
