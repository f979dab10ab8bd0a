"""Questions to people, under a real scheduler: asked, answered, kept for their time, asked again; and told where they wait too
long."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, insert, select, text

from include.ledger.engine import reading, writing
from include.ledger.tables import attestations, checks, decisions, releases, signals
from local.airflow import wait_until
from tests.loop.stage import PATIENCE, SETTINGS, EmptyStage, with_products
from tests.server import Reply, Server

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(5 * PATIENCE)]
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
alerts:
  channels: [{connection: pager, allow_hosts: [127.0.0.1]}]
  phase_hours: {compliance_checks: 24}
"""
POLICY, SAFETY, MINIMUM = "pipa-privacy-policy", "pipa-safety", "pipa-minimum"  # attested for 180 days, 365 and 365


class Desk:
    """An Airflow with one product, whose releases are checked at times of the test's own."""

    def __init__(self, stage: EmptyStage, pager: Server) -> None:
        self.loop, self.airflow, self.ledger, self.pager = stage.loop, stage.airflow, stage.ledger, pager

    def check(self, version: str, at: datetime, fields: dict[str, str], late: bool = False) -> list[dict[str, Any]]:
        """Check a release in a run of the time `at`; every question is answered yes with `fields`, maybe `late`. Returns them."""
        with writing(self.ledger) as connection:
            connection.execute(insert(releases).values(
                key=f"shop|{version}", product="shop", version=version, commit="c" * 40, changelog="", tests={},
                status="candidate", at=at))
        self.airflow.api("POST", "/dags/compliance_checks/dagRuns", {
            "logical_date": None, "run_after": at.isoformat(), "partition_key": f"shop|{version}"})
        asked: list[dict[str, Any]] = []

        def answer(question: dict[str, Any]) -> None:
            if late and not asked:
                self.pass_deadlines()
                wait_until(lambda: self.late() == ["open"], PATIENCE / 3, "no signal came of the deadline")
                self.loop.trigger("alerting", "shop")  # nobody need wait for the clock
                wait_until(lambda: self.told() == ["opened"], PATIENCE / 3, "the deadline was not told")
            asked.append(question)
            self.loop.answer(question, note="seen", **fields)

        self.loop.rest(PATIENCE, answer=answer)
        assert not (failed := self.loop.failures()), "\n".join(failed)
        return asked

    def pass_deadlines(self) -> None:
        """Let the deadlines of the check be over (the product's own, and what is usual), as three days later."""
        airflows = create_engine(self.airflow.env()["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"], poolclass=NullPool)
        with airflows.begin() as database:
            assert database.execute(text(
                "UPDATE deadline SET deadline_time = '2026-01-01 00:00:00.000000' WHERE dagrun_id IN "
                "(SELECT id FROM dag_run WHERE dag_id = 'compliance_checks')")).rowcount == 2

    def late(self) -> list[str]:
        """What has become of the signals of late runs: one came, of the product's own deadline."""
        with reading(self.ledger) as connection:
            return list(connection.scalars(select(signals.c.status).where(signals.c.kind == "late")))

    def told(self) -> list[str]:
        """What the pager was told of them."""
        return [asked.body["state"] for asked in self.pager.asked if asked.body["kind"] == "late"]

    def outcomes(self, version: str) -> dict[str, str]:
        with reading(self.ledger) as connection:
            return {row.rule: row.outcome for row in connection.execute(select(checks).where(checks.c.key == f"shop|{version}"))}


@pytest.fixture
def pager() -> Iterator[Server]:
    with Server(lambda _: Reply({})).up() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, pager: Server) -> Iterator[Desk]:
    connection = {"AIRFLOW_CONN_PAGER": json.dumps({"conn_type": "http", "host": pager.url})}
    with with_products(tmp_path / "stage", SETTINGS | connection, shop=PRODUCT) as stage:
        yield Desk(stage, pager)


def test_an_attestation_is_asked_kept_for_its_time_and_asked_again(desk: Desk) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    first = now - timedelta(days=200)
    asked = desk.check("1.0.0", first, {"except": SAFETY}, late=True)[-1]
    assert POLICY in asked["body"].replace("\\", "") and SAFETY in asked["body"].replace("\\", "")
    assert [user["id"] for user in asked["assigned_users"]] == ["admin"]
    with reading(desk.ledger) as connection:
        kept = {row.rule: (row.by, row.note, row.at) for row in connection.execute(select(attestations))}
        [decision] = connection.execute(select(decisions)).mappings()
    assert kept[POLICY] == ("admin", "seen", first) and SAFETY not in kept
    assert (decision["gate"], decision["decision"], decision["by"]) == ("attestation", "attested", "admin")
    assert (desk.outcomes("1.0.0")[POLICY], desk.outcomes("1.0.0")[SAFETY]) == ("pass", "not_shown")
    again = desk.check("1.1.0", now, {})[-1]["body"].replace("\\", "")
    assert POLICY in again and SAFETY in again and MINIMUM not in again  # lapsed after 180 days, never attested, good for 365
    assert {desk.outcomes("1.1.0")[rule] for rule in (POLICY, SAFETY, MINIMUM)} == {"pass"}
    desk.loop.trigger("alerting", "shop")
    desk.loop.rest(PATIENCE)
    assert not (failed := desk.loop.failures()), "\n".join(failed)
    assert (desk.late(), desk.told()) == (["resolved"], ["opened", "resolved"])
    assert desk.airflow.api("GET", "/dags/compliance_checks/dagVersions")["total_entries"] == 1  # a deadline makes no new ones
