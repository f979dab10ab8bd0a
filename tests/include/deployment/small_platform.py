"""A small platform behind an adapter: it starts replicas that end again, on ports and in folders of its own choice.

python small_platform.py FOLDER, with a request of docs/deployment-targets.md on standard input.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
from contextlib import suppress
from pathlib import Path

FOLDER = Path(sys.argv[1])
AGAIN = "while :; do env RELEASE_VERSION={version} {command} > {log} 2>&1; sleep 0.2; done"


def replicas() -> dict[str, dict]:
    return {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}


def start(replica: dict) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [str(port) if word == str(replica["port"]) else word for word in shlex.split(replica["command"])]
    name, home = replica["name"], FOLDER / replica["version"]
    line = AGAIN.format(version=replica["version"], command=shlex.join(words), log=shlex.quote(str(FOLDER / f"{name}.log")))
    with subprocess.Popen(["sh", "-c", f"{line} & echo $!"], cwd=home, start_new_session=True, stdout=subprocess.PIPE,
                          env={"PATH": os.environ["PATH"]} | replica["secrets"]) as shell:
        assert shell.stdout
        pid = int(shell.stdout.readline())
    (FOLDER / f"{name}.json").write_text(json.dumps({"pid": pid, "group": shell.pid, "address": f"127.0.0.1:{port}"}))


def stop(name: str) -> None:
    with suppress(ProcessLookupError):
        os.killpg(replicas()[name]["group"], signal.SIGTERM)
    (FOLDER / f"{name}.json").unlink()


def main(asked: dict) -> dict:
    what = asked["do"]
    if what == "unpack":
        shutil.rmtree(FOLDER / asked["version"], ignore_errors=True)
        try:
            with tarfile.open(asked["archive"]) as archive:
                archive.extractall(FOLDER / asked["version"], filter="data")
        except tarfile.TarError as error:
            return {"error": f"the archive is broken: {error}"}
    elif what == "start":
        for replica in asked["replicas"]:
            if replica["name"] not in replicas():
                start(replica)
    elif what == "stop":
        for name in set(asked["names"]) & replicas().keys():
            stop(name)
    elif what == "list":
        return {"replicas": [{"name": name, "state": "running", "address": item["address"]} for name, item in replicas().items()]}
    elif what == "said":
        log = FOLDER / f"{asked['name']}.log"
        return {"line": "".join(log.read_text().splitlines()[-1:]) if log.exists() else ""}
    elif what == "keep":
        for path in FOLDER.glob("*.*.*/"):
            if path.name != asked["version"] and path.is_dir():
                shutil.rmtree(path)
    return {}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(json.dumps(main(json.load(sys.stdin))))
