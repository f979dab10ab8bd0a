"""Triage learned from tickets: right where it answers, and aware of what it doesn't know."""

import csv
import random

import numpy as np
import pytest

from include.customer_support.learned import learn, measured
from tests.conftest import SHARED

WORDS = {"tea": ["sencha", "matcha", "우롱차"], "money": ["invoice", "refund", "결제"], "door": ["parcel", "courier", "배송"]}


def tickets(count: int) -> tuple[list[str], list[str]]:
    chance = random.Random(3)
    names = [chance.choice(sorted(WORDS)) for _ in range(count)]
    return [f"please help with my {chance.choice(WORDS[name])} order {number}" for number, name in enumerate(names)], names


def test_it_learns_in_two_languages_and_leaves_the_unknown_to_people() -> None:
    triager = learn(*tickets(200))
    assert triager is not None
    found = triager.categories(["my matcha", "결제 문의", "배송 문의"])
    assert [verdict.category for verdict in found] == ["tea", "money", "door"]
    assert triager.quality.accuracy >= 0.95
    known, unknown = triager.categories(["please help with my parcel order", "zzz"])
    assert known.confidence > unknown.confidence
    assert triager.categories([]) == []
    assert learn(*tickets(200)).categories(["matcha"]) == triager.categories(["matcha"])  # type: ignore[union-attr]  # as above


def test_too_few_teach_nothing() -> None:
    assert learn(*tickets(30)) is None
    assert learn(["a b"] * 100, ["one"] * 100) is None
    assert learn([], []) is None


def test_two_categories_and_rare_ones() -> None:
    texts, names = tickets(120)
    two = [name if name == "tea" else "other" for name in names]
    two[0] = "once"
    triager = learn(texts, two)
    assert triager is not None
    assert {verdict.category for verdict in triager.categories(texts)} == {"tea", "other"}


def test_quality_is_measured_by_hand() -> None:
    sure = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, False, True, False])
    found = measured(sure, right, sure >= 0.9)
    assert (found.n, found.answered, found.accuracy) == (4, 0.5, 0.5)
    assert found.calibration_error == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)


@pytest.mark.shared
def test_banking77_is_answered_rightly_and_the_rest_left_to_people() -> None:
    """A third of the training part, so that it is quick; `make bench ONLY=support` learns from all of it."""
    def read(name: str) -> list[dict[str, str]]:
        with (SHARED / "data" / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    train, test = read("train")[::3], read("test")
    triager = learn([row["text"] for row in train], [row["category"] for row in train])
    assert triager is not None
    verdicts = triager.categories([row["text"] for row in test])
    found = measured(np.array([verdict.confidence for verdict in verdicts]),
                     np.array([verdict.category == row["category"] for verdict, row in zip(verdicts, test, strict=True)]),
                     np.array([verdict.sure for verdict in verdicts]))
    assert found.accuracy >= 0.92
    assert found.answered >= 0.6
    assert found.calibration_error <= 0.05
