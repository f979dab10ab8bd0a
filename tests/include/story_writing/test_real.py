"""Stories of real voices, bug reports in English and reviews in Korean: what is written of them is fit, or says why not."""

import csv
import itertools
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import stories, theme_voices, themes
from include.story_writing.quality import Story, findings
from include.story_writing.run import write
from include.story_writing.wording import feature_of, text_of
from tests import rows
from tests.conftest import NOW, SHARED

pytestmark = pytest.mark.shared
BUGS = SHARED / "data" / "gitbugs-hadoop" / "hadoop_bugs.csv"
REVIEWS = SHARED / "data" / "nsmc-ko-dev" / "reviews.tsv"
AFTER_NAME = re.compile(r"(\S)”(이라고|라고|이라는|라는|이|가) ")


def names(path: Path, column: str, every: int, most: int, **dialect: Any) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = itertools.islice(csv.DictReader(file, **dialect), 0, every * most, every)
        return [line[column] for line in lines if line[column].strip()]


def bugs() -> list[tuple[str, str]]:
    return [("en", name) for name in names(BUGS, "Summary", 10, 240)]


def reviews() -> list[tuple[str, str]]:
    return [("ko", name) for name in names(REVIEWS, "document", 900, 250, delimiter="\t", quoting=csv.QUOTE_NONE)]


@pytest.mark.parametrize("load", [bugs, reviews])
def test_whatever_people_wrote_can_be_a_story(load: Callable[[], list[tuple[str, str]]]) -> None:
    found = load()
    assert len(found) > 200
    judged = []
    for number, (language, name) in enumerate(found):
        text = text_of(name, "bug", language, "찻집" if language == "ko" else "Tea shop", "days", 0.5)
        assert feature_of(text.acceptance)["language"] == language
        judged.append(Story(str(number), language, text.title, text.role, text.want, text.reason, text.acceptance, voices=9))
    errors = [finding for one in findings(judged).values() for finding in one if finding.severity == "error"]
    assert {finding.rule for finding in errors} <= {"well_formed", "minimal", "unique"}  # our own words are never at fault
    assert len(errors) < 0.06 * len(found)


@pytest.mark.parametrize("kind", ["bug", "feature", "question", "operation"])
def test_korean_particles_follow_the_last_sound_of_what_people_wrote(kind: str) -> None:
    checked = 0
    for _, name in reviews():
        text = text_of(name, kind, "ko", "찻집", "days", None)
        for last, particle in AFTER_NAME.findall(f"{text.want}\n{text.acceptance}"):
            if "가" <= last <= "힣":
                closed = len(unicodedata.normalize("NFD", last)) == 3
                assert (particle in ("이라고", "이라는", "이")) == closed, text.want
                checked += 1
    assert checked > 150


def test_themes_of_real_voices_become_stories(ledger: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    from include.voc_aggregation.run import aggregate

    reviewed, reported = tmp_path / "reviews.tsv", tmp_path / "bugs.csv"
    with REVIEWS.open(encoding="utf-8") as file:
        reviewed.write_text("".join(itertools.islice(file, 1_500)), encoding="utf-8")
    with BUGS.open(encoding="utf-8", newline="") as file, reported.open("w", encoding="utf-8", newline="") as copy:
        csv.writer(copy).writerows(itertools.islice(csv.reader(file), 600))
    product = rows.product(outcome={"exposure": "days"}, voices={"sources": [
        {"name": "bugs", "path": str(reported), "format": "csv",
         "columns": {"text": ["Summary", "Description"], "id": "Issue id", "written_at": "Created"}},
        {"name": "reviews", "path": str(reviewed), "format": "tsv", "rating_scale": (1, 10),
         "columns": {"text": "document", "id": "review_id", "written_at": "date", "rating": "rating"}}]})
    aggregate(ledger, product, Run("voc_aggregation", "r", Key("shop"), NOW), artifacts, b"key")
    result = write(ledger, product, Run("story_writing", "r", Key("shop"), NOW))
    asking = {row["id"]: row for row in rows.get(ledger, themes) if row["kind"] != "praise" and row["status"] == "open"}
    written = rows.get(ledger, stories)
    assert sorted(theme for row in written for theme in row["metric"]["themes"]) == sorted(asking)
    assert len(written) > 10 and len(result["drafts"]) < 0.1 * len(written)
    for row in written:
        assert feature_of(row["acceptance"])["language"] == ("ko" if row["language"] == "ko" else "en")
        assert (row["status"] == "draft") == any(item["severity"] == "error" for item in row["quality"])
        behind = [tie for theme in row["metric"]["themes"] for tie in rows.get(ledger, theme_voices, theme_id=theme)]
        assert row["evidence"]["voices"] == len({tie["voice_id"] for tie in behind}) > 0
        assert set(row["evidence"]["quotes"]) <= {tie["voice_id"] for tie in behind}
        assert 0 <= row["relief"]["low"] <= row["relief"]["expected"] <= row["relief"]["high"] <= 1
    assert {row["language"] for row in written} == {"en", "ko"}
    assert write(ledger, product, Run("story_writing", "again", Key("shop"), NOW))["publish"] == []
