"""What a source gave in a run, and how far it was read."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

SERIES = ["series", "minute", "total", "n"]


@dataclass
class Reading:
    """`frames` as `counting` gives them; `series` has the columns SERIES; `problem` says why not all could be read: what
    was read before counts, and the rest is read by a later run. Without a `cursor` nothing was ever read."""

    cursor: dict[str, Any] | None
    frames: list[pd.DataFrame] = field(default_factory=list)
    series: list[pd.DataFrame] = field(default_factory=list)
    malformed: int = 0
    problem: str | None = None


def points(name: str, minute: Any, values: Any) -> pd.DataFrame:
    """A series' values, summed up by the minute; what is no finite number is left out."""
    frame = pd.DataFrame({"minute": minute, "total": np.asarray(values, dtype=float), "n": 1})
    frame = frame[np.isfinite(frame["total"])].groupby("minute", as_index=False).sum()
    return pd.DataFrame({"series": name, "minute": frame["minute"], "total": frame["total"], "n": frame["n"]})
