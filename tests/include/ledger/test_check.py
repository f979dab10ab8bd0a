"""Each invariant finds the damage that was planted for it, and nothing is found where there is none."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, delete, insert, update

from include.artifacts import Artifacts
from include.key import Key
from include.ledger import check, search
from include.ledger.check import broken
from include.ledger.engine import writing
from include.ledger.invariants import INVARIANTS
from include.ledger.runs import Run
from include.ledger.tables import (
    commit_stories,
    commits,
    contacts,
    deployments,
    events,
    intakes,
    outcomes,
    phase_runs,
    quarantine,
    releases,
    rollups,
    scopes,
    stories,
    story_themes,
    theme_voices,
    themes,
    voices,
)
from include.ledger.trail import event, record
from tests.conftest import NOW

COMMIT = "c" * 40
FIRST, SECOND = (Run("deployment", f"run-{version}", Key("shop", version), NOW) for version in ("1.0.0", "1.1.0"))


def add(connection: Connection, table: Table, **row: Any) -> None:
    """A row of `table`; what is not given and may not be null is as plain as can be."""
    plain = {"DATETIME": NOW, "FLOAT": 0.0, "BIGINT": 0, "INTEGER": 0, "BOOLEAN": False, "JSON": {}}
    filled = {column.name: plain.get(str(column.type), "plain") for column in table.columns if not column.nullable}
    connection.execute(insert(table).values(filled | row))


def release(connection: Connection, run: Run, artifact: str, previous: str | None, status: str) -> None:
    version = str(run.key.version)
    add(connection, releases, key=str(run.key), product="shop", version=version, commit=COMMIT, previous=previous, status=status,
        artifact=artifact, tests={})
    for gate in ("compliance_checks", "user_testing"):
        add(connection, phase_runs, phase=gate, run_id=version, key=str(run.key), result={"publish": [str(run.key)]})
    add(connection, deployments, id=f"{run.key}/{run.run_id}", product="shop", version=version, environment="local",
        status="succeeded", finished_at=NOW + timedelta(minutes=int(version[2])))
    kind = "service.upgraded" if previous else "service.deployed"
    record(connection, run, [event(run, kind, "local/shop", {}),
                             event(run, "testsuiterun.finished", f"{run.key}/{COMMIT[:12]}", {})])


@pytest.fixture
def whole(sqlite_ledger: Engine, artifacts: Artifacts) -> Engine:
    """A small ledger in which everything holds."""
    return filled(sqlite_ledger, artifacts)


def filled(ledger: Engine, artifacts: Artifacts) -> Engine:
    name, _ = artifacts.keep(b"the archive", ".tar")
    with writing(ledger) as connection:
        add(connection, intakes, run_id="r", product="shop", source="reviews", read=5, stored=3, duplicates=1, quarantined=1)
        for voice in ("v1", "v2", "v3"):
            add(connection, voices, id=voice, product="shop", source="reviews", duplicate_of="v1" if voice == "v3" else None)
        search.add(connection)
        add(connection, quarantine, id="q", product="shop", source="reviews")
        for theme, size, into in (("t1", 2, None), ("t2", 0, "t1")):
            add(connection, themes, id=theme, product="shop", size=size, merged_into=into, status="merged" if into else "open")
        for voice in ("v1", "v2"):
            add(connection, theme_voices, theme_id="t1", voice_id=voice)
        add(connection, stories, id="s", product="shop", category="customer")
        add(connection, story_themes, story_id="s", theme_id="t2")
        add(connection, scopes, id="scope", product="shop", status="approved")
        release(connection, FIRST, name, None, "superseded")
        release(connection, SECOND, name, "1.0.0", "deployed")
        add(connection, commits, product="shop", sha=COMMIT, release="shop|1.1.0")
        add(connection, commit_stories, product="shop", sha=COMMIT, story_id="s")
        add(connection, outcomes, story_id="s", theme_id="t1", release="shop|1.1.0")
        add(connection, contacts, product="shop", author="a", channel="mail", handle="encrypted")
        record(connection, SECOND, [event(SECOND, kind, subject, {}) for kind, subject in (
            ("ticket.created", "s"), ("theme.changed", "t1"), ("theme.changed", "t2"), ("scope.decided", "scope"),
            ("outcome.measured", "s/t1/shop|1.1.0"))])
    return ledger


DAMAGE: dict[str, tuple[Any, str]] = {
    "intakes_add_up": (update(intakes).values(read=6), "run r of reviews: 6 read, 5 accounted for"),
    "no_voice_is_lost": (delete(voices).where(voices.c.id == "v3"), "shop/reviews: 3 stored, 2 there"),
    "nothing_set_aside_is_lost": (delete(quarantine), "shop/reviews: 1 quarantined, 0 there"),
    "voices_can_be_searched": (delete(search.ROWS).where(search.ROWS.c.voice_id == "v2"), "voice v2 is in no search"),
    "copies_have_originals": (update(voices).where(voices.c.id == "v3").values(duplicate_of="gone"),
                              "voice v3 is a copy of gone"),
    "themes_count_their_voices": (update(themes).where(themes.c.id == "t1").values(size=3), "t1 says 3 and has 2"),
    "merged_themes_live_on": (update(themes).where(themes.c.id == "t2").values(merged_into="t2"), "t2 leads to no living theme"),
    "stories_rest_on_voices": (delete(story_themes), "s rests on no voice"),
    "the_chain_is_whole": (update(commits).values(release="shop|9.9.9"),
                           f"commit {COMMIT} names shop|9.9.9, which is not there"),
    "nothing_deployed_without_its_gates": (
        delete(phase_runs).where(phase_runs.c.phase == "user_testing", phase_runs.c.run_id == "1.1.0"),
        "deployment shop|1.1.0/run-1.1.0: not let through by user_testing"),
    "one_running_truth": (update(releases).where(releases.c.version == "1.0.0").values(status="deployed"), "shop has 2 deployed"),
    "the_trail_is_untouched": (update(events).where(events.c.subject == "scope").values(subject="another"),
                               "differs from its document"),
    "the_trail_is_gapless": (delete(events).where(events.c.type.like("%service.upgraded%")),
                             "deployment shop|1.1.0/run-1.1.0 has no service.deployed or service.upgraded"),
    "figures_are_possible": (update(deployments).where(deployments.c.version == "1.0.0").values(finished_at=NOW - timedelta(1)),
                             "deployments shop|1.0.0/run-1.0.0: from"),
    "what_was_erased_is_gone": (update(contacts).values(withdrawn_at=NOW), "contacts a still holds what was erased"),
}


def test_nothing_is_broken_where_all_is_well(whole: Engine, artifacts: Artifacts) -> None:
    assert broken(whole, artifacts) == []
    assert set(DAMAGE) == {invariant.__name__ for invariant in INVARIANTS}


def test_so_it_is_in_postgresql(postgresql_ledger: Engine, artifacts: Artifacts) -> None:
    assert broken(filled(postgresql_ledger, artifacts), artifacts) == []


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found(whole: Engine, name: str) -> None:
    statement, says = DAMAGE[name]
    with writing(whole) as connection:
        connection.execute(statement)
    found = {item.invariant: item.rows for item in broken(whole)}
    assert any(says in row for row in found[name]), found


def test_impossible_counts_are_found(whole: Engine) -> None:
    with writing(whole) as connection:
        add(connection, rollups, product="shop", minute=NOW, requests=1, errors=2)
    assert [item.rows for item in broken(whole)] == [("rollups shop: 2 errors of 1 requests",)]


def test_changed_and_missing_artifacts_are_found(whole: Engine, artifacts: Artifacts) -> None:
    name, _ = artifacts.keep(b"the archive", ".tar")
    artifacts.write(name, b"another archive")
    with writing(whole) as connection:
        connection.execute(update(releases).where(releases.c.version == "1.0.0").values(sbom="sha256/no/where"))
    [found] = broken(whole, artifacts)
    assert found.rows == (f"shop|1.0.0: {name} was changed", f"shop|1.1.0: {name} was changed",
                          "shop|1.0.0: sha256/no/where is not there")


def test_the_command(whole: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    url = whole.url.render_as_string(hide_password=False)
    assert check.main(["--ledger", url]) == 0
    with writing(whole) as connection:
        for _ in range(30):
            add(connection, themes, id=f"t{uuid.uuid4()}", product="shop", size=7, status="open")
    assert check.main(["--ledger", url]) == 1
    printed = capsys.readouterr().out
    assert "holds  intakes_add_up: Of each run" in printed
    assert "BROKEN themes_count_their_voices: " in printed
    assert "and 10 more" in printed
