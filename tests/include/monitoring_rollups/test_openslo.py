"""Objectives in OpenSLO form: every one loads; what can't be measured is said."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.errors import InputError
from include.monitoring_rollups.openslo import load, measured
from include.product import product_named, slo_file
from tests.conftest import SHARED

SHOP = Path(__file__).resolve().parents[3] / "include" / "products" / "shop.slo.yml"


@pytest.mark.shared
def test_the_examples_of_the_specification_load() -> None:
    paths = sorted((SHARED / "cases" / "openslo").rglob("*.yaml"))
    assert len(paths) >= 4
    loaded = {path.stem: load(path) for path in paths}
    assert loaded["occurences-slo"].spec.objectives[0].target == 0.99
    for path in paths:
        with pytest.raises(InputError, match=path.name):
            measured(load(path), path)


def test_the_shop_s() -> None:
    path = slo_file(product_named("shop"))
    assert path == SHOP
    assert measured(load(SHOP), SHOP).model_dump() == {
        "name": "shop-availability", "target": 0.99, "window": timedelta(days=28), "route": None, "slower": None,
        "slice_minutes": None, "slice_target": None}


def changed(tmp_path: Path, where: str, value: Any) -> Path:
    """The shop's objective with one field changed (`a.0.b`), or taken out (None)."""
    content = yaml.safe_load(SHOP.read_text())
    *parents, last = [int(step) if step.isdigit() else step for step in where.split(".")]
    part = content
    for step in parents:
        part = part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    path = tmp_path / "x.slo.yml"
    path.write_text(yaml.safe_dump(content))
    return path


RATIO = "spec.indicator.spec.ratioMetric"
SOURCE = {"metricSource": {"type": "ClosedLoop", "spec": {"query": "errors"}}}


@pytest.mark.parametrize(("where", "value", "message"), [
    ("spec.objectives.0.target", 1.5, "x.slo.yml: spec.objectives.0.target: Input should be less than 1"),
    ("spec.objectves", [], "x.slo.yml: spec.objectves: Extra inputs are not permitted"),
    ("kind", "Service", "x.slo.yml: kind: Input should be 'SLO'"),
    ("spec.timeWindow.0.duration", "4 weeks", "spec.timeWindow.0.duration: String should match pattern"),
    ("spec.timeWindow.0.duration", "1M", "timeWindow must be rolling, in m, h, d or w"),
    ("spec.timeWindow.0.isRolling", False, "timeWindow must be rolling"),
    ("spec.budgetingMethod", "Timeslices", "Timeslices needs a timeSliceWindow in m, h, d or w; Timeslices needs a"),
    ("spec.objectives", [{"target": 0.9}, {"target": 0.99}], "objectives must be one with a target"),
    (f"{RATIO}.good", None, "metricSource of type ClosedLoop with spec.query 'errors'"),
    (f"{RATIO}.good.metricSource.type", "Prometheus", "metricSource of type ClosedLoop"),
    (f"{RATIO}.good.metricSource.spec.query", "up", "spec.query 'requests - errors'"),
    (f"{RATIO}.good.metricSource.spec.where", "up", "metricSource.spec: unknown where"),
    (f"{RATIO}.good.metricSource.spec.route", "/teas", "both queries must be of the same route"),
])
def test_what_is_wrong_is_said(tmp_path: Path, where: str, value: Any, message: str) -> None:
    path = changed(tmp_path, where, value)
    with pytest.raises(InputError) as error:
        measured(load(path), path)
    assert message in str(error.value)


def test_bad_instead_of_good_and_percent_instead_of_a_share(tmp_path: Path) -> None:
    ratio = {"counter": True, "bad": SOURCE, "total": {"metricSource": {"type": "ClosedLoop", "spec": {"query": "requests"}}}}
    path = changed(tmp_path, RATIO, ratio)
    assert measured(load(path), path).target == 0.99
    path = changed(tmp_path, "spec.objectives", [{"targetPercent": 99.5}])
    assert measured(load(path), path).target == pytest.approx(0.995)


def test_requests_that_are_fast_enough_and_slices_of_time(tmp_path: Path) -> None:
    metric = {"metricSource": {"type": "ClosedLoop", "spec": {"query": "duration", "route": "/teas"}}}
    path = changed(tmp_path, "spec.indicator.spec", {"thresholdMetric": metric})
    content = yaml.safe_load(path.read_text())
    with pytest.raises(InputError, match="needs op lt or lte and a value"):
        measured(load(path), path)
    content["spec"]["objectives"] = [{"op": "lte", "value": 300, "target": 0.9, "timeSliceWindow": "1h", "timeSliceTarget": 0.95}]
    for method, expected in {"Occurrences": (None, None), "Timeslices": (60, 0.95), "RatioTimeslices": (60, None)}.items():
        content["spec"]["budgetingMethod"] = method
        path.write_text(yaml.safe_dump(content))
        found = measured(load(path), path)
        assert (found.route, found.slower, found.slice_minutes, found.slice_target) == ("/teas", 300, *expected)


@pytest.mark.parametrize("content", ["a: [", "\x00", "just text", ""])
def test_what_is_no_slo(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.yml").write_text(content)
    with pytest.raises(InputError, match=r"x\.yml"):
        load(tmp_path / "x.yml")
    with pytest.raises(InputError, match=r"gone\.yml"):
        load(tmp_path / "gone.yml")
