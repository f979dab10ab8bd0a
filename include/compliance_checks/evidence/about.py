"""What the documents of the evidence say first: which release was checked, when, and whether it may go on."""

from dataclasses import dataclass

from include.compliance_checks.policy import Judged


@dataclass(frozen=True)
class About:
    """What was checked. `identity` names the check (release and run), `at` is ISO 8601, `digest` 'sha256:<hex>' or empty."""

    identity: str
    title: str
    release: str
    version: str
    commit: str
    digest: str
    at: str
    blocks: bool


def waiver(item: Judged) -> str:
    """The waiver of a rule in words; empty where there is none."""
    said = item.waiver
    if said is None:
        return ""
    return f"{said['owner']}, until {said['until']}{'' if said['in_force'] else ' (it is over)'}: {said['reason']}"
