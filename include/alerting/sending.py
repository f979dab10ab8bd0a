"""Telling one alert: a mail, a message in Slack, a POST of JSON, or an Airflow notifier.

Mails and webhooks go through the house's own senders. The SMTP provider's notifier writes HTML alone and its hook sends again
where an answer was lost, up to five times; the providers of Slack and HTTP are not part of the installation. Whoever has them, or
another one, names the notifier's class.
"""

import smtplib
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from include.alerting.messages import Alert
from include.connection import Connection, Connections
from include.errors import InputError
from include.parts.alerts import AlertChannel
from include.smtp import session
from include.webhook import webhook

SLACK = "https://hooks.slack.com/services"
Notify = Callable[[str, Mapping[str, Any], Mapping[str, Any]], None]


class UntoldError(Exception):
    """The alert could not be told; why."""


def no_notifiers(path: str, arguments: Mapping[str, Any], alert: Mapping[str, Any]) -> None:
    """Where there is no Airflow, there are no notifiers."""
    raise InputError(f"there is no notifier {path!r}")


def send(told: Alert, made_at: float, channel: AlertChannel, connections: Connections, notify: Notify) -> None:
    """Tell one alert, which was made at `made_at` (seconds since 1970). Raises UntoldError where it may not have arrived."""
    try:
        if channel.notifier is not None:
            notify(channel.notifier, channel.arguments, told.plain())
            return
        connection = connections(channel.connection or "")
        if connection.conn_type == "smtp":
            _mail(told, made_at, channel, connection)
        elif connection.conn_type == "slackwebhook":
            _post(told, _slack(told), channel, replace(connection, host=_slack_url(connection), password=None))
        else:
            _post(told, told.plain(), channel, connection)
    except (smtplib.SMTPException, OSError, InputError) as error:
        raise UntoldError(f"{type(error).__name__}: {error}") from error


def _mail(told: Alert, made_at: float, channel: AlertChannel, connection: Connection) -> None:
    if not channel.mail_to:
        raise InputError(f"alerts: the channel {channel.name!r} is a mail server, and mail_to names nobody")
    mail = EmailMessage()
    mail["Subject"], mail["To"], mail["Message-ID"] = told.title, ", ".join(channel.mail_to), _message_id(told.id)
    mail["From"], mail["Date"] = str(connection.extra.get("from_email") or connection.login), formatdate(made_at)
    mail["Auto-Submitted"] = "auto-generated"
    if told.id != told.since:
        mail["In-Reply-To"] = mail["References"] = _message_id(told.since)
    mail.set_content(told.text)
    with session(connection) as server:
        server.send_message(mail)


def _message_id(id: str) -> str:
    return f"<{id}@closed-loop>"


def _post(told: Alert, body: Mapping[str, Any], channel: AlertChannel, connection: Connection) -> None:
    try:
        with webhook(connection, channel.allow_hosts) as post:
            status = post(told.id, body)
    except InputError as error:  # the path of a webhook's URL is often its secret
        raise InputError(str(error).replace(urlsplit(connection.host or "").path or "\0", "/…")) from None
    if status >= 300:
        raise InputError(f"the webhook answered HTTP {status}")


def _slack_url(connection: Connection) -> str:
    """As Slack's provider for Airflow reads it: the password is the webhook's token, or its whole URL."""
    token = connection.password or ""
    return token if token.startswith(("https://", "http://")) else f"{connection.host or SLACK}/{token.lstrip('/')}"


def _slack(told: Alert) -> dict[str, Any]:
    """A plain text block, in which nothing is a link or a mention; `text` is what notifications show, escaped."""
    shown = told.title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": shown,
            "blocks": [{"type": "section", "text": {"type": "plain_text", "text": told.text[:2900], "emoji": False}}]}
