"""Every number is the same in a report (JSON, HTML, PDF), on the loop page, and in the ledger by SQL of its own."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text, update

from include.artifacts import Artifacts
from include.key import Key
from include.ledger.engine import reading, writing
from include.ledger.runs import Run
from include.ledger.tables import checks, outcomes
from include.loop_page.api import app
from include.outcome_review.run import review
from include.parts.reports import Audience
from include.stakeholder_reporting.language import Speech
from include.stakeholder_reporting.model import Numbers
from include.stakeholder_reporting.numbers import numbers
from include.stakeholder_reporting.rendering import rendered
from tests import rows
from tests.conftest import NOW
from tests.include.stakeholder_reporting.test_rendering import Texts, shown, squeezed
from tests.turned import turned

FILE = "name: shop\ntitle: Tea shop\nowner: team-shop\n"


class Told:
    """What each of the three says of one turned ledger."""

    def __init__(self, engine: Engine, client: TestClient) -> None:
        self.engine, self.client = engine, client

    def report(self, audience: Audience) -> Numbers:
        with reading(self.engine) as connection:
            return numbers(connection, rows.product(), audience, NOW - timedelta(days=28), NOW)

    def figures(self, audience: Audience) -> dict[str, Any]:
        return {figure.name: figure.value for section in self.report(audience).sections for figure in section.figures}

    def table(self, audience: Audience, name: str) -> list[Any]:
        return next(list(table.rows) for section in self.report(audience).sections for table in section.tables
                    if table.name == name)

    def page(self, path: str = "") -> Any:
        answer = self.client.get(f"/products/shop{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def metric(self, sort: str, name: str) -> Any:
        """As it stands last on the page."""
        return next(item["points"][-1]["value"] for item in self.page("/metrics")[sort] if item["name"] == name)

    def ledger(self, statement: str, **values: Any) -> Any:
        with reading(self.engine) as connection:
            return connection.scalar(text(statement), values)


@pytest.fixture
def told(ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """A turned ledger with praise, a rule that is checked no longer, and a review that ran last."""
    (tmp_path / "shop.yaml").write_text(FILE)
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    turned(ledger)
    rows.theme(ledger, "t-nice", [NOW - timedelta(days=2)], name="Lovely tea", kind="praise")
    rows.theme(ledger, "t-gone", [NOW - timedelta(days=60), NOW - timedelta(days=3)], name="Slow search", status="resolved")
    rows.put(ledger, checks, {
        "key": "shop|1.1.0", "rule": "a-rule-of-before", "run_id": "b", "outcome": "fail", "severity": "high", "serves": "a law",
        "detail": "d", "evidence": "e", "digest": "d", "at": NOW - timedelta(hours=8), "waiver": None})
    with writing(ledger) as connection:  # this effect was measured for good
        connection.execute(update(outcomes).values(closed_at=NOW, effect=0.25, low=0.1, high=0.6, verdict="relieved"))
    review(ledger, rows.product(), Run("outcome_review", "last", Key("shop"), NOW))
    api = app(lambda: ledger, lambda: Artifacts(str(tmp_path)), lambda _: lambda: None, lambda: None)
    with TestClient(api, base_url="http://loop/api/v1") as client:
        yield Told(ledger, client)


COMPLAINTS = "FROM voices v WHERE v.product = 'shop' AND v.origin = 'customer' AND v.kind <> 'praise' AND v.written_at > :since"


def test_the_figures_of_the_loop(told: Told) -> None:
    since = {"since": (NOW - timedelta(days=90)).strftime("%Y-%m-%d %H:%M:%S")}
    heard = told.ledger(f"SELECT count(*) {COMPLAINTS}", **since)
    answered = told.ledger(f"""SELECT count(DISTINCT v.id) {COMPLAINTS} AND EXISTS (
        SELECT 1 FROM theme_voices x JOIN story_themes y ON y.theme_id = x.theme_id JOIN stories s ON s.id = y.story_id
        WHERE x.voice_id = v.id AND s.status IN ('released', 'resolved'))""", **since)  # noqa: S608 - constants
    assert (heard, answered) == (11, 7)
    assert told.metric("loop", "heard") == heard
    assert told.metric("loop", "answered") == answered
    assert told.figures("leadership")["answered_share"] == told.metric("loop", "answered_share") == round(answered / heard, 4)
    for name in ("days_to_relief", "predicted", "realised", "told"):
        assert told.figures("leadership")[name] == told.metric("loop", name), name
    sent = "SELECT count(*) FROM notices WHERE product = 'shop' AND sent_at IS NOT NULL"
    assert told.metric("loop", "told") == told.ledger(sent)


def test_the_figures_of_delivery(told: Told) -> None:
    newest = "SELECT value FROM delivery_metrics WHERE product = 'shop' AND metric = :metric ORDER BY at DESC LIMIT 1"
    found = told.figures("leadership")
    assert found["lead_time"] == told.metric("delivery", "lead_time") == told.ledger(newest, metric="lead_time") == 3
    assert found["recovery_time"] is told.ledger(newest, metric="recovery_time") is None
    assert {item["name"] for item in told.page("/metrics")["delivery"]} == {"lead_time"}


def test_what_hurts_and_what_runs(told: Told) -> None:
    found, state, running = told.figures("team"), told.page(), told.page("/operation")
    live = "SELECT count(*) FROM themes WHERE product = 'shop' AND status IN ('open', 'planned', 'reopened') AND kind <> 'praise'"
    assert found["live_themes"] == state["themes"] == told.ledger(live) == 1
    open_ = "SELECT count(*) FROM signals WHERE product = 'shop' AND status = 'open'"
    assert found["open_signals"] == sum(item["status"] == "open" for item in running["signals"]) == told.ledger(open_) == 1
    left = "SELECT budget_left FROM slo_status WHERE product = 'shop' ORDER BY at DESC LIMIT 1"
    [slo] = running["slos"]
    assert found["budget_left"] == slo["points"][-1]["budget_left"] == told.ledger(left) == 0.4
    assert [(row["target"], row["sli"]) for row in told.table("team", "slos")] == [(slo["target"], slo["points"][-1]["sli"])]
    blocked = sum(wait["count"] for wait in state["waits"] if wait["what"] == "blocked")
    assert found["blocked"] == blocked == told.ledger("SELECT count(DISTINCT story_id) FROM story_blocks WHERE until IS NULL")


def test_each_theme(told: Told) -> None:
    on_page = {item["id"]: item for item in told.page("/themes")["items"]}
    in_report = told.table("team", "themes")
    assert {row["id"] for row in in_report} == {name for name, item in on_page.items() if item["kind"] != "praise"}
    for row in in_report:
        item = on_page[row["id"]]
        assert (row["voices"], row["per_week"], row["kind"], row["theme_status"]) == (
            item["size"], item["per_week"], item["kind"], item["status"])
        voices = "SELECT count(*) FROM theme_voices WHERE theme_id = :id"
        assert row["voices"] == told.ledger(voices, id=row["id"]) == len(told.page(f"/voices?theme={row['id']}")["items"])


def test_what_a_release_did(told: Told) -> None:
    [outcome] = told.table("leadership", "outcomes")
    trace = told.client.get("/trace/story/S-0000000001").json()
    [measured] = next(station["items"] for station in trace["line"] if station["kind"] == "outcome")
    assert outcome["verdict"] == measured["status"] == told.ledger("SELECT verdict FROM outcomes")
    assert f"shop|{outcome['version']}: {outcome['effect']:.0%}" in measured["text"]
    assert (outcome["before_voices"], outcome["after_voices"], outcome["effect"]) == tuple(
        told.ledger(f"SELECT {name} FROM outcomes") for name in ("before_voices", "after_voices", "effect"))  # noqa: S608
    [(version, on)] = [(row["title"], row["on"]) for row in told.table("customers", "releases")]
    [rollout] = told.page(f"/releases/{version}")["deployments"]
    assert on == rollout["finished_at"].replace("Z", "+00:00") and version == told.page()["running"]


def test_the_rules_of_what_runs(told: Told) -> None:
    found, checked = told.figures("compliance"), told.page("/releases/1.1.0")["checks"]
    passed = sum(check["outcome"] == "pass" for check in checked)
    counted = "SELECT count(*) FROM checks WHERE key = 'shop|1.1.0' AND run_id = 'c'"
    assert found["rules"] == len(checked) == told.ledger(counted) == 2
    assert found["passed"] == passed == told.ledger(f"{counted} AND outcome = 'pass'") == 1
    assert found["open"] == len(checked) - passed


@pytest.mark.parametrize("audience", ["leadership", "team", "compliance"])
def test_html_and_pdf_show_what_the_json_says(told: Told, audience: Audience) -> None:
    found = told.report(audience)
    assert Numbers.of(found.json()) == found
    files = rendered(found, "en", "UTC")
    on_page = squeezed("".join(Texts(files.html.decode()).texts))
    with pypdfium2.PdfDocument(files.pdf) as pdf:
        on_paper = squeezed("".join(sheet.get_textpage().get_text_range() for sheet in pdf))
    for said in map(squeezed, shown(found, Speech("en", "UTC"))):
        assert said in on_page and said in on_paper, said
