"""A polite and careful HTTP client: it waits when asked to, tries again with patience, and goes nowhere it should not.

Refused are addresses that are not public (loopback, private networks, link-local with a cloud's metadata), for the URL itself
and wherever a redirect leads, unless the site names the host. Environment proxies are not used: through one, nobody could tell.
"""

import base64
import itertools
import logging
import random
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from time import monotonic, sleep
from typing import Any, Protocol, Self

import httpx

from include.connection import Connection
from include.errors import InputError
from include.parts.channels import Auth

log = logging.getLogger(__name__)
TRIES = 5
FIRST_WAIT = 0.5  # seconds; doubled each time
LONGEST_WAIT = 60.0
SPENT_WAIT = 60.0  # after a limit that doesn't say when it ends; what GitHub asks for
REDIRECTS = 5
NAT64 = IPv6Network("64:ff9b::/96")
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_SAFE_AGAIN = {"GET", "PUT", "PATCH", "DELETE"}  # what comes to the same when it is done twice


class Site(Protocol):
    """Whom the client talks to, and what it puts up with: a part of a product file."""

    @property
    def url(self) -> str:
        """Where it is; secrets are told to this origin alone."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of each request."""

    @property
    def allow_hosts(self) -> Sequence[str]:
        """Hosts that may have a private or loopback address."""

    @property
    def timeout_seconds(self) -> float:
        """How long to wait for a connection and for each part of an answer."""

    @property
    def total_seconds(self) -> float:
        """How long all requests together may take, waiting included."""

    @property
    def max_bytes(self) -> int:
        """The largest answer."""


class UnavailableError(InputError):
    """The site can't be reached, is busy or fails: it may answer later."""


class UnsureError(UnavailableError):
    """The site's answer was lost, or says nothing: whether a POST was carried out nobody knows."""


@dataclass(frozen=True)
class Answer:
    """What a server said. `headers` has lower-case names; `url` is where it was found after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: httpx.URL


class Client:
    """Asks one site in one run, all within its `total_seconds`. Raises InputError for what can't be had, and its kind
    UnavailableError where that may pass."""

    def __init__(self, site: Site, secrets: Mapping[str, str]) -> None:
        self._site, self._secrets = site, secrets
        self._origin = _origin(httpx.URL(site.url))
        self._end = monotonic() + site.total_seconds
        own = {"User-Agent": "closed-loop", "Accept": "application/json"}
        self._http = httpx.Client(trust_env=False, verify=_tls(), timeout=site.timeout_seconds,
                                  headers=own | dict(site.headers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, url: httpx.URL, headers: Mapping[str, str]) -> Answer:
        """GET `url`; throttling, errors of the server and of the network are tried again. Any other status is returned."""
        return self.send("GET", url, headers)

    def send(self, method: str, url: httpx.URL, headers: Mapping[str, str], body: Any = None) -> Answer:
        """Send a request, `body` as JSON. A POST is tried again only where the server says that it did nothing."""
        for attempt in itertools.count(1):
            asked, refused = None, False
            try:
                answer = self._redirected(method, url, headers, body)
                if not _throttled(answer):
                    return answer
                reason, asked = f"HTTP {answer.status}", _asked(answer)
                refused = answer.status in {403, 429}
            except (httpx.RequestError, OSError) as error:
                reason = f"{type(error).__name__}: {error}"
                refused = isinstance(error, httpx.ConnectError)
            if attempt == TRIES:
                raise UnavailableError(f"{shown(url)}: {reason}, {TRIES} times")
            if method not in _SAFE_AGAIN and not refused:
                raise UnsureError(f"{shown(url)}: {reason}; whether {method} was done is not known")
            self._wait(url, reason, back_off(attempt) if asked is None else asked)
        raise AssertionError

    def _wait(self, url: httpx.URL, reason: str, seconds: float) -> None:
        if monotonic() + seconds > self._end:
            raise UnavailableError(f"{shown(url)}: {reason}; to wait {seconds:.0f} s more would be longer than total_seconds")
        log.info("%s: %s; trying again in %.1f s", shown(url), reason, seconds)
        sleep(seconds)

    def _redirected(self, method: str, url: httpx.URL, headers: Mapping[str, str], body: Any) -> Answer:
        for _ in range(REDIRECTS + 1):
            answer = self._once(method, url, headers, body)
            if method != "GET" or answer.status not in {301, 302, 303, 307, 308} or "location" not in answer.headers:
                return answer
            url = joined(url, answer.headers["location"])
        raise InputError(f"{shown(url)}: more than {REDIRECTS} redirects")

    def _once(self, method: str, url: httpx.URL, headers: Mapping[str, str], body: Any) -> Answer:
        if url.scheme not in {"http", "https"}:
            raise InputError(f"{shown(url)}: is no HTTP")
        self._in_time(url)
        allowed = url.host.lower() in {host.lower() for host in self._site.allow_hosts}
        if not allowed:
            for address in socket.getaddrinfo(url.host, url.port or url.scheme, type=socket.SOCK_STREAM):
                _public(url, str(address[4][0]))
        secrets = self._secrets if _origin(url) == self._origin else {}
        with self._http.stream(method, url, headers=dict(headers) | dict(secrets), json=body) as response:
            if not allowed:  # the name may have been given another address since
                _public(url, response.extensions["network_stream"].get_extra_info("server_addr")[0])
            content = self._body(url, response)
            found = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, found, content, url)

    def _in_time(self, url: httpx.URL) -> None:
        if monotonic() > self._end:
            raise UnavailableError(f"{shown(url)}: took longer than {self._site.total_seconds:g} s")

    def _body(self, url: httpx.URL, response: httpx.Response) -> bytes:
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > self._site.max_bytes:
                raise InputError(f"{shown(url)}: the answer is larger than {self._site.max_bytes:,} bytes")
            self._in_time(url)
        return bytes(body)


@cache
def _tls() -> ssl.SSLContext:
    """The authorities that are trusted; reading them takes longer than many a request."""
    return ssl.create_default_context()


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
    if any(not one.is_global or one.is_multicast for one in _meant(found)):
        raise InputError(f"{shown(url)}: {url.host} has the address {address}, which is not public; "
                         "where that is meant, name the host in allow_hosts")


def _meant(address: IPv4Address | IPv6Address) -> set[IPv4Address | IPv6Address]:
    """The address, or that of IPv4 behind it, mapped (RFC 4291), by 6to4 (RFC 3056), Teredo (RFC 4380) or NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return {address}
    inner = {address.ipv4_mapped, address.sixtofour, *(address.teredo or ()),
             IPv4Address(int(address) & 0xFFFF_FFFF) if address in NAT64 else None}
    return {one for one in inner if one} or {address}


def secrets(auth: Auth, connection: Connection) -> Mapping[str, str]:
    """The headers that tell who we are. Raises InputError where the connection has no password."""
    if not connection.password:
        raise InputError(f"connection {auth.connection!r} has no password")
    if auth.by == "basic":
        both = f"{connection.login or ''}:{connection.password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(both).decode()}"}
    if auth.by == "header":
        return {auth.header: auth.prefix + connection.password}
    return {"Authorization": f"Bearer {connection.password}"}


def _throttled(answer: Answer) -> bool:
    return answer.status in _AGAIN or (answer.status == 403 and (
        "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0" or _spent(answer)))


def _spent(answer: Answer) -> bool:
    """Whether a limit was hit that the headers don't tell, as GitHub's secondary ones."""
    return answer.status in {403, 429} and b"rate limit" in answer.body[:2000].lower()


def _asked(answer: Answer) -> float | None:
    asked = retry_after(answer.headers, datetime.now(UTC))
    return SPENT_WAIT if asked is None and _spent(answer) else asked


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """How many seconds to wait: Retry-After as seconds or a date (RFC 9110, 10.2.3), or the time of a spent limit's reset:
    X-RateLimit-Reset at GitHub, RateLimit-Reset at GitLab."""
    if (given := headers.get("retry-after", "").strip()).isdecimal():
        return float(given)
    try:
        if given:
            moment = parsedate_to_datetime(given)
            return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
    except ValueError:
        return None
    for limit in ("x-ratelimit", "ratelimit"):
        if headers.get(f"{limit}-remaining") == "0" and (reset := headers.get(f"{limit}-reset", "")).isdecimal():
            return max(0.0, float(reset) - now.timestamp())
    return None


def back_off(attempt: int) -> float:
    """Seconds to wait after the `attempt`-th failure: doubled each time, bounded, the half of it by chance."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1))
    return random.uniform(longest / 2, longest)  # noqa: S311 - no secret, only spread
