"""What a product file may say about its support desk: where its tickets are, who answers them, and how soon."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from include.parts.calendar import Day, Zone
from include.parts.channels import Columns, FileSource, Host, HttpSource, ImapSource, SqlSource
from include.parts.part import Part

PRESETS = Path(__file__).parent / "desk.yaml"
Priority = Literal["urgent", "high", "normal", "low"]
OpenFrom = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Target = Annotated[float, Field(gt=0)]


class TicketColumns(Columns):
    """Which column of a source holds what of a ticket: its text is subject and body, its rating how content the customer was."""

    text: str | list[str] = Field(
        ["subject", "body"], description="The first is the subject, all others the body; of a single one, its first line.")
    id: str | None = "id"
    written_at: str | None = Field("created_at", description="When the ticket was made; UTC where no zone is given.")
    rating: str | None = Field(None, description="CSAT, a number on `rating_scale`.")
    rating_comment: str | None = Field(None, description="What the customer wrote with it.")
    updated_at: str | None = Field(None, description="The ticket's last change.")
    status: str | None = Field(None, description="`statuses` says what its values mean; without one, `resolved_at` tells.")
    priority: str | None = Field(None, description="urgent, high, normal or low, or another desk's word for them.")
    category: str | None = Field(None, description="The category that a person gave it: triage learns from these.")
    team: str | None = Field(None, description="The team that has it, where the source knows.")
    first_response_at: str | None = None
    customer_replied_at: str | None = Field(None, description="The customer's last message.")
    agent_replied_at: str | None = Field(None, description="The team's last message.")
    resolved_at: str | None = None
    answer: str | None = Field(None, description="What the team answered; suggestions are made of it.")
    changes: str | None = Field(None, description="Each change of its status so far: lines of a time, a space and the new "
                                                  "status, oldest first. Without them a change is known from when it is seen.")

    def names(self) -> list[str]:
        """The columns that are asked for, each once."""
        more = (self.rating_comment, self.updated_at, self.status, self.priority, self.category, self.team,
                self.first_response_at, self.customer_replied_at, self.agent_replied_at, self.resolved_at, self.answer,
                self.changes)
        return list(dict.fromkeys([*super().names(), *(name for name in more if name)]))

    @model_validator(mode="after")
    def _is_known_again(self) -> "TicketColumns":
        if self.id is None or self.written_at is None:
            raise ValueError("a ticket needs `id` and `written_at`")
        return self


class TicketFile(FileSource):
    """Tickets in a file, as a desk exports them."""

    columns: TicketColumns = TicketColumns()


class TicketQuery(SqlSource):
    """Tickets that a query finds in the desk's database."""

    columns: TicketColumns = TicketColumns()


class TicketApi(HttpSource):
    """Tickets of an HTTP API that answers JSON; a `preset` knows the fields of its tickets."""

    columns: TicketColumns = TicketColumns()

    @model_validator(mode="before")
    @classmethod
    def _ticket_columns(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not all(isinstance(given.get(name, {}), dict) for name in ("columns", "related")):
            return given
        presets: dict[str, Any] = yaml.load(PRESETS.read_bytes(), Loader=yaml.CSafeLoader)
        known = presets.get(str(given.get("preset")), {})
        return given | {name: known.get(name, {}) | given.get(name, {}) for name in ("columns", "related")}


class TicketMail(ImapSource):
    """A mailbox in which each mail is a ticket."""

    columns: TicketColumns = TicketColumns(text="text", id="id", written_at="written_at", author="author")


def _kind(value: Any) -> str:
    found = value.get("kind", "file") if isinstance(value, dict) else getattr(value, "kind", "file")
    return str(found)


TicketSource = Annotated[
    Annotated[TicketFile, Tag("file")] | Annotated[TicketQuery, Tag("sql")] | Annotated[TicketApi, Tag("http")]
    | Annotated[TicketMail, Tag("imap")],
    Discriminator(_kind)]


class Statuses(Part):
    """What a source's statuses mean; all others are open."""

    waiting: list[str] = Field(["pending", "pending reminder", "pending close", "waiting", "waiting for customer", "on-hold",
                                "고객 대기", "회신 대기", "보류"],
                               description="The customer has to answer: clocks pause.")
    resolved: list[str] = Field(["solved", "resolved", "closed", "done", "merged", "해결", "완료", "종료"])


class Route(Part):
    """Tickets of this category, area and language belong to `team`. What isn't said matches all; the first match counts."""

    team: str
    category: str | None = None
    area: str | None = None
    language: str | None = None


class OpeningHours(Part):
    """When the desk is there, in its own time zone."""

    zone: Zone = Field("UTC", description="IANA time zone, such as Asia/Seoul.")
    week: dict[Day, OpenFrom] = Field({"mon": "09:00-18:00", "tue": "09:00-18:00", "wed": "09:00-18:00", "thu": "09:00-18:00",
                                       "fri": "09:00-18:00"}, description="Days left out are closed; 00:00-24:00 is all day.")
    holidays: list[Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]] = Field(
        [], description="Countries (or regions, as DE-BY) whose public holidays are closed.")
    closed: list[date] = Field([], description="Further days on which nobody is there.")

    @field_validator("holidays")
    @classmethod
    def _known_countries(cls, countries: list[str]) -> list[str]:
        from holidays import list_supported_countries  # a quarter of a second, and only few desks need it here

        supported = list_supported_countries(include_aliases=False)
        for country in countries:
            code, _, region = country.partition("-")
            if code not in supported or (region and region not in supported[code]):
                raise ValueError(f"no holidays are known of {country!r}")
        return countries

    @field_validator("week")
    @classmethod
    def _opens_before_it_closes(cls, week: dict[Day, str]) -> dict[Day, str]:
        if wrong := [day for day, hours in week.items() if hours[:5] >= hours[6:]]:
            raise ValueError(f"closes before it opens: {', '.join(wrong)}")
        return week


class Promise(Part):
    """How many business hours each answer may take."""

    first_response_hours: Target | None = None
    next_response_hours: Target | None = None
    resolution_hours: Target | None = None


class Spikes(Part):
    """When more tickets than usual are a signal."""

    window_days: int = Field(7, ge=1)
    windows_before: int = Field(8, ge=2, description="Windows before the last one that say what is usual.")
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.001, description="The share of looks that raise a false alarm, where tickets come as a Poisson process.")


class Notice(Part):
    """How escalations are told to people."""

    connection: str = Field(description="The Airflow connection of an SMTP server (type smtp; extra from_email), or of a webhook "
                                        "(its host is the URL; a password is sent as a bearer token).")
    mail_to: list[Annotated[str, Field(pattern=r"^[^@\s,]+@[^@\s,]+$")]] = Field([], description="For SMTP: who gets the mail.")
    allow_hosts: list[Host] = Field([], description="For a webhook: hosts that may have a private or loopback address.")


class Support(Part):
    """The support desk."""

    sources: list[TicketSource] = Field([], description="Where the tickets are.")
    statuses: Statuses = Statuses()
    categories: dict[str, list[str]] = Field({}, description="Words of each category, besides those that are built in.")
    areas: dict[str, list[str]] = Field({}, description="Words of each area of the product.")
    accuracy: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.95, description="How often a learned category must be right; what is less sure goes to a person.")
    routes: list[Route] = Field([], description="Which team owns which tickets; the product's owner has the rest.")
    hours: OpeningHours = OpeningHours()
    sla: dict[Priority, Promise] = Field({}, description="What is promised for each priority.")
    warn_at: Annotated[float, Field(gt=0, lt=1)] = Field(0.75, description="The share of a target after which a clock warns.")
    escalate_to: str | None = Field(None, description="The team that hears of warnings and breaches.")
    escalate_by: Notice | None = Field(None, description="How they are told; without, warnings and breaches are signals alone.")
    spikes: Spikes = Spikes()

    @model_validator(mode="after")
    def _sources_differ(self) -> "Support":
        names = [source.name for source in self.sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"sources: names taken twice: {', '.join(twice)}")
        return self


def minutes(clock: str) -> int:
    """`09:30` as minutes of the day."""
    hours, _, rest = clock.partition(":")
    return int(hours) * 60 + int(rest)
