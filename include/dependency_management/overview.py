"""The whole graph as plain JSON values: what waits for what, in which order it can be released, and what holds it up."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from include.dependency_management.blocks import Row, Story, satisfied
from include.dependency_management.graph import critical, cycles, earliest, layers
from include.dependency_management.portfolio import Need, Problem, graph_of
from include.manifests import Component
from include.product import Product

MAX_SHARED = 200


def overview(portfolio: Sequence[Product], needs: Sequence[Need], problems: Sequence[Problem], stories: Mapping[str, Story],
             blocks: Sequence[Row], deployed: Mapping[str, str], components: Mapping[str, Sequence[Component]]) -> dict[str, Any]:
    """The graph for a page: `products` (each with its layer in the release order, what runs, its stories and how many wait, its
    packages, and the day on which its next release can be there), `needs`, `blocks`, `problems`, `release_order` (layers of
    products), `critical_path` (stories and releases, first to last, with its days), `unestimated` stories, and the packages that
    several products share.

    Days are the stories' estimates, where every story has somebody to do it and begins when all that it waits for is there.
    """
    alone: dict[str, set[str]] = {product.name: set() for product in portfolio}
    order = layers(alone | graph_of(needs))
    waits, days = _waits(needs, stories, blocks, deployed), _days(stories)
    start, chain = earliest(waits, days), critical(waits, days)
    place = {name: number for number, layer in enumerate(order) for name in layer}
    count, waiting = Counter(item.product for item in stories.values()), Counter(
        stories[name].product for name in {row["story_id"] for row in blocks} if name in stories)
    titles = {product.name: product.title for product in portfolio}
    return {
        "products": [{"name": name, "title": titles.get(name), "layer": place[name], "deployed": deployed.get(name),
                      "stories": count[name], "waiting": waiting[name], "earliest_release": start.get(_release(name), 0.0),
                      "packages": len({item.package for item in components.get(name, ())})} for name in sorted(place)],
        "needs": [{"product": need.product, "on": need.on, "needs": need.needs, "said": need.said,
                   "satisfied": satisfied(need.needs, deployed.get(need.on))} for need in needs],
        "blocks": [{"id": row["id"], "story": row["story_id"], "product": row["product"], "on_product": row["on_product"],
                    "on_story": row["on_story"], "needs": row["needs"], "reason": row["reason"], "by": row["by"],
                    "since": row["since"].isoformat(), "earliest_start": start.get(row["story_id"], 0.0)} for row in blocks],
        "problems": [{"kind": item.kind, "products": list(item.products), "text": item.text} for item in problems],
        "release_order": order,
        "critical_path": {"steps": chain, "days": max((start[name] + days.get(name, 0) for name in chain), default=0.0)},
        "deadlocks": [" waits for ".join(cycle) for cycle in cycles(waits)],
        "unestimated": sorted(item.id for item in stories.values() if item.effort_days is None),
        "shared_packages": _shared(components),
    }


def _release(product: str) -> str:
    return f"release of {product}"


def _waits(needs: Sequence[Need], stories: Mapping[str, Story], blocks: Sequence[Row],
           deployed: Mapping[str, str]) -> dict[str, set[str]]:
    """Stories and next releases: a release waits for its scoped stories and releases that it needs, a story for its blocks."""
    found: dict[str, set[str]] = defaultdict(set)
    for story in stories.values():
        if story.status == "scoped":
            found[_release(story.product)].add(story.id)
    for need in needs:
        if not satisfied(need.needs, deployed.get(need.on)):
            found[_release(need.product)].add(_release(need.on))
    for row in blocks:
        found[row["story_id"]].add(row["on_story"] or _release(row["on_product"]))
    return found


def _days(stories: Mapping[str, Story]) -> dict[str, float]:
    return {item.id: max(item.effort_days or 0.0, 0.0) for item in stories.values()}


def _shared(components: Mapping[str, Sequence[Component]]) -> list[dict[str, Any]]:
    """The packages that most products share, with the versions that they have."""
    users: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for product, items in components.items():
        for item in items:
            users[item.package][product].add(item.version or item.needs or "*")
    several = sorted(((package, names) for package, names in users.items() if len(names) > 1),
                     key=lambda pair: (-len(pair[1]), pair[0]))
    return [{"package": package, "products": {name: sorted(versions) for name, versions in sorted(names.items())}}
            for package, names in several[:MAX_SHARED]]
