"""`python -m include.privacy erase|withdraw|retain`: what a person may ask for, and what a product promises.

    python -m include.privacy erase --product shop --author "Hana Kim" --by dpo@shop.example
    python -m include.privacy withdraw --product shop --author "Hana Kim"
    python -m include.privacy retain [--product shop]

The ledger is CLOSED_LOOP_HOME/ledger.db, or what --ledger names. The key of authors' names is the password of the connection
in AIRFLOW_CONN_AUTHOR_KEY (JSON or URI), or else the one that the embedded Airflow made for CLOSED_LOOP_HOME.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from include.errors import InputError
from include.ledger.engine import connect
from include.privacy.contacts import withdraw
from include.privacy.erasure import erase, retain_now
from include.product import home, product_named, products
from include.redaction import author_hash


def author_key() -> bytes:
    """The secret that authors are hashed with. Raises InputError where there is none."""
    given, secrets = os.environ.get("AIRFLOW_CONN_AUTHOR_KEY"), home() / "secrets.json"
    if given:
        password = json.loads(given).get("password") if given.startswith("{") else unquote(urlsplit(given).password or "")
    else:
        password = json.loads(secrets.read_text())["author_key"] if secrets.exists() else None
    if not password:
        raise InputError("no key of authors' names: set AIRFLOW_CONN_AUTHOR_KEY as Airflow has it")
    return str(password).encode()


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says and print what changed, as JSON."""
    parser = argparse.ArgumentParser("python -m include.privacy", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["erase", "withdraw", "retain"])
    parser.add_argument("--product")
    parser.add_argument("--author", help="the name, as the sources give it")
    parser.add_argument("--by", help="who asked for it, which is recorded")
    parser.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="a SQLAlchemy URL")
    given = parser.parse_args(arguments)
    needed = {"erase": ("product", "author", "by"), "withdraw": ("product", "author"), "retain": ()}[given.what]
    if missing := [name for name in needed if not getattr(given, name)]:
        parser.error(f"{given.what} needs {', '.join(f'--{name}' for name in missing)}")
    engine, now = connect(given.ledger), datetime.now(UTC)
    if given.what == "erase":
        done: object = erase(engine, given.product, given.author, author_key(), given.by, now)
    elif given.what == "withdraw":
        author = author_hash(given.author, author_key())
        done = {"contacts": withdraw(engine, given.product, author, now)}
    else:
        wanted = [product_named(given.product)] if given.product else products()[0]
        done = {product.name: retain_now(engine, product, now) for product in wanted}
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
