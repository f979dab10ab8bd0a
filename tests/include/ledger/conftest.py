"""The ledger keeps its promises on both databases."""

import pytest
from sqlalchemy import Engine


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest) -> Engine:
    """An empty ledger, on each database."""
    engine: Engine = request.getfixturevalue(f"{request.param}_ledger")
    return engine
