"""The tutorial, followed to the letter in a fresh clone: its files are written, its commands run and print what it shows."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loop.stage import free_ports

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.+?)^```$", re.DOTALL | re.MULTILINE)
# The environment is there already; `make` would make it anew where it is older than its lock.
START = """set -eo pipefail
make() { [ "$1" = setup ] || command make --no-print-directory -o .venv/.ready "$@"; }
"""


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """The project's files as they are now, with this environment; what was started there ends with the test."""
    folder = tmp_path / "closed-loop"
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    yield folder
    followed(folder, START + "make stop", environment(0))


def environment(port: int) -> dict[str, str]:
    """As somebody has it who never heard of the project, but for the port."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOSED_LOOP", "AIRFLOW", "PYTEST", "COV"))}
    return kept | {"CLOSED_LOOP_PORT": str(port)}


def followed(folder: Path, script: str, env: dict[str, str]) -> str:
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return done.stdout


def script(port: int) -> str:
    """The page's blocks as one script: files are written where they stand; before each block that shows output, a mark."""
    parts = [START]
    for number, (language, title, text) in enumerate(BLOCK.findall(PAGE)):
        if title:
            parts.append(f"cat > '{title}' <<'END OF FILE'\n{text}END OF FILE")
        elif language == "sh":
            parts.append(text.replace("localhost:8080", f"127.0.0.1:{port}"))
        else:
            parts.append(f"echo; echo '=== {number} ==='")
    return "\n".join(parts)


@pytest.mark.loop
@pytest.mark.timeout(1500)
def test_the_tutorial_is_true(clone: Path) -> None:
    port = free_ports(1)
    said = re.split(r"^=== (\d+) ===$", followed(clone, script(port), environment(port)), flags=re.MULTILINE)
    printed = dict(zip(map(int, said[1::2]), said[0::2], strict=False))
    shown = {number: text for number, (language, _, text) in enumerate(BLOCK.findall(PAGE)) if language == "text"}
    assert shown.keys() == printed.keys()
    for number, text in shown.items():
        for line in filter(None, map(str.strip, text.splitlines())):
            assert line in printed[number], printed[number]
