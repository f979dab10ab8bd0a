"""What runs found becomes rows of a page."""

from datetime import date

from local.docs.reliability import merged, rows_of

OLD = "Said.\n\n| claim | shown by | found | on |\n| --- | --- | --- | --- |\n| a &#124; b | `make x` | 1 | 2026-01-01 |\n"
RUN = ["turn 1\n", '{"turn": 2}\n', '{"claim": "nothing is lost", "command": "make chaos", "found": "200 kills <none wrong>"}\n']


def test_a_command_has_one_row_and_others_stay() -> None:
    once = merged(OLD, rows_of(RUN, date(2026, 3, 2)))
    assert once == OLD + "| nothing is lost | `make chaos` | 200 kills \\<none wrong\\> | 2026-03-02 |\n"
    assert merged(once, rows_of(RUN, date(2026, 3, 3))) == once.replace("2026-03-02", "2026-03-03")


def test_a_claim_that_two_commands_show_has_two_rows() -> None:
    once = merged(OLD, rows_of(RUN, date(2026, 3, 2)))
    twice = merged(once, rows_of([RUN[2].replace("make chaos", "make chaos PLACE=celery")], date(2026, 3, 3)))
    assert twice == once + "| nothing is lost | `make chaos PLACE=celery` | 200 kills \\<none wrong\\> | 2026-03-03 |\n"


def test_a_run_that_found_nothing_changes_nothing() -> None:
    assert merged(OLD, rows_of(RUN[:2], date(2026, 3, 2))) == OLD
