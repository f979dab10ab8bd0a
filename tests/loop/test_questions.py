"""What no machine can show, under a real scheduler: a person is asked, the answer is kept for its time, and asked for again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from include.ledger.engine import connect, reading, upgrade, writing
from include.ledger.tables import attestations, checks, decisions, releases
from local.airflow import LocalAirflow
from local.loop import Loop
from tests.loop.stage import SETTINGS, free_ports

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(420)]
PRODUCT = """\
name: shop
title: Shop
owner: team-shop
compliance:
  packs: []
  regions: [KR]
  data_inventory:
    - {field: customer.email, purpose: orders, region: KR, retention_days: 365, legal_basis: contract}
  attestation: {by: person, assigned: [admin]}
"""
POLICY, SAFETY = "pipa-privacy-policy", "pipa-safety"  # attested for 180 days, and for 365


class Desk:
    """An Airflow with one product, whose releases are checked at times of the test's own."""

    def __init__(self, folder: Path) -> None:
        home, products = folder / "home", folder / "products"
        products.mkdir()
        (products / "shop.yaml").write_text(PRODUCT)
        self.url = f"sqlite:///{home / 'ledger.db'}"
        upgrade(self.url)
        self.airflow = LocalAirflow(home, free_ports(1), SETTINGS | {"CLOSED_LOOP_PRODUCTS": str(products)})
        self.loop = Loop(self.airflow)

    def check(self, version: str, at: datetime, fields: dict[str, str]) -> list[dict[str, Any]]:
        """Check a release in a run of the time `at`; every question is answered yes with `fields`. Returns the questions."""
        with writing(connect(self.url)) as connection:
            connection.execute(insert(releases).values(
                key=f"shop|{version}", product="shop", version=version, commit="c" * 40, changelog="", tests={},
                status="candidate", at=at))
        self.airflow.api("POST", "/dags/compliance_checks/dagRuns", {
            "logical_date": None, "run_after": at.isoformat(), "partition_key": f"shop|{version}"})
        asked: list[dict[str, Any]] = []

        def answer(question: dict[str, Any]) -> None:
            asked.append(question)
            self.loop.answer(question, note="seen", **fields)

        self.loop.rest(120, answer=answer)
        assert not (failed := self.loop.failures()), "\n".join(failed)
        return asked

    def outcomes(self, version: str) -> dict[str, str]:
        with reading(connect(self.url)) as connection:
            return {row.rule: row.outcome for row in connection.execute(select(checks).where(checks.c.key == f"shop|{version}"))}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    try:
        desk.airflow.start()
        desk.loop.unpause()
        yield desk
    finally:
        desk.airflow.stop()


def test_an_attestation_is_asked_kept_for_its_time_and_asked_again(desk: Desk) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    first, second = now - timedelta(days=200), now - timedelta(days=100)
    asked = desk.check("1.0.0", first, {"except": SAFETY})[-1]
    assert POLICY in asked["body"].replace("\\", "") and SAFETY in asked["body"].replace("\\", "")
    assert [user["id"] for user in asked["assigned_users"]] == ["admin"]
    with reading(connect(desk.url)) as connection:
        kept = {row.rule: (row.by, row.note, row.at) for row in connection.execute(select(attestations))}
        [decision] = connection.execute(select(decisions)).mappings()
    assert kept[POLICY] == ("admin", "seen", first) and SAFETY not in kept
    assert (decision["gate"], decision["decision"], decision["by"]) == ("attestation", "attested", "admin")
    assert (desk.outcomes("1.0.0")[POLICY], desk.outcomes("1.0.0")[SAFETY]) == ("pass", "not_shown")
    again = desk.check("1.1.0", second, {})[-1]["body"].replace("\\", "")  # what was not attested is asked for once more
    assert SAFETY in again and POLICY not in again
    assert {desk.outcomes("1.1.0")[rule] for rule in (POLICY, SAFETY)} == {"pass"}
    lapsed = desk.check("1.2.0", now, {})[-1]["body"].replace("\\", "")
    assert POLICY in lapsed and SAFETY not in lapsed  # 200 days are more than 180, and 100 fewer than 365
    assert {desk.outcomes("1.2.0")[rule] for rule in (POLICY, SAFETY)} == {"pass"}
