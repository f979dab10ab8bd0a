"""What a check leaves for an auditor: made by real checks, verified by the command line, opened by nobody's help."""

import csv
import io
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, update

from include.artifacts import Artifacts
from include.compliance_checks.evidence.__main__ import main, verified
from include.compliance_checks.evidence.bundle import FORMULA, _csv
from include.compliance_checks.evidence.chain import Link, previous
from include.compliance_checks.evidence.kept import kept
from include.compliance_checks.run import check
from include.errors import InputError
from include.ledger.engine import writing
from include.ledger.tables import phase_runs, releases
from tests.include.compliance_checks.test_run import EMAIL, a_run, add_release, product, shop

CODE = b"import subprocess\nsubprocess.run(input(), shell=True)\n"
BOM = json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
    {"type": "library", "name": "jinja2", "version": "3.1.2", "purl": "pkg:pypi/jinja2@3.1.2", "licenses": [
        {"license": {"id": "BSD-3-Clause"}}]}]}).encode()
ADVISORY = {"id": "GHSA-1", "summary": "=cmd|' /C calc'!A0 <script>alert(1)</script>", "affected": [
    {"package": {"ecosystem": "PyPI", "name": "jinja2"}, "ranges": [
        {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.3"}]}]}]}


def checked(engine: Engine, artifacts: Artifacts, home: Path, key: str = "shop|1.0.0", number: int = 1, **settings: Any) -> Link:
    """A release with an SBOM, an advisory and grave code is checked; returns its evidence."""
    (home / "osv").mkdir(exist_ok=True)
    (home / "osv" / "a.json").write_text(json.dumps(ADVISORY))
    version = key.split("|")[1]
    name, _ = artifacts.keep(BOM, ".cdx.json")
    add_release(engine, artifacts, shop(**{"앱.py": CODE}), version, sbom=name, **settings.pop("release", {}))
    wanted = product(**{"packs": ["security-baseline", "supply-chain"], "osv": "osv", "data_inventory": []} | settings)
    return Link(**check(engine, wanted, a_run(key, number), artifacts)["evidence"])


@pytest.fixture
def link(ledger: Engine, artifacts: Artifacts, home: Path) -> Link:
    return checked(ledger, artifacts, home)


def read(artifacts: Artifacts, link: Link, name: str) -> bytes:
    return artifacts.read(f"{link.folder}/{name}")


def test_the_folder_holds_everything_once(artifacts: Artifacts, link: Link) -> None:
    assert artifacts.listed(link.folder) == [
        "advisories.csv", "facts.json", "licences.csv", "manifest.json", "oscal-assessment-results.json", "report.html",
        "results.csv", "results.json", "sast.csv", "sast.sarif", "sbom.cdx.json"]
    assert read(artifacts, link, "sbom.cdx.json") == BOM
    results = json.loads(read(artifacts, link, "results.json"))
    outcomes = {item["rule"]: item["outcome"] for item in results["results"]}
    assert [outcomes[rule] for rule in ("advisories-new", "code-analysed", "provenance-matches")] == ["fail", "fail", "not_shown"]
    assert results["blocks"] is True and results["commit"] == "c" * 40
    sarif = json.loads(read(artifacts, link, "sast.sarif"))
    assert sarif["runs"][0]["results"][0]["ruleId"] == "S602"


def test_tables_open_in_a_spreadsheet_without_doing_anything(artifacts: Artifacts, link: Link) -> None:
    row, = csv.DictReader(io.StringIO(read(artifacts, link, "advisories.csv").decode("utf-8-sig")))
    assert (row["id"], row["new"]) == ("GHSA-1", "True") and row["summary"].startswith("'=cmd")


@given(st.lists(st.text(max_size=20) | st.sampled_from([f"{sign}cmd|' /C calc'!A0" for sign in FORMULA]), min_size=1),
       st.sampled_from(["name", "=name"]))
def test_no_cell_is_a_formula(texts: list[str], column: str) -> None:
    cells = [cell for row in csv.reader(io.StringIO(_csv([{column: text} for text in texts]).decode("utf-8-sig"), newline=""))
             for cell in row]
    assert not [cell for cell in cells if cell.startswith(FORMULA)]
    assert [cell.removeprefix("'") for cell in cells if cell] == [text.removeprefix("'") for text in [column, *texts] if text]


def test_no_other_table_is_written_for_spreadsheets() -> None:
    """Whoever writes another one thinks of formulas: its name comes in here, and a test of it with it."""
    root = Path(__file__).resolve().parents[4]
    writers = re.compile(r"csv\.(writer|DictWriter)|\.to_csv\(|\.to_excel\(|openpyxl|xlsxwriter|write_csv\(|COPY .* TO ")
    code = [path for folder in ("include", "dags", "plugins") for path in (root / folder).rglob("*.py")]
    found = {path.relative_to(root).as_posix() for path in code if writers.search(path.read_text(encoding="utf-8"))}
    assert found == {"include/compliance_checks/evidence/bundle.py"}


def test_the_report_stands_alone_and_quotes_are_text(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    link = checked(ledger, artifacts, home, data_inventory=[EMAIL | {"purpose": "주문 확인 <b>"}])
    text = read(artifacts, link, "report.html").decode()
    assert "주문 확인 &lt;b&gt;" in text and "&lt;script&gt;alert(1)" in text and "앱.py:2 S602" in text
    assert "<script" not in text and not re.search(r"""(src|href|url|@import)\s*[=(]""", text)
    assert "default-src 'none'" in text and "May not be released" in text


def test_the_same_check_makes_the_same_evidence(ledger: Engine, artifacts: Artifacts, link: Link) -> None:
    content = {name: read(artifacts, link, name) for name in artifacts.listed(link.folder)}
    with writing(ledger) as connection:
        connection.execute(phase_runs.delete())
    wanted = product(packs=["security-baseline", "supply-chain"], osv="osv", data_inventory=[])
    assert Link(**check(ledger, wanted, a_run(), artifacts)["evidence"]) == link
    assert {name: read(artifacts, link, name) for name in artifacts.listed(link.folder)} == content


def test_oscal_refers_to_nothing_that_is_not_there(artifacts: Artifacts, link: Link) -> None:
    """Structure by NIST's schema of OSCAL 1.1.2; references within the document hold, ids are of RFC 4122 and stand once."""
    document = json.loads(read(artifacts, link, "oscal-assessment-results.json"))["assessment-results"]
    assert set(document) == {"uuid", "metadata", "import-ap", "results", "back-matter"}
    assert set(document["metadata"]) == {"title", "last-modified", "version", "oscal-version"}
    result, = document["results"]
    results = {item["rule"]: item for item in json.loads(read(artifacts, link, "results.json"))["results"]}
    states = {item["target"]["target-id"]: item["target"]["status"] for item in result["findings"]}
    assert {rule: item["outcome"] == "pass" for rule, item in results.items()} == {
        rule: status["state"] == "satisfied" for rule, status in states.items()}
    selection, = result["reviewed-controls"]["control-selections"]
    assert {item["control-id"] for item in selection["include-controls"]} == set(states)
    ids = [item["uuid"] for item in walk(document) if "uuid" in item]
    assert len(ids) == len(set(ids)) and all(uuid.UUID(item).version == 5 for item in ids)
    named = {value.removeprefix("#") for item in walk(document) for key, value in item.items()
             if key in {"observation-uuid", "risk-uuid", "subject-uuid"} or (key == "href" and value.startswith("#"))}
    assert named <= set(ids) and len(named) > len(states)
    assert {item["status"] for item in result["risks"]} == {"open"}
    assert len(result["risks"]) == sum(item["outcome"] != "pass" for item in results.values())


def walk(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for item in value for found in walk(item)]
    return [value, *(found for item in value.values() for found in walk(item))] if isinstance(value, dict) else []


def test_a_waiver_is_a_deviation_that_was_approved(ledger: Engine, artifacts: Artifacts, home: Path) -> None:
    waiver = {"rule": "advisories-new", "owner": "김보안", "reason": "next release", "until": "2026-12-31"}
    link = checked(ledger, artifacts, home, waivers=[waiver])
    result, = json.loads(read(artifacts, link, "oscal-assessment-results.json"))["assessment-results"]["results"]
    risk, = (item for item in result["risks"] if item["status"] == "deviation-approved")
    assert risk["statement"] == "김보안, until 2026-12-31: next release"
    assert "Waived: 김보안, until 2026-12-31: next release" in read(artifacts, link, "report.html").decode()


def test_only_what_is_new_since_the_release_before_blocks(ledger: Engine, artifacts: Artifacts, home: Path, link: Link) -> None:
    second = checked(ledger, artifacts, home, "shop|1.1.0", 2, release={"previous": "1.0.0"})
    results = json.loads(read(artifacts, second, "results.json"))["results"]
    outcomes = {item["rule"]: item["outcome"] for item in results}
    assert (outcomes["advisories-new"], outcomes["advisories-known"]) == ("pass", "fail")
    assert json.loads(read(artifacts, second, "facts.json"))["advisories"]["since"] == "shop|1.0.0"
    assert previous(artifacts, second.folder) == link


def test_nightly_an_advisory_published_since_is_new_and_stays_new(ledger: Engine, artifacts: Artifacts, home: Path,
                                                                   link: Link) -> None:
    with writing(ledger) as connection:
        connection.execute(update(releases).values(status="deployed"))
    (home / "osv" / "b.json").write_text(json.dumps(ADVISORY | {"id": "GHSA-2"}))
    wanted = product(packs=["supply-chain"], osv="osv", data_inventory=[])
    for night in (2, 3):
        result = check(ledger, wanted, a_run("shop", night), artifacts)
        assert [line for line in result["violations"] if line.startswith("advisories-new")] == [
            "advisories-new (fail): pkg:pypi/jinja2 3.1.2: GHSA-2"]


def run(ledger: Engine, artifacts: Artifacts, *wanted: str) -> int:
    return main(["verify", *wanted, "--ledger", ledger.url.render_as_string(hide_password=False), "--artifacts", artifacts.root])


def test_the_command_line_finds_what_was_changed(ledger: Engine, artifacts: Artifacts, home: Path, link: Link,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    checked(ledger, artifacts, home, "shop|1.1.0", 2, release={"previous": "1.0.0"})
    assert run(ledger, artifacts) == 0 and capsys.readouterr().out == "2 manifests: nothing was changed\n"
    artifacts.write(f"{link.folder}/report.html", b"all is well")
    assert run(ledger, artifacts, "shop|1.0.0") == 1
    assert capsys.readouterr().out == f"{link.folder}/report.html: was changed\n1 manifests: 1 things are wrong\n"
    assert run(ledger, artifacts, "shop|1.1.0") == 0 and run(ledger, artifacts, "shop") == 1
    for nothing in ("shop|2.0.0", "tea"):
        with pytest.raises(InputError, match="there is no evidence of"):
            run(ledger, artifacts, nothing)


def test_evidence_that_was_made_anew_in_store_and_ledger_is_found_by_what_follows_it(
        ledger: Engine, artifacts: Artifacts, home: Path, link: Link) -> None:
    checked(ledger, artifacts, home, "shop|1.1.0", 2, release={"previous": "1.0.0"})
    first, second = kept(ledger)
    assert verified(artifacts, [first, second]) == []
    artifacts.remove(link.folder)
    with writing(ledger) as connection:
        connection.execute(phase_runs.delete().where(phase_runs.c.key == "shop|1.0.0"))
    forged = Link(**check(ledger, product(data_inventory=[]), a_run(), artifacts)["evidence"])
    assert verified(artifacts, [forged]) == []
    assert verified(artifacts, [forged, second]) == [f"{second.folder}: follows {link.folder} as it was before it was made anew"]
