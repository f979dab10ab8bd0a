"""What a product file may say about its channels: where its customers are heard. One model for each `kind` of source."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from include.part import Name, Part

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

    def names(self) -> list[str]:
        """The columns that are asked for, each once."""
        text = [self.text] if isinstance(self.text, str) else self.text
        rest = [self.id, self.written_at, self.author, self.rating, self.language]
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


def _kind(value: Any) -> str:
    found = value.get("kind", "file") if isinstance(value, dict) else getattr(value, "kind", "file")
    return str(found)


AnySource = Annotated[
    Annotated[FileSource, Tag("file")] | Annotated[SqlSource, Tag("sql")],
    Discriminator(_kind)]
KINDS = ("file", "sql")
