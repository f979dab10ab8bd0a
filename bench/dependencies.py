"""Everything that is said of 10,000 products, beside the standard library putting the same graph in order."""

import time
from graphlib import TopologicalSorter
from typing import Any

import numpy as np

from bench.rows import row
from include.dependency_management.blocks import Story, asked_by_rule
from include.dependency_management.graph import layers
from include.dependency_management.overview import overview
from include.dependency_management.picture import picture
from include.dependency_management.portfolio import graph_of, in_cycles, needs_of, problems
from include.product import Product
from tests.conftest import NOW

PRODUCTS, STORIES = 10_000, 20_000


def measure() -> list[dict[str, Any]]:
    """Seconds for the whole analysis of a generated portfolio, and for its order alone."""
    portfolio, stories = generated()
    begin = time.perf_counter()
    needs = needs_of(portfolio, {})
    deployed = {product.name: "1.0.0" for product in portfolio[::2]}
    wrong = problems(needs, [product.name for product in portfolio], {})
    blocks = asked_by_rule(portfolio, stories.values(), in_cycles(needs), deployed, NOW)
    graph = overview(portfolio, needs, wrong, stories, blocks, deployed, {})
    picture(graph, portfolio[0].name)
    whole = time.perf_counter() - begin
    plain = graph_of(needs)
    begin = time.perf_counter()
    layers(plain)
    order = time.perf_counter() - begin
    begin = time.perf_counter()
    list(TopologicalSorter(plain).static_order())
    peer = time.perf_counter() - begin
    note = f"{len(needs)} needs, {len(wrong)} problems, {len(blocks)} blocks of {STORIES} stories; JSON and picture"
    return [row("dependencies", whole, "s", "graphlib's order alone", peer, PRODUCTS, note, more_is_better=False),
            row("dependencies_order", order, "s", "graphlib, which stops at a cycle", peer, PRODUCTS, "layers of releases",
                more_is_better=False)]


def generated(products: int = PRODUCTS, stories: int = STORIES) -> tuple[list[Product], dict[str, Story]]:
    """Products that each need up to four of those before them, one in a hundred in a way that nothing can satisfy."""
    random = np.random.default_rng(7)
    ranges = ["*", "^1", ">=1 <3"]
    made = []
    for number in range(products):
        others = {int(random.integers(max(0, number - 200), number)) for _ in range(random.integers(0, 5) if number else 0)}
        listed = [{"product": f"p{other}", "needs": "<1" if random.random() < 0.01 else ranges[int(random.integers(0, 3))]}
                  for other in sorted(others)]
        made.append(Product.model_validate({"name": f"p{number}", "title": "P", "owner": "t", "depends_on": listed}))
    told = {f"S-{number}": Story(f"S-{number}", f"p{number % products}", "t", "w", "scoped" if number % 3 else "ready", 1.0)
            for number in range(stories)}
    return made, told
