"""Where the product files lie. Light, for DAG files read it; what the files say is `include.product`."""

import os
from pathlib import Path

PRODUCTS = Path(__file__).parent / "products"


def folders() -> list[Path]:
    """The folders of product files: CLOSED_LOOP_PRODUCTS (like PATH), or `include/products`."""
    setting = os.environ.get("CLOSED_LOOP_PRODUCTS") or str(PRODUCTS)
    return [Path(entry) for entry in setting.split(os.pathsep) if entry]


def product_files() -> list[Path]:
    """Every product file, by name."""
    return sorted((path for folder in folders() for path in folder.glob("*.yaml")), key=lambda path: path.name)


def phase_hours(phase: str) -> set[float]:
    """The hours that some product gives `phase` instead of what is usual. Files that give none to any are not read further:
    this is asked whenever a DAG file is read."""
    if not (saying := [path for path in product_files() if b"phase_hours" in _bytes(path)]):
        return set()
    from include.product import products

    found = (product.alerts.hours_of(phase) for product in products(saying)[0] if product.alerts)
    return {hours for hours in found if hours is not None}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # dags/product_files.py says so
        return b""
