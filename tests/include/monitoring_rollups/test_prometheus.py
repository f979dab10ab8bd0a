"""Objectives as Prometheus rules: the rules that Sloth makes of the same files."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from include.errors import InputError
from include.monitoring_rollups.prometheus import objectives, rules
from tests.conftest import SHARED

SLOTH = SHARED / "cases" / "sloth"
CASES = sorted(path.name for path in SLOTH.glob("*.yml"))


def without_tool(document: Any) -> Any:
    """Without the labels that name the tool which made a rule, and its version."""
    for group in document["groups"]:
        for rule in group["rules"]:
            for label in ("cmd", "sloth_version"):
                rule["labels"].pop(label, None)
    return document


@pytest.mark.shared
@pytest.mark.parametrize("name", CASES)
def test_the_rules_of_sloth(name: str) -> None:
    found = yaml.safe_load(yaml.safe_dump(rules(objectives(SLOTH / name))))
    assert found == without_tool(yaml.safe_load((SLOTH / "_gen" / name).read_text()))


@pytest.mark.shared
def test_there_are_cases() -> None:
    assert len(CASES) >= 3


SPEC = """
version: prometheus/v1
service: s
slos:
  - name: n
    objective: 99
    sli: {raw: {error_ratio_query: "bad[{{.window}}]"}}
    alerting: {name: Slow, labels: {team: a}, page_alert: {disable: true}}
"""


def test_a_ratio_of_its_own_and_one_alert_only(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text(SPEC + "---\n" + SPEC.replace("name: n", "name: m"))
    first, _, alerts, *others = rules(objectives(tmp_path / "x.yml"))["groups"]
    assert [rule["expr"] for rule in first["rules"]][:2] == ["(bad[5m])", "(bad[30m])"]
    [alert] = alerts["rules"]
    assert alert["labels"] == {"sloth_severity": "ticket", "team": "a"}
    assert "> (3 * 0.01)" in alert["expr"]
    assert alert["annotations"]["summary"].endswith("SLO error budget burn rate is over expected.")
    assert [group["name"] for group in others][-1] == "sloth-slo-alerts-s-m"


def test_a_window_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text("""
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: n}
spec:
  service: s
  objectives: [{ratioMetrics: {good: {query: good}, total: {query: all}}, target: 0.99}]
  timeWindows: [{count: 28, unit: Day}]
""")
    indicators, meta = rules(objectives(tmp_path / "x.yml"))["groups"]
    assert indicators["rules"][-1]["record"] == "slo:sli_error:ratio_rate28d"
    assert meta["rules"][2]["expr"] == "vector(28)"


@pytest.mark.parametrize(("content", "message"), [
    ("a: [", "can't be read"), ("just text", "version must be"), ("version: prometheus/v1\nservice: s\nslos: []", "x.yml: slos"),
    (SPEC.replace("raw", "plugin"), "slos.0.sli.plugin: Extra inputs are not permitted"),
    (SPEC.replace('{raw: {error_ratio_query: "bad[{{.window}}]"}}', "{}"), "n: sli must be either events or raw"),
])
def test_what_is_wrong_is_said(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "x.yml").write_text(content)
    with pytest.raises(InputError) as error:
        objectives(tmp_path / "x.yml")
    assert message in str(error.value)
