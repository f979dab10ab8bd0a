"""The intake endpoint in a real Airflow: what a customer sends wakes the loop, and is a voice within seconds."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from include.ledger.tables import inbox, intakes, voices
from tests.loop.stage import PATIENCE, Stage, staged

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(4 * PATIENCE)]


def post(stage: Stage, value: Any, token: str) -> int:
    request = urllib.request.Request(f"{stage.airflow.url}/voices/tea", json.dumps(value).encode(),
                                     {"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def wait_for_voices(stage: Stage, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(stage.rows(voices, product="tea")) < count:
        assert time.monotonic() < deadline, "no voice"
        time.sleep(0.2)


def test_what_is_sent_is_heard_within_seconds(tmp_path: Path) -> None:
    with staged(tmp_path / "stage") as stage:
        (stage.products / "tea.yaml").write_text("name: tea\ntitle: Tea\nowner: team-tea\n")
        assert post(stage, {"text": "x"}, "secret") == 404
        stage.airflow.api("POST", "/connections", {"connection_id": "intake_tea", "conn_type": "generic", "password": "secret"})
        assert post(stage, {"text": "x"}, "wrong") == 403
        sent = {"text": "쿠폰이 안 돼요, 010-1234-5678", "id": "w-1", "author": "kim@example.com", "rating": 2}
        assert post(stage, [sent, {"text": "The coupon fails"}], "secret") == 202
        wait_for_voices(stage, 2)
        assert {row["text"] for row in stage.rows(voices)} == {"쿠폰이 안 돼요, [phone]", "The coupon fails"}
        stage.loop.rest(PATIENCE)
        assert ("voice/received", "tea") in stage.loop.events()
        [intake] = stage.rows(intakes, source="intake")
        assert (intake["read"], intake["stored"], intake["error"]) == (2, 2, None)
        assert post(stage, sent, "secret") == 202
        stage.loop.rest(PATIENCE)
        assert (len(stage.rows(voices)), stage.rows(inbox)) == (2, [])
        assert stage.states()["voc_aggregation"] <= {"success", "skipped"}
