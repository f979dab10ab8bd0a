"""What a product file may say about hearing its customers."""

from typing import Annotated

from pydantic import Field

from include.parts.assistant import Assistant
from include.parts.channels import AnySource
from include.parts.part import Part

Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]+)?$")]


class Voices(Part):
    """Where the product's customers are heard."""

    sources: list[AnySource] = []
    intake_origins: list[Origin] = Field(
        [], description="Origins, such as https://shop.example, whose pages may send voices to the intake endpoint. Its token is "
                        "then in the page: it lets voices in, no more.")
    min_theme_size: int = Field(3, ge=1, description="Voices that it takes to call something a theme.")
    slice_rows: int = Field(250_000, ge=1, description="A file with more rows of news than this is heard in slices of so many, "
                                                       "one task each, side by side.")
    retention_days: int | None = Field(None, ge=1, description="Days after which what was written is erased; counts stay.")
    assistant: Assistant | None = Field(None, description="A language model that words the names and summaries of new themes.")
