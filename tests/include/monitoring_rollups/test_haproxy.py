"""What deployment's HAProxy writes is what monitoring reads: every request of real customers is counted, by its version."""

from sqlalchemy import Engine

from include import environment
from include.artifacts import Artifacts
from include.deployment.run import deploy
from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import rollups
from include.monitoring_rollups.run import roll_up
from tests import rows
from tests.conftest import NOW
from tests.include.deployment.conftest import nothing_stays
from tests.include.deployment.shop import Customers, ask, candidate, product, run_of
from tests.include.deployment.test_faults import until

__all__ = ["nothing_stays"]  # the fixture that ends what a test started


def test_every_request_is_counted(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(replicas=1)
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0", "errors")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    with Customers(shop.deployment.port).asking() as customers:
        assert deploy(ledger, shop, run_of("1.1.0", 5), artifacts)["status"] == "rolled_back"
    assert ask(shop.deployment.port, "/orders/17?mail=a@b.c")[0] == 200
    assert ask(shop.deployment.port, '/"quoted"\\%ED%95%9C')[0] == 200
    log = environment.access_log("shop")
    until(lambda: log.read_text().count('{"at":') >= customers.asked + 2)  # a line follows its answer
    result = roll_up(ledger, shop, Run("monitoring_rollups", "run", Key("shop", "1.0.0"), NOW))
    assert (result["requests"], result["malformed"]) == (customers.asked + 2, 0)
    found = rows.get(ledger, rollups)
    by_version = {version: sum(row["requests"] for row in found if row["version"] == version) for version in ("1.0.0", "1.1.0")}
    assert by_version == {"1.0.0": customers.asked - len(customers.failures) + 2, "1.1.0": len(customers.failures)}
    assert sum(row["errors"] for row in found) == len(customers.failures) > 0
    assert {row["route"] for row in found} == {"/tea", "/orders/{id}", '/"quoted"\\%ED%95%9C'}
