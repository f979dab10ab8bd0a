"""Alembic's entry: runs the migrations on the engine that `include.ledger.engine.upgrade` hands over."""

from typing import Any, Literal

from alembic import context

from include.ledger import search
from include.ledger.tables import UtcDateTime, metadata


def _rendered(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """A migration names plain types only, so that it means the same when our own types have changed."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


with context.config.attributes["engine"].begin() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_item=_rendered,
                      render_as_batch=connection.dialect.name == "sqlite", include_name=search.is_table_of_ours)
    context.run_migrations()
    search.prepare(connection)
