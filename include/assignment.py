"""Who gets what: from a pseudonymous id alone, so that it is the same everywhere, at any time, without a memory.

A bucket is the first seven hexadecimal digits of SHA-256 of `salt:id`, as a number, modulo 10,000: simple enough for any
language (and for HAProxy's own converters) to come to the same. Another salt is another, independent draw.
"""

import hashlib

BUCKETS = 10_000


def bucket(salt: str, id: str) -> int:
    """A number from 0 to 9,999 for this id, each as likely."""
    return int(hashlib.sha256(f"{salt}:{id}".encode()).hexdigest()[:7], 16) % BUCKETS


def takes_part(salt: str, id: str, percent: float) -> bool:
    """Whether this id is among `percent` of all. Whoever is, stays so when the percentage grows."""
    return bucket(salt, id) < round(percent * BUCKETS / 100)


def arm(experiment: str, id: str, percent: float = 100) -> str | None:
    """Which version of an experiment this id gets: `control` or `variant`, each for half of those who take part; None for the
    others, who get what all get and are not counted."""
    if not takes_part(experiment, id, percent):
        return None
    return "variant" if bucket(f"{experiment}/arm", id) < BUCKETS // 2 else "control"
