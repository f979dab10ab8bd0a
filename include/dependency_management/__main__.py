"""`python -m include.dependency_management impact PURL [--affected RANGE] [--ledger URL]`: what a package touches, as JSON."""

import argparse
import json
import sys

from include.dependency_management.impact import impact
from include.errors import InputError
from include.ledger.engine import connect
from include.product import home, products


def main(arguments: list[str] | None = None) -> None:
    """Print what a package touches. Wrong input ends with a message."""
    parser = argparse.ArgumentParser(prog="python -m include.dependency_management", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    asked = commands.add_parser("impact", help="which products and stories a package touches")
    asked.add_argument("purl", help="a package URL, with or without a version: pkg:pypi/requests@2.31.0")
    asked.add_argument("--affected", help="the affected versions, as the package's ecosystem writes ranges")
    asked.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="SQLAlchemy URL (default: the embedded one)")
    options = parser.parse_args(arguments)
    try:
        found = impact(connect(options.ledger), products()[0], options.purl, options.affected)
    except InputError as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
