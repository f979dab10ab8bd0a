"""Step 4: the reports that are due, made from one view of the ledger, kept, and put into the outbox."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update

from include.artifacts import Artifacts
from include.connection import Connections
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import deliveries, releases, reports, themes
from include.outbox import FAILED, SENDING, WAITING
from include.parts.reports import LANGUAGES, Audience, Language, Report
from include.product import Product
from include.stakeholder_reporting import delivery
from include.stakeholder_reporting.due import Cause, Wanted, begin, due
from include.stakeholder_reporting.model import Numbers

Files = dict[str, dict[str, list[str]]]  # by language and kind: name and digest of an artifact


@dataclass(frozen=True)
class Made:
    """A new report, not kept yet."""

    id: str
    cause: Cause
    settings: Report
    languages: tuple[Language, ...]
    previous: str | None
    numbers: Numbers
    by: str | None = None
    send: bool = True


def make(engine: Engine, product: Product, run: Run, artifacts: Artifacts, wanted: Wanted | None = None) -> Result:
    """Make the reports that are due, or the one that is `wanted`, and keep them.

    Returns `reports` (the id and the files of each), `renewed` (ids of those kept before whose numbers have changed since,
    because somebody was erased: they are rendered anew), `waiting` (deliveries that are to be made), and `publish`, which is
    always empty.
    """
    if known := result_of(engine, run):
        return known
    with lease(engine, f"reports:{product.name}", f"{run.phase} {run.run_id}"):
        with reading(engine) as connection:
            made = _wanted(connection, product, run, wanted) if wanted else _due(connection, product, run)
            changed = _changed(connection, product)
        kept = {item.id: _kept(artifacts, product, item.id, item.numbers, item.languages) for item in made}
        renewed = {row.id: _renewed(artifacts, product, row) for row in changed}
        return finish(engine, run, lambda connection: _written(connection, product, run, made, kept, renewed))


def deliver(engine: Engine, product: Product, run: Run, artifacts: Artifacts, connections: Connections) -> dict[str, int]:
    """Send what is in the outbox, after `make`; see `delivery.deliver`."""
    return delivery.deliver(engine, product, run, artifacts, connections)


def _due(connection: Connection, product: Product, run: Run) -> list[Made]:
    """The reports that the product's file names and that are due, where there is something to tell yet."""
    if not _begun(connection, product):
        return []
    found = []
    for audience, settings in product.reports.declared():
        last = _last(connection, product, audience, run)
        cause = due(settings, product.reports.zone, run.at, last.at if last else None, run.key.version is not None)
        if cause:
            found.append(_made(connection, product, run, audience, settings, cause, last))
    return found


def _wanted(connection: Connection, product: Product, run: Run, wanted: Wanted) -> list[Made]:
    settings = getattr(product.reports, wanted.audience) or Report()
    last = _last(connection, product, wanted.audience, run)
    return [_made(connection, product, run, wanted.audience, settings, "hand", last, wanted)]


def _made(connection: Connection, product: Product, run: Run, audience: Audience, settings: Report, cause: Cause,
          last: Row[Any] | None, wanted: Wanted | None = None) -> Made:
    from include.stakeholder_reporting.numbers import numbers

    since = begin(wanted.days if wanted else None, run.at, last.at if last else None)
    before = Numbers.of(last.numbers) if last else None
    id = hashlib.sha256(f"{product.name}\x1f{audience}\x1f{run.run_id}".encode()).hexdigest()[:12]
    send = wanted.send if wanted else True
    needed = {wanted.language, *(settings.written_in if send else ())} if wanted else set(settings.written_in)
    return Made(f"R-{id}", cause, settings, tuple(name for name in LANGUAGES if name in needed), last.id if last else None,
                numbers(connection, product, audience, since, run.at, before), wanted.by if wanted else None, send)


def _begun(connection: Connection, product: Product) -> bool:
    return any(connection.scalar(select(table.c.product).where(table.c.product == product.name).limit(1))
               for table in (releases, themes))


def _last(connection: Connection, product: Product, audience: Audience, run: Run) -> Row[Any] | None:
    """The last report that was due; one that somebody asked for is compared with nothing later."""
    return connection.execute(
        select(reports).where(reports.c.product == product.name, reports.c.audience == audience, reports.c.cause != "hand",
                              reports.c.at < run.at)
        .order_by(reports.c.at.desc(), reports.c.id).limit(1)).first()


def _changed(connection: Connection, product: Product) -> list[Row[Any]]:
    rows = connection.execute(select(reports).where(reports.c.product == product.name).order_by(reports.c.id))
    return [row for row in rows if _digest(row.numbers) != row.digest]


def _digest(numbers: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()


def _kept(artifacts: Artifacts, product: Product, id: str, numbers: Numbers, languages: tuple[Language, ...]) -> Files:
    """Render a report and keep its files; what renders is loaded for this alone, and takes a second."""
    from include.stakeholder_reporting.rendering import document, rendered

    folder = f"reports/{product.name}/{numbers.audience}/{numbers.at:%Y-%m-%d}-{id}"
    artifacts.write(f"{folder}/report.json", document(numbers))
    return {language: {kind: _file(artifacts, f"{folder}/report.{language}.{kind}", content)
                       for kind, content in rendered(numbers, language, product.reports.zone).files.items()}
            for language in languages}


def _file(artifacts: Artifacts, name: str, content: bytes) -> list[str]:
    artifacts.write(name, content)
    return [name, f"sha256:{hashlib.sha256(content).hexdigest()}"]


def _renewed(artifacts: Artifacts, product: Product, row: Row[Any]) -> dict[str, Any]:
    languages = tuple(name for name in LANGUAGES if name in row.files)
    return {"digest": _digest(row.numbers), "files": _kept(artifacts, product, row.id, Numbers.of(row.numbers), languages)}


def _written(connection: Connection, product: Product, run: Run, made: list[Made], kept: dict[str, Files],
             renewed: dict[str, dict[str, Any]]) -> Result:
    upsert(connection, reports, [
        {"id": item.id, "product": product.name, "audience": item.numbers.audience, "cause": item.cause, "asked_by": item.by,
         "since": item.numbers.since, "at": run.at, "previous": item.previous, "numbers": item.numbers.json(),
         "digest": _digest(item.numbers.json()), "files": kept[item.id]} for item in made])
    upsert(connection, deliveries, [row for item in made if item.send for row in _deliveries(run, item)], keep=True)
    for id, values in renewed.items():
        connection.execute(update(reports).where(reports.c.id == id).values(values))
    waiting = connection.scalar(
        select(func.count()).select_from(deliveries).join(reports, reports.c.id == deliveries.c.report_id)
        .where(reports.c.product == product.name, deliveries.c.status.in_((WAITING, FAILED, SENDING))))
    return {"reports": {item.id: kept[item.id] for item in made}, "renewed": sorted(renewed), "waiting": waiting or 0,
            "publish": []}


def _deliveries(run: Run, item: Made) -> list[dict[str, Any]]:
    return [{"report_id": item.id, "recipient": recipient.name, "channel": recipient.channel, "language": recipient.language,
             "status": WAITING, "attempts": 0, "problem": None, "made_at": run.at, "tried_at": None, "sent_at": None,
             "message_id": hashlib.sha256(f"report\x1f{item.id}\x1f{recipient.name}".encode()).hexdigest()[:32]}
            for recipient in item.settings.recipients]
