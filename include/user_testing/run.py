"""Step 8: what a release promises is tried, by its own scenarios and by people, who accept or reject it."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Row, update

from include.artifacts import Artifacts
from include.errors import InputError
from include.ledger import trail
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import decisions, releases
from include.markup import plain
from include.product import Product
from include.user_testing import results
from include.user_testing.binding import Bound, bound
from include.user_testing.checklist import Ring, checklist
from include.user_testing.criteria import known_criteria
from include.user_testing.said import offered, said

if TYPE_CHECKING:  # imported where scenarios run: what it takes (Docker's library) costs a second
    from include.sandbox.container import Docker
    from include.user_testing.scenarios import Walked


@dataclass(frozen=True)
class Means:
    """What the scenarios need: where releases lie, and a Docker engine where they run in containers."""

    artifacts: Artifacts | None = None
    docker: "Docker | None" = None


NO_MEANS = Means()


def ask(engine: Engine, product: Product, run: Run, means: Means = NO_MEANS) -> Result:
    """Run the scenarios, where the product has some, and say what to ask about the release that the run's key names: `ask`
    (whether a person decides), `subject`, `body` (Markdown), `fields` (lines for each criterion), `stories` (ids), `trouble` (why
    the scenarios do not speak for it). A release without stories is asked about too. Raises InputError for an unknown release."""
    run = replace(run, phase="user_testing.ask")
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        release = results.release_of(connection, run)
        promises = results.promises_of(connection, run)
        count, voices = results.heard(connection, run, release, promises)
    ring = Ring(_of_ring(engine, run), count, voices)
    criteria = known_criteria(promises)
    walked = _walked(engine, product, run, release, means)
    found = bound(walked.cases, criteria) if walked else []
    if walked and means.artifacts:
        means.artifacts.write(_log(run), walked.log)
    answer: Result = {
        "ask": product.user_testing.by == "person", **product.user_testing.terms,
        "stories": [promise.id for promise in promises], "publish": [], "trouble": walked.trouble if walked else "",
        "subject": f"Try {plain(product.title, 80)} {release.version}: does it do what was promised?",
        "fields": {"criteria": offered(criteria)}}

    def write(connection: Connection) -> Result:
        results.write(connection, run, results.SCENARIOS, results.SCENARIOS, [*found, *_whole(walked)])
        body = checklist(release.version, release.changelog, promises, results.known(connection, run, criteria),
                         answer["trouble"], _terms(product, run), ring)
        return answer | {"body": body}

    return finish(engine, run, write)


def record(engine: Engine, product: Product, run: Run, decision: dict[str, Any]) -> Result:
    """Record the decision `{"accepted": bool, "by": str, "note": str, "fields": …}` and what the testers say of the criteria.

    Where nobody was asked, the scenarios decide. Returns `accepted`, `publish` (the release's key where it was accepted) and,
    where scenarios rejected it, `failed` (why). Raises InputError for an unknown release.
    """
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        results.release_of(connection, run)
        criteria = known_criteria(results.promises_of(connection, run))
    asked = result_of(engine, replace(run, phase="user_testing.ask")) or {}
    trouble = asked.get("trouble", "") if decision["by"] == "automatic" else ""
    decision = decision | {"by": plain(decision["by"], 250), "note": plain(decision["note"] or trouble, 2000),
                           "accepted": bool(decision["accepted"]) and not trouble}
    found = said((decision.get("fields") or {}).get("criteria") or "", criteria)
    failed = {"failed": f"{run.key} is rejected by its scenarios: {trouble}"} if trouble else {}
    return finish(engine, run, lambda connection: _recorded(connection, run, decision, found) | failed)


def comment(engine: Engine, run: Run, who: str, form: dict[str, Any]) -> Result:
    """Record what a person found while trying a release, without deciding: `form` bears `version` and `found` (lines as `said`
    reads them). Whoever decides later is shown it. Raises InputError for an unknown release, or where nothing is said."""
    run = replace(run, key=run.key.release(str(form.get("version") or "").strip()))
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        results.release_of(connection, run)
        criteria = known_criteria(results.promises_of(connection, run))
    found = said(str(form.get("found") or ""), criteria)
    if not found:
        raise InputError("nothing is said: say what you found, as `S-0123456789/1: works`, or in your own words")

    def write(connection: Connection) -> Result:
        source = f"person {hashlib.sha256(f'{who} {run.run_id}'.encode()).hexdigest()[:16]}"
        results.write(connection, run, source, who, found)
        return {"publish": [], "recorded": len(found)}

    return finish(engine, run, write)


def _walked(engine: Engine, product: Product, run: Run, release: Row[Any], means: Means) -> "Walked | None":
    scenarios, repository, deployment = product.user_testing.scenarios, product.repository, product.deployment
    if scenarios is None or repository is None or deployment is None:
        return None
    from include.sandbox.chosen import runner_of
    from include.sandbox.container import no_docker
    from include.targets.mortal import mortal_of
    from include.user_testing.scenarios import Candidate, walk

    if means.artifacts is None or not release.artifact:
        raise InputError(f"release {str(run.key)!r} has no archive that its scenarios could be run on")
    archive = means.artifacts.read(release.artifact)
    if f"sha256:{hashlib.sha256(archive).hexdigest()}" != release.digest:
        raise InputError(f"release {str(run.key)!r}: the archive is not the one that was built")
    wait = scenarios.timeout_seconds + repository.timeout_seconds + 600
    with lease(engine, f"user_testing {product.name}", f"{run.phase} {run.run_id}", wait=wait):
        runner = runner_of(product.name, repository, means.docker or no_docker, "testing")
        target = None
        if deployment.containers and repository.runner == "process" and repository.network is not False:
            place = product.model_copy(update={"name": f"{product.name}.testing"})  # no preview of the same release
            target = mortal_of(place, release.version, round(time.time() + wait))
        return walk(runner, Candidate(release.version, archive, target), repository, deployment, scenarios)


def _whole(walked: "Walked | None") -> list[Bound]:
    """What all the scenarios together say: tests that no criterion is named after count too."""
    if walked is None:
        return []
    passed = sum(outcome == "passed" for _, outcome in walked.cases)
    return [Bound(None, "fail", walked.trouble) if walked.trouble else Bound(None, "pass", f"{passed} tests passed")]


def _of_ring(engine: Engine, run: Run) -> str:
    """What came of the beta ring, where this run tended one."""
    found = result_of(engine, replace(run, phase="user_testing.ring"))
    return f"{found['why']}; it met {found['requests']:,} requests, {found['errors']:,} failed" if found else ""


def _log(run: Run) -> str:
    return f"testing/{run.product}/{run.key.version}/scenarios.log"


def _terms(product: Product, run: Run) -> str:
    """Who is asked, and until when."""
    terms = product.user_testing
    who = f"Testers: {', '.join(terms.assigned)}." if terms.assigned else ""
    if terms.timeout_hours is None:
        return who
    due = run.at + timedelta(hours=terms.timeout_hours)
    then = {"accept": "; then it is accepted", "reject": "; then it is rejected", "wait": ""}[terms.on_timeout]
    return f"{who} Due {due:%Y-%m-%d %H:%M} UTC{then}.".strip()


def _recorded(connection: Connection, run: Run, decision: dict[str, Any], found: Sequence[Bound]) -> Result:
    key, accepted = str(run.key), bool(decision["accepted"])
    upsert(connection, decisions, [{
        "subject": key, "gate": "user_testing", "decision": "accepted" if accepted else "rejected", "by": decision["by"],
        "note": decision["note"], "at": run.at}])
    results.write(connection, run, "acceptance", decision["by"], found)
    if not accepted:
        connection.execute(update(releases).where(releases.c.key == key).values(status="rejected"))
    word, uri = "approved" if accepted else "rejected", f"/closed-loop/{run.product}/releases/{run.key.version}"
    trail.record(connection, run, [trail.event(run, "approval.closed", key, {
        "approvalDetailsUrl": f"{uri}/user-testing", "resourceTargetUrl": uri, "decision": word, "status": word,
        "responder": f"urn:closed-loop:person:{quote(decision['by'], safe='')}"})])
    return {"accepted": accepted, "publish": [key] if accepted else []}
