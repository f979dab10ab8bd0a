"""The forms in a real Airflow: what a signed-in person corrects counts at once and wakes the loop; nonsense is refused."""

from pathlib import Path

import pytest

from include.ledger.tables import labels, theme_events, theme_voices, themes, voices
from local.airflow import RefusedError
from tests.conftest import NOW
from tests.loop.stage import PATIENCE, staged
from tests.rows import theme

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(4 * PATIENCE)]


def test_a_person_corrects_voices_and_themes(tmp_path: Path) -> None:
    with staged(tmp_path / "stage") as stage:
        stage.reviews.unlink()
        (stage.products / "shop.yaml").write_text("name: shop\ntitle: Shop\nowner: team-shop\n")
        state = {"group": "trouble", "kinds": {"bug": 3}, "languages": {"en": 3}, "columns": [1], "weights": [1.0]}
        for name in ("t1", "t2"):
            theme(stage.ledger, name, [NOW] * 3, state=state)
        with pytest.raises(RefusedError, match="'rant' is not one of"):
            stage.loop.trigger("correct_voices", product="shop", voices=["t1-0"], kinds=["rant"])
        events = stage.turn("correct_voices", product="shop", voices=["t1-0", "t1-1"], kinds=["feature", "question"])
        assert {("voice/received", "shop"), ("voice/themes", "shop")} <= set(events)
        assert {(row["label"], row["who"]) for row in stage.rows(labels)} == {("feature|question", "admin")}
        assert [row["kinds"] for row in stage.rows(voices)[:3]] == [["feature", "question"]] * 2 + [None]
        assert stage.rows(themes, id="t1")[0]["kind"] == "feature"
        assert stage.states()["voc_aggregation"] <= {"success", "skipped"}
        assert ("voice/themes", "shop") in stage.turn("correct_themes", product="shop", action="merge", themes=["t1", "t2"])
        assert {row["theme_id"] for row in stage.rows(theme_voices)} == {"t2"}
        assert [row["detail"]["by"] for row in stage.rows(theme_events, kind="merged")] == ["admin"]
        stage.turn("correct_themes", product="shop", action="rename", themes=["t1"], name="Coupons")
        assert stage.states()["correct_themes"] == {"success", "failed"}  # t1 is merged: nothing to rename
