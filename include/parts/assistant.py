"""What a product file may say about the help of a language model."""

from pydantic import Field

from include.parts.part import Part


class Assistant(Part):
    """A language model that words things; it decides nothing. Needs requirements-llm.lock installed."""

    connection: str = Field(description="Airflow connection of type Pydantic AI: its password is the key, its host an endpoint.")
    model: str | None = Field(None, description="Such as openai:gpt-5-mini; without it, what the connection says.")
    seconds: float = Field(30, gt=0, le=600, description="How long an answer may take.")
    most: int = Field(50, ge=1, le=1000, description="Questions in one run, at most.")
