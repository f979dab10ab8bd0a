"""`python -m include.ledger upgrade URL`: bring the ledger at a SQLAlchemy URL to the newest schema.

`downgrade URL --to REVISION` brings it back to an older one, before an older version of Closed Loop runs again. What only newer
tables and columns held is gone then, so take a backup first.
"""

import argparse

from include.ledger.engine import downgrade, upgrade

parser = argparse.ArgumentParser("python -m include.ledger", description=__doc__)
parser.add_argument("action", choices=["upgrade", "downgrade"])
parser.add_argument("url", help="for example sqlite:///.loop/ledger.db or postgresql+psycopg://user@host/ledger")
parser.add_argument("--to", help="a revision: 0001, 0002 …")
given = parser.parse_args()
if given.action == "upgrade":
    upgrade(given.url, given.to or "head")
elif given.to:
    downgrade(given.url, given.to)
else:
    parser.error("downgrade needs --to")
