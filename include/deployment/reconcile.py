"""Do the product file, the ledger, HAProxy and the target agree? What differs is told; nothing is changed.

That holds for production, for staging (what went through it last stays there), and for the beta ring while it is open; one that
is to open is no difference, as its user test opens it within seconds.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine

from include.connection import Connections, no_connections
from include.deployment import haproxy
from include.deployment.environment import Environment
from include.deployment.record import ring_over, running_release, staged_version
from include.deployment.staging import staging_of
from include.deployment.traffic import PROCESSES
from include.product import Product
from include.targets.processes import Processes


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be: `where` it was seen, what was `wanted` and what was `found`."""

    where: str
    what: str
    wanted: object
    found: object

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: wanted {self.wanted}, found {self.found}"


def drift(engine: Engine, product: Product) -> list[Difference]:
    """How what runs differs from what the ledger says; while a deployment is under way, it does."""
    release, environment = running_release(engine, product.name), Environment(product)
    found = environment.status()
    return [*_drift(release.version if release else None, found, environment), *_ring(engine, product, found["ring"]),
            *_in_staging(engine, product)]


def plan(engine: Engine, product: Product, connections: Connections = no_connections) -> list[Difference]:
    """What the next deployment changes besides the version, since the product's file (or a secret) says something else than what
    runs; after all that drifted, which it mends too."""
    found = drift(engine, product) + _plan(Environment(product, connections))
    if (staged := staging_of(product)) and (there := Environment(staged, connections)).replicas():
        found += map(_staging, _plan(there))
    return found


def _in_staging(engine: Engine, product: Product) -> list[Difference]:
    """Staging holds what passed there last; what failed its check may be there still, to be looked at."""
    staged, newest = staging_of(product), staged_version(engine, product.name)
    if staged is None:
        return []
    environment = Environment(staged)
    version = newest[0] if newest and (newest[1] or environment.replicas()) else None
    return [*map(_staging, _drift(version, environment.status(), environment))]


def _staging(item: Difference) -> Difference:
    return replace(item, where=f"staging {item.where}")


def _ring(engine: Engine, product: Product, found: dict[str, Any]) -> list[Difference]:
    told = []
    for version, entry in found.items():
        if product.deployment is None or product.deployment.ring is None:
            told.append(Difference("file", "beta ring", None, version))
        elif ring_over(engine, product.name, version):
            told.append(Difference("ledger", "beta ring", f"over for {version}", "open"))
        else:
            told += _health(entry["replicas"])
    return told


def _drift(version: str | None, found: dict[str, Any], environment: Environment) -> list[Difference]:
    running = found["versions"]
    if version is None:
        return [Difference("ledger", "running version", None, ", ".join(sorted(running)))] if running else []
    told = [Difference(name, "running", True, False) for name in ("supervisor", "haproxy", "target") if not found[name]]
    if set(running) != {version}:
        told.append(Difference("target", "versions", version, ", ".join(sorted(running)) or None))
    if baseline := len(environment.baseline()):
        told.append(Difference("target", "replicas of a baseline", 0, baseline))
    own = running.get(version, {"share": 0.0, "replicas": []})
    if own["share"] != 100.0:
        told.append(Difference("haproxy", f"share of {version} in percent", 100.0, own["share"]))
    told += _health(own["replicas"])
    if found["strays"]:
        told.append(Difference("target", "replicas that nobody wants", None, ", ".join(found["strays"])))
    expected = 1 + PROCESSES + (len(environment.replicas()) if isinstance(environment.target, Processes) else 0)
    if expected != found["processes"] and not told:
        told.append(Difference("machine", "processes of the environment", expected, found["processes"]))
    return told


def _health(replicas: list[dict[str, Any]]) -> list[Difference]:
    told = []
    for item in replicas:
        if item["state"] not in ("running", "starting"):  # one that has just come up is not called running yet
            told.append(Difference("target", item["name"], "running", item["state"]))
        if not item["healthy"]:
            told.append(Difference("haproxy", item["name"], "healthy", "not healthy"))
    return told


def _plan(environment: Environment) -> list[Difference]:
    deployment, replicas = environment.deployment, environment.replicas()
    if not replicas:
        return [Difference("file", "replicas", deployment.replicas, 0)]
    told = []
    for version in sorted({item.version for item in replicas}):
        if (count := len(environment.of(version))) != deployment.replicas:
            told.append(Difference("file", f"replicas of {version}", deployment.replicas, count))
    for item in replicas:
        wanted, started = environment.target.recipe(item), environment.started(item) or {"command": None, "env": {}}
        if wanted["command"] != started["command"]:
            told.append(Difference("file", f"command of {item.name}", wanted["command"], started["command"]))
        if "containers" in wanted | started and wanted.get("containers") != started.get("containers"):
            told.append(Difference("file", f"container of {item.name}", "other settings", "as it was started"))
        now, then = (how["env"] | how.get("secrets", {}) for how in (wanted, started))
        if changed := sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name)):  # values: never
            told.append(Difference("file", f"environment of {item.name}", f"other {', '.join(changed)}", "as it was started"))
    running = environment.haproxy.description()
    if running is not None and running != (needed := haproxy.description(deployment)):
        told.append(Difference("file", "port and digest of HAProxy's configuration", needed, running))
    return told
