"""The read API: what it answers, to whom, and what it refuses."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, update

from include.artifacts import Artifacts
from include.ledger.engine import writing
from include.ledger.tables import deployments, phase_runs, voices
from include.loop_page.api import app
from include.loop_page.trace import KINDS
from tests.conftest import NOW
from tests.rows import theme
from tests.turned import HOSTILE, run, turned

# The promise of v1: no path may go.
PATHS = {"/products", "/products/{product}", "/products/{product}/themes", "/products/{product}/themes/{id}",
         "/products/{product}/voices", "/products/{product}/voices/{id}", "/products/{product}/releases",
         "/products/{product}/releases/{version}", "/products/{product}/operation", "/products/{product}/metrics",
         "/trace/{kind}/{id}", "/products/{product}/releases/{version}/parts"}
FILES = {"/products/{product}/releases/{version}/files/{what}", "/products/{product}/releases/{version}/evidence/{rule}",
         "/products/{product}/incidents/{id}/postmortem"}


def get(api: TestClient, path: str, **query: Any) -> Any:
    answer = api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_describes_itself(api: TestClient) -> None:
    described = get(api, "/openapi.json")
    assert {path.removeprefix("/api/v1") for path in described["paths"]} == PATHS | FILES
    for path, methods in described["paths"].items():
        assert set(methods) == {"get"}, path
        assert {"401", "403", "404"} <= set(methods["get"]["responses"])
        if path.removeprefix("/api/v1") in PATHS:
            assert methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]


def test_all_products_at_once(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    found = get(api, "/products")
    assert [item["name"] for item in found["items"]] == ["parcels", "shop"]
    assert [item["file"] for item in found["broken"]] == ["torn.yaml"]
    parcels, shop = found["items"]
    assert (parcels["waits"], parcels["running"], parcels["themes"]) == ([], None, 0)
    assert all(phase["last"] is None for phase in parcels["phases"])
    assert (shop["running"], shop["themes"], len(shop["phases"])) == ("1.1.0", 2, 14)


def test_each_phase_says_when_it_ran_and_what_it_published(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    phases = {phase["dag_id"]: phase for phase in get(api, "/products/shop")["phases"]}
    heard = phases["voc_aggregation"]
    assert (heard["last"]["run_id"], heard["last"]["published"]) == ("voc_aggregation 4", [])
    assert heard["published_at"] == (NOW - timedelta(hours=40)).isoformat().replace("+00:00", "Z")
    assert phases["deployment"]["last"]["key"] == "shop|1.1.0"
    assert phases["compliance_checks"]["last"]["run_id"] == "compliance_checks 1.5"
    assert phases["scope_planning"]["last"] is None


def test_it_says_what_waits_for_whom(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    waits = get(api, "/products/shop")["waits"]
    assert [(wait["what"], wait["on"], wait["dag_id"]) for wait in waits] == [
        ("signal", "person", "monitoring_rollups"), ("answer", "person", "user_testing"), ("draft", "person", "story_writing"),
        ("ticket", "person", "customer_support"), ("too_early", "data", "outcome_review")]
    assert waits[1]["text"] == "Try Tea shop 1.2.0"
    assert waits[4]["until"] == "2026-03-05T02:00:00Z"
    run(ledger, "user_testing", 1, key="shop|1.2.0")
    with writing(ledger) as connection:  # the answer is of the run that asked
        connection.execute(update(phase_runs).where(phase_runs.c.run_id == "user_testing 1").values(run_id="user_testing.ask 1"))
        connection.execute(update(deployments).values(status="asked"))
    found = [wait["what"] for wait in get(api, "/products/shop")["waits"]]
    assert found == ["deployment", "signal", "draft", "ticket", "too_early"]


def test_themes_are_filtered_and_paged_by_key(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    assert [item["id"] for item in get(api, "/products/shop/themes")["items"]] == ["t-coupon", "t-late"]
    for query, ids in (({"kind": "feature"}, ["t-late"]), ({"language": "ko"}, ["t-late"]), ({"severity": "high"}, ["t-coupon"]),
                       ({"since": "2026-02-25T00:00:00Z"}, ["t-coupon"]), ({"until": "2026-02-25T00:00:00Z"}, ["t-late"]),
                       ({"status": "resolved"}, []), ({"sort": "last_seen"}, ["t-coupon", "t-late"])):
        assert [item["id"] for item in get(api, "/products/shop/themes", **query)["items"]] == ids, query
    for number in range(5):
        theme(ledger, f"t-{number}", [], size=3, first_seen=NOW, last_seen=NOW)
    for sort in ("size", "last_seen"):
        whole, after = [], None
        while True:
            page = get(api, "/products/shop/themes", limit=2, sort=sort, **({"after": after} if after else {}))
            whole += [item["id"] for item in page["items"]]
            if not (after := page["next"]):
                break
        assert whole == [item["id"] for item in get(api, "/products/shop/themes", sort=sort)["items"]]
        assert len(whole) == 7


def test_a_theme_has_its_quotes_stories_and_past(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    found = get(api, "/products/shop/themes/t-coupon")
    assert (found["severity"], found["weeks"], len(found["quotes"])) == ("high", [0, 1, 2, 1, 3], 2)
    assert [story["id"] for story in found["stories"]] == ["S-0000000001"]
    assert api.get("/products/parcels/themes/t-coupon").status_code == 404


def test_voices_are_searched_filtered_and_paged(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    assert len(get(api, "/products/shop/voices")["items"]) == 8
    assert len(get(api, "/products/shop/voices", q="coup REFUSED")["items"]) == 7
    assert get(api, "/products/parcels/voices", q="coupon") == {"items": [], "next": None}
    assert [item["id"] for item in get(api, "/products/shop/voices", q="쿠폰")["items"]] == ["t-late-0"]
    assert len(get(api, "/products/shop/voices", theme="t-coupon", since="2026-02-27T00:00:00Z")["items"]) == 3
    assert get(api, "/products/shop/voices", theme="t-late", q="coupon")["items"] == []
    for query in ({}, {"q": "coupon"}, {"theme": "t-coupon"}):
        whole, after = [], None
        while True:
            page = get(api, "/products/shop/voices", limit=3, **query, **({"after": after} if after else {}))
            whole += [item["id"] for item in page["items"]]
            if not (after := page["next"]):
                break
        assert len(whole) == len(set(whole)) == (8 if query == {} else 7)


def test_a_filter_that_few_pass_says_how_far_it_looked(api: TestClient, ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    turned(ledger)
    monkeypatch.setattr("include.loop_page.themes.LOOKED_AT", 3)
    for query in ({"kind": "praise"}, {"kind": "praise", "q": "coupon"}, {"kind": "praise", "theme": "t-coupon"}):
        pages, after = 0, None
        while pages < 5:
            page = get(api, "/products/shop/voices", **query, **({"after": after} if after else {}))
            assert page["items"] == []
            pages += 1
            if not (after := page["next"]):
                break
        assert pages == 3, query


def test_customers_words_stay_text(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    listed = get(api, "/products/shop/voices", theme="t-late")["items"][0]
    assert (len(listed["text"]), listed["cut"]) == (2000, True)
    whole = get(api, "/products/shop/voices/t-late-0")
    assert (whole["text"], whole["cut"]) == (HOSTILE, False)
    with writing(ledger) as connection:
        connection.execute(update(voices).where(voices.c.id == "t-late-0").values(text="", erased_at=NOW))
    assert get(api, "/products/shop/voices/t-late-0")["erased"]
    assert get(api, "/products/shop/voices", q="쿠폰")["items"] == []


@pytest.mark.parametrize(("kind", "id"), [
    ("ticket", "k-1"), ("voice", "t-coupon-0"), ("theme", "t-coupon"), ("story", "S-0000000001"), ("commit", "c" * 40),
    ("release", "shop|1.1.0"), ("deployment", "shop|1.1.0/deployment 6"), ("outcome", "S-0000000001")])
def test_the_trace_leads_from_anything_to_everything(api: TestClient, ledger: Engine, kind: str, id: str) -> None:
    turned(ledger)
    line = get(api, f"/trace/{kind}/{id}")["line"]
    voices = 1 if kind in {"ticket", "voice"} else 7
    assert [(station["kind"], station["count"]) for station in line] == [
        (name, voices if name == "voice" else 1) for name in KINDS]
    assert line[6]["items"][0]["run_id"] == "deployment 6"
    assert line[7]["items"][0]["text"] == "shop|1.1.0: 0% (0% – 60%)"


def test_releases_have_gates_checks_and_a_canary(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    api = TestClient(app(lambda: ledger, lambda: Artifacts("nowhere"), lambda _: lambda: None, lambda: None), base_url="http://loop/api/v1")
    page = get(api, "/products/shop/releases", limit=2)
    assert [item["version"] for item in page["items"]] == ["1.2.0", "1.1.0"]
    assert [item["version"] for item in get(api, "/products/shop/releases", after=page["next"])["items"]] == ["1.0.0"]
    found = get(api, "/products/shop/releases/1.1.0")
    assert [(gate["gate"], gate["state"], gate["by"]) for gate in found["gates"]] == [
        ("candidate", "passed", None), ("compliant", "passed", None), ("accepted", "passed", "ada"), ("deployed", "passed", None)]
    assert [(check["rule"], check["outcome"]) for check in found["checks"]] == [("privacy", "not_shown"), ("licences", "pass")]
    [rollout] = found["deployments"]
    assert [(step["weight"], step["verdicts"][0]["effect"]) for step in rollout["steps"]] == [(10, 0.1), (100, 0.1)]
    assert [story["id"] for story in found["stories"]] == ["S-0000000001"]
    gates = {gate["gate"]: gate["state"] for gate in get(api, "/products/shop/releases/1.2.0")["gates"]}
    assert gates == {"candidate": "passed", "compliant": "refused", "accepted": "waiting", "deployed": "waiting"}


def test_operation_and_metrics_come_oldest_first_with_definitions(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    running = get(api, "/products/shop/operation")
    [incident] = running["incidents"]
    assert (incident["id"], incident["timeline"][0]["text"]) == ("i-1", "<i>Budget burns</i>")
    assert [signal["fingerprint"] for signal in running["signals"]] == ["f-1"]
    [slo] = running["slos"]
    assert [point["budget_left"] for point in slo["points"]] == [0.9, 0.4]
    metrics = get(api, "/products/shop/metrics")
    [lead] = metrics["delivery"]
    assert ([point["value"] for point in lead["points"]], lead["band"]) == ([15.0, 3.0], "high")
    share = next(metric for metric in metrics["loop"] if metric["name"] == "answered_share")
    assert (share["points"][-1]["value"], share["points"][-1]["n"], share["definition"]) == (0.875, 8, "answered / heard")
    assert get(api, "/products/parcels/metrics") == {"delivery": [], "loop": []}


@pytest.mark.parametrize("path", [
    "/products/shop/themes?limit=0", "/products/shop/themes?limit=101", "/products/shop/themes?kind=x",
    "/products/shop/themes?sort=name", "/products/shop/themes?after=x", "/products/shop/themes?after=W10",
    "/products/shop/themes?after=WyJhIiwiYiJd", "/products/shop/themes?since=yesterday", "/products/shop/themes?severity=awful",
    "/products/shop/themes?since=2026-03-01T00:00:00", "/products/shop/voices?q=%21%3F", "/products/shop/voices?q=" + "a" * 201,
    "/products/shop/voices?q=a&after=WzFlMzBd", "/products/Shop/themes", "/products/..%2fetc/themes", "/trace/world/1"])
def test_bad_parameters_are_refused(api: TestClient, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code in {404, 422}, answer.text
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", ["/products/nowhere", "/products/torn", "/products/shop/voices/none",
                                  "/products/shop/themes/none", "/trace/voice/none", "/trace/ticket/none",
                                  "/trace/release/shop|9.9.9"])
def test_what_is_not_there_is_404(api: TestClient, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, "/" in answer.json()["detail"]) == (404, False)


def test_who_may_not_read_a_dag_may_not_read_what_it_made(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    assert [api.get(path).status_code for path in ("/products/shop/releases", "/products/shop/releases/1.1.0",
                                                   "/products/shop/themes")] == [403, 403, 200]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_is_written(api: TestClient, method: str) -> None:
    assert {api.request(method, path.replace("{", "").replace("}", "")).status_code for path in PATHS} == {405}


def test_no_statement_writes(api: TestClient, ledger: Engine) -> None:
    turned(ledger)
    seen: list[str] = []
    event.listen(ledger, "before_cursor_execute", lambda _c, _cursor, statement, *_: seen.append(statement))
    for path in ("/products", "/products/shop/themes", "/products/shop/voices?q=coupon", "/products/shop/operation",
                 "/products/shop/metrics", "/trace/story/S-0000000001"):
        get(api, path)
    assert {statement.split()[0] for statement in seen} <= {"SELECT", "BEGIN"}
