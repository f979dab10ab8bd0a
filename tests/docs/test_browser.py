"""The site in a real browser, opened as files: nothing comes from elsewhere, search finds, and a phone scrolls one way."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright


@pytest.fixture(scope="module")
def phone() -> Iterator[Page]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "no browser is installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[
            "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.set_default_timeout(120_000)
        yield page
        browser.close()


def test_pages_stand_alone_and_fit_a_phone(site: Path, phone: Page) -> None:
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(request.url))
    for path in sorted(site.rglob("*.html")):
        phone.goto(path.as_uri())
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize(("words", "section"), [
    ("smoke staging", "Through staging, with migrations"), ("쿠폰", "A support desk")])
def test_search_finds_english_and_korean(site: Path, phone: Page, words: str, section: str) -> None:
    phone.goto((site / "concepts.html").as_uri())
    field = phone.locator("input[type=text], input[type=search], input:not([type])").locator("visible=true").first
    for _ in range(60):  # the page listens for the key only once its script has started
        if field.is_visible():
            break
        phone.keyboard.press("Control+k")
        phone.wait_for_timeout(1000)
    field.fill(words)
    phone.get_by_text(section).locator("visible=true").first.wait_for()
