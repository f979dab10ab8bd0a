"""What runs of a product now."""

from typing import Any

from include.deployment.environment import Environment
from include.product import Product


def status(product: Product) -> dict[str, Any]:
    """`supervisor` and `haproxy` (whether they run), `port`, `processes` (how many), and `versions`: for each version its
    `share` of weights in percent and its `replicas` (name, port, weight, healthy, state, requests)."""
    return Environment(product).status()
