"""Ten well-known packages as their authors hand them out: each sdist is a product, and its own tests make it a candidate.

What pip is configured to use is asked for the sdists, and for the wheels that they are built and tested with; the builds
themselves take nothing but these.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.rows import row
from include.artifacts import Artifacts
from include.build_and_test.run import build
from include.key import Key
from include.ledger.engine import connect, upgrade
from include.ledger.runs import Run
from include.parts.repository import Repository
from include.product import Product

# package: where its tests are, and what they need besides pytest
PACKAGES: dict[str, tuple[str, list[str]]] = {
    "six": ("test_six.py", []), "idna": ("tests", ["hypothesis"]), "itsdangerous": ("tests", ["freezegun"]),
    "markupsafe": ("tests", []),
    "click": ("tests", []), "iniconfig": ("testing", []), "pluggy": ("testing", []),
    "packaging": ("tests", ["pretend", "hypothesis", "tomli-w"]),
    "more-itertools": ("tests", []), "inflection": ("test_inflection.py", []),
}
OLD_BUILD = ["setuptools", "wheel"]  # PEP 518: of a package that doesn't say
TOOK = re.compile(rb"=+ .*?\bin ([0-9.]+)s\b.*?=+")


def measure() -> list[dict[str, Any]]:
    """One row a package: the seconds of the whole build beside those that pytest says its tests took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CLOSED_LOOP_HOME"] = str(folder / "home")
        _pip("--no-deps", "--no-binary", ",".join(PACKAGES), "--dest", str(folder / "sdists"), *PACKAGES)
        trees = {package: _unpacked(package, folder) for package in PACKAGES}
        needed = {tuple(sorted(_build_needs(tree))) for tree in trees.values()}
        extras = {name for _, names in PACKAGES.values() for name in names}
        for wanted in [*sorted(needed), ("pytest", *sorted(extras))]:  # one after the other: they needn't agree
            _pip("--prefer-binary", "--dest", str(folder / "wheels"), *wanted)
        url = f"sqlite:///{folder / 'ledger.db'}"
        upgrade(url)
        return [_built(package, trees[package], folder, url) for package in PACKAGES]


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *arguments], check=True)


def _unpacked(package: str, folder: Path) -> Path:
    [sdist] = (path for path in (folder / "sdists").iterdir()
               if path.name.lower().replace("_", "-").rpartition("-")[0] == package)
    with tarfile.open(sdist) as tar:
        tar.extractall(folder / "trees", filter="data")
    return folder / "trees" / sdist.name.removesuffix(".tar.gz")


def _build_needs(tree: Path) -> list[str]:
    path = tree / "pyproject.toml"
    said = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    needs: list[str] = said.get("build-system", {}).get("requires", OLD_BUILD)
    return needs


def _built(package: str, tree: Path, folder: Path, url: str) -> dict[str, Any]:
    """The sdist as a repository of one commit, through the functions that the DAG calls."""
    for command in (["init", "--quiet", "--initial-branch=main"], ["add", "--all", "--force"],
                    ["-c", "user.name=bench", "-c", "user.email=", "commit", "--quiet", "--message", "feat: as released"]):
        subprocess.run(["git", *command], cwd=tree, check=True)
    tests, extras = PACKAGES[package]
    product = Product(name=package, title=package, owner="bench", repository=Repository(
        url=str(tree), timeout_seconds=1800, test=f"python -m pytest -p no:cacheprovider --junit-xml=junit.xml {tests}",
        setup=f"python -m pip install --quiet --no-index --find-links {folder / 'wheels'} . pytest {' '.join(extras)}"))
    artifacts, run = Artifacts(str(folder / "artifacts")), Run("build_and_test", "bench", Key(package), datetime.now(UTC))
    started = time.perf_counter()
    result = build(connect(url), product, run, artifacts)
    seconds = time.perf_counter() - started
    log = artifacts.read(result["log"])
    took = [float(found) for found in TOOK.findall(log)]
    if not took:
        raise RuntimeError(f"{package}: {result.get('failed')}\n{log[-2000:].decode(errors='replace')}")
    counts = {kind: result["tests"][kind] for kind in ("passed", "failed", "errors", "skipped")}
    status = f"failed: {result['failed'][:300]}" if result.get("failed") else "a candidate"
    return row(f"sdist_{package}", seconds, "s", "its own tests, as pytest says", took[0], sum(counts.values()),
               f"{tree.name}: {', '.join(f'{count} {kind}' for kind, count in counts.items())}; {status}", more_is_better=False)
