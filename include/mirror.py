"""A product's git repository, through a bare mirror of it that is kept between runs. Nothing is checked out, no hook runs."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self, cast

from include.connection import Connection, Connections
from include.errors import InputError
from include.git_access import access
from include.parts.repository import Repository
from include.product import home

SETTINGS = Path(__file__).with_name("gitconfig")
KEPT = ("PATH", "HOME", "SSH_AUTH_SOCK", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
FETCH_SECONDS = 600
MAX_BYTES = 256 * 1024**2
MAX_FILES = 100_000
# What git says when the address is wrong, and trying again won't help. A network that is down says something else.
_WRONG = ("does not appear to be a git repository", "repository not found", "does not exist", "not found", "not supported",
          "authentication failed", "could not read username", "could not read password", "host key verification failed",
          "permission denied", "transport", "you are not allowed", "blocked")


@dataclass(frozen=True)
class Mirror:
    """A bare repository with one branch of the product's. One process at a time fetches into it, the others wait.

    `folder` is the product's own where the repository holds several: what is said of commits, files and archives is said of that
    folder. `connection` is how the repository is reached, where it asks who we are.
    """

    path: Path
    url: str
    branch: str
    folder: str = ""
    connection: Connection | None = None

    @classmethod
    def of(cls, product: str, repository: Repository, connections: Connections) -> Self:
        """The mirror of a product's repository: one for all phases that read it."""
        access = connections(repository.connection) if repository.connection else None
        return cls(home() / "mirrors" / f"{product}.git", address(repository.url), repository.branch, repository.path, access)

    def fetch(self) -> str:
        """Bring the mirror up to date; returns the newest commit of the branch (for a folder: of those that touch it).

        Raises InputError where repository, branch or folder are not there, RuntimeError where they could not be reached.
        """
        reference = f"refs/heads/{self.branch}"
        with self._alone_here(), access(self.url, self.connection) as environment:
            if not self.path.exists():
                self._create()
            for lock in self.path.rglob("*.lock"):  # left by a fetch that was killed
                lock.unlink()
            done = self._fetched(f"+{reference}:{reference}", environment)
        if done.returncode:
            self._refuse(done.stderr.decode(errors="replace").strip())
        if self.folder and self.run("cat-file", "-e", f"{reference}:{self.folder}/").returncode:
            raise InputError(f"repository {public(self.url)} has no folder {self.folder!r} in its branch {self.branch!r}")
        return self.out("log", "-1", "--format=%H", reference, *self.only()).decode().strip()

    def _fetched(self, reference: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[bytes]":
        try:
            return self.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", self.url, reference, **environment)
        except subprocess.TimeoutExpired:  # its text has the command, and so what the URL may hold
            raise RuntimeError(f"repository {public(self.url)} was not fetched within {FETCH_SECONDS} s") from None

    @contextmanager
    def _alone_here(self) -> Iterator[None]:
        """Hold the mirror; whoever is killed lets go of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".fetching").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def only(self) -> list[str]:
        """The end of a git command that is to look at the product's folder alone."""
        return ["--", f":(literal){self.folder}"] if self.folder else []

    def _create(self) -> None:
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
        where, said = f"repository {public(self.url)}", said.replace(self.url, public(self.url))
        if "couldn't find remote ref" in said:
            if not self.run("rev-parse", "--verify", "--quiet", f"refs/heads/{self.branch}").returncode:
                raise RuntimeError(f"{where} could not be fetched: its branch {self.branch!r} is gone, or it shows another page")
            raise InputError(f"{where} has no branch {self.branch!r}, or no commit at all")
        if any(sign in said.lower() for sign in _WRONG):
            raise InputError(f"{where} cannot be read: {said[-500:]}")
        raise RuntimeError(f"{where} could not be fetched: {said[-500:]}")

    def has(self, sha: str) -> bool:
        """Whether the mirror knows this commit."""
        return self.run("cat-file", "-e", f"{sha}^{{commit}}").returncode == 0

    def archive(self, commit: str) -> bytes:
        """The tree of `commit` as a tar: the same bytes each time. Submodules are empty folders, links are kept as links."""
        command = ["git", "archive", "--format=tar", self._alone(commit)]
        with subprocess.Popen(command, cwd=self.path, env=_environment(), stdout=subprocess.PIPE) as process:
            content = cast(IO[bytes], process.stdout).read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                process.kill()
                raise InputError(f"repository {public(self.url)}: the tree of {commit[:12]} is larger than {MAX_BYTES:,} bytes")
        if process.returncode:
            raise RuntimeError(f"git archive of {commit} ended with exit code {process.returncode}")
        return content

    def _alone(self, commit: str) -> str:
        """The commit; for a folder one that holds it alone, as of the same time: git dates a mere folder now."""
        if not self.folder:
            return commit
        at = self.out("log", "-1", "--format=%ct +0000", commit).decode().strip()
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
               for what, value in {"NAME": "closed-loop", "EMAIL": "", "DATE": at}.items()}
        return self.out("commit-tree", "-m", f"{self.folder} of {commit}", f"{commit}:{self.folder}", **who).decode().strip()

    def files(self, commit: str) -> dict[str, int]:
        """The regular files of `commit` (links and submodules are none), the first MAX_FILES of them, with their sizes."""
        found: dict[str, int] = {}
        for entry in self.out("ls-tree", "-r", "-l", "-z", f"{commit}:{self.folder}").decode(errors="replace").split("\0")[:-1]:
            facts, _, path = entry.partition("\t")
            mode, _, _, size = facts.split()
            if mode.startswith("100") and "\ufffd" not in path and len(found) < MAX_FILES:
                found[path] = int(size)
        return found

    def read(self, commit: str, path: str) -> bytes:
        """The file `path`, which is one of `files(commit)`."""
        return self.out("cat-file", "blob", f"{commit}:{self.folder}/{path}" if self.folder else f"{commit}:{path}")

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """git, in the mirror, with no settings but its own."""
        return subprocess.run(["git", *arguments], cwd=self.path, env=_environment() | environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=FETCH_SECONDS)

    def out(self, *arguments: str, **environment: str) -> bytes:
        """What git says. Raises RuntimeError where it fails."""
        done = self.run(*arguments, **environment)
        if done.returncode:
            raise RuntimeError(f"git {arguments[0]}: {done.stderr.decode(errors='replace')[-500:]}")
        return done.stdout


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in KEPT if name in os.environ} | {
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(SETTINGS), "GIT_ATTR_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes", "LC_ALL": "C.UTF-8"}


def public(url: str) -> str:
    """A repository's URL without the secrets that it may hold."""
    found = re.fullmatch(r"(?P<scheme>[A-Za-z+]+)://((?P<user>[^@/]*)@)?(?P<rest>[^?#]*).*", url, re.S)
    if not found or found["scheme"] == "file":
        return url
    user = re.sub(r":.*", "", found["user"] or "", flags=re.S) if "ssh" in found["scheme"] else ""  # elsewhere it may be a token
    return f"{found['scheme']}://{user}{'@' if user else ''}{found['rest']}"


def address(url: str) -> str:
    """The repository's URL; a relative path starts at CLOSED_LOOP_HOME."""
    path = home() / url
    return str(path.resolve()) if "://" not in url and path.exists() else url
