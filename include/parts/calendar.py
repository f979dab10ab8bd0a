"""Days and time zones, as parts of a product file name them."""

from typing import Annotated, Literal, get_args
from zoneinfo import available_timezones

from pydantic import AfterValidator

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)  # as `datetime.weekday` counts them


def _known(zone: str) -> str:
    if zone not in available_timezones():
        raise ValueError(f"there is no time zone {zone!r}")
    return zone


Zone = Annotated[str, AfterValidator(_known)]
