"""The beta ring's part of HAProxy's configuration: who is in it, by the same hash as `include.assignment`."""

from collections.abc import Iterator, Sequence

from include.assignment import BUCKETS
from include.parts.ring import Ring, Who

SALT = "ring"  # a person's bucket is include.assignment.bucket(SALT, id)
NAME = "ring"  # of HAProxy's backend
_WORDS = 50  # values in one line: HAProxy takes at most 64 words


def routing(ring: Ring) -> str:
    """The frontend's lines: whoever is in the ring goes to its backend while that has a server that can take requests, and to the
    running version like everybody else when it has none."""
    lines = [*_pseudonym(ring), *_members(ring), f"use_backend {NAME} if in_ring {{ nbsrv({NAME}) gt 0 }}"]
    return "".join(f"  {line}\n" for line in lines)


def _pseudonym(ring: Ring) -> Iterator[str]:
    """The first 28 bits of SHA-256 of `SALT:id`, modulo BUCKETS."""
    if ring.who is None:
        return
    sent = _fetch(ring.who)
    yield f"http-request set-var(txn.who) {sent} if {{ {sent} -m len gt 0 }}"
    yield (f"http-request set-var(txn.bucket) str({SALT}:),concat(,txn.who),sha2(256),hex,bytes(0,7),hex2i,mod({BUCKETS}) "
           "if { var(txn.who) -m found }")


def _members(ring: Ring) -> Iterator[str]:
    if ring.percent:
        yield f"acl in_ring var(txn.bucket) -m int lt {round(ring.percent * BUCKETS / 100)}"
    for some in _lines(ring.users):
        yield f"acl in_ring var(txn.who) -m str -- {some}"
    for sign in ring.signs:
        yield f"acl in_ring {_fetch(Who(header=sign.header, cookie=sign.cookie))} -m str -- {sign.value}"


def _fetch(who: Who) -> str:
    return f"req.fhdr({who.header})" if who.header else f"req.cook({who.cookie})"


def _lines(values: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(values), _WORDS):
        yield " ".join(values[start : start + _WORDS])
