"""A real HTTP server on loopback whose answers a test writes."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request; `number` counts from 1, `body` is the JSON that came with it."""

    number: int
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    body: Any = None


@dataclass(frozen=True)
class Reply:
    """One answer. `cut` sends only so many bytes of the body that Content-Length promises; `drip` waits before each byte."""

    body: Any = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float = 0


class Server:
    """Answers with what `answer(asked)` returns; `asked` are all requests so far."""

    def __init__(self, answer: Callable[[Asked], Reply], port: int = 0) -> None:
        self.answer, self.asked = answer, list[Asked]()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    @contextmanager
    def up(self) -> Iterator["Server"]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            thread.join()
            self._http.server_close()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(len(server.asked) + 1, parts.path, dict(parse_qsl(parts.query)),
                          {name.lower(): value for name, value in self.headers.items()}, self.command,
                          json.loads(sent) if sent else None)
            server.asked.append(asked)
            reply = server.answer(asked)
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if reply.status not in {204, 304}:
                self._write(body[: reply.cut], reply.drip)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

        def _write(self, body: bytes, drip: float) -> None:
            if not drip:
                self.wfile.write(body)
                return
            with suppress(OSError):  # the client has had enough
                for place in range(len(body)):
                    time.sleep(drip)
                    self.wfile.write(body[place : place + 1])

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def serving(answer: Callable[[Asked], Reply]) -> Iterator[Server]:
    """A server for the length of the block."""
    with Server(answer).up() as server:
        yield server
