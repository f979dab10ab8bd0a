"""The numbers of each audience, beside what the ledger holds."""

import pytest
from sqlalchemy import Engine, func, select

from include.ledger.engine import reading
from include.ledger.tables import slo_status, themes, voices
from include.loop_metrics import loop_metrics
from include.parts.reports import Audience
from include.stakeholder_reporting.model import Cell, Numbers, Table
from include.stakeholder_reporting.numbers import numbers
from tests.conftest import NOW
from tests.include.stakeholder_reporting.world import DAY, shop, stage


def report(engine: Engine, audience: Audience, days: int = 28) -> Numbers:
    with reading(engine) as connection:
        return numbers(connection, shop(), audience, NOW - days * DAY, NOW)


def figures(found: Numbers) -> dict[str, float | int | None]:
    return {figure.name: figure.value for section in found.sections for figure in section.figures}


def table(found: Numbers, name: str) -> Table:
    return next(table for section in found.sections for table in section.tables if table.name == name)


def column(found: Numbers, name: str, of: str) -> list[Cell]:
    return [row[of] for row in table(found, name).rows]


def answers(found: Numbers) -> list[str]:
    return [section.answer.name for section in found.sections]


def test_leadership_hears_whether_the_loop_gets_faster_and_helps(ledger: Engine) -> None:
    stage(ledger)
    found = report(ledger, "leadership")
    with reading(ledger) as connection:
        loop = loop_metrics(connection, "shop", NOW)
    told = figures(found)
    assert {name: told[name] for name in ("days_to_relief", "answered_share", "predicted", "realised", "told")} == {
        "days_to_relief": loop.days_to_relief, "answered_share": loop.answered_share, "predicted": loop.predicted,
        "realised": loop.realised, "told": 1}
    assert loop.oldest and told["oldest_days"] == loop.oldest["days"]
    assert (told["lead_time"], told["change_fail_rate"], told["recovery_time"]) == (24.5, 0.125, 1.5)
    assert (told["relieved"], told["worse"], told["too_early"]) == (1, 0, 0)
    assert answers(found) == ["lead_time_faster", "helps"]
    assert column(found, "outcomes", "effect") == [0.14]
    chart = found.sections[0].chart
    assert chart and sum(int(row["count"] or 0) for row in chart.rows) == 52  # all but praise, in twelve weeks
    assert [row["releases"] for row in chart.rows if row["releases"]] == ["1.0.0", "1.1.0"]


def test_sales_hears_what_shipped_and_what_may_be_promised(ledger: Engine) -> None:
    stage(ledger)
    found = report(ledger, "sales")
    assert [(row["title"], row["customers"], row["version"]) for row in table(found, "shipped").rows] == [
        ("Coupons count at checkout", 30, "1.1.0")]  # the closed leak is nobody's wish
    assert column(found, "promise", "id") == ["S-wrap"]  # S-late is approved too, but blocked
    assert column(found, "promise", "planned_for") == [(NOW + 13 * DAY).isoformat()]
    assert [(row["id"], row["story_status"], row["waits_for"]) for row in table(found, "not_yet").rows] == [
        ("S-late", "blocked", "parcels >=1.1"), ("S-bad", "ready", None)]
    assert "010-1234-5678" not in str(found)
    assert answers(report(ledger, "sales", days=5))[0] == "shipped_none"


def test_the_team_hears_what_hurts_most(ledger: Engine) -> None:
    stage(ledger)
    found = report(ledger, "team", days=7)
    assert column(found, "themes", "id") == ["bad", "wrap"]
    with reading(ledger) as connection:
        heard = connection.scalar(select(func.count()).select_from(voices).where(voices.c.written_at > NOW - 7 * DAY))
        live = connection.scalar(select(func.count()).select_from(themes).where(themes.c.status != "resolved"))
        budget = connection.scalar(select(slo_status.c.budget_left))
    told = figures(found)
    assert (told["complaints"], told["live_themes"], told["budget_left"]) == (heard, live, budget)
    assert (told["open_signals"], told["emerging"], told["blocked"]) == (1, 1, 1)
    assert answers(found) == ["hurts", "runs_badly", "next"]


def test_compliance_hears_what_is_open_waived_and_lapsing(ledger: Engine) -> None:
    stage(ledger)
    found = report(ledger, "compliance")
    assert column(found, "open", "id") == ["sast"]
    assert [(row["id"], row["until_day"]) for row in table(found, "waived").rows] == [("licence", "2026-03-20")]
    assert [(row["id"], row["lapse"]) for row in table(found, "lapsing").rows] == [("old", "lapsed"), ("licence", "soon")]
    assert column(found, "decided", "by") == ["ada"]
    assert column(found, "attested", "id") == ["training"]
    told = figures(found)
    assert (told["rules"], told["passed"], told["open"], told["waived"], told["lapsed"]) == (3, 1, 1, 1, 1)


def test_customers_read_no_flaw_that_others_could_use(ledger: Engine) -> None:
    stage(ledger)
    found = report(ledger, "customers")
    assert column(found, "news", "title") == ["Coupons count at checkout"]
    assert figures(found) == {"releases": 1, "improvements": 1, "fixes": 1, "security": 1}
    assert "leak" not in str(found)


@pytest.mark.parametrize("audience", ["leadership", "sales", "team", "compliance", "customers"])
def test_an_empty_ledger_is_told_as_such(ledger: Engine, audience: Audience) -> None:
    found = report(ledger, audience)
    assert all(not table.rows for section in found.sections for table in section.tables
               if table.name not in ("lapsing",))
    assert Numbers.of(found.json()) == found
