import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.connection import Connection, Connections, no_connections
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import contacts
from include.privacy.contacts import agreed, channel_of, decrypted, encrypted, reachable, withdraw
from include.product import Product
from include.redaction import author_hash
from include.voc_aggregation.run import aggregate
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.rows import get, product

KEY, SECRET = b"author secret", b"contact secret"
COLUMNS = {"id": "id", "written_at": "at", "author": "who", "contact": "mail", "consent": "ok"}
KIM = author_hash("Kim", KEY)


def connections(name: str) -> Connection:
    return {"contact_key": Connection("generic", password=SECRET.decode())}[name]


def shop(path: Path) -> Product:
    return product(voices={"sources": [{"name": "form", "format": "csv", "path": str(path), "columns": COLUMNS}]})


def write(path: Path, *rows: tuple[str, str, str, int]) -> None:
    """Rows of (who, mail, ok, day)."""
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerows([["id", "text", "at", "who", "mail", "ok"]] if fresh else [])
        out.writerows([f"{who}{day}", f"the shop is slow, day {day}", (NOW + timedelta(days=day - 9)).isoformat(), who, mail, ok]
                      for who, mail, ok, day in rows)


def hear(engine: Engine, shop: Product, folder: Path, number: int, known: Connections = connections) -> Result:
    run = Run("voc_aggregation", f"run{number}", Key("shop"), NOW + timedelta(days=number))
    return aggregate(engine, shop, run, Artifacts(str(folder / "artifacts")), KEY, known)


def test_a_handle_is_kept_with_consent_only_and_encrypted(ledger: Engine, tmp_path: Path) -> None:
    form = tmp_path / "form.csv"
    write(form, ("Kim", "kim@example.com", "yes", 1), ("Lee", "lee@example.com", "no", 1), ("Park", "park@example.com", "", 1),
          ("", "nobody@example.com", "yes", 1), ("Choi", "010-0123-4567", "동의", 1))
    assert hear(ledger, shop(form), tmp_path, 1)["voices"] == 5
    rows = get(ledger, contacts)
    assert {(row["author"], row["channel"], row["source"]) for row in rows} == {
        (KIM, "email", "form"), (author_hash("Choi", KEY), "phone", "form")}
    assert "example" not in str(rows)
    assert "0123" not in str(rows)
    assert reachable(ledger, "shop", [KIM, "stranger"], SECRET) == {KIM: {"email": "kim@example.com"}}
    with pytest.raises(InputError, match="contact_key"):
        reachable(ledger, "shop", [KIM], b"another")


def test_the_newest_word_counts(ledger: Engine, tmp_path: Path) -> None:
    form = tmp_path / "form.csv"
    write(form, ("Kim", "kim@example.com", "yes", 1))
    hear(ledger, shop(form), tmp_path, 1)
    write(form, ("Kim", "", "no", 3), ("Kim", "old@example.com", "yes", 2))
    hear(ledger, shop(form), tmp_path, 2)
    [row] = get(ledger, contacts)
    assert row["handle"] is None
    assert row["withdrawn_at"] == NOW + timedelta(days=3 - 9)
    write(form, ("Kim", "new@example.com", "yes", 4))
    hear(ledger, shop(form), tmp_path, 3)
    assert reachable(ledger, "shop", [KIM], SECRET) == {KIM: {"email": "new@example.com"}}


def test_a_withdrawal_deletes_the_handle(ledger: Engine, tmp_path: Path) -> None:
    form = tmp_path / "form.csv"
    write(form, ("Kim", "kim@example.com", "yes", 1))
    hear(ledger, shop(form), tmp_path, 1)
    assert withdraw(ledger, "shop", KIM, NOW) == 1
    assert withdraw(ledger, "shop", KIM, NOW + timedelta(days=1)) == 0
    [row] = get(ledger, contacts)
    assert (row["handle"], row["withdrawn_at"]) == (None, NOW)
    hear(ledger, shop(form), tmp_path, 2)
    assert reachable(ledger, "shop", [KIM], SECRET) == {}


@pytest.mark.parametrize("known", [no_connections, lambda _: Connection("generic")])
def test_without_a_key_nothing_is_kept(ledger: Engine, tmp_path: Path, known: Connections) -> None:
    write(tmp_path / "form.csv", ("Kim", "kim@example.com", "yes", 1))
    with pytest.raises(InputError, match="contact_key"):
        hear(ledger, shop(tmp_path / "form.csv"), tmp_path, 1, known)
    assert get(ledger, contacts) == []


def test_a_contact_column_needs_consent() -> None:
    columns: dict[str, Any] = {"contact": "mail", "author": "who"}
    with pytest.raises(ValidationError, match="consent"):
        product(voices={"sources": [{"name": "form", "format": "csv", "path": "x", "columns": columns}]})


def test_a_handle_is_bound_to_its_author() -> None:
    text = encrypted("kim@example.com", SECRET, "shop", KIM)
    assert text == encrypted("kim@example.com", SECRET, "shop", KIM)
    assert decrypted(text, SECRET, "shop", KIM) == "kim@example.com"
    for product_, author in (("shop", "lee"), ("other", KIM)):
        with pytest.raises(InputError, match="can't be read"):
            decrypted(text, SECRET, product_, author)


def test_words() -> None:
    assert [agreed(word) for word in ("Yes", "1", "동의", "false", "철회", "maybe", "", None)] == [
        True, True, True, False, False, None, None, None]
    assert [channel_of(handle) for handle in ("a@b.cc", "+82 10-1234-5678", "kim")] == ["email", "phone", "other"]


def prepare(_: Engine, folder: Path) -> None:
    write(folder / "form.csv", ("Kim", "kim@example.com", "yes", 1), ("Lee", "lee@example.com", "no", 1))


def scenario(engine: Engine, folder: Path) -> Result:
    return hear(engine, shop(folder / "form.csv"), folder, 1)


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=5) == 5
