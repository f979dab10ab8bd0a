"""The runner in containers on a Docker engine: no privileges, no network unless declared, nothing of ours mounted.

All that the commands can write lies in one volume of memory (tmpfs) of bounded size at /tmp: the tree, home, temporary files. A
container that only waits keeps it while each command runs, and ends, in a container of its own.
"""

import io
import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import requests
from docker import APIClient
from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import Ulimit

from include.archive import extract, remove
from include.errors import InputError
from include.parts.repository import Repository
from include.sandbox.image import LABEL, MB, ImageBuild
from include.sandbox.junit import UnreadableError
from include.sandbox.runner import ImageError, Outcome, bounded, over_disk, over_memory, over_processes, over_time

Docker = Callable[[str | None], APIClient]  # the engine; where an image's registry asks who we are, by the connection's name

ROOM, TREE, HOME = "/tmp", "/tmp/tree", "/tmp/home"  # noqa: S108 - of the container, in a volume of its own
NOBODY = 65534
ENVIRONMENT = {"LANG": "C.UTF-8", "CI": "true", "HOME": HOME}
WAIT_FOR_EVER = ["/bin/sh", "-c", "read nothing"]  # its standard input stays open, and says nothing
IN_ONE_STREAM = ["/bin/sh", "-c", 'exec /bin/sh -c "$0" 2>&1']
RESULT_BYTES = 64_000_000
FILES = 400_000
POLL_SECONDS, COUNT_SECONDS, DF_SECONDS = 0.05, 0.4, 30


def no_docker(registry: str | None) -> APIClient:
    """For callers without an engine."""
    raise InputError("there is no Docker engine")


@dataclass(frozen=True)
class Container:
    """`name` tells this product's builds from all others on the engine; `folder` is ours, for results."""

    client: APIClient
    name: str
    folder: Path
    settings: Repository

    def prepare(self, archive: bytes, without: str) -> list[str]:
        self.remove()
        self._pulled()
        if self.settings.dockerfile is not None:
            outcome = ImageBuild(self.client, self.name, self._own, self.settings).run(archive)
            if outcome.trouble:
                raise ImageError(outcome)
        size = f"size={self.settings.limits.disk_mb * MB},nr_inodes={FILES},mode=1777,nosuid,nodev"
        self.client.create_volume(self._keeper, "local", {"type": "tmpfs", "device": "tmpfs", "o": size}, {LABEL: self.name})
        keeper = self._create(WAIT_FOR_EVER, "none", name=self._keeper, stdin_open=True)
        self.client.start(keeper)
        tree, left_out = laid_out(archive, without)
        self.client.put_archive(keeper, ROOM, tree)
        return left_out

    def image(self) -> str:
        return str(self._image()["Id"])

    def run(self, command: str, seconds: float) -> Outcome:
        network = "default" if self.settings.network else "none"
        code, why, output = self._ended([*IN_ONE_STREAM, command], network, seconds)
        if code and not why and self._full():
            why = over_disk(self.settings.limits)
        return Outcome(None if why else code, why, output)

    def results(self, name: str) -> Path:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise UnreadableError(f"{name} lies outside of the tree")
        kept = self.folder / "results"
        remove(kept)
        with self._call("GET", self._keeper, "archive", path=f"{TREE}/{name}") as response:
            if response.status_code != 404:
                response.raise_for_status()
                extract(_at_most(RESULT_BYTES, name, response.iter_content(2**20)), kept / path.parent)
        return kept

    def remove(self) -> None:
        ours = {"label": f"{LABEL}={self.name}"}
        for container in self.client.containers(all=True, filters=ours):
            self._end(container["Id"])
        for volume in self.client.volumes(filters=ours)["Volumes"] or []:
            _gone(self.client.remove_volume, volume["Name"], force=True)
        remove(self.folder)

    @property
    def _keeper(self) -> str:
        """The name of the volume, and of the container that keeps it."""
        return f"closed-loop-{self.name}"

    @property
    def _own(self) -> str:
        """The name of the image that the product's Dockerfile makes, which is kept until it makes another."""
        return f"closed-loop-{self.name}:newest"

    def _image(self) -> dict[str, Any]:
        """What the engine says of the image that the commands run in."""
        return dict(self.client.inspect_image(self._own if self.settings.dockerfile else self.settings.image))

    def _pulled(self) -> None:
        """Pull the product's image where the engine doesn't have it."""
        image = self.settings.image
        try:
            try:
                self.client.inspect_image(image)
            except ImageNotFound:
                self.client.pull(image)
                self.client.inspect_image(image)
        except APIError as error:
            if error.status_code in (400, 404):
                raise InputError(f"there is no image {image!r}: {error.explanation}") from error
            raise

    def _create(self, command: list[str], network: str, **more: Any) -> str:
        """Make a container that may do nothing but compute, and write into the volume."""
        limits = self.settings.limits
        volumes = self._image()["Config"].get("Volumes") or {}  # an image may declare some: they would have no bound
        memory = (limits.memory_mb + limits.disk_mb) * MB  # what is written into the volume is memory, and counts
        host = self.client.create_host_config(
            binds=[f"{self._keeper}:{ROOM}:rw"], tmpfs=dict.fromkeys(volumes, f"size={limits.disk_mb * MB}"),
            network_mode=network, cap_drop=["ALL"], security_opt=["no-new-privileges"], read_only=True, init=True,
            pids_limit=limits.processes + 1, mem_limit=memory, memswap_limit=memory, nano_cpus=int(limits.cpus * 10**9),
            ulimits=[Ulimit(name="core", soft=0, hard=0)], log_config={"Type": "none", "Config": {}})
        made = self.client.create_container(
            self.image(), entrypoint=command, command=[], user=f"{NOBODY}:{NOBODY}", environment=ENVIRONMENT,
            host_config=host, labels={LABEL: self.name}, healthcheck={"test": ["NONE"]}, use_config_proxy=False, **more)
        return str(made["Id"])

    def _ended(self, command: list[str], network: str, seconds: float) -> tuple[int, str, bytes]:
        """Run a command in a container of its own: its exit code, which limit it broke, what it said."""
        made = self._create(command, network, working_dir=TREE)
        said: list[bytes] = []
        with self._call("POST", made, "attach", stdout=1, stderr=1, stream=1) as response:
            try:
                reader = threading.Thread(target=lambda: said.append(bounded(frames(response.raw))), daemon=True)
                reader.start()
                self.client.start(made)
                why = self._watched(made, seconds)
                reader.join()
                state = self.client.inspect_container(made)["State"]
            finally:
                self._end(made)
        return state["ExitCode"], why or (over_memory(self.settings.limits) if state["OOMKilled"] else ""), said[0]

    def _call(self, method: str, container: str, what: str, **parameters: Any) -> requests.Response:
        """A call of the engine's API whose answer is a stream that can be broken off: the SDK's own cannot."""
        url = f"{self.client.base_url}/v{self.client.api_version}/containers/{container}/{what}"
        response: requests.Response = self.client.request(method, url, params=parameters, stream=True)
        return response

    def _end(self, container: str) -> None:
        _gone(self.client.remove_container, container, force=True, v=True)

    def _watched(self, made: str, seconds: float) -> str:
        """Wait until the command ends, or end it: why."""
        limits, deadline, count_at = self.settings.limits, time.monotonic() + seconds, 0.0
        while self.client.inspect_container(made)["State"]["Running"]:
            why = over_time(seconds) if time.monotonic() > deadline else ""
            if not why and time.monotonic() > count_at:
                why = over_processes(limits) if self._threads(made) > limits.processes else ""
                count_at = time.monotonic() + COUNT_SECONDS
            if why:
                with suppress(APIError):  # it has just ended by itself
                    self.client.kill(made)
                self.client.wait(made)
                return why
            time.sleep(POLL_SECONDS)
        return ""

    def _threads(self, made: str) -> int:
        try:
            return sum(int(row[1]) for row in self.client.top(made, "-eo pid,nlwp")["Processes"] or [])
        except APIError:  # it has just ended
            return 0

    def _full(self) -> bool:
        """Whether the volume is full, but for a hundredth."""
        _, _, said = self._ended(["df", "-Pk", ROOM], "none", DF_SECONDS)
        if not (numbers := re.search(r" (\d+) +\d+ +(\d+) +\d+% ", said.decode(errors="replace"))):
            raise InputError(f"the image {self.settings.image!r} has no df: {said[:200]!r}")
        return int(numbers[2]) < int(numbers[1]) / 100


def laid_out(archive: bytes, without: str) -> tuple[bytes, list[str]]:
    """A tar of the room: the tree of `archive`, but for the file `without`, and an empty home, all owned by nobody.

    Second, the names that were left out: what leads out of the tree, devices.
    """
    left_out: list[str] = []
    room = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as source, tarfile.open(fileobj=room, mode="w") as target:
        for name in ("tree", "home"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            target.addfile(_owned(folder))
        for member in source:
            try:
                checked = tarfile.data_filter(member, "/nonexistent/tree")
            except tarfile.FilterError:
                left_out.append(member.name)
                continue
            if PurePosixPath(checked.name) != PurePosixPath(without) or checked.isdir():
                link = f"tree/{checked.linkname}" if checked.islnk() else checked.linkname
                target.addfile(_owned(checked.replace(name=f"tree/{checked.name}", linkname=link, mode=checked.mode or 0o755)),
                               source.extractfile(checked) if checked.isreg() else None)
    return room.getvalue(), left_out


def frames(stream: IO[bytes]) -> Iterator[bytes]:
    """What a container says, as it says it: frames of a kind, three zeros, the length (big endian), and the text."""
    while len(header := stream.read(8)) == 8:
        yield stream.read(int.from_bytes(header[4:], "big"))


def _owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = NOBODY
    member.uname = member.gname = ""
    return member


def _at_most(most: int, name: str, chunks: Iterator[bytes]) -> bytes:
    """All of `chunks`. Raises UnreadableError where that is more than `most` bytes."""
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > most:
            raise UnreadableError(f"{name} is larger than {most:,} bytes")
    return bytes(content)


def _gone(removal: Callable[..., object], what: str, **how: bool) -> None:
    """Remove something that may be gone, or on its way."""
    try:
        removal(what, **how)
    except NotFound:
        pass
    except APIError as error:
        if "already in progress" not in str(error.explanation):
            raise
