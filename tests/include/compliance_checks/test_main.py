"""A team tests its own packs from the command line."""

from pathlib import Path

import pytest

from include.compliance_checks.__main__ import main
from tests.include.compliance_checks.test_policy import MINE


@pytest.mark.parametrize(("text", "code", "said"), [
    (MINE, 0, "1 rules in 1 packs, 0 wrong"),
    (MINE.replace("passed: 2", "passed: 1"), 1, "mine: mine-a: example 1 is pass, the rule says fail: does not hold"),
    (MINE.replace("needs: [tests]", "needs: [test]"), 1, "mine: mine-a: there is no fact test; there are"),
    (MINE.replace("title: A", "titel: A"), 1, "mine.yaml"),
])
def test_examples_that_come_out_otherwise_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int,
                                                    said: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    assert main([str(tmp_path)]) == code
    assert said in capsys.readouterr().out
