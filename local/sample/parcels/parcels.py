# SPDX-License-Identifier: Apache-2.0
"""The parcels of the tea shop, as a web service: `python parcels.py --port 8092`."""

import argparse
import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from packing import pack


def answer(target: str) -> tuple[HTTPStatus, object]:
    """What the service says to GET `target` (path and query)."""
    url = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    if url.path == "/health":
        return HTTPStatus.OK, {"status": "ok"}
    if url.path == "/pack" and query.get("tins", "").isdecimal():
        return HTTPStatus.OK, pack(int(query.pop("tins")), **query)
    return HTTPStatus.NOT_FOUND, {"error": f"no such page: {url.path}"}


class Handler(BaseHTTPRequestHandler):
    """Answers GET in JSON."""

    def do_GET(self) -> None:
        status, content = answer(self.path)
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the proxy in front keeps the access log."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8092)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Handler).serve_forever()
