"""What a product file may say about what the product stands on, and what stands on it."""

from typing import Annotated, Literal

from packageurl import PackageURL
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, Field

from include.errors import InputError
from include.parts.part import Name, Part
from include.ranges import Range


def _a_range(text: str) -> str:
    try:
        if not Range.parse(text):
            raise ValueError(f"no version can be in {text!r}")
    except InputError as error:
        raise ValueError(str(error)) from error
    return text


def package_url(text: str) -> PackageURL:
    """A package URL that a person wrote, in its normal form. Raises ValueError where it is none."""
    found = PackageURL.from_string(text)
    return found._replace(name=canonicalize_name(found.name)) if found.type == "pypi" else found


def _a_package(text: str) -> str:
    found = package_url(text)
    if found.version:
        raise ValueError(f"{text!r} names a version; the product's releases do that")
    return str(found.to_string())


class DependsOn(Part):
    """Another product that this one needs."""

    product: Name
    needs: Annotated[str, AfterValidator(_a_range)] = Field(
        "*", description="Versions of it that will do, as npm writes ranges: '>=1.2 <2', '^1.2', '~1.2.3', '1.x || 2.x'.")
    concerns: list[str] = Field([], description="Words of the stories that wait while no such version is deployed (in "
                                                "the title or the want). Empty: all stories wait.")


class Contract(Part):
    """A file in the repository that says how others may use the product; a change that breaks them is flagged."""

    path: str = Field(max_length=500, description="Relative to the repository; JSON or YAML.")
    kind: Literal["openapi", "request", "response"] = Field(
        "openapi", description="openapi: an OpenAPI 3 document. Else a JSON Schema: of what the product takes in (request, a "
                               "command or a settings file), or of what it gives out (response, an event or a file).")


Package = Annotated[str, AfterValidator(_a_package)]
