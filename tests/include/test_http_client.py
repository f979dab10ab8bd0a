"""Where the HTTP client goes, and where it does not (SSRF)."""

import socket

import httpx
import pytest

from include.errors import InputError
from include.http_client import Client
from include.parts.channels import HttpSource
from tests.server import Reply, serving

# Loopback, private networks, link-local with a cloud's metadata, and others that are nobody's public server; in every way to
# write them that the system's resolver understands, and in IPv6 addresses that lead to them.
NOT_PUBLIC = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "localhost",  # noqa: S104 - nothing is bound to it
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "2130706433", "0x7f000001",
    "017700000001", "127.1", "0x7f.1", "2852039166", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[fe80::1]",
    "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]",
    "[2002:7f00:1::1]", "[2001:0:a9fe:a9fe::1]", "[100::1]")
PUBLIC = ("8.8.8.8", "[2606:4700:4700::1111]", "[64:ff9b::8.8.8.8]", "[::ffff:8.8.8.8]")


def client(url: str, *hosts: str) -> Client:
    return Client(HttpSource.model_validate({"name": "s", "kind": "http", "url": url, "allow_hosts": hosts}), {})


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with client(url := f"http://{host}:1/x") as asking, pytest.raises(InputError, match="which is not public"):
        asking.get(httpx.URL(url), {})


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_no_redirect_leads_there(host: str) -> None:
    where = f"http://{host}:1/latest/meta-data/"
    if host == "127.0.0.1":
        where = "http://localhost:1/"  # another name than the one that is allowed
    with serving(lambda _: Reply(status=302, headers={"Location": where})) as server:
        with client(server.url, "127.0.0.1") as asking, pytest.raises(InputError, match="which is not public"):
            asking.get(httpx.URL(server.url), {})
        assert len(server.asked) == 1


@pytest.mark.parametrize("where", ["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "unix:///run/docker.sock"])
def test_no_redirect_leads_out_of_http(where: str) -> None:
    with serving(lambda _: Reply(status=302, headers={"Location": where})) as server, \
            client(server.url, "127.0.0.1") as asking, pytest.raises(InputError, match="is no HTTP"):
        asking.get(httpx.URL(server.url), {})


def test_a_name_that_gets_another_address_meanwhile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: what the name meant when it was looked at is not where the connection went."""
    real, looked = socket.getaddrinfo, []

    def first_public(host: str, port: object, *more: object, **other: object) -> object:
        looked.append(host)
        return real("8.8.8.8" if len(looked) == 1 else "127.0.0.1", port, *more, **other)  # type: ignore[arg-type]  # passed on

    with serving(lambda _: Reply([{"secret": 1}])) as server:
        monkeypatch.setattr(socket, "getaddrinfo", first_public)
        url = httpx.URL(server.url).copy_with(host="rebound.example")
        with client(str(url)) as asking, pytest.raises(InputError, match=r"127\.0\.0\.1, which is not public"):
            asking.get(url, {})
        assert len(looked) == 2


@pytest.mark.parametrize("host", PUBLIC)
def test_public_addresses_are_asked(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches them: that they would be connected to is enough."""
    class ReachedError(Exception):
        pass

    def connect(*_: object, **__: object) -> None:
        raise ReachedError

    with client(url := f"http://{host}/") as asking:
        monkeypatch.setattr(httpx.Client, "stream", connect)
        with pytest.raises(ReachedError):
            asking.get(httpx.URL(url), {})
