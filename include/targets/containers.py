"""The target on a Docker engine: each replica is a container without rights that only 127.0.0.1 reaches.

What runs is the release's archive, laid into an image of its own on top of the product's base image. The engine starts a
container that ended again, and all of them after it was restarted itself.
"""

import functools
import hashlib
import io
import os
import shlex
import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import Ulimit
from requests.exceptions import ConnectionError as NoConnectionError

from include.docker_hook import docker
from include.markup import plain
from include.parts.deployment import Containers as Settings
from include.parts.deployment import Deployment
from include.targets.secrets import Secrets
from include.targets.target import DeploymentError, Replica, Seen, State, UnreachableError, command

ENVIRONMENT, REPLICA = "closed-loop.environment", "closed-loop.replica"  # labels
HOME, NOBODY = "app", 65534
PATIENCE = 10  # seconds that a replica may take to end
MB = 1_000_000
STATES: dict[str, State] = {"created": "starting", "running": "running", "restarting": "restarting"}  # all else is failed


class Containers:
    """`folder` is the environment's, which tells it from all others on the engine."""

    def __init__(self, deployment: Deployment, settings: Settings, product: str, folder: Path,
                 secrets: Secrets | None = None) -> None:
        self.deployment, self.settings, self.secrets = deployment, settings, secrets or Secrets(product, {}, folder)
        self.name = f"{product}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"

    @property
    def client(self) -> APIClient:
        """The engine that DOCKER_HOST names."""
        return _client(os.environ.get("DOCKER_HOST"), self.settings.registry)

    def unpack(self, version: str, archive: bytes) -> None:
        """Make an image of it. Raises DeploymentError where the archive is broken, or there is no such base image."""
        with self._engine("the image can't be made"):
            tree = laid_out(archive)
            self._pull()
            made = self.client.create_container(self.settings.image, entrypoint=["-"], labels=self._labels())["Id"]
            self.client.put_archive(made, "/", tree)
            self.client.commit(made, f"closed-loop/{self.name}", f"v{version}")
            self.client.remove_container(made, v=True)

    def start(self, replicas: Sequence[Replica]) -> None:
        with self._engine("a container can't be started"):
            there = self._containers()
            for item in replicas:
                found = there.get(item.name) or {"Id": self._create(item), "State": "created"}
                if found["State"] not in ("running", "restarting"):
                    self.begin(found["Id"])

    def begin(self, container: str) -> None:
        """Start a container. Now and then the engine says of one that ends at once that it runs already, and has not started it:
        whatever fails is tried once more."""
        try:
            self.client.start(container)
        except APIError:
            self.client.start(container)

    def stop(self, names: Collection[str]) -> None:
        with self._engine("a container can't be stopped"):
            going = [found["Id"] for name, found in self._containers().items() if name in names]
            if going:
                with ThreadPoolExecutor(8) as pool:
                    list(pool.map(self._end, going))

    def seen(self) -> Mapping[str, Seen]:
        with self._engine("the containers can't be listed"):
            return {name: Seen(STATES.get(found["State"], "failed")) for name, found in self._containers().items()}

    def said(self, name: str) -> str:
        with self._engine("a container's log can't be read"):
            found = self._containers().get(name)
            said = self.client.logs(found["Id"], tail=1) if found else b""
            return self.secrets.masked("".join(said.decode(errors="replace").splitlines()[-1:]))

    def recipe(self, replica: Replica) -> dict[str, Any]:
        return {"command": shlex.join(self._command(replica)), "env": self.deployment.env, "secrets": self.secrets.marks(),
                "containers": self.settings.model_dump(mode="json")}

    def keep(self, version: str) -> None:
        with self._engine("old images can't be removed"):
            for image in self.client.images(filters={"label": f"{ENVIRONMENT}={self.name}"}):
                if f"closed-loop/{self.name}:v{version}" not in (image["RepoTags"] or []):
                    with suppress(APIError):  # one that still runs somewhere stays
                        self.client.remove_image(image["Id"], force=True)

    def _command(self, item: Replica) -> list[str]:
        return command(self.deployment, item.port, "0.0.0.0")  # noqa: S104 - inside of the container's own network

    def _labels(self, replica: str = "") -> dict[str, str]:
        return {ENVIRONMENT: self.name, REPLICA: replica}

    def _containers(self) -> dict[str, dict[str, Any]]:
        """What the engine has of this environment, by the replica's name ("" is what an interrupted `unpack` left)."""
        found = self.client.containers(all=True, filters={"label": f"{ENVIRONMENT}={self.name}"})
        return {item["Labels"][REPLICA]: item for item in found}

    def _pull(self) -> None:
        try:
            self.client.inspect_image(self.settings.image)
        except ImageNotFound:
            self.client.pull(self.settings.image)

    def _create(self, item: Replica) -> str:
        settings, image = self.settings, f"closed-loop/{self.name}:v{item.version}"
        volumes = self.client.inspect_image(image)["Config"].get("Volumes") or {}  # they would have no bound
        tmpfs = dict.fromkeys(["/tmp", *volumes], f"size={settings.tmp_mb * MB},mode=1777,nosuid,nodev")  # noqa: S108 - its own
        memory = (settings.memory_mb + settings.tmp_mb) * MB  # what is written into /tmp is memory, and counts
        host = self.client.create_host_config(
            port_bindings={item.port: ("127.0.0.1", item.port)}, network_mode=settings.network, read_only=True, tmpfs=tmpfs,
            cap_drop=["ALL"], security_opt=["no-new-privileges"], pids_limit=settings.processes + 1, mem_limit=memory,
            memswap_limit=memory, nano_cpus=int(settings.cpus * 10**9), ulimits=[Ulimit(name="core", soft=0, hard=0)],
            log_config={"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}, **self._lifetime())
        env = {"HOME": "/tmp"} | self.deployment.env | self.secrets.values | {"RELEASE_VERSION": item.version}  # noqa: S108 - its own
        made = self.client.create_container(
            image, entrypoint=self._command(item), command=[], name=f"closed-loop-{self.name}-{item.port}", environment=env,
            ports=[item.port], user=f"{NOBODY}:{NOBODY}", working_dir=f"/{HOME}", host_config=host,
            labels=self._labels(item.name), healthcheck={"test": ["NONE"]}, use_config_proxy=False)
        return str(made["Id"])

    def _lifetime(self) -> dict[str, Any]:
        """What of a container's host configuration says who its first process is, and when it is started again."""
        return {"init": True, "restart_policy": {"Name": "unless-stopped"}}

    def _end(self, container: str) -> None:
        with suppress(NotFound):
            self.client.stop(container, timeout=PATIENCE)
            self.client.remove_container(container, force=True, v=True)

    @contextmanager
    def _engine(self, what: str) -> Iterator[None]:
        try:
            yield
        except APIError as error:
            raise DeploymentError(f"{what}: {plain(str(error.explanation), 300)}") from error
        except NoConnectionError as error:
            raise UnreachableError(f"{what}: the Docker engine does not answer") from error


@functools.cache
def _client(_host: str | None, registry: str | None) -> APIClient:
    return docker(registry)


def laid_out(archive: bytes) -> bytes:
    """The tar `archive` in the folder /app, all owned by root and for everybody to read, without what leads out of it. Raises
    DeploymentError where it is broken."""
    tree = io.BytesIO()
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as source, tarfile.open(fileobj=tree, mode="w") as target:
            folder = tarfile.TarInfo(HOME)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            target.addfile(folder)
            for member in source:
                with suppress(tarfile.FilterError):
                    checked = tarfile.data_filter(member, f"/nonexistent/{HOME}")
                    link = f"{HOME}/{checked.linkname}" if checked.islnk() else checked.linkname
                    checked = checked.replace(name=f"{HOME}/{checked.name}", linkname=link, uid=0, gid=0, uname="", gname="",
                                              mode=(checked.mode or 0o755) | 0o444 | (0o111 if checked.isdir() else 0))
                    target.addfile(checked, source.extractfile(member) if checked.isreg() else None)
    except tarfile.TarError as error:
        raise DeploymentError(f"the archive is broken: {error}") from error
    return tree.getvalue()
