"""Local servers that behave like the issue APIs of GitHub (REST, version 2022-11-28) and GitLab (API v4), as documented:
pages by Link header, labels, comments, states with reasons, moved (301) and deleted (410, 404) issues, validation (422, 400), a
locked conversation (403), a revoked token (401), issues switched off (410)."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from tests.conftest import NOW
from tests.server import Asked, Reply, Server

TOKEN = "token-1"


@dataclass
class Ticket:
    """An issue as the server keeps it."""

    number: int
    title: str
    body: str
    author: str
    labels: list[str]
    state: str = "open"
    reason: str | None = None
    changed: str = ""
    comments: list[tuple[str, str]] = field(default_factory=list)
    deleted: bool = False
    moved: bool = False
    locked: bool = False
    pull: bool = False


class Forge:
    """What both servers have in common; `person` methods are what people do in the browser."""

    kind: ClassVar[str]
    project: ClassVar[str]
    longest: ClassVar[int]

    def __init__(self, file: Path | None = None, port: int = 0) -> None:
        self.tickets: list[Ticket] = []
        self.page_size, self.ticks, self.token, self.file = 100, 0, TOKEN, file
        self.before: Callable[[Asked], Reply | None] = lambda asked: None  # a fault instead of an answer
        self.after: Callable[[Asked], Reply | None] = lambda asked: None  # a fault once the request was carried out
        if file and file.exists():
            kept = json.loads(file.read_text())
            self.ticks, self.tickets = kept["ticks"], [Ticket(**item) for item in kept["tickets"]]
        self.server = Server(self.answer, port)
        self.url = self.server.url

    @contextmanager
    def up(self) -> Iterator["Forge"]:
        """Serve for the length of the block."""
        with self.server.up():
            yield self

    def settings(self, **fields: Any) -> dict[str, Any]:
        """What a product file says of it."""
        return {"tracker": {"kind": self.kind, "project": self.project, "connection": "forge", "api": self.api,
                            "allow_hosts": ["127.0.0.1"], "pause_seconds": 0} | fields}

    @property
    def api(self) -> str:
        return self.url

    def writes(self) -> list[tuple[str, str]]:
        return [(asked.method, asked.path) for asked in self.server.asked if asked.method != "GET"]

    def of(self, story: str) -> Ticket:
        [ticket] = [ticket for ticket in self.tickets if f"closed-loop: {story} words" in ticket.body]
        return ticket

    # people

    def add(self, title: str, body: str = "", author: str = "mina", **fields: Any) -> Ticket:
        ticket = Ticket(len(self.tickets) + 1, title, body, author, fields.pop("labels", []), **fields)
        self.tickets.append(ticket)
        self.touch(ticket)
        return ticket

    def touch(self, ticket: Ticket, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(ticket, name, value)
        self.ticks += 1
        ticket.changed = (NOW + timedelta(seconds=self.ticks)).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.file:
            self.file.write_text(json.dumps({"ticks": self.ticks, "tickets": [asdict(item) for item in self.tickets]}))

    def close(self, ticket: Ticket, reason: str | None = None) -> None:
        self.touch(ticket, state="closed", reason=reason)

    def reopen(self, ticket: Ticket) -> None:
        self.touch(ticket, state="open", reason=None)

    # the server

    def answer(self, asked: Asked) -> Reply:
        if (fault := self.before(asked)) is not None:
            return fault
        if not self.known(asked):
            return self.problem(401)
        reply = self.route(asked)
        late = self.after(asked)
        return late if late is not None else reply

    def known(self, asked: Asked) -> bool:
        raise NotImplementedError

    def route(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def problem(self, status: int, message: Any = None, **more: Any) -> Reply:
        raise NotImplementedError

    def paged(self, asked: Asked, items: list[Any]) -> Reply:
        size, page = min(int(asked.query.get("per_page", 30)), self.page_size), int(asked.query.get("page", 1))
        shown = items[(page - 1) * size : page * size]
        links = []
        if page * size < len(items):
            links.append(f'<{self.url}{asked.path}?{urlencode(asked.query | {"page": page + 1})}>; rel="next"')
        links.append(f'<{self.url}{asked.path}?{urlencode(asked.query | {"page": 1})}>; rel="first"')
        etag = f'W/"{hashlib.sha256(json.dumps(shown).encode()).hexdigest()}"'
        if asked.headers.get("if-none-match") == etag:
            return Reply(status=304, headers={"ETag": etag})
        return Reply(shown, headers={"Link": ", ".join(links), "ETag": etag})

    def listing(self, asked: Asked, since: str, label: str) -> list[Ticket]:
        moment = datetime.fromisoformat(asked.query[since]) if since in asked.query else None
        found = [ticket for ticket in self.tickets if not (ticket.deleted or ticket.moved)
                 and (moment is None or datetime.fromisoformat(ticket.changed) >= moment)
                 and (label not in asked.query or asked.query[label] in ticket.labels)]
        return sorted(found, key=lambda ticket: (ticket.changed, ticket.number))


class GitHub(Forge):
    """docs.github.com/rest/issues"""

    kind, project, longest, me = "github", "tea/shop", 65_536, "loop-bot"

    def known(self, asked: Asked) -> bool:
        assert asked.headers["user-agent"]  # GitHub answers 403 without one
        return asked.headers.get("authorization") == f"Bearer {self.token}"

    def problem(self, status: int, message: Any = None, **more: Any) -> Reply:
        words = {401: "Bad credentials", 404: "Not Found", 410: "This issue was deleted", 422: "Validation Failed"}
        return Reply({"message": message or words[status], "documentation_url": "https://docs.github.com/rest"} | more, status)

    def route(self, asked: Asked) -> Reply:
        if asked.path == "/user":
            return Reply({"login": self.me, "id": 1})
        if not asked.path.startswith(f"/repos/{self.project}/issues"):
            if asked.path.startswith("/repositories/9/issues/"):
                return Reply(self.shown(Ticket(1, "elsewhere", "", "mina", [], changed=NOW.isoformat())))
            return self.problem(404)
        rest = asked.path.removeprefix(f"/repos/{self.project}/issues").strip("/").split("/")
        if rest == [""]:
            return self.create(asked) if asked.method == "POST" else self.paged(
                asked, [self.shown(ticket) for ticket in self.listing(asked, "since", "labels")])
        ticket = next((ticket for ticket in self.tickets if str(ticket.number) == rest[0]), None)
        if ticket is None or ticket.deleted:
            return self.problem(410 if ticket else 404)
        if ticket.moved:
            target = f"{self.url}/repositories/9/issues/1"
            status = 301 if asked.method == "GET" else 307
            return Reply({"message": "Moved Permanently", "url": target}, status, {"Location": target})
        return self.within(asked, ticket, rest[1:])

    def create(self, asked: Asked) -> Reply:
        if not asked.body.get("title") or len(asked.body["title"]) > 256:
            return self.problem(422, errors=[{"resource": "Issue", "field": "title", "code": "missing_field"}])
        if len(asked.body.get("body", "")) > self.longest:
            return self.problem(422, errors=[{"message": "body is too long (maximum is 65536 characters)"}])
        labels = list(asked.body.get("labels", []))
        ticket = self.add(asked.body["title"].strip(), asked.body.get("body", ""), self.me, labels=labels)
        return Reply(self.shown(ticket), 201)

    def within(self, asked: Asked, ticket: Ticket, rest: list[str]) -> Reply:
        match asked.method, rest:
            case "GET", []:
                return Reply(self.shown(ticket))
            case "PATCH", []:
                return self.patch(asked, ticket)
            case "POST", ["labels"]:
                self.touch(ticket, labels=[*ticket.labels, *(new for new in asked.body["labels"] if new not in ticket.labels)])
                return Reply([{"name": name} for name in ticket.labels])
            case "DELETE", ["labels", label]:
                names = [name for name in ticket.labels if quote(name, safe="") == label]
                if not names:
                    return self.problem(404, "Label does not exist")
                self.touch(ticket, labels=[name for name in ticket.labels if name not in names])
                return Reply([{"name": name} for name in ticket.labels])
            case "GET", ["comments"]:
                return self.paged(asked, [{"body": body, "user": {"login": who}} for who, body in ticket.comments])
            case "POST", ["comments"]:
                if ticket.locked:
                    return self.problem(403, "Unable to create comment because issue is locked.")
                self.touch(ticket, comments=[*ticket.comments, (self.me, asked.body["body"])])
                return Reply({"body": asked.body["body"]}, 201)
        return self.problem(404)

    def patch(self, asked: Asked, ticket: Ticket) -> Reply:
        if asked.body.get("state", "open") not in {"open", "closed"} or len(asked.body.get("body", "")) > self.longest:
            return self.problem(422)
        changes = {name: value for name, value in asked.body.items() if name in {"title", "body", "state"}}
        if "state" in changes and changes["state"] != ticket.state:  # a reason counts only when the state changes
            changes["reason"] = asked.body.get("state_reason", "completed" if changes["state"] == "closed" else "reopened")
        self.touch(ticket, **changes)
        return Reply(self.shown(ticket))

    def shown(self, ticket: Ticket) -> dict[str, Any]:
        found = {"number": ticket.number, "title": ticket.title, "body": ticket.body or None, "state": ticket.state,
                 "state_reason": ticket.reason, "labels": [{"id": 1, "name": name} for name in ticket.labels],
                 "user": {"login": ticket.author}, "updated_at": ticket.changed, "locked": ticket.locked,
                 "html_url": f"https://github.com/{self.project}/issues/{ticket.number}"}
        return found | ({"pull_request": {"url": "…"}} if ticket.pull else {})


class GitLab(Forge):
    """docs.gitlab.com/api/issues"""

    kind, project, longest, me = "gitlab", "tea/web/shop", 1_048_576, "project_7_bot"

    @property
    def api(self) -> str:
        return f"{self.url}/api/v4"

    def known(self, asked: Asked) -> bool:
        return asked.headers.get("private-token") == self.token

    def problem(self, status: int, message: Any = None, **more: Any) -> Reply:
        words = {401: "401 Unauthorized", 403: "403 Forbidden", 404: "404 Not found"}
        return Reply({"message": message or words[status]} | more, status)

    def route(self, asked: Asked) -> Reply:
        path = asked.path.removeprefix("/api/v4")
        if path == "/user":
            return Reply({"username": self.me, "id": 1})
        found = re.fullmatch(r"/projects/tea%2Fweb%2Fshop/issues(?:/(\d+)(?:/(notes))?)?", path)
        if not found:
            return self.problem(404, "404 Project Not Found")
        if not found[1]:
            return self.create(asked) if asked.method == "POST" else self.paged(
                asked, [self.shown(ticket) for ticket in self.listing(asked, "updated_after", "labels")])
        ticket = next((ticket for ticket in self.tickets if str(ticket.number) == found[1] and not ticket.deleted), None)
        if ticket is None:
            return self.problem(404, "404 Issue Not Found")
        if found[2]:
            return self.notes(asked, ticket)
        return self.put(asked, ticket) if asked.method == "PUT" else Reply(self.shown(ticket))

    def create(self, asked: Asked) -> Reply:
        if not asked.body.get("title") or len(asked.body["title"]) > 255:
            return self.problem(400, {"title": ["can't be blank"]})
        labels = _words(asked.body.get("labels", ""))
        ticket = self.add(asked.body["title"], asked.body.get("description", ""), self.me, labels=labels)
        return Reply(self.shown(ticket), 201)

    def put(self, asked: Asked, ticket: Ticket) -> Reply:
        if not asked.body:
            return self.problem(400, error="title, description, state_event … are missing, at least one must be provided")
        names = {"title": "title", "description": "body"}
        changes: dict[str, Any] = {names[name]: value for name, value in asked.body.items() if name in names}
        if event := asked.body.get("state_event"):
            changes["state"] = {"close": "closed", "reopen": "open"}[event]
        labels = [*ticket.labels, *_words(asked.body.get("add_labels", ""))]
        gone = _words(asked.body.get("remove_labels", ""))
        self.touch(ticket, **changes, labels=[name for name in dict.fromkeys(labels) if name not in gone])
        return Reply(self.shown(ticket))

    def notes(self, asked: Asked, ticket: Ticket) -> Reply:
        if asked.method == "POST":
            if ticket.locked:
                return self.problem(403)
            self.touch(ticket, comments=[*ticket.comments, (self.me, asked.body["body"])])
            return Reply({"body": asked.body["body"]}, 201)
        system = {"body": "changed the description", "author": {"username": self.me}, "system": True}
        return self.paged(asked, [system, *({"body": body, "author": {"username": who}, "system": False}
                                            for who, body in ticket.comments)])

    def shown(self, ticket: Ticket) -> dict[str, Any]:
        duplicate = {"closed_as_duplicate_of": f"{self.api}/issues/99"} if ticket.reason == "duplicate" else {}
        return {"iid": ticket.number, "id": 1000 + ticket.number, "title": ticket.title, "description": ticket.body,
                "state": "closed" if ticket.state == "closed" else "opened", "labels": ticket.labels,
                "author": {"username": ticket.author}, "updated_at": ticket.changed.replace("Z", ".123Z"),
                "moved_to_id": 77 if ticket.moved else None, "_links": duplicate,
                "web_url": f"https://gitlab.com/{self.project}/-/issues/{ticket.number}"}


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]
