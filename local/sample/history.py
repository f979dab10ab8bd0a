"""The git repositories of the tea shop and of its parcels: short histories, and the commits that a demo merges.

The files lie beside this module: `shop/` is the product with its flaw, `fix/` and `fault/<name>/` are what a commit puts in
their place; `parcels/` packs what was sold, `wrapping/` wraps it as a gift. Authors and dates are fixed, so a commit has the
same sha on every machine.
"""

import os
import subprocess
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
BRANCH = "main"
FIRST = datetime.fromisoformat("2026-01-05T10:00:00+09:00")
HISTORY = (
    ("chore: open the shop", [".gitignore", "LICENSE", "README.md", "pyproject.toml"]),
    ("feat: 차 목록을 한국어와 영어로 보여 준다", ["teas.py", "tests/__init__.py", "tests/test_teas.py"]),
    ("feat: take coupons at checkout", ["checkout.py", "tests/test_checkout.py"]),
    ("feat: 차와 주문을 웹 서비스로 제공한다", ["shop.py", "tests/test_shop.py"]),
    ("build: run the tests and write JUnit XML", ["run_tests.py"]),
)
PARCELS = (
    ("chore: open the packing room", ["LICENSE", "pyproject.toml", "run_tests.py"]),
    ("feat: 주문에 맞는 상자를 고른다", ["packing.py", "tests/__init__.py", "tests/test_packing.py", "parcels.py"]),
)
SHARED = ("LICENSE", "run_tests.py")  # both products have these files of the shop
FIX = ("fix: apply the coupon at checkout",
       "The codes were kept in lower case and looked up in upper case, so no coupon was ever found.")
WRAPPING = ("feat: wrap gifts", "손님이 고른 종이로 선물을 포장한다.")
Fault = Literal["errors", "slow", "crash"]
FAULTS: dict[Fault, tuple[str, str]] = {
    "errors": ("feat: keep bills in a cache", "A busy day computes each bill but once."),
    "slow": ("feat: take prices from the importer's list", "The list is read anew when it is old."),
    "crash": ("feat: put aside what was ordered", "A parcel is packed from the shelf."),
}


def create(folder: Path) -> Path:
    """Make the shop's bare repository `folder/shop.git`, unless it is there; returns its path."""
    return _create(folder, "shop", HISTORY)


def create_parcels(folder: Path) -> Path:
    """Make the bare repository of the parcels, `folder/parcels.git`, unless it is there; returns its path."""
    return _create(folder, "parcels", PARCELS)


def _create(folder: Path, name: str, history: tuple[tuple[str, list[str]], ...]) -> Path:
    repository = folder / f"{name}.git"
    if repository.exists():
        return repository
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}-") as temporary:
        fresh = Path(temporary) / repository.name
        _git(fresh.parent, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", "--template=", str(fresh))
        for subject, paths in history:
            _commit(fresh, subject, {path: HERE / ("shop" if path in SHARED else name) / path for path in paths})
        fresh.rename(repository)
    return repository


def merge_fix(repository: Path, stories: list[str]) -> str:
    """Commit the mend, which names the `stories` that it answers; returns its sha. Merged before: returns that commit."""
    return _overlay(repository, HERE / "fix", FIX, stories)


def merge_wrapping(repository: Path) -> str:
    """Commit the wrapping of gifts to the parcels' repository; returns its sha. Merged before: returns that commit."""
    return _overlay(repository, HERE / "wrapping", WRAPPING, [])


def merge_fault(repository: Path, stories: list[str], fault: Fault = "errors") -> str:
    """Commit a version that passes its tests and fails in use; returns its sha. Merged before: returns that commit.

    errors: `/checkout` answers every second request for the same order with status 500; slow: from the sixth on, an order takes
    0.12 s; crash: the process ends at its sixteenth order.
    """
    return _overlay(repository, HERE / "fault" / fault, FAULTS[fault], stories)


def _overlay(repository: Path, folder: Path, message: tuple[str, str], stories: list[str]) -> str:
    subject, body = message
    if known := _git(repository, "log", "--format=%H", "--fixed-strings", f"--grep={subject}", BRANCH).split():
        return known[0]
    trailers = "\n".join(f"Story: {story}" for story in stories)
    return _commit(repository, "\n\n".join(filter(None, (subject, body, trailers))),
                   {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")})


def _commit(repository: Path, message: str, files: dict[str, Path]) -> str:
    """A commit on the branch that puts `files` (path in the tree: file to read) into it; returns its sha."""
    parent = _git(repository, "for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}")
    age = int(_git(repository, "rev-list", "--count", parent)) if parent else 0
    index = {"GIT_INDEX_FILE": str(repository / f"index-{os.getpid()}")}
    if parent:
        _git(repository, "read-tree", parent, env=index)
    for path, source in sorted(files.items()):
        blob = _git(repository, "hash-object", "-w", "--no-filters", str(source.resolve()))
        _git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
    tree = _git(repository, "write-tree", env=index)
    Path(index["GIT_INDEX_FILE"]).unlink()
    name, mail = (("Kim Dana", "dana@tea.example"), ("Lee Hana", "hana@tea.example"))[age % 2]
    when = (FIRST + timedelta(days=age, hours=age % 3)).isoformat()
    who = {f"GIT_{role}_{field}": value for role in ("AUTHOR", "COMMITTER")
           for field, value in (("NAME", name), ("EMAIL", mail), ("DATE", when))}
    commit = _git(repository, "commit-tree", tree, *(["-p", parent] if parent else []), "-m", message, env=who)
    _git(repository, "update-ref", f"refs/heads/{BRANCH}", commit, parent or "0" * 40)
    return commit


def _git(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    """What `git` prints in `folder`, whatever the settings of this machine and user are."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    settings = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["git", *arguments], cwd=folder, env=base | settings | (env or {}), capture_output=True, check=True)
    return done.stdout.decode().strip()
