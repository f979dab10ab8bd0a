"""The loop page in a real Airflow: who may read it, and what a browser shows of it."""

import os
import re
import shutil
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.plugins.conftest import PASSWORDS, Served
from tests.turned import HOSTILE

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]
API = "/closed-loop/api/v1"
FILES = ["/products/shop/releases/1.1.0/files/sbom", "/products/shop/releases/1.1.0/evidence/licences",
         "/products/shop/incidents/i-1/postmortem"]
PATHS = ["/products", "/products/shop", "/products/shop/themes", "/products/shop/themes/t-coupon",
         "/products/shop/voices?q=coupon", "/products/shop/voices/t-late-0", "/products/shop/releases",
         "/products/shop/releases/1.1.0", "/products/shop/operation",
         "/products/shop/metrics", "/products/shop/releases/1.1.0/parts", *FILES, "/trace/story/S-0000000001", "/openapi.json"]


def test_the_api_wants_a_login_and_the_right_to_read(served: Served) -> None:
    viewer, nobody = served.token("vic"), served.token("nobody")
    for path in PATHS:
        assert served.ask("GET", API + path)[0] == 401, path
        assert served.ask("GET", API + path, token=viewer)[0] == 200, path
        assert served.ask("GET", API + path, token=nobody)[0] == (200 if path == "/openapi.json" else 403), path
        assert served.ask("POST", API + path, {}, token=served.token("ada"))[0] == 405, path
    assert served.ask("GET", API + "/products", token="forged")[0] == 403


def test_a_viewer_corrects_nothing(served: Served) -> None:
    body = {"logical_date": None, "conf": {"product": "shop", "action": "merge", "themes": ["t-coupon", "t-late"]}}
    assert served.ask("POST", "/api/v2/dags/correct_themes/dagRuns", body, served.token("vic"))[0] == 403


def test_its_place_in_airflow(served: Served) -> None:
    _, answer = served.ask("GET", "/api/v2/plugins", token=served.token("ada"))
    [plugin] = [plugin for plugin in answer["plugins"] if plugin["name"] == "closed_loop_page"]
    assert {(app["destination"], app["url_route"]) for app in plugin["react_apps"]} == {
        ("nav", "closed-loop"), ("dashboard", "closed-loop-summary")}
    for app in plugin["react_apps"]:
        with urllib.request.urlopen(f"{served.url}/{app['bundle_url']}", timeout=30) as file:
            assert "javascript" in file.headers["Content-Type"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium. Where none is installed the test is skipped, but never in CI."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=[
            "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def cookies(browser: Browser, served: Served) -> Any:
    """What the login page leaves in ada's browser."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{served.url}/auth/login", timeout=120_000)
    page.fill("input[name=username]", "ada")
    page.fill("input[name=password]", PASSWORDS["ada"])
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/auth/login" not in url, timeout=120_000)
    found = context.cookies()
    context.close()
    return found


class Screen:
    """A browser's page signed in as ada; `wrong` is what its console and its scripts complained of."""

    def __init__(self, browser: Browser, served: Served, cookies: Any, language: str = "en", theme: Any = "light",
                 width: int = 1280) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        self.context.add_cookies(cookies)
        self.context.add_init_script(f"localStorage.setItem('i18nextLng', '{language}')")
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.url = f"{served.url}/plugin/closed-loop"

    def open(self, query: str = "") -> Page:
        """The loop page with this query, once it shows its heading."""
        self.page.goto(f"{self.url}{query}", timeout=120_000)
        self.page.locator("article h1").wait_for(timeout=120_000)
        return self.page


@pytest.fixture
def screen(browser: Browser, served: Served, cookies: Any) -> Iterator[Screen]:
    found = Screen(browser, served, cookies)
    yield found
    found.context.close()
    assert found.wrong == []


def seen(page: Page, text: str) -> None:
    expect(page.locator("article")).to_contain_text(text, timeout=60_000)


def test_from_all_products_into_the_ring(screen: Screen) -> None:
    page = screen.open()
    seen(page, "signals nobody took on (1): Budget burns")
    seen(page, "never ran")
    page.get_by_role("link", name="Tea shop").first.click()
    seen(page, "a question in Airflow: Try Tea shop 1.2.0")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="9 Deployment"))
    expect(row).to_contain_text("shop|1.1.0")
    assert "deployment%206" in str(row.get_by_role("link").last.get_attribute("href"))
    english, korean = page.evaluate("import('/closed-loop/web/texts.js').then(({texts}) => [texts.en, texts.ko])")
    assert {key for key, text in english.items() if text} == {key for key, text in korean.items() if text}


def test_hostile_words_stay_words(screen: Screen) -> None:
    page = screen.open("?product=shop&view=themes&theme=t-late")
    seen(page, "<b>늦은 배송</b>")
    seen(page, "<script>window.hacked = 1</script>")
    page.get_by_role("button", name="Whole text").click()
    expect(page.get_by_role("button", name="Whole text")).to_have_count(0, timeout=60_000)
    assert page.locator("article bdi").filter(has_text="<script>").last.text_content() == HOSTILE
    assert page.evaluate("window.hacked") is None
    assert page.locator("article script, article img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_search_leads_along_the_trace_to_the_release(screen: Screen) -> None:
    page = screen.open("?product=shop&view=themes")
    page.get_by_role("button", name="Search voices").click()
    page.get_by_label("Words in voices").fill("coupon refused")
    page.keyboard.press("Enter")
    expect(page.locator("article li").filter(has_text="The coupon was refused at checkout")).to_have_count(7, timeout=60_000)
    page.get_by_role("link", name="Trace", exact=True).nth(1).click()
    seen(page, "shop|1.1.0: 0% (0% – 60%)")
    page.get_by_role("link", name="Trace shop|1.1.0", exact=True).click()
    seen(page, "Apply the coupon")
    page.get_by_role("link", name="Releases", exact=True).click()
    page.get_by_role("button", name="1.1.0").click()
    seen(page, "as good as the baseline")
    expect(page.get_by_role("img", name=re.compile("Canary: 10 % of traffic, 40 requests, 2.5% failed: pass"))).to_be_visible()
    expect(page.get_by_role("link", name="Roll back to 1.0.0 (form)")).to_have_attribute("href", re.compile("/dags/rollback$"))


def test_evidence_parts_and_drafts_open_as_text(screen: Screen) -> None:
    page = screen.open("?product=shop&view=releases&version=1.1.0")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="licences"))
    row.get_by_role("button", name="Open: Evidence").click()
    expect(row.get_by_role("region")).to_contain_text("<script>window.hacked = 1</script>", timeout=60_000)
    with page.expect_download() as file:
        row.get_by_role("link", name="Download").click()
    assert file.value.suggested_filename == "shop-1.1.0-licences.json"
    seen(page, "GHSA-1")
    page.get_by_text("All parts (1)").click()
    seen(page, "tea-kettle")
    page.goto(f"{screen.url}?product=shop&view=operation", timeout=120_000)
    page.get_by_text("Timeline (1)").click()
    page.get_by_role("button", name="Open: Draft of the post-mortem").click()
    seen(page, "# Checkout fails <b>")
    assert page.evaluate("window.hacked") is None


def test_what_airflow_refuses_is_said(screen: Screen) -> None:
    page = screen.open("?product=shop&view=operation")
    page.get_by_role("button", name="Take it on").click()  # no scheduler has read the DAGs here
    expect(page.locator("article [role=status]").filter(has_text="acknowledge_signal")).to_be_visible(timeout=60_000)
    seen(page, "hours from a commit to")
    page.get_by_text("Timeline (1)").click()
    seen(page, "<i>Budget burns</i>")


def test_an_answer_that_fails_can_be_asked_for_again(screen: Screen) -> None:
    page = screen.page
    page.route("**/closed-loop/api/v1/products", lambda route: route.fulfill(status=500, json={"detail": "the ledger is locked"}))
    screen.open()
    expect(page.get_by_role("alert")).to_contain_text("the ledger is locked")
    page.unroute("**/closed-loop/api/v1/products")
    page.get_by_role("button", name="Try again").click()
    seen(page, "Tea shop")


VIEWS = ("", "?product=shop", "?product=shop&view=themes", "?product=shop&view=themes&theme=t-coupon",
         "?product=shop&view=trace&kind=story&id=S-0000000001", "?product=shop&view=releases&version=1.1.0",
         "?product=shop&view=operation")
GO = "to => { history.pushState({}, '', to); dispatchEvent(new PopStateEvent('popstate')) }"


@pytest.mark.parametrize(("language", "theme", "width"), [("en", "light", 1280), ("ko", "dark", 390)])
def test_axe_finds_nothing_serious(browser: Browser, served: Served, cookies: Any, language: str, theme: str, width: int) -> None:
    found = Screen(browser, served, cookies, language, theme, width)
    page = found.open()
    for view in VIEWS:
        page.evaluate(GO, f"{found.url}{view}")
        expect(page.locator("article section, article table, article ol").first).to_be_visible(timeout=60_000)
        expect(page.locator("article [role=status]", has_text=re.compile("Loading|불러오는"))).to_have_count(0, timeout=60_000)
        problems = Axe().run(page, context="article").response["violations"]
        assert [(problem["id"], problem["nodes"][0]["html"][:300]) for problem in problems
                if problem["impact"] in {"serious", "critical"}] == [], view
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), view
        assert page.locator("article").get_attribute("lang") == language
    found.context.close()
    assert found.wrong == []


def test_the_home_page_has_a_summary(screen: Screen, served: Served) -> None:
    page = screen.page
    page.goto(served.url, timeout=120_000)
    expect(page.get_by_role("region", name="Closed Loop")).to_contain_text("Tea shop", timeout=60_000)
