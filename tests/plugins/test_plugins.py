"""The plugins: every task loads their files too, so these load nothing of their own until they are asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow
ROOT = Path(__file__).resolve().parents[2]
LOAD = """
import sys
import airflow.plugins_manager
before = set(sys.modules)
from airflow.plugins_manager import get_fastapi_plugins
apps, _ = get_fastapi_plugins()
print(sorted(app["url_prefix"] for app in apps if app["name"].startswith("Closed Loop")))
print(*sorted({name for name in set(sys.modules) - before if name.partition(".")[0] in {"include", "pandas", "uvicorn"}}))
"""


def test_a_plugin_is_there_and_light(tmp_path: Path) -> None:
    env = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
                        "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PYTHONPATH": str(ROOT),
                        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db"}
    done = subprocess.run([sys.executable, "-c", LOAD], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    *_, prefixes, loaded = done.stdout.splitlines()
    assert (prefixes, loaded) == ("['/closed-loop', '/voices']", "")
