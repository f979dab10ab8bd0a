"""What a product file may say about its channels: where its customers are heard. One model for each `kind` of source."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from include.parts.part import Name, Part

PRESETS = Path(__file__).parent / "channels.yaml"
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$")]


class Columns(Part):
    """Which column of a source holds what. `text` may join several columns, first ones first.

    For `kind: http` each is a JMESPath expression (jmespath.org) within one record.
    """

    text: str | list[str] = "text"
    id: str | None = Field(None, description="The source's own id of a voice; without one, its content identifies it.")
    written_at: str | None = Field(None, description="When it was written, as pandas reads it; UTC where no zone is given.")
    author: str | None = Field(None, description="Who wrote it; stored only as a keyed hash.")
    rating: str | None = Field(None, description="A number; `rating_scale` says what it means.")
    language: str | None = Field(None, description="ISO 639-1 code, where the source knows it.")
    version: str | None = Field(None, description="The product's version that its author used, where the source knows it.")
    contact: str | None = Field(None, description="A mail address or phone number; kept, encrypted, only with `consent`.")
    consent: str | None = Field(None, description="Whether the author agrees to be reached: yes or no, true or false, 예, 동의.")

    @model_validator(mode="after")
    def _contact_by_consent(self) -> "Columns":
        if self.contact and not (self.consent and self.author):
            raise ValueError("a contact column needs a consent column and an author column")
        return self

    def names(self) -> list[str]:
        """The columns that are asked for, each once."""
        text = [self.text] if isinstance(self.text, str) else self.text
        rest = [self.id, self.written_at, self.author, self.rating, self.language, self.version, self.contact, self.consent]
        return list(dict.fromkeys([*text, *(name for name in rest if name)]))


class Channel(Part):
    """What every source has."""

    name: Name
    columns: Columns = Columns()
    rating_scale: tuple[float, float] = Field((1, 5), description="Worst and best rating.")


class FileSource(Channel):
    """Voices in a file: CSV, TSV, JSON Lines or Parquet."""

    kind: Literal["file"] = "file"
    path: str = Field(description="Path of the file, or a URL that fsspec knows, such as s3://bucket/reviews.csv; "
                                  "relative paths start at CLOSED_LOOP_HOME.")
    format: Literal["csv", "tsv", "jsonl", "parquet"]
    encoding: str = "utf-8"
    missing_ok: bool = Field(False, description="A file that does not exist yet is an empty one.")
    connection: str | None = Field(None, description="For s3://, the Airflow connection with the access key as login and the "
                                                     "secret key as password; extra: endpoint_url, region_name.")


class SqlSince(Part):
    """How a query is asked for news only: its bind parameter `:since` is the highest value of `column` so far."""

    column: str
    start: str | int | float = Field(description="What :since is the first time.")


class SqlSource(Channel):
    """Voices that a query finds in a database."""

    kind: Literal["sql"]
    connection: str = Field(description="The Airflow connection of the database: sqlite, postgres, or any whose extra names a "
                                        "sqlalchemy_scheme.")
    query: str
    since: SqlSince | None = None

    @model_validator(mode="after")
    def _bound(self) -> "SqlSource":
        if (":since" in self.query) != (self.since is not None):
            raise ValueError("a query with :since needs `since`, and the other way round")
        return self


class Auth(Part):
    """The credentials of an HTTP source: the password (and login) of an Airflow connection."""

    connection: str
    by: Literal["bearer", "basic", "header"] = "bearer"
    header: str = Field("Authorization", pattern=r"^[A-Za-z0-9-]+$", description="For `header`: which one bears the password.")
    prefix: str = Field("", description="For `header`: what stands before the password.")


class Pages(Part):
    """How one page of an API leads to the next."""

    by: Literal["none", "page", "cursor", "link"] = "none"
    parameter: str = Field("page", description="Query parameter of the page number, or of the cursor.")
    first: int = Field(1, description="The first page's number.")
    next: str | None = Field(None, description="For `cursor`: JMESPath of the next cursor, or of the next page's URL.")
    until: str | None = Field(None, description="For `cursor`: JMESPath of what is true on the last page.")
    most: int = Field(1000, ge=1, description="Pages read in one run.")

    @model_validator(mode="after")
    def _next_is_told(self) -> "Pages":
        if self.by == "cursor" and not self.next:
            raise ValueError("pages by cursor need `next`")
        return self


class HttpSince(Part):
    """How an API is asked for news only: a query parameter with the highest `field` so far."""

    parameter: str
    field: str = Field(description="JMESPath within a record: the time (or number) of its last change.")
    start: str | None = Field(None, description="The first time; without one, the first time asks for all.")
    send: Literal["as_given", "epoch"] = "as_given"
    template: str = Field("{since}", description="What the parameter says, for search languages.")
    lag_seconds: int = Field(0, ge=0, description="Ask again for the last seconds: some APIs show news late.")
    ascending: bool = Field(False, description="The oldest change comes first, so what was read before a failure stays read.")


class Related(Part):
    """More of each record, which has a URL of its own: a list, such as the messages of a ticket. The record bears it under its
    name, and each of its objects bears the record as `of`."""

    url: str = Field(pattern=r"^/\S+$", description="From the host's root on; {field} is a field of the record.")
    records: str = Field("@", description="JMESPath of the list in an answer.")
    pages: Pages = Pages()

    @field_validator("records")
    @classmethod
    def _expression(cls, value: str) -> str:
        return _jmespath(value)


class HttpSource(Channel):
    """Voices of an HTTP API that answers JSON. A `preset` fills in what isn't given here."""

    kind: Literal["http"]
    preset: str | None = Field(None, description="One of those in include/parts/channels.yaml.")
    url: str = Field(pattern=r"^https?://[^\s@]+$")
    records: str = Field("@", description="JMESPath of the list of records in an answer.")
    parameters: dict[str, str | int | float | bool] = Field({}, description="Query parameters of each request.")
    headers: dict[str, str] = {}
    auth: Auth | None = None
    pages: Pages = Pages()
    since: HttpSince | None = None
    related: dict[Name, Related] = Field({}, description="What of each record has to be asked for by itself.")
    allow_hosts: list[Host] = Field([], description="Hosts that may have a private or loopback address.")
    timeout_seconds: float = Field(30, gt=0, description="How long to wait for a connection and for each part of an answer.")
    total_seconds: float = Field(900, gt=0, description="How long the source may take in one run, waiting included.")
    max_bytes: int = Field(20_000_000, ge=1, description="The largest answer.")

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not (name := given.get("preset")):
            return given
        presets: dict[str, Any] = yaml.load(PRESETS.read_bytes(), Loader=yaml.CSafeLoader)
        if not isinstance(name, str) or name not in presets:
            raise ValueError(f"there is no preset {name!r}, but {', '.join(presets)}")
        return _over(given, presets[name])

    @field_validator("records", "columns", "pages", "since")
    @classmethod
    def _expressions(cls, value: Any) -> Any:
        if isinstance(value, Columns):
            expressions = value.names()
        elif isinstance(value, Pages):
            expressions = [found for found in (value.next, value.until) if found]
        elif isinstance(value, HttpSince):
            expressions = [value.field]
        else:
            expressions = [value] if value else []
        for expression in expressions:
            _jmespath(expression)
        return value


class ImapSource(Channel):
    """Mails in a mailbox. Columns are fixed: a mail's text, Message-ID, date and sender."""

    kind: Literal["imap"]
    connection: str = Field(description="The Airflow connection with host, port, login and password.")
    mailbox: str = "INBOX"
    tls: bool = Field(True, description="TLS from the start (port 993). Without it, only for servers on this very machine.")
    timeout_seconds: float = Field(60, gt=0)
    columns: Columns = Columns(text="text", id="id", written_at="written_at", author="author")


def _jmespath(expression: str) -> str:
    import jmespath

    try:
        jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        raise ValueError(f"{expression!r} is no JMESPath: {str(error).splitlines()[0]}") from error
    return expression


def _over(given: Any, preset: Any) -> Any:
    """`given` with what only `preset` says; mappings are laid over one another."""
    if not isinstance(given, dict) or not isinstance(preset, dict):
        return given
    return preset | {name: _over(value, preset[name]) if name in preset else value for name, value in given.items()}


def _kind(value: Any) -> str:
    found = value.get("kind", "file") if isinstance(value, dict) else getattr(value, "kind", "file")
    return str(found)


AnySource = Annotated[
    Annotated[FileSource, Tag("file")] | Annotated[SqlSource, Tag("sql")] | Annotated[HttpSource, Tag("http")]
    | Annotated[ImapSource, Tag("imap")],
    Discriminator(_kind)]
KINDS = ("file", "sql", "http", "imap")
