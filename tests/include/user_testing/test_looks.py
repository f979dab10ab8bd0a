"""A night's look at the experiments: in the ledger, once, and what is decided stands."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from include.alerting.messages import due
from include.assignment import arm
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import experiment_looks, signals
from include.product import Product
from include.user_testing.__main__ import main
from include.user_testing.looks import look
from include.voc_aggregation.store import open_signals
from tests import rows
from tests.conftest import NOW
from tests.crash import ledger_after_kills

RUN = Run("user_testing", "night-1", Key("shop"), NOW + timedelta(days=2))
EXPERIMENT: dict[str, Any] = {
    "name": "shipping", "path": "shipping.csv", "start": NOW.isoformat(), "hours": 1,
    "metric": {"name": "ordered", "rate": 0.2, "least": 0.5},
    "guardrails": [{"name": "refunded", "better": "less", "rate": 0.05}]}


def product(**fields: Any) -> Product:
    return rows.product(user_testing={"experiments": [EXPERIMENT | fields]})


def write(path: Path, control: float, variant: float, people: int = 3000) -> None:
    """What the product would have written, with some rows that nobody can use."""
    draw, lines = np.random.default_rng(9), ["at,id,what", "yesterday,x,exposed", f"{NOW.isoformat()},,exposed"]
    for number in range(people):
        at, rate = NOW + timedelta(minutes=draw.uniform(0, 1200)), {"control": control, "variant": variant}
        lines.append(f"{at.isoformat()},p{number},exposed")
        if draw.uniform() < rate[arm("shipping", f"p{number}") or "control"]:
            lines.append(f"{(at + timedelta(minutes=5)).isoformat()},p{number},ordered")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOSED_LOOP_HOME", str(tmp_path))
    return tmp_path


def test_a_better_variant_is_found_and_the_decision_stands(ledger: Engine, home: Path) -> None:
    write(home / "shipping.csv", 0.2, 0.32)
    assert look(ledger, product(), RUN) == {"publish": [], "decisions": {"shipping": "variant"}, "failed": {},
                                            "unused": {"shipping": {"can't be read": 2}}}
    main, guard = rows.get(ledger, experiment_looks)
    assert (main["metric"], guard["metric"], guard["control_hits"]) == ("ordered", "refunded", 0)
    assert main["control_people"] + main["variant_people"] > 2900 and main["low"] > 0 and main["for_better"] >= main["threshold"]
    assert main["decision"] == "variant" and "the variant is better: ordered 2" in main["why"] and main["planned"] > 100
    write(home / "shipping.csv", 0.3, 0.1)
    assert look(ledger, product(), replace(RUN, run_id="night-2"))["decisions"] == {}
    assert len(rows.get(ledger, experiment_looks)) == 2


def test_a_decision_is_told_once_until_the_experiment_is_taken_out(ledger: Engine, home: Path) -> None:
    def look_in(night: int, shop: Product) -> Result:
        return look(ledger, shop, replace(RUN, run_id=f"night-{night}", at=RUN.at + timedelta(days=night)))

    write(home / "shipping.csv", 0.2, 0.2, people=50)
    assert look_in(1, product())["decisions"] == {"shipping": "running"} and rows.get(ledger, signals) == []
    write(home / "shipping.csv", 0.2, 0.32)
    for night in (2, 3):
        look_in(night, product())
        [row] = rows.get(ledger, signals)
        assert (row["kind"], row["status"], row["severity"]) == ("experiment", "open", "medium")
        assert row["first_at"] == row["last_at"] == RUN.at + timedelta(days=2) and row["detail"]["decision"] == "variant"
        assert row["title"].startswith("Experiment shipping of Tea shop is decided: the variant is better: ordered 2")
    alerts = rows.product(alerts={"channels": [{"connection": "ops"}]}).alerts
    assert alerts
    assert [item["state"] for item in due([row], [], alerts.channels[0], RUN.at)] == ["opened"]
    assert open_signals(ledger, "shop") == []  # people are told; it is no voice
    for night in (4, 5):
        look_in(night, rows.product())
        assert [item["status"] for item in rows.get(ledger, signals)] == ["resolved"]
    assert look_in(6, rows.product()) == {"publish": [], "rests": "the product has no experiments"}


def test_one_file_that_cannot_be_read_delays_only_its_experiment(ledger: Engine, home: Path) -> None:
    write(home / "shipping.csv", 0.2, 0.2, people=50)
    (home / "bad.csv").write_text("when,who\n")
    several = rows.product(user_testing={"experiments": [
        EXPERIMENT | {"name": "bad", "path": "bad.csv"}, EXPERIMENT | {"name": "gone", "path": "gone.csv"}, EXPERIMENT,
        EXPERIMENT | {"name": "later", "start": (NOW + timedelta(days=9)).isoformat()}]})
    result = look(ledger, several, RUN)
    assert result["decisions"] == {"shipping": "running"} and set(result["failed"]) == {"bad", "gone"}
    assert "column at, id, what is missing" in result["failed"]["bad"]


def test_the_command_assigns_and_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    (tmp_path / "shop.yaml").write_text(
        "name: shop\ntitle: S\nowner: o\nuser_testing: {experiments: [{name: shipping, path: a.csv, start: 2026-01-01T00:00:00Z, "
        "percent: 50, metric: {name: ordered, rate: 0.2}}]}\n")
    said = dict(line.split("\t") for line in main(["assign", "shop", "shipping", *(f"p{n}" for n in range(50))]).splitlines())
    assert said == {f"p{n}": arm("shipping", f"p{n}", 50) or "takes no part" for n in range(50)}
    assert "people of each version find that ordered is 10 % more than 20 %" in main(["plan", "shop"])
    with pytest.raises(InputError, match="no experiment 'other'"):
        main(["assign", "shop", "other", "p"])


def prepare(engine: Engine, folder: Path) -> None:
    write(folder / "shipping.csv", 0.2, 0.3, people=200)


def scenario(engine: Engine, folder: Path) -> list[Result]:
    return [look(engine, product(path=str(folder / "shipping.csv")), RUN)]


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario") > 5
