"""What a person asks of a plan in the form: which stories must be in or out, and how much capacity there is."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from include.markup import plain
from include.parts.planning import Planning
from include.scope_planning.choice import Settings

LARGEST = 100_000.0  # person-days
_BETWEEN = re.compile(r"[\s,;]+")


@dataclass(frozen=True)
class Asked:
    """What the form says. Written to the scope as `as_row`, and shown in the next form."""

    pins: tuple[str, ...]
    exclude: tuple[str, ...]
    capacity: float

    @classmethod
    def of(cls, settings: Settings) -> "Asked":
        return cls(settings.pins, settings.exclude, settings.capacity)

    @property
    def fields(self) -> dict[str, Any]:
        """The form's fields with these values."""
        return {"pins": ", ".join(self.pins), "exclude": ", ".join(self.exclude), "capacity": f"{self.capacity:g}"}

    def settings(self, settings: Settings) -> Settings:
        return replace(settings, pins=self.pins, exclude=self.exclude, capacity=self.capacity)


def settings_of(planning: Planning) -> Settings:
    """What the product file says."""
    kept = {str(name): share for name, share in planning.kept.items()}
    return Settings(planning.method, planning.capacity, planning.iterations, planning.score, kept, tuple(planning.pins),
                    tuple(planning.exclude))


def read(fields: Mapping[str, Any], now: Asked, known: Collection[str]) -> tuple[Asked, list[str]]:
    """What the form's `fields` ask for, and what of it makes no sense; that stays as it is `now`. `known` are the ids of stories
    that there are."""
    pins, unknown_pins = _stories(fields.get("pins"), known)
    exclude, unknown = _stories(fields.get("exclude"), known)
    problems = [f"there is no story {plain(name, 60)!r} to be planned" for name in dict.fromkeys(unknown_pins + unknown)]
    if both := [name for name in pins if name in exclude]:
        problems += [f"{name} can't be both pinned and excluded" for name in both]
        pins, exclude = (tuple(name for name in names if name not in both) for names in (pins, exclude))
    capacity = _capacity(fields.get("capacity"))
    if capacity is None:
        problems.append(f"the capacity must be a number of person-days above 0, not {plain(str(fields.get('capacity')), 60)!r}")
    return Asked(pins, exclude, now.capacity if capacity is None else capacity), problems


def _stories(given: Any, known: Collection[str]) -> tuple[tuple[str, ...], list[str]]:
    names = list(dict.fromkeys(name for name in _BETWEEN.split(str(given or "")) if name))
    return tuple(name for name in names if name in known), [name for name in names if name not in known]


def _capacity(given: Any) -> float | None:
    try:
        days = float(str(given).replace(",", "."))
    except ValueError:
        return None
    return days if math.isfinite(days) and 0 < days <= LARGEST else None
