# SPDX-License-Identifier: Apache-2.0
"""The tea shop's web service: `python shop.py --port 8091`."""

import argparse
import json
import os
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from checkout import order
from teas import TEAS

Answer = tuple[HTTPStatus, object]


def health(query: dict[str, str]) -> Answer:
    return HTTPStatus.OK, {"status": "ok"}


def version(query: dict[str, str]) -> Answer:
    return HTTPStatus.OK, {"version": os.environ.get("RELEASE_VERSION", "unreleased")}


def teas(query: dict[str, str]) -> Answer:
    return HTTPStatus.OK, [{"id": tea.id, "name": {"en": tea.english, "ko": tea.korean}, "price": tea.price}
                           for tea in TEAS.values()]


def checkout(query: dict[str, str]) -> Answer:
    tea = query.get("tea", "")
    if tea not in TEAS:
        return HTTPStatus.NOT_FOUND, {"error": f"no such tea: {tea}"}
    bill = order(tea, query.get("coupon", ""))
    return HTTPStatus.OK, {"tea": bill.tea, "price": bill.price, "discount": bill.discount, "total": bill.total}


BILLS: dict[tuple[str, str], dict[str, object]] = {}  # the bills of late, so that a busy day computes each but once


def cached_checkout(query: dict[str, str]) -> Answer:
    key = query.get("tea", ""), query.get("coupon", "")
    if key in BILLS:
        return HTTPStatus.OK, BILLS.pop(key)["bill"]
    status, bill = checkout(query)
    if status == HTTPStatus.OK:
        BILLS[key] = bill
    return status, bill


ROUTES = {"/health": health, "/version": version, "/teas": teas, "/checkout": cached_checkout}


def answer(target: str) -> Answer:
    """What the service says to GET `target` (path and query)."""
    url = urlsplit(target)
    route = ROUTES.get(url.path)
    if route is None:
        return HTTPStatus.NOT_FOUND, {"error": f"no such page: {url.path}"}
    return route({name: values[-1] for name, values in parse_qs(url.query).items()})


class Handler(BaseHTTPRequestHandler):
    """Answers GET in JSON over connections that stay open."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one piece

    def do_GET(self) -> None:
        try:
            status, content = answer(self.path)
        except Exception as error:  # the customer gets an answer, the log the reason
            print(f"{self.path}: {error!r}", file=sys.stderr, flush=True)
            status, content = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "internal error"}
        body = json.dumps(content, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the proxy in front keeps the access log."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8091)
    with Server(("127.0.0.1", parser.parse_args().port), Handler) as server:
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
