"""The product's own Dockerfile, built into the image that its commands run in.

Untrusted, like all of the product's code: the build sees the checkout and nothing else, has no network unless that is declared,
and breaks off where it takes more than the product's limits. It is given to the engine's classic builder as the instructions
that were read and checked here, one a line, so that it can't read them in another way.

Each step (RUN) is a container that it alone has, and runs as root in there, for that is what installs packages. It has the
engine's default capabilities and seccomp profile: the builder takes neither other capabilities nor security options. Its root is
no root of the machine where the engine was started with `userns-remap`; all of this works on such an engine. The commands that
the image is then used for have no capabilities at all, and can't gain any (`include.sandbox.container`).
"""

import io
import json
import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests
from docker import APIClient
from docker.errors import APIError

from include.dockerfile import HEREDOC, Instruction, instructions
from include.parts.repository import Repository
from include.sandbox.dockerignore import left_out
from include.sandbox.runner import Outcome, bounded, over_disk, over_memory, over_processes, over_time

LABEL = "closed-loop.build"
OURS, IGNORE = ".closed-loop.dockerfile", ".dockerignore"  # in the context, beside the product's files
MB = 1_000_000
MAX_BYTES = 100_000
POLL_SECONDS, SIZE_SECONDS = 0.05, 0.5
SECONDS = 60  # for an answer of the engine
CPU_PERIOD = 100_000  # microseconds
_CODE = re.compile(r"returned a non-zero code: (\d+)")
_FROM = re.compile(r"(--platform=\S+ )?(?P<image>\S+)( as (?P<name>[a-z][a-z0-9._-]*))?", re.IGNORECASE)
_FLAG = re.compile(r"--(from|chown|chmod)=(?P<value>[\w.:/-]+)")


class RefusedError(ValueError):
    """The Dockerfile is not there, or asks for what it may not have. The message says where and why."""


@dataclass(frozen=True)
class ImageBuild:
    """One build of the image `tag` on the engine; `name` tells this product's builds from all others there."""

    client: APIClient
    name: str
    tag: str
    settings: Repository
    said: list[bytes] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def run(self, archive: bytes) -> Outcome:
        """Build it from the tar `archive`, the whole checkout. The image before it goes, and so does what a failed build left."""
        before = self._id()
        try:
            try:
                context = with_dockerfile(archive, self.settings, f'LABEL {LABEL}="{self.name}"')
            except RefusedError as error:
                return Outcome(None, str(error), b"")
            with self._called(context) as response:
                if response.status_code != 200:
                    return Outcome(None, f"the engine refuses it: {response.json().get('message', '')[:300]}", b"")
                why = self._watched(response)
            why = why or self._judged()
            return Outcome(None if why else 0, why, bounded(self.said))
        finally:
            if before and before != self._id():
                with suppress(APIError):  # somebody runs it, or builds on it
                    self.client.remove_image(before)
            self.client.prune_images({"dangling": True, "label": f"{LABEL}={self.name}"})

    def _id(self) -> str:
        found = self.client.images(self.tag)
        return str(found[0]["Id"]) if found else ""

    def _called(self, context: bytes) -> requests.Response:
        """The builder at work: its answer is a stream. (The SDK's own call knows fewer limits, and passes proxies on.)"""
        limits, network = self.settings.limits, "default" if self.settings.network else "none"
        parameters = {
            "t": self.tag, "dockerfile": OURS, "rm": 1, "forcerm": 1, "networkmode": network,
            "buildargs": json.dumps({"BASE": self.settings.image}), "labels": json.dumps({LABEL: self.name}),
            "memory": limits.memory_mb * MB, "memswap": limits.memory_mb * MB,
            "cpuperiod": CPU_PERIOD, "cpuquota": int(limits.cpus * CPU_PERIOD),
            "ulimits": json.dumps([{"Name": "core", "Soft": 0, "Hard": 0},
                                   {"Name": "fsize", "Soft": limits.disk_mb * MB, "Hard": limits.disk_mb * MB}])}
        response: requests.Response = self.client.request("POST", self.url("build"), params=parameters, data=context,
                                                          headers={"Content-Type": "application/x-tar"}, stream=True)
        return response

    def url(self, path: str) -> str:
        return f"{self.client.base_url}/v{self.client.api_version}/{path}"

    def _watched(self, response: requests.Response) -> str:
        """Wait until the build ends, or end it, step by step: which limit it broke."""
        reader = threading.Thread(target=self._read, args=(response,), daemon=True)
        reader.start()
        watch, why = Watch(self), ""
        while reader.is_alive():
            for step in self.client.containers(filters={"label": f"{LABEL}={self.name}"}):
                with suppress(APIError):  # it has just ended
                    why = why or watch.trouble(step["Id"])
                    if why:
                        self.client.kill(step["Id"])
            why = why or watch.over()
            reader.join(POLL_SECONDS)
        return why

    def _read(self, response: requests.Response) -> None:
        kept = 0
        with suppress(requests.RequestException):  # the engine is gone: nothing was made
            for line in response.iter_lines():
                told = json.loads(line) if line else {}
                text = str(told.get("stream") or told.get("error") or "")
                self.errors.extend([text] if "error" in told else [])
                self.made.extend([told["aux"]["ID"]] if "aux" in told else [])
                if kept < 50 * MB:  # what is said beyond that is not kept to be shortened
                    self.said.append(text.encode())
                    kept += len(text)

    def _judged(self) -> str:
        """What went wrong in a build that ended by itself. Raises RuntimeError where the engine did not end it."""
        if not self.errors:
            if self.made[-1:] != [self._id()]:
                raise RuntimeError(f"the engine broke off the build of {self.tag}")
            sizes = [self.client.inspect_image(image)["Size"] for image in (self.tag, self.settings.image)]
            return over_disk(self.settings.limits) if sizes[0] - sizes[1] > self.settings.limits.disk_mb * MB else ""
        code = _CODE.search(self.errors[-1])
        by_limit = {"137": over_memory, "153": over_disk}  # SIGKILL, SIGXFSZ: who else would send them in there
        return by_limit[code[1]](self.settings.limits) if code and code[1] in by_limit else self.errors[-1][:300]


class Watch:
    """The limits of a build, over all of its steps."""

    def __init__(self, build: ImageBuild) -> None:
        self.build, self.limits = build, build.settings.limits
        self.seconds = build.settings.timeout_seconds
        self.deadline = time.monotonic() + self.seconds
        self.sizes: dict[str, int] = {}
        self.measured = 0.0

    def over(self) -> str:
        return over_time(self.seconds) if time.monotonic() > self.deadline else ""

    def trouble(self, step: str) -> str:
        """Which limit the container of a step breaks. Raises APIError where it has ended."""
        if step not in self.sizes:
            self._bind(step)
        processes = self.build.client.top(step, "-eo pid,nlwp")["Processes"] or []
        if sum(int(row[1]) for row in processes) > self.limits.processes:
            return over_processes(self.limits)
        if time.monotonic() > self.measured + SIZE_SECONDS:
            self.sizes[step] = self._inspected(step).get("SizeRw") or 0
            self.measured = time.monotonic()
        return over_disk(self.limits) if sum(self.sizes.values()) > self.limits.disk_mb * MB else self.over()

    def _bind(self, step: str) -> None:
        """The builder knows no limit of processes: it is set as soon as the container is there."""
        self.sizes[step] = 0
        most = {"PidsLimit": self.limits.processes + 1}
        self.build.client.request("POST", self.build.url(f"containers/{step}/update"), json=most, timeout=SECONDS).close()

    def _inspected(self, step: str) -> dict[str, Any]:
        url = self.build.url(f"containers/{step}/json")
        return dict(self.build.client.request("GET", url, params={"size": 1}, timeout=SECONDS).json())


def with_dockerfile(archive: bytes, settings: Repository, label: str) -> bytes:
    """The context of a build: the tar `archive` without what its .dockerignore leaves out (as with Docker's own builders,
    `<Dockerfile>.dockerignore` goes before it), and what `dockerfile` says, checked. Raises RefusedError."""
    name = str(settings.dockerfile)
    context = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as source, tarfile.open(fileobj=context, mode="w") as target:
        text = _text(source, name)
        if text is None:
            raise RefusedError(f"there is no file {name!r} of at most {MAX_BYTES:,} bytes")
        is_left_out = left_out(_text(source, f"{name}{IGNORE}") or _text(source, IGNORE) or "")
        for member in source:
            if not is_left_out(member.name) and member.name not in (OURS, IGNORE):
                target.addfile(member, source.extractfile(member) if member.isreg() else None)
        ours = "\n".join(checked(text, name, settings, label))
        # the engine reads both, and then leaves them out of what COPY sees
        for path, content in ((OURS, ours.encode()), (IGNORE, f"{OURS}\n{IGNORE}\n".encode())):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))
    return context.getvalue()


def _text(archive: tarfile.TarFile, name: str) -> str | None:
    """A small file of the archive, if it is there."""
    found = next((member for member in archive.getmembers() if member.name == name and member.isreg()), None)
    if found is None or found.size > MAX_BYTES or (file := archive.extractfile(found)) is None:
        return None
    return file.read().decode(errors="replace")


def checked(text: str, name: str, settings: Repository, label: str) -> Iterator[str]:
    """The lines of a Dockerfile that asks for nothing that it may not have, each step after our `label`. Raises RefusedError.

    Without a network it may neither name images but the product's (`$BASE`) nor ADD, for it is the engine that would fetch them.
    """
    bases = {"$BASE", "${BASE}", settings.image, "scratch"}
    stages: set[str] = set()
    rules: dict[str, Callable[[str], str]] = {} if settings.network else {
        "FROM": lambda value: _based(value, bases, stages), "COPY": lambda value: _copied(value, stages),
        "ADD": lambda _: "ADD can reach the network: use COPY", "ONBUILD": lambda _: "ONBUILD is for images that others build on"}
    free: Callable[[str], str] = lambda _: ""  # noqa: E731 - typed
    for item in instructions(text):
        why = "here-documents need another builder" if HEREDOC.search(item.value) else ""
        why = why or ("it ends in a backslash" if item.value.endswith("\\") else "")
        if why := why or rules.get(item.name, free)(item.value):
            raise RefusedError(f"{name}:{item.line}: {why}")
        yield from _lines(item, label)


def _lines(item: Instruction, label: str) -> list[str]:
    """A step's container is found by the label, which a product might otherwise take off."""
    return [label, f"{item.name} {item.value}"] if item.name == "RUN" else [f"{item.name} {item.value}"]


def _based(value: str, bases: set[str], stages: set[str]) -> str:
    found = _FROM.fullmatch(" ".join(value.split()))
    if not found or found["image"] not in bases | stages:
        return f"without a network, FROM takes $BASE, which is {' or '.join(sorted(bases - {'$BASE', '${BASE}'}))}, or a stage"
    if found["name"]:
        stages.add(found["name"].lower())
    return ""


def _copied(value: str, stages: set[str]) -> str:
    flags = [word for word in value.split() if word.startswith("-")]
    for flag in flags:
        found = _FLAG.fullmatch(flag)
        if not found:
            return f"a COPY with {flag[:50]!r}"
        if found[1] == "from" and not found["value"].isdecimal() and found["value"].lower() not in stages:
            return f"without a network, COPY takes files of the checkout or a stage, not of {found['value'][:50]!r}"
    return ""
