"""The graph as a picture: products in the order of their releases, from left to right, and the stories that wait for them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from include.markup import html_text

WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 190, 46, 290, 74, 40
MAX_PRODUCTS, MAX_STORIES, MAX_LABELS = 120, 40, 4
STYLE = """\
text{font:12px system-ui,"Noto Sans KR","NanumGothic",sans-serif;fill:#1a202c}text.small{font-size:10px;fill:#4a5568}
rect{fill:#ebf4ff;stroke:#3182ce;rx:6}.runs rect{fill:#f0fff4;stroke:#38a169}.wrong rect{fill:#fff5f5;stroke:#e53e3e}
.story rect{fill:#fffaf0;stroke:#dd6b20;stroke-dasharray:4 3}path{fill:none;stroke:#718096}
path.waits{stroke:#dd6b20;stroke-dasharray:5 4}
path.wrong{stroke:#e53e3e;stroke-width:2}"""
ARROW = """<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerUnits="userSpaceOnUse" markerWidth="8"
 markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#718096;stroke:none"/></marker></defs>"""
Point = tuple[float, float]
Arrow = tuple[str, str, str, str]  # from, to, kind, label


def picture(graph: Mapping[str, Any], focus: str) -> str:
    """An SVG of an `overview`. An arrow leads from what is needed to what needs it; a dashed one is not satisfied yet.

    Where there are more than MAX_PRODUCTS products, those around `focus`, those in trouble and those that stories wait for are
    drawn, and the picture says so. All labels are escaped; it has no scripts and loads nothing.
    """
    chosen = _chosen(graph, focus)
    products = {item["name"]: item for item in graph["products"] if item["name"] in chosen}
    blocks = [row for row in graph["blocks"] if row["on_story"] or row["on_product"] in products][:MAX_STORIES]
    places = _places(products, graph["needs"])
    _put_stories(places, blocks)
    wrong = {name for item in graph["problems"] for name in item["products"]}
    arrows = [(need["on"], need["product"], _kind(need, wrong), need["needs"]) for need in graph["needs"]]
    arrows += [(row["on_story"] or row["on_product"], row["story"], "waits", row["needs"] or "") for row in blocks]
    parts = [_arrow(places[start], port, kind, label) for start, port, kind, label in _ports(arrows, places)]
    parts += [_product(places[name], item, name in wrong) for name, item in products.items()]
    parts += [_box(places[name], "story", name, f"of {product} waits") for name, product in
              {row["story"]: row["product"] for row in blocks}.items()]
    return _svg(places.values(), parts, _notes(graph, len(products)))


def _chosen(graph: Mapping[str, Any], focus: str) -> set[str]:
    names = [item["name"] for item in graph["products"]]
    if len(names) <= MAX_PRODUCTS:
        return set(names)
    near: dict[str, list[str]] = defaultdict(list)
    for need in graph["needs"]:
        near[need["product"]].append(need["on"])
        near[need["on"]].append(need["product"])
    told = [name for item in graph["problems"] for name in item["products"]]
    ordered = dict.fromkeys([focus, *near[focus], *told, *(row["on_product"] or "" for row in graph["blocks"])])
    for name in list(ordered):
        ordered.update(dict.fromkeys(near[name]))
    return set(list(filter(set(names).__contains__, ordered))[:MAX_PRODUCTS])


def _places(products: Mapping[str, Any], needs: Iterable[Mapping[str, Any]]) -> dict[str, Point]:
    """Where each product stands: its layer says how far right, the mean height of what it needs how far down."""
    layers: dict[int, list[str]] = defaultdict(list)
    for name, item in products.items():
        layers[item["layer"]].append(name)
    wants = defaultdict(list)
    for need in needs:
        wants[need["product"]].append(need["on"])
    places: dict[str, Point] = {}
    for column, layer in enumerate(sorted(layers)):
        heights = {name: [places[other][1] for other in wants[name] if other in places] for name in layers[layer]}
        means = sorted((sum(known) / max(len(known), 1), name) for name, known in heights.items())
        for row, (_, name) in enumerate(means):
            places[name] = (MARGIN + column * ACROSS, MARGIN + row * DOWN)
    return places


def _put_stories(places: dict[str, Point], blocks: Iterable[Mapping[str, Any]]) -> None:
    """Stories stand below the products, to the right of what they wait for."""
    below = max((y for _, y in places.values()), default=MARGIN) + DOWN
    free: dict[float, float] = defaultdict(lambda: below)
    for row in blocks:
        x = places.get(row["on_story"] or row["on_product"], (MARGIN, 0.0))[0] + ACROSS
        if row["story"] not in places:
            places[row["story"]] = (x, free[x])
            free[x] += DOWN


def _ports(arrows: Iterable[Arrow], places: Mapping[str, Point]) -> Iterator[tuple[str, Point, str, str]]:
    """Each arrow with the point at which it arrives: those to one box arrive below one another. Many bear no labels."""
    arriving: dict[str, list[Arrow]] = defaultdict(list)
    for arrow in arrows:
        if arrow[0] in places and arrow[1] in places:
            arriving[arrow[1]].append(arrow)
    for end, several in arriving.items():
        x, y = places[end]
        for number, (start, _, kind, label) in enumerate(sorted(several, key=lambda arrow: places[arrow[0]][1]), 1):
            yield start, (x, y + HEIGHT * number / (len(several) + 1)), kind, label if len(several) <= MAX_LABELS else ""


def _kind(need: Mapping[str, Any], wrong: set[str]) -> str:
    if need["product"] in wrong and need["on"] in wrong:
        return "wrong"
    return "" if need["satisfied"] else "waits"


def _product(place: Point, item: Mapping[str, Any], wrong: bool) -> str:
    runs = f"{item['deployed']} runs" if item["deployed"] else "not deployed"
    stories = "1 story" if item["stories"] == 1 else f"{item['stories']} stories"
    waiting = f", {item['waiting']} waiting" if item["waiting"] else ""
    return _box(place, "wrong" if wrong else "runs" if item["deployed"] else "", item["name"],
                f"{runs} · {stories}{waiting}")


def _box(place: Point, kind: str, title: str, below: str) -> str:
    x, y = place
    return (f'<g class="{kind}"><title>{html_text(title)}</title><rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}"/>'
            f'<text x="{x + 10:g}" y="{y + 19:g}">{html_text(title, 26)}</text>'
            f'<text class="small" x="{x + 10:g}" y="{y + 36:g}">{html_text(below, 36)}</text></g>')


def _arrow(start: Point, end: Point, kind: str, label: str) -> str:
    """From the right side of what is needed to the left side of what needs it; backwards (in a cycle) around, below the boxes."""
    (x, y), (u, v) = (start[0] + WIDTH, start[1] + HEIGHT / 2), end
    bend = max((u - x) / 2, 50)
    low = 0 if u > x else DOWN * 0.8
    line = f"M{x:g} {y:g}C{x + bend:g} {y + low:g} {u - bend:g} {v + low:g} {u:g} {v:g}"
    return (f'<path class="{kind}" d="{line}" marker-end="url(#arrow)"/>'
            f'<text class="small" x="{u - 10:g}" y="{v - 3:g}" text-anchor="end">{html_text(label, 16)}</text>')


def _notes(graph: Mapping[str, Any], drawn: int) -> list[str]:
    notes = [item["text"] for item in graph["problems"]] + [f"deadlock: {text}" for text in graph["deadlocks"]]
    if drawn < len(graph["products"]):
        notes.insert(0, f"{drawn} of {len(graph['products'])} products are drawn")
    if steps := graph["critical_path"]["steps"]:
        more = " → …" if steps[6:] else ""
        notes.insert(0, f"critical path, {graph['critical_path']['days']:g} days: {' → '.join(steps[:6])}{more}")
    return notes[:10]


def _svg(places: Iterable[Point], parts: list[str], notes: list[str]) -> str:
    known = list(places)
    width = max((x for x, _ in known), default=0) + WIDTH + MARGIN
    foot = max((y for _, y in known), default=0) + HEIGHT + MARGIN
    lines = [f'<text class="small" x="{MARGIN}" y="{foot + 16 * number:g}">{html_text(text, 160)}</text>'
             for number, text in enumerate(notes, 1)]
    width, height = max(width, 900 if notes else 0), foot + 16 * len(notes) + MARGIN
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
            f'<style>{STYLE}</style>{ARROW}<rect width="100%" height="100%" style="fill:#fff;stroke:none"/>'
            f'{"".join(parts)}{"".join(lines)}</svg>\n')
