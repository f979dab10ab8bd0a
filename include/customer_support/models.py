"""The desk's own model of categories: learnt from tickets that people resolved and gave one, and running only where it is better.

A candidate is promoted when its macro F1 on the tickets that are held out (`include.ledger.models`) is greater than that of what
runs: the promoted model, or the words of the categories.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.customer_support.triage import Verdict, matching
from include.ledger.models import CATEGORY, LEAST_HELD, NEWS, held_out, last, promoted
from include.ledger.runs import Run

if TYPE_CHECKING:  # what learns costs a second to import, and most looks at the clocks have nothing to learn
    from include.customer_support.learned import Triager

log = logging.getLogger(__name__)
Row = dict[str, Any]


class Running(NamedTuple):
    """A promoted model, and what was found of it on held-out tickets."""

    version: int
    triager: "Triager"
    scores: Row


def running(engine: Engine, product: str, artifacts: Artifacts) -> Running | None:
    """The model that places the product's tickets, None where words do."""
    row = promoted(engine, product, CATEGORY)
    return _loaded(row, artifacts) if row else None


def _loaded(row: Row, artifacts: Artifacts) -> Running:
    from include.customer_support.learned import loads

    return Running(row["version"], loads(artifacts.read(row["artifact"])), row["scores"])


def learnt(engine: Engine, run: Run, artifacts: Artifacts, now: Running | None, taught: Sequence[Row],
           words: Mapping[str, Sequence[str]], accuracy: float) -> tuple[Running | None, list[Row]]:
    """What shall place tickets from this run on, and the row of `models` to write, where something was learnt.

    `taught` are tickets with a category and the time they were `taught_at`, oldest first; `words` are those of the categories;
    `accuracy` is how often an answer must be right. Nothing is learnt while there is little new. The same tickets give the same
    model.
    """
    version, made = last(engine, run.product, CATEGORY)
    news = sum(made is None or row["taught_at"] > made for row in taught)
    known, held = ([row for row in taught if held_out(row["text"]) == side] for side in (False, True))
    if news < NEWS or len(held) < LEAST_HELD:
        return now, []
    from include.customer_support.learned import learn

    model = learn([row["text"] for row in known], [row["category"] for row in known], accuracy)
    if model is None:
        return now, []
    asked, truth = [row["text"] for row in held], [row["category"] for row in held]
    score = _score(model.categories(asked), truth)
    before = _score(now.triager.categories(asked) if now else [matching(text, words) for text in asked], truth)
    better = score["macro_f1"] > before["macro_f1"]
    log.info("%s: category model %s learnt from %s tickets is %s: macro F1 %.3f on %s held out, %.3f before", run.product,
             version + 1, len(known), "promoted" if better else "rejected", score["macro_f1"], len(held), before["macro_f1"])
    artifact, digest = artifacts.keep(model.dumps(), ".npz")
    row: Row = {"product": run.product, "field": CATEGORY, "version": version + 1, "status": "promoted" if better else "rejected",
           "trained_on": len(known), "held_out": len(held), "artifact": artifact, "digest": digest, "at": run.at,
           "scores": score | {"before": before | {"version": now.version if now else None}}, "decided_at": run.at,
           "decided_by": "comparison"}
    return (Running(version + 1, model, row["scores"]) if better else now), [row]


def _score(told: Sequence[Verdict], truth: Sequence[str]) -> Row:
    """Macro F1 of the likeliest categories over those that people gave, and what `learned.Quality` says of the sure ones."""
    import numpy as np
    from sklearn.metrics import f1_score

    from include.customer_support.learned import measured

    said = [verdict.category or "" for verdict in told]
    right = np.array([one == other for one, other in zip(said, truth, strict=True)])
    quality = measured(np.array([verdict.confidence for verdict in told]), right, np.array([verdict.sure for verdict in told]))
    macro = f1_score(truth, said, labels=sorted(set(truth)), average="macro", zero_division=0)
    return {"macro_f1": round(float(macro), 4)} | asdict(quality)
