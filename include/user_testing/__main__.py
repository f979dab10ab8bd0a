"""`python -m include.user_testing assign PRODUCT EXPERIMENT ID …` says which version each id gets; `plan PRODUCT` how many people
each experiment needs."""

import argparse
import sys

from include.assignment import arm
from include.errors import InputError
from include.parts.testing import Experiment
from include.product import product_named
from include.user_testing.experiments import people_needed


def main(arguments: list[str]) -> str:
    """The answer as text. Raises InputError for an unknown product or experiment."""
    parser = argparse.ArgumentParser(prog="python -m include.user_testing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    assign = commands.add_parser("assign")
    for name in ("product", "experiment"):
        assign.add_argument(name)
    assign.add_argument("ids", nargs="+", metavar="id")
    commands.add_parser("plan").add_argument("product")
    given = parser.parse_args(arguments)
    experiments = {item.name: item for item in product_named(given.product).user_testing.experiments}
    if given.command == "plan":
        return "\n".join(f"{name}: {_plan(item)}" for name, item in experiments.items()) or "no experiments"
    if given.experiment not in experiments:
        raise InputError(f"{given.product} has no experiment {given.experiment!r}")
    percent = experiments[given.experiment].percent
    return "\n".join(f"{id}\t{arm(given.experiment, id, percent) or 'takes no part'}" for id in given.ids)


def _plan(item: Experiment) -> str:
    metric = item.metric
    return (f"{people_needed(item):,} people of each version find that {metric.name} is {100 * metric.least:g} % {metric.better} "
            f"than {100 * metric.rate:.3g} % with probability {item.power:g}; false alarms at most {item.false_alarms:g}")


if __name__ == "__main__":
    try:
        sys.stdout.write(main(sys.argv[1:]) + "\n")
    except InputError as error:
        sys.exit(str(error))
