"""A polite and careful HTTP client: it waits when asked to, tries again with patience, and goes nowhere it should not.

Refused are addresses that are not public (loopback, private networks, link-local with a cloud's metadata), for the URL itself
and wherever a redirect leads, unless the source names the host. Environment proxies are not used: through one, nobody could tell.
"""

import itertools
import logging
import random
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv6Address, ip_address
from typing import Self

import httpx

from include.errors import InputError
from include.parts.channels import HttpSource

log = logging.getLogger(__name__)
TRIES = 5
FIRST_WAIT = 0.5  # seconds; doubled each time
LONGEST_WAIT = 60.0
REDIRECTS = 5
_AGAIN = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Answer:
    """What a server said. `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Gets URLs for one source in one run, all within its `total_seconds`. Raises InputError for what can't be had."""

    def __init__(self, source: HttpSource, secrets: Mapping[str, str]) -> None:
        self._source, self._secrets = source, secrets
        self._origin = _origin(httpx.URL(source.url))
        self._end = time.monotonic() + source.total_seconds
        self._http = httpx.Client(trust_env=False, verify=ssl.create_default_context(), timeout=source.timeout_seconds,
                                  headers={"User-Agent": "closed-loop", "Accept": "application/json"} | source.headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, url: httpx.URL, headers: Mapping[str, str]) -> Answer:
        """GET `url`; throttling, errors of the server and of the network are tried again. Any other status is returned."""
        for attempt in itertools.count(1):
            asked = None
            try:
                answer = self._redirected(url, headers)
                if not _throttled(answer):
                    return answer
                reason, asked = f"HTTP {answer.status}", retry_after(answer.headers, datetime.now(UTC))
            except (httpx.RequestError, OSError) as error:
                reason = f"{type(error).__name__}: {error}"
            if attempt == TRIES:
                raise InputError(f"{shown(url)}: {reason}, {TRIES} times")
            self._wait(url, reason, back_off(attempt) if asked is None else asked)
        raise AssertionError

    def _wait(self, url: httpx.URL, reason: str, seconds: float) -> None:
        if time.monotonic() + seconds > self._end:
            raise InputError(f"{shown(url)}: {reason}; to wait {seconds:.0f} s more would be longer than total_seconds")
        log.info("%s: %s; trying again in %.1f s", shown(url), reason, seconds)
        time.sleep(seconds)

    def _redirected(self, url: httpx.URL, headers: Mapping[str, str]) -> Answer:
        for _ in range(REDIRECTS + 1):
            answer = self._once(url, headers)
            if answer.status not in {301, 302, 303, 307, 308} or "location" not in answer.headers:
                return answer
            url = joined(url, answer.headers["location"])
        raise InputError(f"{shown(url)}: more than {REDIRECTS} redirects")

    def _once(self, url: httpx.URL, headers: Mapping[str, str]) -> Answer:
        if url.scheme not in {"http", "https"}:
            raise InputError(f"{shown(url)}: is no HTTP")
        allowed = url.host.lower() in {host.lower() for host in self._source.allow_hosts}
        if not allowed:
            for address in socket.getaddrinfo(url.host, url.port or url.scheme, type=socket.SOCK_STREAM):
                _public(url, str(address[4][0]))
        secrets = self._secrets if _origin(url) == self._origin else {}
        with self._http.stream("GET", url, headers=dict(headers) | dict(secrets)) as response:
            if not allowed:  # the name may have been given another address since
                _public(url, response.extensions["network_stream"].get_extra_info("server_addr")[0])
            body = self._body(url, response)
            return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)

    def _in_time(self, url: httpx.URL) -> None:
        if time.monotonic() > self._end:
            raise InputError(f"{shown(url)}: took longer than {self._source.total_seconds:g} s")

    def _body(self, url: httpx.URL, response: httpx.Response) -> bytes:
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > self._source.max_bytes:
                raise InputError(f"{shown(url)}: the answer is larger than {self._source.max_bytes:,} bytes")
            self._in_time(url)
        return bytes(body)


def shown(url: httpx.URL) -> str:
    """`url` for messages: without its query, which may hold secrets."""
    return str(url.copy_with(query=None, userinfo=b"", fragment=None))


def joined(base: httpx.URL, target: str) -> httpx.URL:
    """`target` as seen from `base`. Raises InputError where it is no URL."""
    try:
        return base.join(target)
    except httpx.InvalidURL as error:
        raise InputError(f"{shown(base)}: leads to {target[:200]!r}, which is no URL") from error


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether both have the same scheme, host and port (RFC 6454)."""
    return _origin(one) == _origin(other)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host.lower(), url.port or {"http": 80, "https": 443}.get(url.scheme)


def _public(url: httpx.URL, address: str) -> None:
    found = ip_address(address.partition("%")[0])
    found = (isinstance(found, IPv6Address) and found.ipv4_mapped) or found
    if not found.is_global or found.is_multicast:
        raise InputError(f"{shown(url)}: {url.host} has the address {address}, which is not public; "
                         "where that is meant, name the host in allow_hosts")


def _throttled(answer: Answer) -> bool:
    spent = answer.status == 403 and ("retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0")
    return spent or answer.status in _AGAIN


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """How many seconds to wait: Retry-After as seconds or a date (RFC 9110, 10.2.3), or GitHub's X-RateLimit-Reset."""
    if (given := headers.get("retry-after", "").strip()).isdecimal():
        return float(given)
    try:
        if given:
            moment = parsedate_to_datetime(given)
            return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
    except ValueError:
        return None
    if headers.get("x-ratelimit-remaining") == "0" and (reset := headers.get("x-ratelimit-reset", "")).isdecimal():
        return max(0.0, float(reset) - now.timestamp())
    return None


def back_off(attempt: int) -> float:
    """Seconds to wait after the `attempt`-th failure: doubled each time, bounded, the half of it by chance."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1))
    return random.uniform(longest / 2, longest)  # noqa: S311 - no secret, only spread
