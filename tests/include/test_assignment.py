"""Who gets what: the same for ever, in halves, and one experiment tells nothing of another."""

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from include.assignment import BUCKETS, arm, bucket, takes_part

PEOPLE = [f"person-{number}" for number in range(20_000)]


def test_it_is_the_same_in_another_process_and_for_ever() -> None:
    code = "from include.assignment import arm, bucket; print(bucket('a', '김'), [arm('a', str(n)) for n in range(20)])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert said == f"{bucket('a', '김')} {[arm('a', str(n)) for n in range(20)]}"
    assert [bucket("shop", id) for id in ("ada", "grace", "김")] == [8938, 6351, 103]  # what products computed already


@given(st.text(), st.text())
def test_any_id_has_a_bucket(salt: str, id: str) -> None:
    assert 0 <= bucket(salt, id) < BUCKETS and bucket(salt, id) == bucket(salt, id)


@pytest.mark.parametrize("experiment", ["free-shipping", "a", "coupon.2"])
@pytest.mark.parametrize("percent", [100, 25])
def test_halves_are_balanced(experiment: str, percent: float) -> None:
    counts = Counter(arm(experiment, person, percent) for person in PEOPLE)
    taking = counts["control"] + counts["variant"]
    assert chisquare([counts["control"], counts["variant"]]).pvalue > 0.001
    expected = len(PEOPLE) * percent / 100
    assert taking == len(PEOPLE) if percent == 100 else chisquare(
        [taking, counts[None]], [expected, len(PEOPLE) - expected]).pvalue > 0.001


def test_buckets_are_uniform() -> None:
    counts = Counter(bucket("salt", person) * 100 // BUCKETS for person in PEOPLE)
    assert chisquare([counts[number] for number in range(100)]).pvalue > 0.001


def test_one_experiment_tells_nothing_of_another() -> None:
    counts = Counter((arm("first", person), arm("second", person)) for person in PEOPLE)
    table = [[counts[one, two] for two in ("control", "variant")] for one in ("control", "variant")]
    assert chi2_contingency(table).pvalue > 0.001


def test_whoever_takes_part_stays_with_the_same_version_when_it_grows() -> None:
    for person in PEOPLE[:2000]:
        if takes_part("e", person, 10):
            assert takes_part("e", person, 40) and arm("e", person, 10) == arm("e", person, 40) is not None
