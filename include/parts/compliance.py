"""What a product file may say about the rules that it keeps to."""

from pydantic import Field

from include.parts.part import Part


class PersonalField(Part):
    """One field of personal data that the product holds."""

    field: str
    purpose: str | None = None
    region: str | None = Field(None, description="ISO 3166-1 alpha-2 code of where it is stored, or EU.")
    retention_days: int | None = Field(None, gt=0)


class Compliance(Part):
    """What the product must keep to."""

    licences: list[str] = Field(["MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "PSF-2.0"],
                                description="SPDX ids of the licences that the product and its parts may bear.")
    data_inventory: list[PersonalField] = []
    packs: list[str] = ["baseline"]
