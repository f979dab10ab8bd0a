"""`python -m include.deployment.stop [product …]`: end the environments of these products, or of all; no process stays."""

import shutil
import sys

from include import environment
from include.deployment.environment import Environment
from include.deployment.staging import staging_of
from include.product import home, products
from include.targets.mortal import mortal_of
from include.targets.secrets import forget
from include.targets.supervision import Supervisor


def stop(product_name: str) -> None:
    """End one product's replicas, HAProxy and supervisord. `ensure_running` brings them back. Replicas elsewhere than on this
    machine are known by the product's file."""
    known = [item for product in products()[0] for item in (product, staging_of(product)) if item and item.deployment]
    if elsewhere := [item for item in known if item.name == product_name]:
        target = Environment(elsewhere[0]).target
        target.stop(target.seen())
    for product in products()[0]:
        if product.deployment and product_name.startswith(f"{product.name}.") and not elsewhere:  # a release that is looked at
            mortal_of(product, product_name.removeprefix(f"{product.name}.")).end()
    sockets = environment.sockets(product_name)
    Supervisor(environment.folder(product_name), sockets / "supervisor.sock").shutdown()
    forget(environment.folder(product_name))
    for name in ("haproxy.sock", "master.sock"):
        (sockets / name).unlink(missing_ok=True)
    if sockets != environment.folder(product_name):
        shutil.rmtree(sockets, ignore_errors=True)


def main(arguments: list[str]) -> None:
    names = [item for item in arguments if item != "--all"]
    for name in names or sorted(path.name for path in (home() / "run").glob("*/")):
        stop(name)
        sys.stdout.write(f"{name}: stopped\n")


if __name__ == "__main__":
    main(sys.argv[1:])
