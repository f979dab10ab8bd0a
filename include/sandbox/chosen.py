"""The runner that a product's file chooses."""

import hashlib

from include.parts.repository import Repository
from include.product import home
from include.sandbox.container import Container, Docker
from include.sandbox.process import Sandbox
from include.sandbox.runner import Runner


def runner_of(product: str, repository: Repository, docker: Docker, purpose: str = "builds") -> Runner:
    """Where the product's commands run for one `purpose`, a folder under our home. On an engine that several share, places are
    told apart by where our home is."""
    folder = home() / purpose / product
    if repository.runner == "process":
        return Sandbox(folder, repository.limits, repository.setup is not None, repository.network is not False)
    where = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return Container(docker(repository.registry), f"{product}-{where}", folder, repository)
