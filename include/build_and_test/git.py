"""A product's git repository, through a bare mirror of it that is kept between runs."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from include.build_and_test.commits import Commit
from include.errors import InputError

SETTINGS = Path(__file__).with_name("gitconfig")
KEPT = ("PATH", "HOME", "SSH_AUTH_SOCK", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
FETCH_SECONDS = 600
MAX_BYTES = 256 * 1024**2
_FIELDS = "%H%x00%ct%x00%s%x00%b%x00%(trailers:key=Story,valueonly,unfold,separator=%x0A)"
# What git says when the address is wrong, and trying again won't help. A network that is down says something else.
_WRONG = ("does not appear to be a git repository", "repository not found", "does not exist", "not found", "not supported",
          "authentication failed", "could not read username", "permission denied", "transport", "not allowed", "blocked")


@dataclass(frozen=True)
class Mirror:
    """A bare repository with one branch of the product's. One process at a time may fetch into it."""

    path: Path
    url: str
    branch: str

    def fetch(self) -> str:
        """Bring the mirror up to date; returns the newest commit of the branch.

        Raises InputError where the repository or its branch is not there, RuntimeError where it could not be reached.
        """
        if not self.path.exists():
            self._create()
        for lock in self.path.rglob("*.lock"):  # left by a fetch that was killed
            lock.unlink()
        reference = f"refs/heads/{self.branch}"
        done = self._run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", self.url, f"+{reference}:{reference}")
        if done.returncode:
            self._refuse(done.stderr.decode(errors="replace").strip())
        return self._out("rev-parse", "--verify", f"{reference}^{{commit}}").decode().strip()

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=self.path.parent, prefix=f".{self.path.name}-"))
        try:
            subprocess.run(["git", "init", "--quiet", "--bare", "--template=", str(fresh)], env=_environment(), check=True)
            (fresh / "info").mkdir(exist_ok=True)
            # the archive holds the whole tree, and the same bytes for the same commit, whatever .gitattributes says
            (fresh / "info" / "attributes").write_text("* -export-ignore -export-subst -ident -filter\n")
            fresh.rename(self.path)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _refuse(self, said: str) -> None:
        where = f"repository {self.url}"
        if "couldn't find remote ref" in said:
            raise InputError(f"{where} has no branch {self.branch!r}, or no commit at all")
        if any(sign in said.lower() for sign in _WRONG):
            raise InputError(f"{where} cannot be read: {said[-500:]}")
        raise RuntimeError(f"{where} could not be fetched: {said[-500:]}")

    def has(self, sha: str) -> bool:
        """Whether the mirror knows this commit."""
        return self._run("cat-file", "-e", f"{sha}^{{commit}}").returncode == 0

    def commits(self, head: str, since: str | None) -> list[Commit]:
        """The commits of `head` that `since` does not have, oldest first; all of them where the mirror doesn't know `since`."""
        known = [f"^{since}"] if since and self.has(since) else []
        said = self._out("log", "-z", "--topo-order", "--reverse", "--encoding=UTF-8", f"--format=tformat:{_FIELDS}", head,
                         *known)
        fields = said.decode(errors="replace").split("\0")[:-1]
        return [Commit(sha, datetime.fromtimestamp(int(at), UTC), subject, body, _ids(stories))
                for sha, at, subject, body, stories in zip(*(fields[i::5] for i in range(5)), strict=True)]

    def archive(self, commit: str) -> bytes:
        """The tree of `commit` as a tar: the same bytes each time. Submodules are empty folders, links are kept as links."""
        command = ["git", "archive", "--format=tar", commit]
        with subprocess.Popen(command, cwd=self.path, env=_environment(), stdout=subprocess.PIPE) as process:
            content = cast(IO[bytes], process.stdout).read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                process.kill()
                raise InputError(f"repository {self.url}: the tree of {commit[:12]} is larger than {MAX_BYTES:,} bytes")
        if process.returncode:
            raise RuntimeError(f"git archive of {commit} ended with exit code {process.returncode}")
        return content

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["git", *arguments], cwd=self.path, env=_environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=FETCH_SECONDS)

    def _out(self, *arguments: str) -> bytes:
        done = self._run(*arguments)
        if done.returncode:
            raise RuntimeError(f"git {arguments[0]}: {done.stderr.decode(errors='replace')[-500:]}")
        return done.stdout


def _ids(trailers: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", trailers))))


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in KEPT if name in os.environ} | {
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(SETTINGS), "GIT_ATTR_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes", "LC_ALL": "C.UTF-8"}
