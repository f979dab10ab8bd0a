import csv
import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.connection import no_connections
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import quarantine as quarantine_table
from include.ledger.tables import voices
from include.voc_aggregation import quarantine
from include.voc_aggregation.run import aggregate
from tests.conftest import NOW
from tests.rows import get, product

SHOP = product(voices={"sources": [{"name": "a", "path": "a.csv", "format": "csv", "columns": {
    "id": "id", "written_at": "at", "author": "who", "rating": "stars"}}]})


def hear(engine: Engine, artifacts: Artifacts, number: int) -> Result:
    run = Run("voc_aggregation", f"run{number}", Key("shop"), NOW + timedelta(days=number))
    return aggregate(engine, SHOP, run, artifacts, b"secret", no_connections)


def test_a_corrected_row_is_heard_by_the_next_run(ledger: Engine, artifacts: Artifacts, home: Path,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    head = "id,text,at,who,stars\n"
    (home / "a.csv").write_text(head + "1,fine,2026-02-01,kim,5\n2,the lid broke,soon,kim,1\n3,late again,2026-02-01,kim,99\n")
    assert hear(ledger, artifacts, 1)["sources"]["a"]["quarantined"] == 2
    url = ledger.url.render_as_string(hide_password=False)
    quarantine.main(["list", "--product", "shop", "--ledger", url])
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["reason"] for row in listed} == {"the date can't be read", "rating outside 1 to 5"}
    by_place = {row["place"]: row["id"] for row in listed}
    quarantine.main(["show", by_place["line 3"], "--ledger", url])
    assert "the lid broke" in json.loads(capsys.readouterr().out)["row"]
    with (home / "corrected.csv").open("w", newline="") as file:
        csv.writer(file).writerows([
            ["quarantine", "id", "text", "written_at", "rating"],
            [by_place["line 3"], "2", "the lid broke, call 010-1234-5678", "2026-02-03", "1"],
            [by_place["line 4"], "3", "late again", "2026-02-01", "98"]])
    quarantine.main(["replay", str(home / "corrected.csv"), "--ledger", url])
    assert json.loads(capsys.readouterr().out) == {"waiting": 2}
    assert "010-1234" not in str(get(ledger, quarantine_table))
    (home / "a.csv").write_text(head + "1,fine,2026-02-01,kim,5\n2,the lid broke,2026-02-03,kim,1\n")
    counts = hear(ledger, artifacts, 2)["sources"]["a"]
    assert counts == {"read": 4, "stored": 1, "duplicates": 2, "quarantined": 1, "error": None}
    heard = {row["external_id"]: row for row in get(ledger, voices)}
    assert heard.keys() == {"1", "2"}
    assert heard["2"]["text"] == "the lid broke, call [phone]"
    assert heard["2"]["author"] == heard["1"]["author"]
    replayed = {row["id"]: row["replayed_at"] for row in get(ledger, quarantine_table)}
    assert replayed.pop(by_place["line 3"]) == replayed.pop(by_place["line 4"]) == NOW + timedelta(days=2)
    assert list(replayed.values()) == [None]
    assert hear(ledger, artifacts, 3)["publish"] == []


def test_what_is_not_there_can_not_be_replayed(ledger: Engine, home: Path) -> None:
    with pytest.raises(InputError, match="corrected row 1: nothing that could be replayed has the id 'q'"):
        quarantine.replay(ledger, [{"quarantine": "q", "text": "a"}])
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        list(quarantine.read(home / "none.csv"))
    (home / "a.jsonl").write_text('{"quarantine": 1}\n\n{')
    with pytest.raises(InputError, match=r"a\.jsonl: cannot be read"):
        list(quarantine.read(home / "a.jsonl"))
