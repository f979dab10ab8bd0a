"""An alert through a notifier of an Airflow provider: the SMTP one, to a real server."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine

from include.alerting.telling import tell
from include.ledger.tables import signals
from tests import mail, rows
from tests.include.alerting.test_messages import signal
from tests.include.alerting.test_telling import a_run, known, shop

pytestmark = pytest.mark.airflow
PATH = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
ARGUMENTS = {"smtp_conn_id": "post", "from_email": "loop@shop.example", "to": "oncall@shop.example",
             "subject": "{{ alert.title }}", "html_content": "<p>{{ alert.text | e }}</p>",
             "custom_headers": {"X-Alert": "{{ alert.id }}"}}


def told(ledger: Engine, path: str = PATH, arguments: dict[str, Any] = ARGUMENTS) -> dict[str, Any]:
    from include.notifiers import notify

    return tell(ledger, shop({"notifier": path, "arguments": arguments}), a_run(), known(), notify)


def test_a_providers_notifier_shows_hostile_text_as_text(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    rows.put(ledger, signals, signal(title="{{ 7 * 7 }} <b>down</b>"))
    with mail.serving() as (box, port):
        monkeypatch.setenv("AIRFLOW_CONN_POST", json.dumps({
            "conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": {"disable_ssl": True, "disable_tls": True}}))
        assert told(ledger) == {PATH: {"sent": 1}}
    [message] = box.mails
    assert message["Subject"] == "[Tea shop] Opened: {{ 7 * 7 }} <b>down</b>" and len(message["X-Alert"]) == 32
    [part] = message.iter_parts()
    assert "{{ 7 * 7 }} &lt;b&gt;down&lt;/b&gt;" in part.get_content()


@pytest.mark.parametrize(("path", "why"), [
    ("nowhere.Notifier", "No module named"), ("airflow.sdk.Nothing", "Nothing"), ("json.JSONDecoder", "is no Airflow notifier"),
    (PATH, "unexpected keyword argument 'nobody'")])
def test_a_notifier_that_cannot_tell_says_why(ledger: Engine, path: str, why: str) -> None:
    rows.put(ledger, signals, signal())
    assert why in told(ledger, path, {"to": "x", "nobody": 1})["problems"][path]
