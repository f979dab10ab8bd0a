"""A receiver of OpenTelemetry metrics on loopback, which knows them by the names that Prometheus gives them."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

UNITS = {"ms": "_milliseconds", "s": "_seconds", "By": "_bytes"}


def prometheus_name(metric: Metric) -> str:
    """As Prometheus's own receiver names it: unit and, for what only grows, `_total` behind it."""
    name = "".join(letter if letter.isalnum() or letter == ":" else "_" for letter in metric.name) + UNITS.get(metric.unit, "")
    return name + "_total" * (metric.HasField("sum") and metric.sum.is_monotonic)


@contextmanager
def receiving() -> Iterator[tuple[str, dict[str, set[str]]]]:
    """The URL to send to, and what has come so far: the labels of each metric."""
    received: dict[str, set[str]] = {}

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            plain = gzip.decompress(sent) if self.headers.get("Content-Encoding") == "gzip" else sent
            for resource in ExportMetricsServiceRequest.FromString(plain).resource_metrics:
                for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                    points = getattr(metric, str(metric.WhichOneof("data"))).data_points
                    labels = {attribute.key for point in points for attribute in point.attributes}
                    received.setdefault(prometheus_name(metric), set()).update(labels)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v1/otlp/v1/metrics", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
