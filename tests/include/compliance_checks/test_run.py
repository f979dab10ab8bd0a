"""A check end to end: a real archive, the real scanners, a real ledger."""

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sqlalchemy import Engine, insert, select

from include.artifacts import Artifacts
from include.compliance_checks.evidence.chain import Link, verify
from include.compliance_checks.policy import PACKS, read_packs
from include.compliance_checks.run import check
from include.errors import InputError
from include.key import Key
from include.ledger.engine import writing
from include.ledger.runs import Run
from include.ledger.tables import checks, events, releases, signals
from include.product import Product
from tests.conftest import NOW, SHARED
from tests.crash import ledger_after_kills
from tests.include.compliance_checks.test_policy import MINE

SHOP = Path(__file__).parents[3] / "local" / "sample" / "shop"
GREEN = {"passed": 9, "failed": 0, "errors": 0, "skipped": 0, "failures": []}
EMAIL = {"field": "customer.email", "purpose": "order confirmation", "region": "KR", "retention_days": 365,
         "legal_basis": "contract"}
BASELINE = ["data-purpose-and-retention", "data-region", "licences-allowed", "no-secrets", "tests-green"]
PIPA = read_packs(PACKS)["privacy-pipa"].rules
# what people show: they attested nothing here, and approved nothing
OPEN = {rule.id for pack in read_packs(PACKS).values() for rule in pack.rules if rule.check in {"attested", "four_eyes"}}


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def shop(**more: bytes) -> bytes:
    """The sample product's tree, with more files."""
    files = {path.relative_to(SHOP).as_posix(): path.read_bytes() for path in sorted(SHOP.rglob("*"))
             if path.is_file() and "__pycache__" not in path.parts}
    return tar(files | more)


def product(**compliance: Any) -> Product:
    settings = {"licences": ["Apache-2.0"], "data_inventory": [EMAIL]} | compliance
    return Product.model_validate({"name": "shop", "title": "Shop", "owner": "team", "compliance": settings})


def a_run(key: str = "shop|1.0.0", number: int = 1) -> Run:
    return Run("compliance_checks", f"run-{number}", Key.parse(key), datetime(2026, 3, number, 2, tzinfo=UTC))


def add_release(engine: Engine, artifacts: Artifacts, archive: bytes, version: str = "1.0.0", **more: Any) -> None:
    name, digest = artifacts.keep(archive, ".tar")
    with writing(engine) as connection:
        connection.execute(insert(releases).values({
            "key": f"shop|{version}", "product": "shop", "version": version, "commit": "c" * 40, "artifact": name,
            "digest": digest, "changelog": "", "tests": GREEN, "status": "candidate", "at": NOW} | more))


def test_a_candidate_that_keeps_all_rules_is_published(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    add_release(ledger, artifacts, shop())
    result = check(ledger, product(), a_run(), artifacts)
    assert set(result["outcomes"]) >= {*BASELINE, *(rule.id for rule in PIPA)}
    unseen = {name: found for name, found in result["outcomes"].items() if found != "pass"}
    assert unseen == dict.fromkeys(OPEN & unseen.keys(), "not_shown")
    assert OPEN & {rule.id for rule in PIPA} <= unseen.keys()
    assert (result["publish"], result["release"]) == (["shop|1.0.0"], "shop|1.0.0")
    assert check(ledger, product(), a_run(), artifacts) == result
    assert not list((home / "checks").iterdir())


def test_the_evidence_of_each_rule_is_kept(ledger: Engine, artifacts: Artifacts) -> None:
    add_release(ledger, artifacts, shop())
    check(ledger, product(), a_run(), artifacts)
    with ledger.connect() as connection:
        rows = connection.execute(select(checks).order_by(checks.c.rule)).mappings().all()
    assert {row["rule"] for row in rows} >= set(BASELINE)
    for row in [row for row in rows if row["rule"] in BASELINE]:
        content = artifacts.read(row["evidence"])
        document = json.loads(content)
        assert row["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert (document["rule"]["id"], document["outcome"], document["detail"]) == (row["rule"], "pass", row["detail"])
        assert (document["release"], document["commit"], document["at"]) == ("shop|1.0.0", "c" * 40, "2026-03-01T02:00:00+00:00")
        assert document["facts"] and row["serves"]
    serves = {row["rule"]: row["serves"] for row in rows}
    assert "GDPR" in serves["data-purpose-and-retention"] and "제21조제1항" in serves["pipa-destruction"]


SECRET = "AKIA" + "IOSFODNN7QWERTYU"  # pragma: allowlist secret
GPL = (SHOP.parents[2] / "include" / "compliance_checks" / "licences" / "GPL-3.0-only.txt").read_bytes()


@pytest.mark.parametrize(("archive", "settings", "tests", "rule", "outcome", "detail"), [
    (shop(**{"settings.py": f'key = "{SECRET}"\n'.encode()}), {}, GREEN, "no-secrets", "fail", "settings.py:1 AWS Access Key"),
    (shop(LICENSE=GPL), {}, GREEN, "licences-allowed", "fail", "LICENSE is GPL-3.0-only"),
    (shop(), {"licences": ["MIT"]}, GREEN, "licences-allowed", "fail", "LICENSE is Apache-2.0"),
    (shop(LICENSE=b"Ask me."), {}, GREEN, "licences-allowed", "not_shown", "no known licence: LICENSE"),
    (tar({"a.py": b"1"}), {}, GREEN, "licences-allowed", "not_shown", "there is no licence file"),
    (shop(**{"pyproject.toml": b"no = toml = at all"}), {}, GREEN, "licences-allowed", "error", "TOMLDecodeError"),
    (shop(), {"data_inventory": [{"field": "phone", "region": "KR"}]}, GREEN, "data-purpose-and-retention", "fail",
     "phone: no valid purpose, retention_days"),
    (shop(), {"data_inventory": [EMAIL | {"region": None}]}, GREEN, "data-region", "fail", "customer.email: no valid region"),
    (shop(), {"data_inventory": [EMAIL | {"kind": "resident_number"}]}, GREEN, "pipa-resident-numbers", "fail", "customer.email"),
    (shop(), {"data_inventory": [EMAIL | {"processor": {"name": "Mailer", "region": "KR"}}]}, GREEN, "pipa-outsourcing", "fail",
     "customer.email"),
    (shop(), {"data_inventory": [EMAIL | {"region": "US", "subjects": ["KR"]}]}, GREEN, "pipa-cross-border", "fail",
     "customer.email"),
    (shop(), {"data_inventory": [EMAIL | {"region": "DE", "kind": "sensitive", "encrypted": True}]}, GREEN,
     "gdpr-special-categories", "fail", "customer.email"),
    (shop(), {"data_inventory": [EMAIL | {"region": "JP", "provided_to": ["Parcels Ltd"]}]}, GREEN, "appi-third-parties", "fail",
     "customer.email"),
    (shop(), {"data_inventory": [EMAIL | {"subjects": ["US-CA"], "sold": True}]}, GREEN, "ccpa-opt-out", "fail",
     "customer.email"),
    (shop(), {}, GREEN | {"failed": 1, "failures": ["t.a"]}, "tests-green", "fail", "1 tests failed: t.a"),
    (shop(), {}, {}, "tests-green", "not_shown", "nothing is known about tests"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_planted_violation_is_found_and_blocks(ledger: Engine, artifacts: Artifacts, archive: bytes, settings: dict[str, Any],
                                                 tests: dict[str, Any], rule: str, outcome: str, detail: str) -> None:
    also = {"data-purpose-and-retention": {"pipa-purpose", "pipa-destruction", "pipa-legal-basis"}}.get(rule, set())
    add_release(ledger, artifacts, archive, tests=tests)
    result = check(ledger, product(**settings), a_run(), artifacts)
    assert result["publish"] == []
    assert {name for name, found in result["outcomes"].items() if found != "pass"} - OPEN == {rule} | also
    assert result["outcomes"][rule] == outcome
    assert f"{rule} ({outcome}): " in result["failed"] and detail in result["failed"]
    with ledger.connect() as connection:
        evidence = connection.scalars(select(checks.c.evidence)).all()
    assert not any(SECRET.encode() in artifacts.read(name) for name in evidence) and SECRET not in str(result)


def test_without_inventory_or_archive_nothing_is_shown(ledger: Engine, artifacts: Artifacts) -> None:
    add_release(ledger, artifacts, b"", artifact=None, digest=None)
    bare = Product.model_validate({"name": "shop", "title": "Shop", "owner": "team"})
    outcomes = check(ledger, bare, a_run(), artifacts)["outcomes"]
    assert {name: outcomes[name] for name in BASELINE} == dict.fromkeys(BASELINE, "not_shown") | {"tests-green": "pass"}


def test_an_archive_that_was_changed_is_refused(ledger: Engine, artifacts: Artifacts) -> None:
    add_release(ledger, artifacts, shop(), digest="sha256:" + "0" * 64)
    with pytest.raises(InputError, match="the archive's digest is"):
        check(ledger, product(), a_run(), artifacts)


def test_an_unknown_release_or_pack_is_named(ledger: Engine, artifacts: Artifacts) -> None:
    with pytest.raises(InputError, match=r"shop\|1\.0\.0"):
        check(ledger, product(), a_run(), artifacts)
    with pytest.raises(InputError, match="no pack 'gdpr'"):
        check(ledger, product(packs=["gdpr"]), a_run(), artifacts)


def test_nightly_what_runs_is_checked_again(ledger: Engine, artifacts: Artifacts) -> None:
    assert check(ledger, product(), a_run("shop"), artifacts) == {"publish": [], "rests": "nothing is deployed"}
    add_release(ledger, artifacts, shop(), "1.9.0", status="superseded")
    add_release(ledger, artifacts, shop(), "1.10.0", status="deployed")
    add_release(ledger, artifacts, shop(), "1.11.0")
    result = check(ledger, product(), a_run("shop", 2), artifacts)
    assert (result["release"], result["publish"], result["violations"]) == ("shop|1.10.0", [], [])
    again = check(ledger, product(licences=["MIT"]), a_run("shop", 3), artifacts)
    assert again["publish"] == [] and "failed" not in again
    assert [line.split(" ")[0] for line in again["violations"]] == ["licences-allowed"]


def test_a_rule_that_does_not_block_is_told_and_the_release_goes_on(ledger: Engine, artifacts: Artifacts) -> None:
    add_release(ledger, artifacts, shop())
    bare = product(data_inventory=[EMAIL | {"legal_basis": None}])
    result = check(ledger, bare, a_run(), artifacts)
    assert result["publish"] == ["shop|1.0.0"] and result["outcomes"]["pipa-legal-basis"] == "fail"
    strict = product(data_inventory=[EMAIL | {"legal_basis": None}], blocks_from="medium")
    result = check(ledger, strict, a_run(number=2), artifacts)
    assert result["publish"] == [] and "pipa-legal-basis (fail): customer.email" in result["failed"]
    assert "pipa-breach-notification (not_shown): nobody has attested it" in result["failed"]


def waived(until: str, rule: str = "licences-allowed") -> Product:
    return product(licences=["MIT"], waivers=[{"rule": rule, "owner": "kim", "reason": "relicensing", "until": until}])


def test_a_waiver_lets_a_broken_rule_go_until_its_last_day_is_over(ledger: Engine, artifacts: Artifacts) -> None:
    add_release(ledger, artifacts, shop())
    result = check(ledger, waived("2026-03-01"), a_run(), artifacts)
    assert (result["publish"], result["waived"], result["signals"]) == (["shop|1.0.0"], ["licences-allowed"], [])
    assert result["outcomes"]["licences-allowed"] == "fail"
    with ledger.connect() as connection:
        [kept] = connection.scalars(select(checks.c.waiver).where(checks.c.rule == "licences-allowed"))
    assert kept == {"owner": "kim", "reason": "relicensing", "until": "2026-03-01", "in_force": True}
    result = check(ledger, waived("2026-03-01"), a_run(number=2), artifacts)
    assert (result["publish"], result["waived"], result["signals"]) == ([], [], ["shop"])
    assert "licences-allowed (fail)" in result["failed"]
    with ledger.connect() as connection:
        [signal] = connection.execute(select(signals)).mappings()
    assert (signal["kind"], signal["severity"], signal["status"]) == ("compliance", "high", "open")
    assert "the waiver by kim lapsed after 2026-03-01" in signal["title"]
    assert check(ledger, waived("2026-03-01"), a_run(number=3), artifacts)["signals"] == []  # it is known


def test_a_waiver_that_is_over_and_not_needed_any_longer_says_nothing(ledger: Engine, artifacts: Artifacts) -> None:
    add_release(ledger, artifacts, shop())
    result = check(ledger, waived("2026-02-01", "no-secrets").model_copy(), a_run(), artifacts)
    assert result["signals"] == [] and result["outcomes"]["no-secrets"] == "pass"  # pragma: allowlist secret
    with pytest.raises(InputError, match=r"compliance\.waivers: there is no rule 'no-secret'"):
        check(ledger, waived("2026-03-01", "no-secret"), a_run(number=2), artifacts)


def test_what_runs_and_is_broken_is_a_signal_until_it_is_mended(ledger: Engine, artifacts: Artifacts) -> None:
    add_release(ledger, artifacts, shop(), status="deployed")
    for number, (licence, publishes, status) in enumerate([
            ("Apache-2.0", [], None), ("MIT", ["shop"], "open"), ("MIT", [], "open"), ("Apache-2.0", [], "resolved"),
            ("MIT", ["shop"], "open")], 1):
        assert check(ledger, product(licences=[licence]), a_run("shop", number), artifacts)["signals"] == publishes
        with ledger.connect() as connection:
            found = connection.execute(select(signals)).mappings().all()
        assert [signal["status"] for signal in found] == ([status] if status else [])
    assert found[0]["first_at"] == a_run(number=5).at and found[0]["release"] == "shop|1.0.0"
    with ledger.connect() as connection:
        kinds = [kind.split(".")[-4] for kind in connection.scalars(select(events.c.type)) if "incident" in kind]
    assert sorted(kinds) == ["detected", "detected", "resolved"]


def test_the_event_follows_the_standard(ledger: Engine, artifacts: Artifacts) -> None:
    add_release(ledger, artifacts, shop())
    check(ledger, product(), a_run(), artifacts)
    with ledger.connect() as connection:
        body, = connection.scalars(select(events.c.body))
    jsonschema.validate(body, json.loads((SHARED / "cases" / "cdevents" / "custom" / "schema.json").read_text()))
    assert body["subject"]["content"]["outcome"] == "success"


def prepare(engine: Engine, folder: Path) -> None:
    add_release(engine, Artifacts(str(folder / "artifacts")), shop())


def scenario(engine: Engine, folder: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSED_LOOP_HOME", str(folder / "home"))
        artifacts = Artifacts(str(folder / "artifacts"))
        result = check(engine, product(data_inventory=[]), a_run(), artifacts)
        return result | {"wrong": verify(artifacts, Link(**result["evidence"]))}


def lapsed(engine: Engine, folder: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSED_LOOP_HOME", str(folder / "home"))
        (folder / "packs").mkdir(exist_ok=True)
        (folder / "packs" / "mine.yaml").write_text(MINE.replace("passed: 2", "passed: 12").replace("> 1", "> 10"))
        waiver = {"rule": "mine-a", "owner": "kim", "reason": "r", "until": "2026-02-01"}
        shop = product(packs=[], own_packs=str(folder / "packs"), data_inventory=[], waivers=[waiver])
        return check(engine, shop, a_run(), Artifacts(str(folder / "artifacts")))


def test_a_kill_while_a_signal_opens_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:lapsed", at_most=8) > 4


def test_a_kill_changes_nothing_and_leaves_evidence_that_is_whole(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=10) > 5
