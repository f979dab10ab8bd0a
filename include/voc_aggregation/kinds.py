"""What tells the kinds of a product's voices: the rules, or a model that was learnt from the team's labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.voc_aggregation import understanding

if TYPE_CHECKING:  # scikit-learn stays away where the rules do
    from include.voc_aggregation.learning import Model


@dataclass(frozen=True)
class Classifier:
    """A promoted model and its version, or without one the rules."""

    version: int | None = None
    model: "Model | None" = None

    def kinds(self, texts: Sequence[str], feelings: Sequence[float]) -> list[str]:
        """The kind of each text, whose feelings (-1 to 1) are given."""
        if self.model is None:
            return [understanding.kind(text, feeling) for text, feeling in zip(texts, feelings, strict=True)]
        return list(self.model.predict(texts)) if texts else []


RULES = Classifier()
