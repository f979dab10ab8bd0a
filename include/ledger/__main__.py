"""`python -m include.ledger upgrade URL`: bring the ledger at a SQLAlchemy URL to the newest schema."""

import argparse

from include.ledger.engine import upgrade

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("action", choices=["upgrade"])
parser.add_argument("url", help="for example sqlite:///.loop/ledger.db or postgresql+psycopg://user@host/ledger")
upgrade(parser.parse_args().url)
