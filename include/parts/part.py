"""What every part of a product file has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from include.key import PRODUCT_PATTERN


class Part(BaseModel):
    """A part of a product file: unknown fields are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Name = Annotated[str, Field(pattern=rf"^{PRODUCT_PATTERN}$")]
