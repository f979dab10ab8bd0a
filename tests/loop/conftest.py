"""The loop's tests come last and in their written order: each module is a story in chapters."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    loop = [item for item in items if item.get_closest_marker("loop")]
    rest = [item for item in items if not item.get_closest_marker("loop")]
    items[:] = rest + sorted(loop, key=lambda item: (str(item.path), item.reportinfo()[1] or 0))
