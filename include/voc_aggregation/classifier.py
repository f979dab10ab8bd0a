"""What tells a product's voices: their kinds, feeling and severity, by the rules or by models learnt from the team's labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.voc_aggregation import severity, understanding

if TYPE_CHECKING:  # scikit-learn stays away where the rules do
    from scipy.sparse import csr_matrix

    from include.voc_aggregation.learning import Model

SIGNS = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}  # what a label of sentiment comes to
# What can be labelled, and as what. Only a kind may be several at once: `bug|feature`, the main one first.
FIELDS: dict[str, tuple[str, ...]] = {"kind": understanding.KINDS, "severity": severity.LEVELS, "sentiment": tuple(SIGNS)}
_HARDLY = 0.1  # a feeling nearer to 0 is neutral


@dataclass(frozen=True)
class Learnt:
    """A promoted model of one field."""

    version: int
    model: "Model"


@dataclass(frozen=True)
class Classifier:
    """The promoted model of each field; what has none is told by the rules."""

    learnt: Mapping[str, Learnt] = field(default_factory=dict)

    @property
    def versions(self) -> dict[str, int]:
        """The version that tells each field which the rules don't."""
        return {name: one.version for name, one in sorted(self.learnt.items())}

    def feelings(self, texts: Sequence[str]) -> list[float]:
        """How the words of each text feel, from -1 to 1: learnt, the chance that it is positive less that it is negative."""
        if not texts or not (learnt := self.learnt.get("sentiment")):
            return [understanding.feeling(text) for text in texts]
        chances = learnt.model.scores(texts)
        weights = [SIGNS[label] for label in learnt.model.labels]
        return [round(float(value), 4) for value in chances @ weights]

    def kinds(self, texts: Sequence[str], feelings: Sequence[float],
              features_of: "csr_matrix | None" = None) -> list[tuple[str, ...]]:
        """All kinds of each text, the main one first, whose feelings (-1 to 1) are given; `features_of` as in `Model.decisions`.

        A model of single labels tells the main kind; the rules then say which others stand in sentences of their own.
        """
        ruled = [understanding.kinds(text, feeling) for text, feeling in zip(texts, feelings, strict=True)]
        if not texts or not (learnt := self.learnt.get("kind")):
            return ruled
        if learnt.model.multi_label:
            return [_held(chances) for chances in predict(texts, learnt.model)]
        told = learnt.model.predict(texts, features_of)
        return [(main, *(kind for kind in kinds if kind != main)) if main in kinds else (main,)
                for main, kinds in zip(told, ruled, strict=True)]

    def severities(self, texts: Sequence[str], kinds: Sequence[tuple[str, ...]], feelings: Sequence[float]) -> list[str | None]:
        """How bad the trouble of each text is; None where it tells of none (`bug` is not among its kinds)."""
        told = [severity.severity(text, "bug", feeling) if "bug" in some else None
                for text, some, feeling in zip(texts, kinds, feelings, strict=True)]
        if learnt := self.learnt.get("severity"):
            bugs = [row for row, level in enumerate(told) if level]
            for row, level in zip(bugs, learnt.model.predict([texts[row] for row in bugs]) if bugs else [], strict=True):
                told[row] = level
        return told


def sign(feeling: float) -> str:
    """The label of sentiment that a feeling comes to."""
    return "neutral" if abs(feeling) < _HARDLY else "positive" if feeling > 0 else "negative"


def predict(texts: Sequence[str], model: "Model | None" = None) -> list[dict[str, float]]:
    """The kinds of each text with their probabilities, the likeliest first: calibrated by `model`; of the rules 1 or 0."""
    if model is None:
        said = [understanding.kinds(text, understanding.sentiment(text)) for text in texts]
        return [dict.fromkeys(some, 1.0) | {kind: 0.0 for kind in understanding.KINDS if kind not in some} for some in said]
    ranked = [sorted(zip(model.labels, map(float, chances), strict=True), key=lambda item: (-item[1], item[0]))
              for chances in (model.scores(texts) if texts else [])]
    return [dict(line) for line in ranked]


def _held(chances: dict[str, float]) -> tuple[str, ...]:
    """Those that are likelier than not, or else the likeliest."""
    return tuple(kind for kind, chance in chances.items() if chance > 0.5) or tuple(chances)[:1]
