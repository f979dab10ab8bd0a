"""What a product file may say about the rules that it keeps to."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.parts.approval import Approval
from include.parts.part import Part

Region = Annotated[str, Field(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
RuleId = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,62}$")]


class Transfer(Part):
    """Where a field goes abroad, and what allows it."""

    to: Region = Field(description="ISO 3166-1 alpha-2 code of the country.")
    basis: Literal["adequacy", "standard_clauses", "binding_rules", "certification", "consent", "contract", "law", "derogation"
                   ] | None = Field(None, description="What allows it; contract: necessary for the contract with the person.")


class Processor(Part):
    """Who handles a field on the product's behalf."""

    name: str
    region: Region | None = None
    contract: str | None = Field(None, description="Where the written contract about it lies, or its date.")


class PersonalField(Part):
    """One field of personal data that the product holds."""

    field: str
    purpose: str | None = None
    region: str | None = Field(None, description="ISO 3166-1 alpha-2 code of where it is stored, or EU.")
    retention_days: int | None = Field(None, gt=0)
    kind: Literal["ordinary", "sensitive", "identifier", "resident_number"] = Field(
        "ordinary", description="sensitive: health, beliefs and the like; identifier: of passports, licences, foreigners; "
                                "resident_number: Korea's.")
    legal_basis: Literal["consent", "contract", "law", "vital_interests", "public_task", "legitimate_interests"] | None = None
    exception: str | None = Field(None, description="What lets sensitive data be held without consent: GDPR Art. 9(2)(h).")
    subjects: list[Region] = Field([], description="Where the people live whose data it is; otherwise compliance.regions.")
    encrypted: bool | None = Field(None, description="Whether it is stored encrypted.")
    processor: Processor | None = None
    transfer: Transfer | None = None
    provided_to: list[str] = Field([], description="Third parties that get it for purposes of their own.")
    sold: bool | None = Field(None, description="Whether it is sold or shared for advertising (CCPA).")
    opt_out: bool | None = Field(None, description="Whether people can opt out of that.")


class Waiver(Part):
    """A rule that need not be kept for a time: whose decision that is, why, and until when (the day included, UTC)."""

    rule: RuleId
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    until: date


class Compliance(Part):
    """What the product must keep to."""

    licences: list[str] = Field(["MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "PSF-2.0"],
                                description="SPDX ids of the licences that the product and its parts may bear.")
    data_inventory: list[PersonalField] = []
    packs: list[str] = Field(["security-baseline"], description="Policy packs that apply in any case. Those of privacy laws "
                             "apply where regions or the data inventory name their countries.")
    own_packs: str | None = Field(None, description="A folder of packs (*.yaml) of the product's own, which all apply; "
                                                    "relative paths start at the product file.")
    regions: list[Region] = Field([], description="Where the product is offered: ISO 3166 codes, such as KR or US-CA, or EU.")
    blocks_from: Literal["low", "medium", "high"] = Field("high", description="The least severity that stops a release.")
    waivers: list[Waiver] = []
    attestation: Approval = Field(Approval(), description="Who attests what no machine can show; automatic: nobody is asked, "
                                                          "and what was not attested is not shown.")
    osv: str | None = Field(None, description="A folder of OSV's advisories (JSON); relative paths start at CLOSED_LOOP_HOME.")
    committers: dict[str, list[str]] = Field({}, description="Names or mail addresses that Airflow's users commit with, by user.")

    @model_validator(mode="after")
    def _waived_once(self) -> "Compliance":
        if twice := _twice(waiver.rule for waiver in self.waivers):
            raise ValueError(f"waivers: rules waived twice: {', '.join(twice)}")
        if twice := _twice(item.field for item in self.data_inventory):
            raise ValueError(f"data_inventory: fields named twice: {', '.join(twice)}")
        return self


def _twice(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return sorted({name for name in listed if listed.count(name) > 1})
