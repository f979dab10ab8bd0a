"""Whose personal data it is decides which law applies, and where it goes."""

from typing import Any

from include.parts.compliance import Compliance, PersonalField

# The European Economic Area: the countries of the EU, and Iceland, Liechtenstein and Norway.
EEA = frozenset([
    "EU", "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT",
    "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO"])


def law(region: str) -> str:
    """Where one privacy law holds: `EU` for the countries of the EEA, `US-CA` where California may be meant, else the country."""
    country = region.partition("-")[0]
    if country in EEA:
        return "EU"
    if country == "US":
        return "US-CA" if region == "US" else region
    return country


def laws(settings: Compliance) -> set[str]:
    """Whose laws a product must keep: of all people whose data it holds; none where it declares that it holds no such data."""
    if "data_inventory" in settings.model_fields_set and not settings.data_inventory:
        return set()
    named = {*settings.regions, *(region for field in settings.data_inventory for region in _people(field, settings))}
    return {law(region) for region in named}


def row(field: PersonalField, settings: Compliance) -> dict[str, Any]:
    """A field of the inventory as a row, with `laws` (of the people whose data it is) and `leaves` (whose places it leaves)."""
    processor, transfer = field.processor, field.transfer
    places = {law(place) for place in (field.region, processor and processor.region, transfer and transfer.to) if place}
    whose = {law(region) for region in _people(field, settings)}
    return field.model_dump() | {"laws": sorted(whose), "leaves": sorted(home for home in whose if places - {home})}


def _people(field: PersonalField, settings: Compliance) -> list[str]:
    """Where those live whose data it is: as the field says, or the product, or else where it is stored."""
    return field.subjects or settings.regions or ([field.region] if field.region else [])
