"""What a product file may say about its reports: who reads which, in which language, when, and how they get it."""

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from include.parts.calendar import Zone
from include.parts.channels import Host
from include.parts.outcome import Address
from include.parts.part import Part

Audience = Literal["leadership", "sales", "team", "compliance", "customers"]
Language = Literal["en", "ko"]
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
LANGUAGES: tuple[Language, ...] = get_args(Language)
WORDS = {"daily": "0 9 * * *", "weekly": "0 9 * * 1", "monthly": "0 9 1 * *"}


def _cron(text: str) -> str:
    from croniter import croniter  # only few products have a report

    found = WORDS.get(text, text)
    if len(found.split()) != 5 or not croniter.is_valid(found):
        raise ValueError(f"{text!r} is neither daily, weekly or monthly nor a cron expression of five fields")
    return found


class Recipient(Part):
    """Somebody who gets a report: by exactly one of mail, slack and webhook."""

    name: Annotated[str, Field(pattern=r"^[\w .-]{1,60}$")] = Field(description="How the ledger and the logs call them.")
    language: Language = "en"
    mail: Address | None = Field(None, description="Their mail address.")
    slack: str | None = Field(None, description="The Airflow connection of a Slack incoming webhook (its host is the URL).")
    webhook: str | None = Field(None, description="The Airflow connection of a webhook (its host is the URL, a password is sent "
                                                  "as a bearer token): it gets the numbers as JSON.")
    allow_hosts: list[Host] = Field([], description="For slack and webhook: hosts that may have a private or loopback address.")

    @property
    def channel(self) -> str:
        return next(name for name in ("mail", "slack", "webhook") if getattr(self, name))

    @model_validator(mode="after")
    def _by_one_channel(self) -> "Recipient":
        if sum(bool(way) for way in (self.mail, self.slack, self.webhook)) != 1:
            raise ValueError("a recipient needs exactly one of mail, slack and webhook")
        return self


class Report(Part):
    """The report for one audience. It is always kept among the artifacts, whoever gets it."""

    every: Annotated[str, AfterValidator(_cron)] | None = Field(
        None, description="daily, weekly (Mondays) or monthly (the 1st), at 09:00, or a cron expression, in `zone`; made in the "
                          "first turn of the loop after that.")
    after_release: bool = Field(False, description="After each deployment, too.")
    languages: list[Language] = Field(["en"], description="The languages that are kept, besides those of the recipients.")
    recipients: list[Recipient] = []

    @property
    def written_in(self) -> list[Language]:
        """Every language that is needed, each once, in a fixed order."""
        needed = {*self.languages, *(recipient.language for recipient in self.recipients)}
        return [language for language in LANGUAGES if language in needed]

    @model_validator(mode="after")
    def _named_once(self) -> "Report":
        names = [recipient.name for recipient in self.recipients]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"recipients: names taken twice: {', '.join(twice)}")
        return self


class Reports(Part):
    """The reports of a product. An audience that isn't named gets one by hand alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    zone: Zone = Field("UTC", description="IANA time zone of days and schedules, such as Asia/Seoul.")
    smtp: str | None = Field(None, description="The Airflow connection of an SMTP server, for recipients with a mail address.")
    from_: Address | None = Field(None, alias="from", description="Who mails are from.")
    leadership: Report | None = None
    sales: Report | None = None
    team: Report | None = None
    compliance: Report | None = None
    customers: Report | None = Field(None, description="A changelog that anybody may read.")

    def declared(self) -> Iterator[tuple[Audience, Report]]:
        """The reports that the file names."""
        for audience in AUDIENCES:
            if report := getattr(self, audience):
                yield audience, report

    @model_validator(mode="after")
    def _mails_can_be_sent(self) -> "Reports":
        mailed = any(recipient.mail for _, report in self.declared() for recipient in report.recipients)
        if mailed and not (self.smtp and self.from_):
            raise ValueError("recipients with a mail address need `smtp` and `from`")
        return self
