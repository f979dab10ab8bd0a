"""The target on this machine: each replica is a process of the product's supervisord, in the folder of its version."""

import shlex
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from include.archive import extract, remove
from include.errors import InputError
from include.markup import plain
from include.parts.deployment import Deployment
from include.targets.secrets import Secrets
from include.targets.supervision import Supervisor, clean_environment, script
from include.targets.target import DeploymentError, Replica, Seen, State, command

# All else is failed. supervisord starts what is STOPPED when it was just added, and what has EXITED.
STATES: dict[str, State] = {"STOPPED": "starting", "STARTING": "starting", "RUNNING": "running", "BACKOFF": "restarting",
                            "EXITED": "restarting"}


class Processes:
    """Its processes belong to the folder of `supervisor`, where `versions/` holds what they run, and `logs/` what they say."""

    def __init__(self, deployment: Deployment, supervisor: Supervisor, secrets: Secrets | None = None) -> None:
        self.deployment, self.supervisor, self.folder = deployment, supervisor, supervisor.folder
        self.secrets = secrets or Secrets("", {}, self.folder)

    def unpack(self, version: str, archive: bytes) -> None:
        """Extract it as a folder, whole or not at all. Raises DeploymentError when it is broken, or has no such command."""
        unpack(archive, self._home(version))
        words, path = shlex.split(self.deployment.command), (clean_environment(self.folder) | self.deployment.env)["PATH"]
        if not words or not (shutil.which(words[0], path=path) or shutil.which(self._home(version) / words[0])):
            raise DeploymentError(f"command not found: {plain(self.deployment.command)}")

    def start(self, replicas: Sequence[Replica]) -> None:
        self.secrets.write()
        self.supervisor.run({item.name: self._script(item) for item in replicas})

    def stop(self, names: Collection[str]) -> None:
        self.supervisor.remove(names)

    def seen(self) -> Mapping[str, Seen]:
        states = self.supervisor.states() if self.supervisor.alive() else {}
        return {name: Seen(STATES.get(state, "failed")) for name, state in states.items() if name.startswith("v")}

    def said(self, name: str) -> str:
        log = self.folder / "logs" / f"{name}.log"
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:] if log.exists() else []
        return self.secrets.masked("".join(said))

    def recipe(self, replica: Replica) -> dict[str, Any]:
        return {"command": shlex.join(self._command(replica)), "env": self.deployment.env, "secrets": self.secrets.marks()}

    def keep(self, version: str) -> None:
        for path in (self.folder / "versions").glob("*"):
            if path.name != version:
                shutil.rmtree(path)

    def _home(self, version: str) -> Path:
        return self.folder / "versions" / version

    def _command(self, item: Replica) -> list[str]:
        return command(self.deployment, item.port, "127.0.0.1")

    def _script(self, item: Replica) -> str:
        environment = clean_environment(self.folder) | self.deployment.env | {"RELEASE_VERSION": item.version}
        return script(self._command(item), self._home(item.version), environment, secrets=self.secrets.file)


def unpack(content: bytes, folder: Path) -> None:
    """Extract a tar archive as `folder`, whole or not at all. Raises DeploymentError when it is broken."""
    new = folder.with_name(f".{folder.name}.new")
    for path in (new, folder):
        if path.exists():
            shutil.rmtree(path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        extract(content, new)
    except (InputError, OSError) as error:
        remove(new)  # a full disk has room again
        raise DeploymentError(f"the archive can't be unpacked: {error}") from error
    new.replace(folder)
