"""A person takes a signal on."""

import pytest
from sqlalchemy import Engine

from include.errors import InputError
from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import commits, signals
from include.monitoring_rollups.acknowledging import acknowledge
from tests import rows
from tests.conftest import NOW
from tests.include.monitoring_rollups.test_run import DAY, log, requests, roll


def form(number: int) -> Run:
    return Run("acknowledge_signal", f"form-{number}", Key("shop"), NOW)


def test_opened_acknowledged_resolved_and_opened_again(ledger: Engine) -> None:
    rows.release(ledger, "0.9.0", status="superseded")
    rows.release(ledger, "1.0.0", status="deployed")
    rows.deployment(ledger, "0.9.0", NOW - 9 * DAY, NOW - 9 * DAY)
    rows.deployment(ledger, "1.0.0", NOW - DAY / 2, NOW - DAY / 2, previous="0.9.0")
    rows.put(ledger, commits, {"product": "shop", "sha": "a", "author": None, "at": NOW - DAY, "subject": "feat(checkout): x",
                               "kind": "feat", "breaking": False, "release": "shop|1.0.0"})
    with pytest.raises(InputError, match="shop has no open signal 'x'"):
        acknowledge(ledger, form(0), "ann", {"signal": "x"})
    log(requests(0, 100, errors=50, path="/checkout"))
    roll(ledger, 0)
    [signal] = rows.get(ledger, signals)
    assert signal["detail"]["deployment"].startswith("1.0.0")
    assert signal["detail"]["confidence"] == 1 - 0.5 * 0.4 * 0.7
    assert signal["release"] == "shop|1.0.0"

    found = acknowledge(ledger, form(1), "ann", {"signal": signal["fingerprint"]})
    assert (found["acknowledged_by"], found["publish"]) == ("ann", ["shop"])
    assert acknowledge(ledger, form(1), "bob", {"signal": signal["fingerprint"]}) == found
    assert acknowledge(ledger, form(2), "bob", {"signal": signal["fingerprint"]})["acknowledged_by"] == "ann"
    log(requests(1, 50, errors=40))
    assert roll(ledger, 1)["signal"] == "open"
    [signal] = rows.get(ledger, signals)
    assert (signal["status"], signal["acknowledged_by"], signal["acknowledged_at"]) == ("open", "ann", NOW)

    log(requests(600, 100))
    assert roll(ledger, 600)["signal"] == "resolved"
    log(requests(1200, 100, errors=90))
    assert roll(ledger, 1200)["publish"] == ["shop"]
    [signal] = rows.get(ledger, signals)
    assert (signal["status"], signal["acknowledged_by"]) == ("open", None)
