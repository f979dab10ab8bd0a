"""Connections of commands, from the environment."""

import pytest

from include.connection import from_environment
from include.errors import InputError


def test_json_and_uri_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ('{"conn_type": "postgres", "host": "db", "port": 5432, "login": "u", "schema": "shop", '
            '"extra": "{\\"key\\": \\"k\\"}", "password": "p@ss"}')  # pragma: allowlist secret
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_DB", said)
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "postgres://u:p%40ss@db:5432/shop?key=k")  # pragma: allowlist secret
    assert from_environment("shop_db") == from_environment("other")
    assert (from_environment("other").password, from_environment("other").extra) == ("p@ss", {"key": "k"})


@pytest.mark.parametrize("text", [
    '{"conn_type": "x", "password": "hidden"', '{"pass": "hidden"}', "x://u:hidden@h:port/"])  # pragma: allowlist secret
def test_what_is_none_is_told_without_its_secret(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_DB", text)
    with pytest.raises(InputError, match="AIRFLOW_CONN_SHOP_DB is no connection") as caught:
        from_environment("shop_db")
    assert "hidden" not in str(caught.value) and caught.value.__cause__ is None
    with pytest.raises(InputError, match="there is no connection 'nosuch' here: set AIRFLOW_CONN_NOSUCH"):
        from_environment("nosuch")
