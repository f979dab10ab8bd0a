"""What people of an experiment did, counted: from rows of (time, pseudonym, what) to looks that are never counted anew.

A person counts in the hour of the first exposure, once everybody of that hour has had the metric's whole time; so what a later
look adds is new people, and what it says of earlier ones never changes. That is what lets it be looked at any time.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from include.assignment import arm
from include.errors import InputError
from include.parts.testing import Experiment
from include.sequential import Look

HOUR = timedelta(hours=1)
ARMS = ("control", "variant")
COLUMNS = {"at", "id", "what"}
LONGEST = 255  # characters of an id


@dataclass(frozen=True)
class Row:
    """One thing that one person did: `exposed`, or a metric's name; `arm` where the product says which version it gave."""

    at: datetime
    id: str
    what: str
    arm: str | None = None


@dataclass
class Tally:
    """`looks` of each metric, hour by hour; people of each arm, all that were exposed; rows that could not be used, by reason."""

    looks: dict[str, list[Look]] = field(default_factory=dict)
    exposed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ARMS, 0))
    unused: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def read(path: Path, tally: Tally) -> Iterator[Row]:
    """The rows of the CSV at `path`; those that can't be read are counted in `tally`. Raises InputError where a column is missing
    or there is no such file."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            reader = csv.DictReader(line.replace("\0", "") for line in file)
            if missing := sorted(COLUMNS - set(reader.fieldnames or ())):
                raise InputError(f"{path}: column {', '.join(missing)} is missing")
            for row in reader:
                if found := _row(row):
                    yield found
                else:
                    tally.unused["can't be read"] += 1
    except (OSError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def count(rows: Iterable[Row], experiment: Experiment, until: datetime, tally: Tally) -> Tally:
    """Count what happened since the experiment's start and before `until`, in any order, each person once."""
    exposed: dict[str, datetime] = {}
    did: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    names = [item.name for item in (experiment.metric, *experiment.guardrails)]
    for row in rows:
        if not experiment.start <= row.at < until:
            continue
        of = arm(experiment.name, row.id, experiment.percent)
        if of is None or row.arm not in (None, of):
            tally.unused["takes no part" if of is None else "got the other version"] += 1
        elif row.what == "exposed":
            exposed[row.id] = min(row.at, exposed.get(row.id, row.at))
        elif row.what in names:
            did[row.what, row.id].append(row.at)
    return _told(experiment, exposed, did, names, until, tally)


def _told(experiment: Experiment, exposed: Mapping[str, datetime], did: Mapping[tuple[str, str], list[datetime]],
          names: list[str], until: datetime, tally: Tally) -> Tally:
    window = timedelta(hours=experiment.hours)
    people: dict[datetime, dict[str, list[str]]] = defaultdict(lambda: {name: [] for name in ARMS})
    for person, at in exposed.items():
        of = arm(experiment.name, person, experiment.percent) or ARMS[0]
        tally.exposed[of] += 1
        hour = experiment.start + (at - experiment.start) // HOUR * HOUR
        if hour + HOUR + window <= until:
            people[hour][of].append(person)
    for name in names:
        tally.looks[name] = [Look(*(number for of in ARMS for number in (len(people[hour][of]), sum(
            any(exposed[person] <= at < exposed[person] + window for at in did.get((name, person), ()))
            for person in people[hour][of])))) for hour in sorted(people)]
    return tally


def _row(row: Mapping[str, str | None]) -> Row | None:
    id, what = (row.get("id") or "").strip(), (row.get("what") or "").strip()
    try:
        at = datetime.fromisoformat((row.get("at") or "").strip())
    except ValueError:
        return None
    if not id or not what or len(id) > LONGEST or at.tzinfo is None:
        return None
    return Row(at, id, what, (row.get("arm") or "").strip() or None)
