"""The picture: every label is escaped, whatever it says; a huge graph is drawn in part, in seconds."""

import time
import xml.etree.ElementTree as ElementTree

from bench.dependencies import generated
from include.dependency_management.blocks import Story, asked_by_rule
from include.dependency_management.overview import overview
from include.dependency_management.picture import MAX_PRODUCTS, picture
from include.dependency_management.portfolio import Problem, in_cycles, needs_of, problems
from tests.conftest import NOW
from tests.include.dependency_management.test_portfolio import make

SVG = "{http://www.w3.org/2000/svg}"


def test_labels_are_text_and_nothing_else() -> None:
    evil = '"><script>alert(1)</script>&\x00\u202e'
    portfolio = [make("shop", ("pay", ">=2")), make("pay", "shop")]
    stories = {evil: Story(evil, "shop", evil, evil, "ready")}
    needs = needs_of(portfolio, {})
    blocks = asked_by_rule(portfolio, stories.values(), set(), {}, NOW)
    svg = picture(overview(portfolio, needs, [Problem("cycle", ("shop",), evil)], stories, blocks, {}, {}), "shop")
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own text
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "style", "defs", "marker", "path", "rect", "g", "title", "text"}
    assert [element.text for element in root.iter(f"{SVG}title")] == ["pay", "shop", '"><script>alert(1)</script>&']


def test_10000_products_take_seconds_and_part_of_them_is_drawn() -> None:
    portfolio, stories = generated(stories=1_000)
    begin = time.monotonic()
    needs = needs_of(portfolio, {})
    wrong = problems(needs, [product.name for product in portfolio], {})
    blocks = asked_by_rule(portfolio, stories.values(), in_cycles(needs), {}, NOW)
    graph = overview(portfolio, needs, wrong, stories, blocks, {}, {})
    svg = picture(graph, "p5000")
    assert time.monotonic() - begin < 90
    assert sum(map(len, graph["release_order"])) == 10_000
    assert any(item.kind == "contradiction" for item in wrong)
    assert f"{MAX_PRODUCTS} of 10000 products are drawn" in svg


def test_10000_that_need_one_product_in_ways_that_clash_take_seconds() -> None:
    portfolio = [make("pay"), *(make(f"p{number}", ("pay", f"{'<>'[number % 2]}{number}")) for number in range(2, 10_000))]
    begin = time.monotonic()
    [problem] = problems(needs_of(portfolio, {}), [product.name for product in portfolio], {})
    assert time.monotonic() - begin < 90
    assert problem.kind == "contradiction"
