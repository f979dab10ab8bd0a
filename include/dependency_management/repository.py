"""What a product's repository says: its manifests and interface files, read as git keeps them. Nothing is checked out or run."""

from dataclasses import dataclass, field
from functools import partial

from include.connection import Connections, no_connections
from include.dependency_management.contracts import Change, UnreadableError, changes, load
from include.errors import InputError
from include.manifests import Component, read_manifests
from include.markup import plain
from include.mirror import Mirror
from include.parts.dependencies import Contract
from include.product import Product


@dataclass
class Reading:
    """What was found at `commit` (None: the repository could not be read): packages, interface changes since `since` by file, and
    what was set aside, as `file:line: why`."""

    commit: str | None = None
    since: str | None = None
    components: list[Component] = field(default_factory=list)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    set_aside: list[str] = field(default_factory=list)


def read(product: Product, commit: str | None = None, since: str | None = None,
         connections: Connections = no_connections) -> Reading:
    """Read the product's repository at `commit` (None: the head of its branch), and compare its interface files with `since`.

    A repository that can't be reached is set aside like a manifest that can't be read: nothing else waits for it.
    """
    if product.repository is None:
        return Reading()
    try:
        mirror = Mirror.of(product.name, product.repository, connections)
        head = mirror.fetch()
    except (InputError, RuntimeError) as error:
        return Reading(set_aside=[plain(str(error), 500)])
    found = Reading(commit if commit and mirror.has(commit) else head, since if since and mirror.has(since) else None)
    files = mirror.files(str(found.commit))
    named = read_manifests(files, partial(mirror.read, str(found.commit)))
    found.components, found.set_aside = named.components, named.set_aside
    for contract in product.contracts:
        _compare(mirror, contract, files, found)
    return found


def _compare(mirror: Mirror, contract: Contract, files: dict[str, int], found: Reading) -> None:
    """Compare an interface file with what it was; one that is gone is set aside, and so is one that can't be read."""
    before = mirror.files(found.since) if found.since and found.since != found.commit else {}
    if contract.path not in files:
        found.set_aside.append(f"{plain(contract.path)}:1: the interface file is not in the repository")
    elif contract.path in before and found.since:
        try:
            old, new = (load(mirror.read(commit, contract.path)) for commit in (found.since, str(found.commit)))
            found.changes[contract.path] = changes(old, new, contract.kind)
        except UnreadableError as error:
            found.set_aside.append(f"{plain(contract.path)}:{error}")
