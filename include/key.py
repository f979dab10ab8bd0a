"""The key that a run carries: a product, or one version of it."""

import re
from dataclasses import dataclass
from typing import Self

from include.errors import InputError

PRODUCT_PATTERN = r"[a-z][a-z0-9-]{0,62}"
VERSION_PATTERN = r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?"
_KEY = re.compile(rf"(?P<product>{PRODUCT_PATTERN})(\|(?P<version>{VERSION_PATTERN}))?", re.ASCII)


@dataclass(frozen=True, order=True)
class Key:
    """`product`, or `product|version` for a release; the partition key of every asset event.

    `str(key)` prints it and `Key.parse` reads it back. The version is a semantic version (semver.org, without build
    metadata).
    """

    product: str
    version: str | None = None

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(str(self)):
            raise InputError(f"{str(self)!r} is no key: expected 'product' or 'product|1.2.3'")

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read `product` or `product|version`. Raises InputError for anything else, None included."""
        product, _, version = (text or "").partition("|")
        if (text or "").endswith("|"):
            raise InputError(f"{text!r} is no key: the version is empty")
        return cls(product, version or None)

    def release(self, version: str) -> Self:
        """The key of one release of this key's product."""
        return type(self)(self.product, version)

    def __str__(self) -> str:
        return self.product if self.version is None else f"{self.product}|{self.version}"
