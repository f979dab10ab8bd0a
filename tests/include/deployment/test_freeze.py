"""Windows and fixes, without a ledger."""

from datetime import UTC, datetime

import pytest

from include.deployment.freeze import by_window, is_fix
from include.parts.deployment import Freeze

WEEKEND = {"why": "nobody is there", "days": ["sat", "sun"]}
FRIDAY = {"why": "late", "days": ["fri"], "start": "16:00"}
YEAR_END = {"why": "year end", "since": "2026-12-24", "until": "2027-01-02"}


@pytest.mark.parametrize(("at", "window", "until"), [
    ("2026-03-06T06:59", FRIDAY, None),  # 15:59 in Seoul
    ("2026-03-06T07:00", FRIDAY, "2026-03-06T15:00"),
    ("2026-03-06T15:00", FRIDAY, None),  # Saturday there
    ("2026-03-06T15:00", WEEKEND, "2026-03-07T15:00"),
    ("2026-12-23T14:59", YEAR_END, None),
    ("2026-12-23T15:00", YEAR_END, "2026-12-24T15:00"),
    ("2027-01-02T14:59", YEAR_END, "2027-01-02T15:00"),
    ("2027-01-02T15:00", YEAR_END, None),
])
def test_windows(at: str, window: dict[str, object], until: str | None) -> None:
    freeze = Freeze.model_validate({"zone": "Asia/Seoul", "windows": [window]})
    found = by_window(freeze, datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert (found.until.replace(tzinfo=None).isoformat(timespec="minutes") if found and found.until else None) == until


@pytest.mark.parametrize(("kinds", "asked", "expected"), [
    ([], [], False), ([("fix", "fix: a")], [], True), ([("fix", "fix: a"), ("other", "Merge branch 'a'")], [], True),
    ([("other", "Merge branch 'a'")], [], False), ([("fix", "a"), ("other", "b")], [], False),
    ([("feat", "a")], ["bug", "operation"], True), ([("feat", "a")], ["bug", "feature"], False),
])
def test_fixes(kinds: list[tuple[str, str]], asked: list[str], expected: bool) -> None:
    assert is_fix(kinds, asked) is expected
