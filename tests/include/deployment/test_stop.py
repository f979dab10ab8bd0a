"""`python -m include.deployment.stop` leaves no process behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from include import environment
from include.artifacts import Artifacts
from include.deployment.run import deploy
from include.deployment.stop import main, stop
from include.deployment.traffic import PROCESSES
from include.targets.supervision import MARK, members
from tests.include.deployment.shop import candidate, product, run_of


def test_every_product_is_stopped(ledger: Engine, artifacts: Artifacts, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "run" / "never-started").mkdir(parents=True)
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, product(replicas=1), run_of("1.0.0"), artifacts)
    assert len(members(environment.folder("shop"))) == 2 + PROCESSES
    main(["--all"])
    assert capsys.readouterr().out == "never-started: stopped\nshop: stopped\n"
    assert members(environment.folder("shop")) == []
    main(["shop"])  # once more changes nothing


def test_nothing_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert not capsys.readouterr().out


def test_one_that_does_not_listen_is_killed_and_nobody_else(home: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('', flush=True); time.sleep(600)"
    ours = {MARK: str(environment.folder("shop"))}
    other = {MARK: str(environment.folder("shop-2"))}
    with subprocess.Popen([sys.executable, "-c", deaf], env=os.environ | ours, stdout=subprocess.PIPE) as process, \
            subprocess.Popen([sys.executable, "-c", deaf], env=os.environ | other, stdout=subprocess.PIPE) as stranger:
        for each in (process, stranger):
            assert each.stdout
            each.stdout.readline()
        try:
            stop("shop")
            assert process.wait(60) == -9
            assert stranger.poll() is None
        finally:
            stranger.kill()
            process.kill()
