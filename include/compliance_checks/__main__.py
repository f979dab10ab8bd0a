"""`python -m include.compliance_checks FOLDER`: whether the rules of a folder's packs judge their own examples as they say.

Prints a line for each example that came out otherwise, and ends with 1 where there is one, or a pack is malformed.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from include.compliance_checks.checks import CHECKS
from include.compliance_checks.facts import PROVIDERS, of_example
from include.compliance_checks.policy import Pack, judge, read_packs
from include.errors import InputError


def main(arguments: Sequence[str]) -> int:
    """Judge the examples and print what came out otherwise; returns the exit code."""
    parser = argparse.ArgumentParser("python -m include.compliance_checks", description=__doc__)
    parser.add_argument("folder", type=Path)
    try:
        packs = read_packs(parser.parse_args(arguments).folder)
    except InputError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    wrong = [line for name, pack in packs.items() for line in _wrong(name, pack)]
    count = sum(len(pack.rules) for pack in packs.values())
    sys.stdout.write("".join(f"{line}\n" for line in [*wrong, f"{count} rules in {len(packs)} packs, {len(wrong)} wrong"]))
    return 1 if wrong or not count else 0


def _wrong(name: str, pack: Pack) -> Iterator[str]:
    for rule in pack.rules:
        if unknown := sorted(set(rule.needs) - set(PROVIDERS)):
            yield f"{name}: {rule.id}: there is no fact {', '.join(unknown)}; there are {', '.join(sorted(PROVIDERS))}"
        for number, example in enumerate(rule.examples, 1):
            found, _ = judge(rule, of_example(example.facts), CHECKS)
            if found.outcome != example.outcome:
                yield f"{name}: {rule.id}: example {number} is {example.outcome}, the rule says {found.outcome}: {found.detail}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
