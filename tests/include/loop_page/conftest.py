"""The read API on a ledger of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.loop_page.api import app

FORBIDDEN = "deployment"


@pytest.fixture
def products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of product files: a shop, parcels, and one that is broken."""
    folder = tmp_path / "products"
    folder.mkdir()
    (folder / "shop.yaml").write_text("name: shop\ntitle: Tea shop\nowner: team-shop\n")
    (folder / "parcels.yaml").write_text("name: parcels\ntitle: Parcels\nowner: team-parcels\n")
    (folder / "torn.yaml").write_text("name: other\n")
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(folder))
    return folder


@pytest.fixture
def api(ledger: Engine, artifacts: Artifacts, products: Path) -> Iterator[TestClient]:
    """The read API on an empty ledger, for who may read every DAG but FORBIDDEN."""
    def may_read(dag_id: str) -> Callable[..., Any]:
        def allowed() -> None:
            if dag_id == FORBIDDEN:
                raise HTTPException(403)
        return allowed

    with TestClient(app(lambda: ledger, lambda: artifacts, may_read, lambda: None), base_url="http://loop/api/v1") as client:
        yield client


