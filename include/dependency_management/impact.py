"""What a changed or vulnerable package, or a product, touches: products, their stories, and who stands on them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from packageurl import PackageURL
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion
from sqlalchemy import Engine, select

from include.dependency_management.blocks import UNRELEASED
from include.dependency_management.graph import reached
from include.dependency_management.portfolio import graph_of, needs_of
from include.dependency_management.store import all_components
from include.errors import InputError
from include.ledger.engine import reading
from include.ledger.tables import stories
from include.manifests import Component
from include.parts.dependencies import package_url
from include.product import Product
from include.ranges import Range


def impact(engine: Engine, portfolio: Sequence[Product], purl: str, affected: str | None = None) -> dict[str, Any]:
    """What the package `purl` touches: `pkg:npm/a` in any version, `pkg:npm/a@1.2.3` in one, or those in the range `affected` (of
    the ecosystem: PEP 440 for pkg:pypi, npm's else). A file that asks for a range counts where no lock file beside it says more.

    Returns `package`, `used` (product, file, line, version, needs), `products` (each with the `path` by which it is reached, the
    using product last) and `stories` (unreleased ones of these products). Raises InputError for what is no package URL or range.
    """
    wanted, holds = _wanted(purl, affected)
    bare = str(wanted._replace(version=None, qualifiers=None, subpath=None).to_string())
    with reading(engine) as connection:
        components = all_components(connection)
        used = [(name, item) for name, items in components.items() for item in _users(items, bare, holds)]
        owners = {product.name for product in portfolio if bare in product.provides}
        paths = reached(graph_of(needs_of(portfolio, components)), {name for name, _ in used} | owners)
        rows = connection.execute(select(stories.c.id, stories.c.product, stories.c.title, stories.c.status).where(
            stories.c.product.in_(paths), stories.c.status.in_(UNRELEASED)).order_by(stories.c.product, stories.c.id)).mappings()
        touched = [dict(row) for row in rows]
    return {"package": wanted.to_string(), "affected": affected,
            "used": [{"product": name, **_place(item)} for name, item in used],
            "products": [{"product": name, "path": path} for name, path in sorted(paths.items())], "stories": touched}


def _place(item: Component) -> dict[str, Any]:
    return {name: value for name, value in asdict(item).items() if name in ("file", "line", "version", "needs", "scope")}


class Holds:
    """Whether a version is one of those that are affected. Raises InputError for a range that can't be read."""

    def __init__(self, kind: str, version: str | None, affected: str | None) -> None:
        self.version, self.python = version, kind == "pypi"
        try:
            self.among = None if affected is None else SpecifierSet(affected) if self.python else Range.parse(affected)
        except InvalidSpecifier as error:
            raise InputError(f"{affected!r} is no version specifier (PEP 440)") from error

    def __call__(self, version: str) -> bool:
        """A version that can't be compared counts as affected: somebody has to look."""
        if self.version is not None:
            return version.removeprefix("v") == self.version.removeprefix("v")
        try:
            if isinstance(self.among, SpecifierSet):
                return self.among.contains(version, prereleases=True)
            return self.among is None or version.removeprefix("v") in self.among
        except (InvalidVersion, ValueError):
            return True


def _wanted(purl: str, affected: str | None) -> tuple[PackageURL, Holds]:
    try:
        wanted = package_url(purl)
    except ValueError as error:
        raise InputError(f"{purl!r} is no package URL (such as pkg:npm/name@1.2.3): {error}") from error
    return wanted, Holds(wanted.type, wanted.version, affected)


def _users(items: Iterable[Component], package: str, holds: Holds) -> list[Component]:
    """The places that name an affected version; those that give a range, where none of its folder's files gives a version."""
    here = [item for item in items if item.package == package]
    exact: Mapping[str, bool] = {_folder(item): True for item in here if item.version}
    return [item for item in here if (holds(item.version) if item.version else _folder(item) not in exact)]


def _folder(item: Component) -> str:
    return item.file.rpartition("/")[0]
