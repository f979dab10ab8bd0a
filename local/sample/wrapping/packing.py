# SPDX-License-Identifier: Apache-2.0
"""Which box a number of tins takes, and whether it is wrapped as a gift."""

BOXES = {"small": 2, "medium": 6, "large": 24}


def pack(tins: int, wrap: str = "", **_: str) -> dict[str, object]:
    """The smallest box for `tins`; the largest holds what it can, and the rest goes into a parcel of its own. `wrap` names the
    paper of a gift."""
    box = next((name for name, room in BOXES.items() if room >= tins), "large")
    return {"box": box, "tins": min(tins, BOXES["large"])} | ({"wrapped": wrap} if wrap else {})
