"""A story that waits for another product's release, in a real Airflow: not scoped, until the deployment frees it."""

from pathlib import Path

import pytest

from include.ledger.tables import stories, story_blocks
from tests.loop.stage import PATIENCE, Stage, staged
from tests.rows import release, story

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(4 * PATIENCE)]


def deployed(stage: Stage, version: str) -> list[tuple[str, str]]:
    """The events that follow where the deployment of pay publishes a release."""
    release(stage.ledger, version, key=f"pay|{version}", product="pay", status="deployed")
    [asset] = stage.loop.airflow.api("GET", "/assets?name_pattern=release/deployed")["assets"]
    before = len(stage.loop.events())
    stage.loop.airflow.api("POST", "/assets/events", {"asset_id": asset["id"], "partition_key": f"pay|{version}"})
    stage.loop.rest(PATIENCE)
    return stage.loop.events()[before:]


def statuses(stage: Stage) -> dict[str, str]:
    return {row["id"]: row["status"] for row in stage.rows(stories)}


def test_a_complaint_waits_for_another_product(tmp_path: Path) -> None:
    with staged(tmp_path / "stage") as stage:
        for name in ("shop", "pay"):
            (stage.products / f"{name}.yaml").write_text(f"name: {name}\ntitle: {name.title()}\nowner: team-{name}\n")
        for name in ("S-refund", "S-search"):
            story(stage.ledger, name, want="it")
        events = stage.turn("block_story", product="shop", story="S-refund", waits_for="pay", needs=">=1.1", reason="refunds")
        assert {("backlog/stories", "shop"), ("backlog/dependencies", "shop"), ("backlog/scope", "shop")} == set(events)
        assert statuses(stage) == {"S-refund": "ready", "S-search": "scoped"}
        assert deployed(stage, "1.0.0") == [("release/deployed", "pay|1.0.0")]
        assert ("backlog/dependencies", "shop") in deployed(stage, "1.1.0")
        assert statuses(stage) == {"S-refund": "scoped", "S-search": "scoped"}
        [block] = stage.rows(story_blocks)
        assert (block["by"], block["ended"]) == ("admin", "pay 1.1.0 is deployed")
        assert "failed" not in set().union(*stage.states().values())
