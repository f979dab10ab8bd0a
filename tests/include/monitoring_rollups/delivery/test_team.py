"""A team's delivery metrics are those of all its deployments, not averages of its products'."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from include.ledger.engine import reading
from include.monitoring_rollups.delivery import __main__ as command
from include.monitoring_rollups.delivery.dora import Window
from include.monitoring_rollups.delivery.ledger import of_team
from tests import rows
from tests.conftest import NOW

DAY = timedelta(days=1)


@pytest.fixture
def filled(ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The shop shipped three times in ten days, once badly; the cafe once, well; the bar belongs to others."""
    for product, versions in (("shop", ("1.0.0", "1.1.0", "1.2.0")), ("cafe", ("1.0.0",)), ("bar", ("1.0.0", "1.1.0"))):
        owner = "others" if product == "bar" else "team-tea"
        (tmp_path / f"{product}.yaml").write_text(f"name: {product}\ntitle: T\nowner: {owner}\n")
        for number, version in enumerate(versions):
            status = "rolled_back" if (product, version) == ("shop", "1.1.0") else "succeeded"
            rows.release(ledger, version, product=product, key=f"{product}|{version}")
            rows.deployment(ledger, version, NOW - (9 - number) * DAY, NOW - (9 - number) * DAY + DAY / 24, status=status,
                            product=product, id=f"{product}|{version}/run", environment="production")
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    return ledger


def test_rates_are_of_all_deployments(filled: Engine) -> None:
    team = [rows.product(name=name) for name in ("shop", "cafe")]
    with reading(filled) as connection:
        found = {metric.name: metric for metric in of_team(connection, team, NOW - 10 * DAY, NOW)}
        [alone, _] = ({metric.name: metric for metric in of_team(connection, [one], NOW - 10 * DAY, NOW)} for one in team)
    assert (found["deployment_frequency"].value, found["deployment_frequency"].n) == (3 / 10 * 7, 3)
    assert (found["change_fail_rate"].value, found["change_fail_rate"].n) == (1 / 4, 4)
    assert alone["change_fail_rate"].value == 1 / 3
    assert found["recovery_time"].value == alone["recovery_time"].value == 1
    assert found["change_fail_rate"].evidence == ("shop|1.1.0/run",)


def test_windows_of_different_times_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="different times"):
        Window(NOW, NOW) + Window(NOW - DAY, NOW)


def test_the_command(filled: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    url = filled.url.render_as_string(hide_password=False)
    command.main(["team-tea", "--days", "10", "--ledger", url], NOW)
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(item["metric"], item["n"]) for item in printed] == [
        ("deployment_frequency", 3), ("lead_time", 0), ("change_fail_rate", 4), ("recovery_time", 1), ("rework_rate", 3)]
    assert printed[2]["band"] == "low"
    assert printed[2]["products"] == ["cafe", "shop"]
    with pytest.raises(SystemExit, match="no product has the owner 'nobody'"):
        command.main(["nobody", "--ledger", url], NOW)
