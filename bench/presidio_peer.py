"""Runs in Presidio's own environment (see bench/redaction.py): texts in, as JSON; seconds and redacted texts out."""

import json
import sys
import time
from importlib import import_module
from typing import Any

MODELS = ("Spacy", "Stanza", "Transformers", "HuggingFace", "GLiNER", "Azure", "LangExtract", "MedicalNER")
REGIONS = ("KR", "US", "GB", "DE", "FR", "CA")


def engine() -> Any:
    """Presidio's engine with every recognizer that is a rule, and no model."""
    spacy, presidio, engines = map(import_module, ("spacy", "presidio_analyzer", "presidio_analyzer.nlp_engine"))
    rules = import_module("presidio_analyzer.predefined_recognizers")
    names = [name for name in dir(rules) if name.endswith("Recognizer") and not any(model in name for model in MODELS)]
    made = [getattr(rules, name)(supported_language="en", **({"supported_regions": REGIONS} if name == "PhoneRecognizer" else {}))
            for name in names]
    blank = engines.SpacyNlpEngine()
    blank.nlp = {"en": spacy.blank("en")}
    registry = presidio.RecognizerRegistry(recognizers=made, supported_languages=["en"])
    return presidio.AnalyzerEngine(registry=registry, nlp_engine=blank, supported_languages=["en"])


def redacted(text: str, found: list[Any]) -> str:
    """`text` without what was found."""
    for hit in sorted(found, key=lambda hit: -hit.start):
        text = f"{text[:hit.start]}[]{text[hit.end:]}" if hit.end <= len(text) else text[:hit.start]
    return text


def main() -> None:
    """Time the redaction of the texts on standard input."""
    texts = json.load(sys.stdin)
    presidio = engine()
    presidio.analyze("mail to a@example.com", "en")  # loads the list of top-level domains, after asking the network in vain
    start = time.perf_counter()
    found = [presidio.analyze(text, "en") for text in texts]
    seconds = time.perf_counter() - start
    json.dump({"seconds": seconds, "texts": [redacted(*pair) for pair in zip(texts, found, strict=True)]}, sys.stdout)


if __name__ == "__main__":
    main()
