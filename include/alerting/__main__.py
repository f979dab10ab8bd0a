"""`python -m include.alerting show PRODUCT`: its incidents, and what was not told. `postmortem INCIDENT`: a draft, as Markdown.

The ledger is CLOSED_LOOP_HOME/ledger.db, or what --ledger names; the drafts lie in CLOSED_LOOP_HOME/artifacts, or at --artifacts.
"""

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy import select

from include.alerting.messages import DROPPED, SENT
from include.artifacts import Artifacts
from include.errors import InputError
from include.ledger.engine import connect, reading
from include.ledger.tables import alerts, incidents
from include.markup import plain
from include.product import home


def show(url: str, product: str) -> str:
    """The incidents of `product`, the newest first, and the alerts that did not arrive, each on a line."""
    with reading(connect(url)) as connection:
        found = connection.execute(select(incidents).where(incidents.c.product == product).order_by(
            incidents.c.opened_at.desc(), incidents.c.id)).all()
        untold = connection.execute(select(alerts).where(
            alerts.c.product == product, alerts.c.status.not_in((SENT, DROPPED))).order_by(
            alerts.c.made_at, alerts.c.fingerprint, alerts.c.state, alerts.c.channel)).all()
    lines = [f"{row.id}  {row.status}  {row.severity}  {row.opened_at:%Y-%m-%d %H:%M}  {row.owner}: {plain(row.title)}"
             for row in found]
    lines += [f"{row.fingerprint} {row.state} to {row.channel}: {row.status}, {row.attempts} times: {row.problem or '-'}"
              for row in untold]
    return "".join(f"{line}\n" for line in lines or ["no incidents, and nothing that could not be told"])


def postmortem(url: str, artifacts: Artifacts, incident: str) -> str:
    """The draft about an incident. Raises InputError where there is no such incident."""
    with reading(connect(url)) as connection:
        name = connection.scalar(select(incidents.c.postmortem).where(incidents.c.id == incident))
    if name is None:
        raise InputError(f"there is no incident {incident!r}")
    return artifacts.read(name).decode()


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser("python -m include.alerting", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["show", "postmortem"])
    parser.add_argument("which", metavar="PRODUCT | INCIDENT")
    parser.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="a SQLAlchemy URL")
    parser.add_argument("--artifacts", default=str(home() / "artifacts"), help="a folder or a URL")
    given = parser.parse_args(arguments)
    if given.what == "show":
        sys.stdout.write(show(given.ledger, given.which))
    else:
        sys.stdout.write(postmortem(given.ledger, Artifacts(given.artifacts), given.which))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
