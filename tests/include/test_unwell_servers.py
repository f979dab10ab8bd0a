"""A git host or a mail server that is slow, down or wrong: what is said, and that it is tried again."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from include import mirror, smtp
from include.connection import Connection
from include.errors import InputError
from include.mirror import Mirror
from local.sample.history import create


def says(text: str) -> Callable[[socket.socket], None]:
    """A server that says this at once, whatever it is asked, and hangs up."""
    def answer(peer: socket.socket) -> None:
        peer.sendall(text.encode())
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65_536):
            pass
    return answer


def silent(peer: socket.socket) -> None:
    """A server that listens, and never answers."""
    while peer.recv(65_536):
        pass


def http(status: str, body: str = "") -> Callable[[socket.socket], None]:
    return says(f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}")


@contextmanager
def served(behaviour: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that meets every connection like that."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def meet(peer: socket.socket) -> None:
            with peer, suppress(OSError):
                behaviour(peer)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    peers.append(server.accept()[0])
                    threading.Thread(target=meet, args=(peers[-1],), daemon=True).start()

        peers: list[socket.socket] = []
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            for peer in [server, *peers]:
                with suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for a minute is waited for two seconds."""
    settings = mirror.SETTINGS.read_text()
    assert "lowSpeedTime = 60" in settings
    (tmp_path / "gitconfig").write_text(settings.replace("lowSpeedTime = 60", "lowSpeedTime = 2"))
    monkeypatch.setattr(mirror, "SETTINGS", tmp_path / "gitconfig")
    monkeypatch.setattr(smtp, "SECONDS", 2)


@pytest.mark.parametrize(("behaviour", "why"), [
    (silent, "Operation too slow"), (http("503 Service Unavailable"), "503"), (http("502 Bad Gateway"), "502"),
    (http("200 OK", "<html>We are back soon</html>"), "shows another page"), (says("220 mail\r\n"), "HTTP/0.9")])
@pytest.mark.usefixtures("hasty")
def test_a_git_host_that_is_unwell_is_tried_again(tmp_path: Path, behaviour: Callable[[socket.socket], None], why: str) -> None:
    Mirror(tmp_path / "m.git", str(create(tmp_path / "demo")), "main").fetch()  # it was well before
    with served(behaviour) as port:
        kept = Mirror(tmp_path / "m.git", f"http://somebody:hunter2@127.0.0.1:{port}/shop.git", "main")
        for _ in range(2):  # and what the first try left is in nobody's way
            with pytest.raises(RuntimeError, match="could not be fetched") as caught:
                kept.fetch()
            assert not isinstance(caught.value, InputError) and why in str(caught.value)
            assert "hunter2" not in str(caught.value)


def test_a_git_host_that_is_slow_for_too_long_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "FETCH_SECONDS", 3)
    with served(silent) as port:
        address = f"http://somebody:hunter2@127.0.0.1:{port}/shop.git"  # pragma: allowlist secret
        with pytest.raises(RuntimeError, match="was not fetched within 3 s") as caught:
            Mirror(tmp_path / "m.git", address, "main").fetch()
        assert "hunter2" not in str(caught.value) and caught.value.__suppress_context__


@pytest.mark.parametrize("behaviour", [silent, http("200 OK", "hello"), says("421 too busy\r\n"), says("")])
@pytest.mark.usefixtures("hasty")
def test_a_mail_server_that_is_unwell_is_an_error_that_passes(behaviour: Callable[[socket.socket], None]) -> None:
    with served(behaviour) as port:
        post = Connection("post", host="127.0.0.1", port=port, extra={"disable_ssl": True, "disable_tls": True})
        with pytest.raises(OSError), smtp.session(post):  # of many kinds, and none is an InputError
            pass
