"""What the desk learnt has versions: promoted only where it is better on what was held out, and taken back by a person."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.customer_support.learned import learn, loads
from include.ledger.tables import models, tickets
from include.voc_aggregation import models as voices_models
from include.voc_aggregation.labels import main, roll_back
from tests.conftest import NOW
from tests.include.customer_support.test_learned import tickets as made
from tests.include.customer_support.test_run import desk, hours, ticket, work, write
from tests.rows import get

WORDS = {"tea": "sencha", "post": "courier", "money": "invoice"}


def taught(count: int, first: int = 0, **names: str) -> list[dict[str, Any]]:
    """Tickets that people placed; `names` are the categories that they gave for those of WORDS."""
    return [ticket(first + number, f"about my {word} {first + number}", 200, category=names.get(name, name), status="solved",
                   resolved=hours(100)) for number, (name, word) in enumerate(list(WORDS.items()) * count)]


def versions(engine: Engine) -> list[tuple[int, str]]:
    return [(row["version"], row["status"]) for row in get(engine, models)]


def test_a_model_is_kept_with_its_scores_and_learns_again_only_of_news(ledger: Engine, home: Path) -> None:
    asked = ticket(900, "the invoice, please")
    write(home / "tickets.csv", [*taught(30), asked])
    first = work(ledger, desk())
    assert first["model"]["version"] == 1
    [row] = get(ledger, models)
    assert (row["field"], row["status"], row["decided_by"]) == ("category", "promoted", "comparison")
    assert row["trained_on"] + row["held_out"] == 90
    assert row["held_out"] >= 5
    assert row["scores"]["macro_f1"] > row["scores"]["before"]["macro_f1"]
    assert row["scores"]["before"]["version"] is None
    write(home / "tickets.csv", [*taught(30), asked, ticket(901, "a courier"), *taught(8, 1000)])
    second = work(ledger, desk(), 2, later=1)
    assert (second["model"]["version"], second["triage"]) == (1, {"given": 24, "model": 1})
    assert versions(ledger) == [(1, "promoted")]
    write(home / "tickets.csv", [*taught(30), ticket(902, "sencha?"), *taught(9, 1000)])
    assert work(ledger, desk(), 3, later=2)["model"]["version"] == 1
    assert versions(ledger) == [(1, "promoted"), (2, "rejected")]  # as good is not better


def test_a_better_one_is_promoted_and_taken_back(ledger: Engine, home: Path) -> None:
    write(home / "tickets.csv", [*taught(30, money="tea"), ticket(900, "invoice")])
    work(ledger, desk())
    write(home / "tickets.csv", [*taught(30), ticket(901, "invoice")])  # people found that these are a category of their own
    result = work(ledger, desk(), 2, later=1)
    assert (result["model"]["version"], versions(ledger)) == (2, [(1, "superseded"), (2, "promoted")])
    placed = {row["external_id"]: row["category"] for row in get(ledger, tickets, triage="model")}
    assert placed == {"T900": "tea", "T901": "money"}
    assert roll_back(ledger, "shop", "lee", NOW, "category") == (2, 1)
    write(home / "tickets.csv", [*taught(30), ticket(902, "invoice")])
    assert work(ledger, desk(), 3, later=2)["model"]["version"] == 1
    [last] = get(ledger, tickets, external_id="T902")
    assert (last["category"], last["triage"]) == ("tea", "model")
    assert roll_back(ledger, "shop", "lee", NOW, "category") == (1, None)
    write(home / "tickets.csv", [*taught(30), ticket(903, "invoice")])
    assert work(ledger, desk(), 4, later=3)["model"] is None
    assert [row["triage"] for row in get(ledger, tickets, external_id="T903")] == ["rule"]


def test_voices_and_tickets_have_models_of_their_own(ledger: Engine, home: Path, artifacts: Artifacts,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    write(home / "tickets.csv", [*taught(30), ticket(900, "invoice")])
    work(ledger, desk())
    assert voices_models.running(ledger, "shop", artifacts).versions == {}
    database = ledger.url.render_as_string(hide_password=False)
    main(["models", "--product", "shop", "--ledger", database])
    main(["rollback", "--product", "shop", "--field", "category", "--who", "lee", "--ledger", database])
    said = capsys.readouterr().out
    assert "category 1 promoted trained on" in said
    assert "shop: category model 1 rolled back; the rules run" in said


def test_a_model_is_bytes_that_run_nothing_and_tell_no_word() -> None:
    triager = learn(*made(200))
    assert triager is not None
    content = triager.dumps()
    assert loads(content).categories(["my matcha", "결제 문의"]) == triager.categories(["my matcha", "결제 문의"])
    assert content == triager.dumps()
    vocabulary = loads(content).vocabulary
    assert all(values.dtype in (np.int32, np.float32) for values in (*vocabulary.columns, *vocabulary.idf))
    for wrong in (b"", b"PK", content[:100]):
        with pytest.raises(ValueError, match="no model"):
            loads(wrong)
