"""What the file, the ledger, HAProxy and supervisord disagree about."""

import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from include.artifacts import Artifacts
from include.deployment.__main__ import main
from include.deployment.environment import Environment
from include.deployment.reconcile import drift, plan
from include.deployment.run import deploy
from include.deployment.stop import stop
from include.ledger.engine import writing
from include.ledger.tables import releases
from include.product import Product
from tests.include.deployment.shop import Customers, candidate, product, run_of
from tests.include.deployment.test_faults import pid_of, until


def told(found: list[object]) -> list[str]:
    return [str(item) for item in found]


def deployed(engine: Engine, artifacts: Artifacts) -> Product:
    shop = product(replicas=1, env={"GREETING": "hello"})
    candidate(engine, artifacts, "1.0.0")
    deploy(engine, shop, run_of("1.0.0"), artifacts)
    return shop


def test_drift_is_told(ledger: Engine, artifacts: Artifacts) -> None:
    assert drift(ledger, product()) == []  # nothing was ever deployed
    shop = deployed(ledger, artifacts)
    assert shop.deployment
    until(lambda: drift(ledger, shop) == plan(ledger, shop) == [])

    place = Environment(shop)
    [item] = place.replicas()
    place.haproxy.command(f"set server app/{item.name} weight 0")
    assert told([*drift(ledger, shop)]) == ["haproxy: share of 1.0.0 in percent: wanted 100.0, found 0.0"]
    place.share("1.0.0", 100)
    os.kill(pid_of("app.py"), signal.SIGSTOP)
    until(lambda: f"haproxy: {item.name}: wanted healthy, found not healthy" in told([*drift(ledger, shop)]))
    os.kill(pid_of("app.py"), signal.SIGCONT)
    until(lambda: drift(ledger, shop) == [])

    with writing(ledger) as connection:
        connection.execute(update(releases).values(status="superseded"))
    assert told([*drift(ledger, shop)]) == ["ledger: running version: wanted None, found 1.0.0"]
    with writing(ledger) as connection:
        connection.execute(update(releases).values(status="deployed"))
    stop("shop")
    assert told([*drift(ledger, shop)])[:2] == ["supervisor: running: wanted True, found False",
                                               "haproxy: running: wanted True, found False"]


def test_a_plan_tells_what_the_file_changes(ledger: Engine, artifacts: Artifacts) -> None:
    assert told([*plan(ledger, product())]) == ["file: replicas: wanted 2, found 0"]
    shop = deployed(ledger, artifacts)
    assert shop.deployment
    [item] = Environment(shop).replicas()
    changed = product(shop.deployment.port, replicas=2, env={"GREETING": "secret", "NEW": "secret"}, health="/ready",
                      command="python app.py {port} --quick")
    until(lambda: drift(ledger, shop) == [])
    lines = told([*plan(ledger, changed)])
    assert lines[:3] == [
        "file: replicas of 1.0.0: wanted 2, found 1",
        f"file: command of {item.name}: wanted python app.py {item.port} --quick, found python app.py {item.port}",
        f"file: environment of {item.name}: wanted other GREETING, NEW, found as it was started"]
    assert lines[3].startswith(f"file: port and digest of HAProxy's configuration: wanted {shop.deployment.port} ")
    until(lambda: drift(ledger, changed) == [])
    assert "secret" not in "".join(lines)


def test_on_the_command_line(ledger: Engine, artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                             capsys: pytest.CaptureFixture[str]) -> None:
    shop = product(replicas=1, canary={"analysis": {"metrics": {"latency": {"slower": 50}}}})
    assert shop.deployment
    (tmp_path / "shop.yaml").write_text(
        f"name: shop\ntitle: T\nowner: o\ndeployment: {{command: 'python app.py {{port}}', port: {shop.deployment.port}, "
        "replicas: 1}\n")
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    url = ["--ledger", ledger.url.render_as_string(hide_password=False)]
    assert main(["verdicts", "shop", *url]) == 0
    assert capsys.readouterr().out == "shop: no deployment was judged yet\n"
    for version in ("1.0.0", "1.1.0"):
        candidate(ledger, artifacts, version)
        with Customers(shop.deployment.port, methods=("GET",)).asking():
            deploy(ledger, shop, run_of(version, int(version[2])), artifacts)
    until(lambda: drift(ledger, shop) == [])
    assert main(["check", "shop", *url]) == main(["plan", "shop", *url]) == 0
    assert capsys.readouterr().out == "shop: nothing differs\n" * 2
    assert main(["verdicts", "shop", *url]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("shop 1.1.0, canary, succeeded\n\n| metric | baseline | candidate | effect | interval | threshold |")
    assert "| latency ms | " in shown
    stop("shop")
    assert main(["check", "shop", *url]) == 1
    with pytest.raises(SystemExit, match="unknown product 'nosuch'"):
        main(["plan", "nosuch", *url])
