"""What a product file may say about measuring the effect of a release, and about telling the customers who asked for it."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from include.parts.channels import Host
from include.parts.part import Part

Address = Annotated[str, Field(pattern=r"^[^@\s,<>]+@[^@\s,<>]+$")]


class Tell(Part):
    """How the customers who asked are told, once, through the channel that they used; only those who agreed to be reached."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    mail: str | None = Field(None, description="The Airflow connection of an SMTP server.")
    from_: Address | None = Field(None, alias="from", description="Who mails are from.")
    reply_to: Address | None = Field(
        None, description="Where answers go: the mailbox of an imap source of `voices`, so that they come back as voices.")
    answer_url: Annotated[str, Field(pattern=r"^https?://[^\s@?#]+$")] | None = Field(
        None, description="Where customers reach the intake endpoint, such as https://loop.shop.example/voices: letters then ask "
                          "whether it helped, with a signed link that can be used once, for 60 days.")
    webhook: str | None = Field(
        None, description="The Airflow connection of a webhook (its host is the URL, a password is sent as a bearer token), for "
                          "customers without a mail address.")
    allow_hosts: list[Host] = Field([], description="For a webhook: hosts that may have a private or loopback address.")
    tickets: bool = Field(False, description="Who asked in a ticket: an answer is suggested there, which a person sends.")
    when: Literal["released", "resolved"] = Field(
        "released", description="As soon as it is in production, or once the complaints have become rarer.")
    templates: str | None = Field(
        None, description="A folder with shipped.<language>.txt (Jinja2), in place of include/outcome_review/templates.")

    @model_validator(mode="after")
    def _mail_is_from_somebody(self) -> "Tell":
        if self.mail and not self.from_:
            raise ValueError("mail needs `from`")
        return self


class Outcome(Part):
    """How the effect of a release is measured: complaints per exposure, before and after."""

    exposure: Literal["requests", "days"] = "requests"
    window_days: int = Field(28, ge=1, description="How far to look back and ahead from the deployment.")
    tell: Tell | None = Field(None, description="Without it nobody is told.")
