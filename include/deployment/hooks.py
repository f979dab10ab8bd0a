"""What runs before and after a release's traffic moves (its migrations), each once, with its way back.

The ledger says how far each came, by version: a task that was killed is taken up from there, and what a deployment that nobody
takes up again has done is undone before the next.
"""

import io
import shlex
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import Engine, select

from include import environment
from include.artifacts import Artifacts
from include.connection import Connections, no_connections
from include.deployment.record import Outcome, Release
from include.deployment.rollout import archive
from include.docker_hook import docker
from include.errors import InputError
from include.ledger.engine import reading, upsert, writing
from include.ledger.runs import Run
from include.ledger.tables import deployment_hooks, releases
from include.markup import plain
from include.parts.deployment import Hook
from include.parts.deployment import Hooks as Settings
from include.parts.repository import Repository
from include.product import Product
from include.sandbox.chosen import runner_of
from include.sandbox.runner import ImageError
from include.targets.secrets import Secrets
from include.targets.target import DeploymentError

Name = Literal["before", "after"]
LIVE = ("deployed", "superseded")  # the releases whose hooks stay
SECRETS = ".closed-loop-secrets"  # a file in the tree, until a hook's shell has read it: on a command line others would see them


@dataclass(frozen=True)
class Hooks:
    """The hooks of one product's deployments. Callers hold the product's lease."""

    engine: Engine
    product: Product
    run: Run
    artifacts: Artifacts
    connections: Connections = no_connections

    def do(self, name: Name, release: Release) -> None:
        """Run a hook of `release` unless it has run. Raises DeploymentError where it fails; it is undone then."""
        hook = self._hook(name)
        state = self._states(release.version).get(name)
        if hook is None or state == "done":
            return
        if state in ("undoing", "failed") or (state == "begun" and hook.unfinished == "back"):
            self._undo(name, hook, release)
        self._note(name, release, "begun")
        if trouble := self._command(hook.run, release):
            self._undo(name, hook, release)
            raise DeploymentError(f"its hook {name} it failed: {trouble}")
        self._note(name, release, "done")

    def undo(self, release: Release) -> str:
        """Undo what the hooks of `release` did, the last first; returns what can't be, in words."""
        states, troubles = self._states(release.version), list[str]()
        for name in ("after", "before"):
            hook = self._hook(name)
            if hook and states.get(name) in ("begun", "done", "undoing", "failed"):
                try:
                    self._undo(name, hook, release)
                except DeploymentError as error:
                    troubles.append(str(error))
        return "; ".join(troubles)

    def clear(self, release: Release) -> None:
        """Undo what deployments of other releases left, where nobody took them up. Raises DeploymentError where that fails."""
        with reading(self.engine) as connection:
            left = connection.execute(
                select(releases).where(releases.c.product == self.product.name, releases.c.key != release.key,
                                       releases.c.status.not_in(LIVE), releases.c.version.in_(
                    select(deployment_hooks.c.version).where(deployment_hooks.c.product == self.product.name,
                                                             deployment_hooks.c.state != "undone")))
                .order_by(releases.c.at.desc(), releases.c.key.desc())).all()
        if troubles := [trouble for row in left if (trouble := self.undo(Release.of(row)))]:
            raise DeploymentError(f"an earlier release's hooks could not be undone: {'; '.join(troubles)}")

    def declared(self) -> bool:
        """Whether there are any."""
        return bool(self._settings.before or self._settings.after)

    @property
    def _settings(self) -> Settings:
        return self.product.deployment.hooks if self.product.deployment else Settings()

    def _hook(self, name: Name) -> Hook | None:
        return self._settings.before if name == "before" else self._settings.after

    def _undo(self, name: Name, hook: Hook, release: Release) -> None:
        self._note(name, release, "undoing")
        if trouble := self._command(hook.back, release):
            self._note(name, release, "failed", trouble)
            raise DeploymentError(f"the way back of its hook {name} it failed: {trouble}")
        self._note(name, release, "undone")

    def _command(self, command: str, release: Release) -> str:
        """Run a command of `release` in the product's sandbox; what went wrong, in words, or nothing."""
        settings, deployment = self._settings, self.product.deployment
        repository = (self.product.repository or Repository(url="-", test="-")).model_copy(update={"network": settings.network})
        runner = runner_of(self.product.name, repository, docker, "hooks")
        exports = (deployment.env if deployment else {}) | {"RELEASE_VERSION": release.version}
        lines = [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
        secrets = Secrets(self.product.name, deployment.secrets if deployment else {}, environment.folder(self.product.name),
                          self.connections)
        tree = archive(self.artifacts, release)
        if secrets.declared:
            tree, lines = with_file(tree, SECRETS, secrets.exports()), [*lines, f". ./{SECRETS} && rm ./{SECRETS} || exit 1"]
        try:
            runner.prepare(tree, without=repository.junit)
            done = runner.run("\n".join([*lines, command]), settings.seconds)
        except (ImageError, InputError) as error:
            return plain(str(error), 500)
        finally:
            runner.remove()
        said = secrets.masked(done.output.decode(errors="replace")).strip().splitlines()[-1:]
        return f"{done.trouble}{'; it said: ' if said else ''}{plain(''.join(said), 500)}" if done.trouble else ""

    def _states(self, version: str) -> dict[str, str]:
        with reading(self.engine) as connection:
            rows = connection.execute(select(deployment_hooks.c.hook, deployment_hooks.c.state).where(
                deployment_hooks.c.product == self.product.name, deployment_hooks.c.version == version)).all()
        return {row.hook: row.state for row in rows}

    def _note(self, name: Name, release: Release, state: str, why: str | None = None) -> None:
        with writing(self.engine) as connection:
            upsert(connection, deployment_hooks, [{"product": self.product.name, "version": release.version, "hook": name,
                                                   "state": state, "why": why, "at": self.run.at}])


def with_file(archive: bytes, name: str, text: str) -> bytes:
    """The tar `archive` with one more file, for its owner alone."""
    tree, member, content = io.BytesIO(archive), tarfile.TarInfo(name), text.encode()
    member.size, member.mode = len(content), 0o600
    with tarfile.open(fileobj=tree, mode="a") as tar:
        tar.addfile(member, io.BytesIO(content))
    return tree.getvalue()


def with_hooks(hooks: Hooks, release: Release, roll_out: Callable[[Callable[[], None]], Outcome]) -> Outcome:
    """What `roll_out` comes to, with the hooks of `release` around it. It gets what to call when all traffic has moved."""
    if not hooks.declared():
        return roll_out(lambda: None)
    try:
        hooks.clear(release)
        hooks.do("before", release)
    except DeploymentError as failure:
        return Outcome("failed", f"no traffic was moved: {failure}", [])
    outcome = roll_out(lambda: hooks.do("after", release))
    if outcome.status == "succeeded" or not (trouble := hooks.undo(release)):
        return outcome
    return replace(outcome, reason=f"{outcome.reason}; {trouble}")
