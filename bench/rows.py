"""One row of the results."""

from typing import Any


def row(name: str, value: float, unit: str, peer: str, peer_value: float, n: int, note: str, *,
        more_is_better: bool) -> dict[str, Any]:
    """A result beside its peer's; `ratio` above 1 is better than the peer. `n` says how often or on how much it was taken."""
    ratio = value / peer_value if more_is_better else peer_value / value
    return {"name": name, "value": round(value, 4), "unit": unit, "peer": peer, "peer_value": round(peer_value, 4),
            "ratio": round(ratio, 3), "n": n, "note": note}
