"""What runs of a product now."""

from typing import Any

from include.deployment.environment import Environment
from include.product import Product


def status(product: Product) -> dict[str, Any]:
    """`supervisor` and `haproxy` (whether they run), `target` (whether it answers), `port`, `processes` (how many of this machine
    are its own), `strays` (replicas that are there and not wanted), and `versions`: for each version its `share` of weights in
    percent and its `replicas` (name, port, weight, healthy, state, requests); `ring` is the same of what serves the beta ring."""
    return Environment(product).status()
