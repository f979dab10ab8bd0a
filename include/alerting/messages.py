"""Which alerts are due, and what each says. Pure rules: rows of the ledger in, messages out."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from include.alerting.words import SEVERITIES, WORDS
from include.markup import plain
from include.parts.alerts import AlertChannel
from include.product import Product

Row = dict[str, Any]
DROPPED, SENT, WAITING, SENDING, FAILED = "dropped", "sent", "waiting", "sending", "failed"
UNTOLD = (WAITING, FAILED, SENDING)


@dataclass(frozen=True)
class Alert:
    """What a channel is told: one state of a signal. All texts are single lines but `text`; `since` is the id of the alert that
    told of its opening."""

    id: str
    since: str
    state: str
    signal: str
    product: str
    severity: str
    kind: str
    title: str
    release: str | None
    owner: str | None
    at: str
    text: str

    def plain(self) -> dict[str, Any]:
        """The alert as plain JSON."""
        return asdict(self)


def due(signals: Iterable[Mapping[str, Any]], known: Iterable[Mapping[str, Any]], channel: AlertChannel,
        at: datetime) -> list[Row]:
    """The rows of the table `alerts` to write for one channel: what is to be told now, and what can't be told any more.

    A signal is told once for each time that it opened (`first_at`). That it was taken on or is over is told only where its
    opening was, unless the channel never wants to hear of that; one that is over before it was told is dropped.
    """
    told = {(row["fingerprint"], row["opened_at"], row["state"]): row["status"] for row in known}
    rows = [row for signal in signals if SEVERITIES.index(signal["severity"]) >= SEVERITIES.index(channel.severity)
            for row in _of(signal, told, channel, at)]
    return sorted(rows, key=lambda row: (row["fingerprint"], row["state"]))


def _of(signal: Mapping[str, Any], told: Mapping[tuple[str, datetime, str], str], channel: AlertChannel,
        at: datetime) -> list[Row]:
    episode = (signal["fingerprint"], signal["first_at"])
    opening = told.get((*episode, "opened"))
    over = signal["status"] != "open"
    wanted = {"opened": not over, "acknowledged": not over and signal["acknowledged_at"] is not None, "resolved": over}
    heard = opening == SENT or "opened" not in channel.states
    rows = [_row(episode, state, channel, signal, WAITING, at) for state in channel.states
            if wanted[state] and (*episode, state) not in told and (state == "opened" or heard)]
    stale = [state for state in ("opened", "acknowledged") if over and told.get((*episode, state)) in {WAITING, FAILED}]
    return rows + [_row(episode, state, channel, signal, DROPPED, at) for state in stale]


def _row(episode: tuple[str, datetime], state: str, channel: AlertChannel, signal: Mapping[str, Any], status: str,
         at: datetime) -> Row:
    return {"fingerprint": episode[0], "opened_at": episode[1], "state": state, "channel": channel.name,
            "product": signal["product"], "status": status, "attempts": 0, "problem": None, "made_at": at, "tried_at": None,
            "sent_at": None}


def alert(product: Product, row: Mapping[str, Any], signal: Mapping[str, Any]) -> Alert:
    """What the row of `alerts` says about its signal."""
    words = WORDS[product.alerts.language if product.alerts else "en"]
    state, owner, release = row["state"], signal["acknowledged_by"], signal["release"]
    when = {"acknowledged": signal["acknowledged_at"], "resolved": signal["last_at"]}.get(state) or row["opened_at"]
    title = plain(signal["title"], 300)
    shown = [("since", f"{row['opened_at']:%Y-%m-%d %H:%M} UTC"),
             ("over", f"{when:%Y-%m-%d %H:%M} UTC" if state == "resolved" else None),
             ("product", f"{plain(product.title, 100)} ({plain(product.owner, 100)})"), ("release", release), ("by", owner),
             ("signal", row["fingerprint"])]
    lines = [f"{words[state]} ({words[signal['severity']]}): {title}", "",
             *(f"{words[name]}: {plain(str(value), 300)}" for name, value in shown if value)]
    if state == "opened":
        lines += ["", words["how"]]
    return Alert(alert_id(row), alert_id({**row, "state": "opened"}), state, row["fingerprint"], product.name, signal["severity"],
                 signal["kind"], f"[{plain(product.title, 60)}] {words[state]}: {plain(title, 160)}", release, owner,
                 when.isoformat(), "\n".join(lines))


def alert_id(row: Mapping[str, Any]) -> str:
    """What an alert is known by on the other side, however often it is sent."""
    about = (row["fingerprint"], row["opened_at"].isoformat(), row["state"], row["channel"])
    return hashlib.sha256("\x1f".join(about).encode()).hexdigest()[:32]
