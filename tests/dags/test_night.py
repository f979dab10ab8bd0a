"""When the night is: the cron and the zone that the environment names, and never the night before an Airflow was there."""

import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.airflow
FILE = Path(__file__).resolve().parents[2] / "dags" / "nightly_cycle.py"


def first_run(cron: str, zone: str, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """When the scheduler of a new Airflow would start the DAG for the first time."""
    from airflow.serialization.decoders import decode_timetable
    from airflow.serialization.encoders import encode_timetable
    from airflow.timetables.base import TimeRestriction

    monkeypatch.setenv("CLOSED_LOOP_NIGHT", cron)
    monkeypatch.setenv("CLOSED_LOOP_NIGHT_ZONE", zone)
    timetable: Any = decode_timetable(encode_timetable(runpy.run_path(str(FILE))["NIGHTLY"]))
    found = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=TimeRestriction(None, None, catchup=False))
    when: datetime = found.run_after
    return when


def test_it_starts_where_the_team_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    when = first_run("30 1 * * *", "Asia/Seoul", monkeypatch).astimezone(UTC)
    assert (when.hour, when.minute) == (16, 30)


def test_a_night_that_has_just_gone_by_is_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    ago = now - timedelta(minutes=2)
    assert now < first_run(f"{ago.minute} {ago.hour} * * *", "UTC", monkeypatch) <= now + timedelta(days=1)
