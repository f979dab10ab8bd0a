"""Learning from the team's labels: a classifier of each field (kind, severity, sentiment), which runs only where it is better.

A candidate is promoted when its macro F1 on the labels that are held out (`include.ledger.models`) is greater than that of what
runs: the promoted model, or the rules.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select

from include.artifacts import Artifacts
from include.ledger.engine import reading
from include.ledger.models import LEAST_HELD, NEWS, held_out, last, promoted
from include.ledger.runs import Run
from include.ledger.tables import labels, voices
from include.voc_aggregation import understanding
from include.voc_aggregation.classifier import FIELDS, Classifier, Learnt, sign

log = logging.getLogger(__name__)

LEAST = 20  # labels of each word to train with
NEEDED = FIELDS | {"sentiment": ("negative", "positive")}  # words without which nothing is learnt
Row = dict[str, Any]


@dataclass(frozen=True)
class _Example:
    text: str
    feeling: float
    labels: tuple[str, ...]

    @property
    def held(self) -> bool:
        return held_out(self.text)


def running(engine: Engine, product: str, artifacts: Artifacts) -> Classifier:
    """What tells the product's voices now."""
    rows = {field: row for field in FIELDS if (row := promoted(engine, product, field))}
    return Classifier({field: _loaded(row["version"], row["artifact"], artifacts) for field, row in rows.items()})


def _loaded(version: int, artifact: str, artifacts: Artifacts) -> Learnt:
    from include.voc_aggregation.learning import loads  # and scikit-learn, which most runs do without

    return Learnt(version, loads(artifacts.read(artifact)))


def learnt(engine: Engine, run: Run, artifacts: Artifacts, now: Classifier) -> tuple[Classifier, list[Row]]:
    """What shall tell voices from this run on, and the `models` rows to write, one for each field where something was learnt.

    Nothing is learnt while there are fewer than NEWS new labels, or too few of a word. The same labels give the same model.
    """
    running, rows = dict(now.learnt), []
    for field in FIELDS:
        examples, news, version = _examples(engine, run, field)
        if _enough(examples, news, f"{run.product}: {field}", NEEDED[field]):
            row = _trained(field, examples, version, now, artifacts)
            rows.append(row | {"product": run.product, "at": run.at, "decided_at": run.at})
            if row["status"] == "promoted":
                running[field] = _loaded(version, row["artifact"], artifacts)
    return Classifier(running), rows


def _enough(examples: list[_Example], news: int, about: str, needed: Sequence[str]) -> bool:
    if not news:
        return False
    trained, tried = (Counter(label for one in examples for label in one.labels if one.held == held) for held in (False, True))
    missing = [f"{word} ({trained[word]} and {tried[word]} held out)" for word in needed
               if trained[word] < LEAST or tried[word] < LEAST_HELD]
    if news < NEWS or missing:
        log.info("%s: %s new labels, %s", about, news,
                 f"{NEWS} make a new model" if news < NEWS else f"but too few of {', '.join(missing)}")
    return news >= NEWS and not missing


def _trained(field: str, examples: list[_Example], version: int, now: Classifier, artifacts: Artifacts) -> Row:
    from include.voc_aggregation.learning import train

    known, held = [one for one in examples if not one.held], [one for one in examples if one.held]
    several = any(len(one.labels) > 1 for one in examples)
    model = train([one.text for one in known], [one.labels if several else one.labels[0] for one in known], multi_label=several)
    score = _score(field, Classifier({field: Learnt(version, model)}), held, several)
    before = _score(field, now, held, several) | {"version": now.versions.get(field)}
    artifact, digest = artifacts.keep(model.dumps(), ".npz")
    status = "promoted" if score["macro_f1"] > before["macro_f1"] else "rejected"
    log.info("%s model %s learnt from %s labels is %s: macro F1 %.3f on %s held out, %.3f before", field, version, len(known),
             status, score["macro_f1"], len(held), before["macro_f1"])
    return {"field": field, "version": version, "status": status, "trained_on": len(known), "held_out": len(held),
            "scores": score | {"before": before}, "artifact": artifact, "digest": digest, "decided_by": "comparison"}


def _examples(engine: Engine, run: Run, field: str) -> tuple[list[_Example], int, int]:
    """The product's labels up to the run's time, how many came since the last model, and the version that is next."""
    text, feeling = func.coalesce(voices.c.text, labels.c.text), voices.c.sentiment
    query = (select(labels.c.voice_id, labels.c.label, labels.c.at, text, feeling)
             .join(voices, voices.c.id == labels.c.voice_id, isouter=True)
             .where(labels.c.product == run.product, labels.c.field == field, labels.c.at <= run.at, text != "")
             .order_by(labels.c.voice_id))
    version, made = last(engine, run.product, field)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    news = sum(made is None or at > made for _, _, at, _, _ in rows)
    return [_Example(text, understanding.sentiment(text) if feeling is None else feeling, tuple(label.split("|")))
            for _, label, _, text, feeling in rows], news, version + 1


def _told(field: str, classifier: Classifier, held: list[_Example]) -> list[tuple[str, ...]]:
    texts, feelings = [one.text for one in held], [one.feeling for one in held]
    if field == "kind":
        return classifier.kinds(texts, feelings)
    if field == "severity":
        return [(level or "",) for level in classifier.severities(texts, [("bug",)] * len(texts), feelings)]
    return [(sign(feeling),) for feeling in classifier.feelings(texts)]


def _score(field: str, classifier: Classifier, held: list[_Example], several: bool) -> dict[str, Any]:
    """Macro F1 over the words that occur, and by word. Where each text has one label, only the main one told counts."""
    from sklearn.metrics import f1_score

    told = [some if several else some[:1] for some in _told(field, classifier, held)]
    words = [word for word in FIELDS[field] if word in NEEDED[field] or any(word in one.labels for one in held)]
    truth, said = ([[word in some for word in words] for some in each] for each in ([one.labels for one in held], told))
    each = f1_score(truth, said, average=None, zero_division=0)
    return {"macro_f1": round(float(each.mean()), 4),
            "by_label": {word: round(float(score), 4) for word, score in zip(words, each, strict=True)}}
