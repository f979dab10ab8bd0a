"""Learning from the team's labels: a classifier of kinds, which runs only where it is better than what ran before.

A fifth of the labels, by a hash of the text, is held out for ever: no model of any version has seen it, so versions
can be compared on it. A candidate is promoted when its macro F1 there is greater than that of what runs (the promoted model, or
the rules); else it is rejected. Both are kept with their version, size, scores and bytes.
"""

import hashlib
import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement as Condition
from sqlalchemy import Connection, Engine, func, insert, select, update

from include.artifacts import Artifacts
from include.ledger.engine import reading
from include.ledger.runs import Run
from include.ledger.tables import labels, models, voices
from include.voc_aggregation import understanding
from include.voc_aggregation.kinds import RULES, Classifier

log = logging.getLogger(__name__)

FIELD = "kind"
LEAST, LEAST_HELD = 20, 5  # labels of each kind to train with, and held out
NEWS = 25  # labels since the last model that make it worth training again


@dataclass(frozen=True)
class _Example:
    text: str
    feeling: float
    label: str

    @property
    def held(self) -> bool:
        """By the text, so that those that say the same stand on one side."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).digest()[0] % 5 == 0


def running(engine: Engine, product: str, artifacts: Artifacts) -> Classifier:
    """What tells the product's kinds now."""
    with reading(engine) as connection:
        row = connection.execute(select(models.c.version, models.c.artifact).where(
            *_mine(product), models.c.status == "promoted")).one_or_none()
    return _loaded(row.version, row.artifact, artifacts) if row else RULES


def _loaded(version: int, artifact: str, artifacts: Artifacts) -> Classifier:
    from include.voc_aggregation.learning import loads  # and scikit-learn, which most runs do without

    return Classifier(version, loads(artifacts.read(artifact)))


def learnt(engine: Engine, run: Run, artifacts: Artifacts, now: Classifier) -> tuple[Classifier, dict[str, Any] | None]:
    """What shall tell kinds from this run on, and the `models` row to write where something was learnt.

    Nothing is learnt while there are fewer than NEWS new labels, or too few of a kind. The same labels give the same model.
    """
    examples, news, version = _examples(engine, run)
    known, held = [one for one in examples if not one.held], [one for one in examples if one.held]
    if news < NEWS or (missing := _missing(known, held)):
        if news:
            log.info("%s: %s new labels, %s", run.product, news,
                     f"{NEWS} make a new model" if news < NEWS else f"but too few of {', '.join(missing)}")
        return now, None
    from include.voc_aggregation.learning import train

    model = train([one.text for one in known], [one.label for one in known])
    score, before = _score(Classifier(version, model), held), _score(now, held)
    artifact, digest = artifacts.keep(model.dumps(), ".npz")
    better = score["macro_f1"] > before["macro_f1"]
    row = {"product": run.product, "field": FIELD, "version": version, "status": "promoted" if better else "rejected",
           "trained_on": len(known), "held_out": len(held), "scores": {**score, "before": {"version": now.version} | before},
           "artifact": artifact, "digest": digest, "at": run.at, "decided_at": run.at, "decided_by": "comparison"}
    log.info("%s: model %s learnt from %s labels is %s: macro F1 %.3f on %s held out, %.3f before", run.product, version,
             len(known), row["status"], score["macro_f1"], len(held), before["macro_f1"])
    return (_loaded(version, artifact, artifacts) if better else now), row


def write(connection: Connection, row: dict[str, Any]) -> None:
    """Write what was learnt; a promoted model supersedes the one before it."""
    if row["status"] == "promoted":
        connection.execute(update(models).where(*_mine(row["product"]), models.c.status == "promoted")
                           .values(status="superseded", decided_at=row["at"], decided_by=row["decided_by"]))
    connection.execute(insert(models).values(row))


def _mine(product: str) -> tuple[Condition[bool], ...]:
    return models.c.product == product, models.c.field == FIELD


def _examples(engine: Engine, run: Run) -> tuple[list[_Example], int, int]:
    """The product's labels up to the run's time, how many came since the last model, and the version that is next."""
    text, feeling = func.coalesce(voices.c.text, labels.c.text), voices.c.sentiment
    query = (select(labels.c.voice_id, labels.c.label, labels.c.at, text, feeling)
             .join(voices, voices.c.id == labels.c.voice_id, isouter=True)
             .where(labels.c.product == run.product, labels.c.field == FIELD, labels.c.at <= run.at, text != "")
             .order_by(labels.c.voice_id))
    with reading(engine) as connection:
        last = connection.execute(select(func.max(models.c.version), func.max(models.c.at)).where(*_mine(run.product))).one()
        rows = connection.execute(query).all()
    news = sum(last[1] is None or at > last[1] for _, _, at, _, _ in rows)
    return [_Example(text, understanding.sentiment(text) if feeling is None else feeling, label)
            for _, label, _, text, feeling in rows], news, (last[0] or 0) + 1


def _missing(known: list[_Example], held: list[_Example]) -> list[str]:
    trained, tried = Counter(one.label for one in known), Counter(one.label for one in held)
    return [f"{kind} ({trained[kind]} and {tried[kind]} held out)" for kind in understanding.KINDS
            if trained[kind] < LEAST or tried[kind] < LEAST_HELD]


def _score(classifier: Classifier, held: list[_Example]) -> dict[str, Any]:
    from sklearn.metrics import f1_score

    told = classifier.kinds([one.text for one in held], [one.feeling for one in held])
    each = f1_score([one.label for one in held], told, labels=understanding.KINDS, average=None, zero_division=0)
    return {"macro_f1": round(float(each.mean()), 4),
            "by_label": {kind: round(float(score), 4) for kind, score in zip(understanding.KINDS, each, strict=True)}}
