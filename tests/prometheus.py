"""A real Prometheus on loopback that holds what a test says."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

CONFIG = "global: {scrape_interval: 15s}\n"


def installed() -> bool:
    """Whether Debian's package is there."""
    return bool(shutil.which("prometheus") and shutil.which("promtool"))


@contextmanager
def prometheus(folder: Path, openmetrics: str) -> Iterator[str]:
    """Its URL; it holds the samples of a text with timestamps (`# EOF` included)."""
    data, text, config = folder / "data", folder / "samples.txt", folder / "prometheus.yml"
    data.mkdir(parents=True)
    text.write_text(openmetrics)
    config.write_text(CONFIG)
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)],
                   check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        _ready(process, f"http://127.0.0.1:{port}", folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"Prometheus does not answer: {log.read_text()[-2000:]}")
