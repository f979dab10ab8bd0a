"""What a customer who asked is told: a template filled in. Pure rules.

Templates are Jinja2, in its sandbox, so that whoever may write one can't reach more than the values below; the first line is the
subject. All values are single lines without control characters, so nothing that a customer wrote becomes a header.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import DictLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from include.errors import InputError
from include.markup import plain

TEMPLATES = Path(__file__).parent / "templates"
SUBJECT = "Subject:"
_JINJA = ImmutableSandboxedEnvironment(loader=DictLoader({}), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@dataclass(frozen=True)
class Values:
    """What a template may say. `asked` are the customer's own words, redacted (empty where they are gone); `reference` brings an
    answer back; `answer`: whether answers are read; `link`: where one click says whether it helped (empty: nowhere)."""

    product: str
    story: str
    version: str
    date: str
    asked: str
    reference: str
    answer: bool
    link: str = ""


@dataclass(frozen=True)
class Letter:
    """A subject and a text."""

    subject: str
    text: str


def template(language: str, folder: str | None = None) -> str:
    """The template of a language, English where there is none in that language; from `folder`, or else the default one."""
    names = [f"shipped.{language}.txt", "shipped.en.txt"] if language.isalpha() else ["shipped.en.txt"]
    places = [Path(folder), TEMPLATES] if folder else [TEMPLATES]
    return next(path for place in places for name in names if (path := place / name).is_file()).read_text(encoding="utf-8")


def written(source: str, values: Values) -> Letter:
    """The letter that a template makes. Raises InputError where it can't be filled in, or has no subject in its first line."""
    known = {name: plain(value, 500) if isinstance(value, str) else value for name, value in asdict(values).items()}
    try:
        first, _, text = _JINJA.from_string(source).render(known).partition("\n")
    except TemplateError as error:
        raise InputError(f"a template of outcome.tell can't be filled in: {error}") from error
    if not first.startswith(SUBJECT):
        raise InputError(f"a template of outcome.tell begins with {first[:40]!r}, not with {SUBJECT!r}")
    return Letter(plain(first.removeprefix(SUBJECT), 200), text.strip() + "\n")


def notice_id(product: str, story: str, author: str, channel: str) -> str:
    """What a notice is known by, everywhere and for ever."""
    return hashlib.sha256("\x1f".join(("notice", product, story, author, channel)).encode()).hexdigest()[:32]
