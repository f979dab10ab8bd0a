"""Rows of the ledger for tests: a product's voices and themes, releases and traffic, with plain defaults."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from sqlalchemy import Engine, Table, select

from include.ledger import search
from include.ledger.engine import upsert, writing
from include.ledger.tables import deployments, events, releases, rollups, stories, story_themes, theme_voices, themes, voices
from include.product import Product
from tests.conftest import NOW, SHARED

SCHEMAS = SHARED / "cases" / "cdevents"


def product(**fields: Any) -> Product:
    """A product called shop."""
    return Product.model_validate({"name": "shop", "title": "Tea shop", "owner": "team-shop"} | fields)


def put(engine: Engine, table: Table, *rows: dict[str, Any]) -> None:
    """Write rows as they are; voices can be searched then, as those that a run stores."""
    with writing(engine) as connection:
        upsert(connection, table, rows)
        if table is voices:
            search.add(connection, [row["id"] for row in rows])


def get(engine: Engine, table: Table, **where: Any) -> list[dict[str, Any]]:
    """The rows of a table in the order of its key."""
    with engine.connect() as connection:
        found = connection.execute(select(table).filter_by(**where).order_by(*table.primary_key)).mappings()
        return [dict(row) for row in found]


def theme(engine: Engine, id: str, written: Iterable[datetime], **fields: Any) -> None:
    """A theme with a voice at each time of `written`, from authors of their own; the first two are its quotes."""
    of_voice = {name: fields.pop(name) for name in ("text", "sentiment", "author", "origin", "version") if name in fields}
    times = list(written)
    base = {"id": id, "product": "shop", "name": f"theme {id}", "language": "en", "kind": "bug", "status": "open",
            "merged_into": None, "size": len(times), "per_week": 1.0, "trend": 0.0, "first_seen": min(times, default=NOW),
            "last_seen": max(times, default=NOW), "state": {}}
    put(engine, themes, base | fields)
    known = len(get(engine, theme_voices, theme_id=id))
    names = [f"{id}-{known + n}" for n in range(len(times))]
    put(engine, voices, *({
        "id": name, "product": base["product"], "source": "reviews", "origin": "customer", "external_id": name,
        "text": f"voice {name}", "language": base["language"], "kind": base["kind"], "sentiment": -0.3, "rating": None,
        "author": f"author of {name}", "written_at": at, "heard_at": at} | of_voice
        for name, at in zip(names, times, strict=True)))
    put(engine, theme_voices, *({"theme_id": id, "voice_id": name, "similarity": 0.8, "quote": n < 2}
                                for n, name in enumerate(names)))


def story(engine: Engine, id: str, *theme_ids: str, **fields: Any) -> None:
    """A story that answers `theme_ids`."""
    evidence = {"voices": 10, "authors": 10, "people": 10, "per_week": 3.0, "sentiment": -0.3, "similarity": 0.8,
                "first_seen": NOW.isoformat(), "last_seen": NOW.isoformat(), "quotes": [],
                "told": {"voices": 10, "name": f"theme {id}", "kind": "bug", "reopenings": 0}}
    put(engine, stories, {
        "id": id, "product": "shop", "language": "en", "kind": "bug", "title": f"story {id}", "role": "customer",
        "want": "it to work", "reason": "I can go on", "acceptance": "# language: en\nFeature: a\n\n  Scenario: b\n    Then c\n",
        "effort_days": 2.0, "metric": {}, "evidence": evidence | fields.pop("evidence", {}), "status": "ready", "revision": 1,
        "created_at": NOW, "updated_at": NOW} | fields)
    put(engine, story_themes, *({"story_id": id, "theme_id": theme_id} for theme_id in theme_ids))


def release(engine: Engine, version: str, **fields: Any) -> None:
    """A release of the product."""
    put(engine, releases, {
        "key": f"shop|{version}", "product": "shop", "version": version, "commit": "c" * 40, "previous": None, "artifact": None,
        "digest": None, "changelog": "- fix: a flaw", "tests": {}, "status": "candidate", "at": NOW} | fields)


def deployment(engine: Engine, version: str, start: datetime, end: datetime | None, **fields: Any) -> None:
    """A deployment of a version to production."""
    put(engine, deployments, {
        "id": f"{version} {start:%j%H%M}", "product": "shop", "version": version, "environment": "production", "previous": None,
        "status": "succeeded", "reason": None, "started_at": start, "finished_at": end} | fields)


def traffic(engine: Engine, start: datetime, minutes: int, requests: int, version: str = "1.0.0", route: str = "/teas") -> None:
    """`requests` a minute for `minutes` minutes from `start`."""
    put(engine, rollups, *({
        "product": "shop", "minute": start + timedelta(minutes=n), "version": version, "route": route, "requests": requests,
        "errors": 0, "p50": 1.0, "p95": 2.0, "p99": 3.0, "durations": {}} for n in range(minutes)))


def trail_problems(engine: Engine) -> list[str]:
    """What the CDEvents schemas find wrong with the trail."""
    return [f"{row['type']}: {error.message}" for row in get(engine, events)
            for error in Draft202012Validator(_schema(row["type"])).iter_errors(row["body"])]


def _schema(event_type: str) -> Any:
    _, family, *words = event_type.split(".")
    path = SCHEMAS / "schemas" / f"{words[0]}{words[1]}.json" if family == "cdevents" else Path(SCHEMAS, "custom", "schema.json")
    return json.loads(path.read_text())


def types(engine: Engine) -> list[str]:
    """The kinds of events in the trail, sorted, as in 'ticket.created'."""
    return sorted(".".join(row["type"].split(".")[2:4]) for row in get(engine, events))
