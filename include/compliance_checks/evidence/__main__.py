"""`python -m include.compliance_checks.evidence verify [RELEASE]`: whether the evidence of checks is still what it was.

    python -m include.compliance_checks.evidence verify                       # of all products
    python -m include.compliance_checks.evidence verify "shop|1.4.0"          # of one release
    python -m include.compliance_checks.evidence verify shop --ledger URL --artifacts URL

The ledger (CLOSED_LOOP_HOME/ledger.db, or --ledger) knows the head of each manifest; the artifacts are in
CLOSED_LOOP_HOME/artifacts, or where --artifacts says. Ends with exit code 1 where anything was changed.
"""

import argparse
import sys
from collections.abc import Sequence

from include.artifacts import Artifacts
from include.compliance_checks.evidence.chain import Link, previous, verify
from include.compliance_checks.evidence.kept import kept
from include.errors import InputError
from include.ledger.engine import connect
from include.product import home


def verified(artifacts: Artifacts, links: Sequence[Link]) -> list[str]:
    """What is wrong with the evidence in the folders of `links`, each of which must follow one of the others or none."""
    wrong: list[str] = []
    heads = {link.folder: link.head for link in links}
    for link in links:
        found = verify(artifacts, link)
        wrong += found
        before = None if found else previous(artifacts, link.folder)
        if before and heads.get(before.folder, before.head) != before.head:
            wrong.append(f"{link.folder}: follows {before.folder} as it was before it was made anew")
    return wrong


def main(arguments: Sequence[str]) -> int:
    """Verify what the command line names, print what is wrong, and return the exit code."""
    parser = argparse.ArgumentParser("python -m include.compliance_checks.evidence", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["verify"])
    parser.add_argument("release", nargs="?", help="a release (product|version) or a product; without it, all")
    parser.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="a SQLAlchemy URL")
    parser.add_argument("--artifacts", default=str(home() / "artifacts"), help="a folder, or any fsspec URL")
    given = parser.parse_args(arguments)
    links = kept(connect(given.ledger), given.release)
    if not links:
        raise InputError(f"there is no evidence of {given.release or 'any release'} in {given.ledger}")
    wrong = verified(Artifacts(given.artifacts), links)
    sys.stdout.write("".join(f"{line}\n" for line in [
        *wrong, f"{len(links)} manifests: {f'{len(wrong)} things are wrong' if wrong else 'nothing was changed'}"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        sys.exit(str(error))
