"""What a product file may say about who is told of signals, and how the loop itself is watched."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from include.parts.channels import Host
from include.parts.part import Part

Severity = Literal["low", "medium", "high", "critical"]
State = Literal["opened", "acknowledged", "resolved"]
Hours = Annotated[float, Field(gt=0)]
Phase = Literal["voc_aggregation", "story_writing", "dependency_management", "scope_planning", "solution_evaluation",
                "build_and_test", "compliance_checks", "user_testing", "deployment", "monitoring_rollups",
                "stakeholder_reporting", "customer_support", "outcome_review", "alerting"]


class AlertChannel(Part):
    """Where alerts go: through a connection, or any Airflow notifier that is installed."""

    connection: str | None = Field(None, description="The Airflow connection of an SMTP server (type smtp; extra from_email), of "
                                   "Slack (type slackwebhook: its password is the webhook's token or URL), or of a webhook (its "
                                   "host is the URL; a password is sent as a bearer token).")
    mail_to: list[Annotated[str, Field(pattern=r"^[^@\s,]+@[^@\s,]+$")]] = Field([], description="For SMTP: who gets the mail.")
    allow_hosts: list[Host] = Field([], description="For a webhook: hosts that may have a private or loopback address.")
    notifier: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")] | None = Field(
        None, description="The class of an Airflow notifier, such as airflow.providers.pagerduty.notifications.pagerduty."
                          "PagerdutyNotifier.")
    arguments: dict[str, Any] = Field({}, description="What the notifier is made with; its templates know `alert` (id, state, "
                                                      "severity, kind, title, text, release, owner, product, at).")
    severity: Severity = Field("medium", description="The least severity that is told.")
    states: Annotated[list[State], Field(min_length=1)] = ["opened", "acknowledged", "resolved"]

    @property
    def name(self) -> str:
        """What the channel is known by."""
        return self.connection or self.notifier or ""

    @model_validator(mode="after")
    def _goes_one_way(self) -> "AlertChannel":
        if (self.connection is None) == (self.notifier is None):
            raise ValueError("a channel names either a connection or a notifier")
        return self


class Alerts(Part):
    """Who is told when a signal is opened, acknowledged or resolved; and what of the loop itself is a signal."""

    channels: list[AlertChannel] = []
    language: Literal["en", "ko"] = Field("en", description="Of alerts, and of drafts of post-mortems.")
    gate_hours: Hours = Field(72, description="How long a release may wait at a gate.")
    phase_hours: dict[Phase, Annotated[float, Field(ge=0.1, le=24 * 90)]] = Field(
        {}, description="How long a run of a phase may take before it is a signal, by its name; of others it is 3 hours, or 72 "
                        "where it may ask somebody.")
    silent_hours: dict[str, Hours] = Field(
        {}, description="How long a source of voices, or the product's `traffic`, may say nothing, by name; and a log or a "
                        "source of metrics while others speak, as `log PATH`, `log NAME` or `log proxy`. Of others it is learnt "
                        "from what they used to do.")

    @model_validator(mode="after")
    def _channels_differ(self) -> "Alerts":
        names = [channel.name for channel in self.channels]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"channels: named twice: {', '.join(twice)}")
        return self

    def hours_of(self, phase: str) -> float | None:
        """How long a run of `phase` may take, where that is said."""
        return next((hours for name, hours in self.phase_hours.items() if name == phase), None)
