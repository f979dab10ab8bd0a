"""What a product file may say about hearing its customers."""

from pydantic import Field

from include.parts.channels import AnySource
from include.parts.part import Part


class Voices(Part):
    """Where the product's customers are heard."""

    sources: list[AnySource] = []
    min_theme_size: int = Field(3, ge=1, description="Voices that it takes to call something a theme.")
    slice_rows: int = Field(250_000, ge=1, description="A file with more rows of news than this is heard in slices of so many, "
                                                       "one task each, side by side.")
    retention_days: int | None = Field(None, ge=1, description="Days after which what was written is erased; counts stay.")
