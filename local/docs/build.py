"""The site, built into a folder: pages laid together, zensical run so that any warning ends it, nothing that needs a network."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from local.docs.api import api_page
from local.docs.commands import commands_page
from local.docs.dags import dags_page, load
from local.docs.ledger import ledger_page
from local.docs.metrics import metrics_page
from local.docs.product import product_page
from local.docs.settings import settings_page

ROOT = Path(__file__).resolve().parents[2]
SHIM = Path(__file__).parent / "iframe-worker.js"
# Tags that load what they name, and the attribute that names it.
LOADS = {("script", "src"), ("link", "href"), ("img", "src"), ("source", "src"), ("iframe", "src"), ("video", "src"),
         ("object", "data")}
ELSEWHERE = re.compile(r"(?:https?:)?//(?:[\w-]+\.)*(?:unpkg|jsdelivr|cdnjs|googleapis|gstatic|cloudflare)[\w.-]*")

IN_STYLES = re.compile(r"(?:url\(|@import )\s*['\"]?((?:https?:)?//[^)'\"]+)")


def build(folder: Path) -> Path:
    """Build the site afresh into `folder`; returns the folder of its HTML. Ends with a message where anything is wrong."""
    shutil.rmtree(folder, ignore_errors=True)
    pages, html = folder / "pages", folder / "html"
    lay(pages)
    shutil.copy(ROOT / "docs" / "zensical.toml", folder)
    done = subprocess.run([Path(sys.executable).with_name("zensical"), "build", "--strict"], cwd=folder, capture_output=True,
                          text=True)
    if done.returncode or "Warning" in done.stderr + done.stdout:
        raise SystemExit(f"{done.stdout}{done.stderr}\nThe site has warnings.")
    keep_home(html)
    if found := problems(html):
        raise SystemExit("\n".join(found) + f"\n{len(found)} things are wrong with the site.")
    return html


def lay(pages: Path) -> None:
    """The pages: those of docs/, and those that are made from code."""
    shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("zensical.toml"))
    shutil.copy(ROOT / "CONTRIBUTING.md", pages / "contributing.md")
    reference = pages / "reference"
    reference.mkdir()
    made = {"product": product_page(), "dags": dags_page(load()), "metrics": metrics_page(), "settings": settings_page(),
            "commands": commands_page(), "api": api_page(), "ledger": ledger_page()}
    for name, text in made.items():
        (reference / f"{name}.md").write_text(text, encoding="utf-8")


def keep_home(html: Path) -> None:
    """Take out what the theme would load from elsewhere: the shim with which search works on files comes along, and players and
    diagrams, which no page has, are not asked for."""
    (html / "404.html").unlink()  # for servers, with links from their root; these pages are opened as files too
    shutil.copy(SHIM, html / "assets" / "javascripts")
    for path in html.rglob("*.html"):
        up = "../" * (len(path.relative_to(html).parts) - 1)
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("https://unpkg.com/iframe-worker/shim", f"{up or './'}assets/javascripts/{SHIM.name}"),
                        encoding="utf-8")
    for path in html.rglob("*.js"):
        path.write_text(ELSEWHERE.sub("none:", path.read_text(encoding="utf-8")), encoding="utf-8")


def problems(html: Path) -> list[str]:
    """What is wrong with built pages: links and anchors that lead nowhere, and whatever is loaded from elsewhere."""
    seen = {path: _Page(path) for path in html.rglob("*.html")}
    found = [f"{path.relative_to(html)}: {said}" for path, page in seen.items() for said in _wrong(html, path, page, seen)]
    for path in (*html.rglob("*.css"), *html.rglob("*.js")):
        asked = IN_STYLES if path.suffix == ".css" else ELSEWHERE
        found += [f"{path.relative_to(html)}: loads {said}" for said in asked.findall(path.read_text(encoding="utf-8"))]
    return found


class _Page(HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.anchors |= {said[name] for name in ("id", "name") if name in said}
        self.loads += [said[name] for at, name in LOADS if at == tag and name in said and said.get("rel") != "canonical"]
        if tag == "a" and "href" in said:
            self.links.append(said["href"])


def _wrong(html: Path, path: Path, page: _Page, seen: dict[Path, _Page]) -> list[str]:
    found = [f"loads {target}" for target in page.loads if urlsplit(target).netloc]
    for target in (*page.links, *page.loads):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not there.is_file() or not there.is_relative_to(html.resolve()):
            found.append(f"{target} leads nowhere")
        elif parts.fragment and there in seen and unquote(parts.fragment) not in seen[there].anchors | {"__top"}:
            found.append(f"{target}: there is no such anchor")
    return found


def words(html: Path) -> int:
    """How many sections the site's search knows."""
    return len(json.loads((html / "search.json").read_text(encoding="utf-8"))["items"])
