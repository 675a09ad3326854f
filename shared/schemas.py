"""Shapes of requests and answers."""

from datetime import date, datetime, time, timedelta, timezone
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China keeps one zone without summer time since 1991, so a fixed offset is exact for every time we store."""

T = TypeVar("T")


def midnight(day: date) -> datetime:
    """The moment a day of the hospital begins."""
    return datetime.combine(day, time(), SHANGHAI)


def _no_nul(value: object) -> object:
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("文字中含有不可用的字符")
    return value


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("时间须带时区，例如 2026-03-02T08:00:00+08:00")
    return value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), BeforeValidator(_no_nul)]
"""A short line a person typed: trimmed, not empty."""

LongText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), BeforeValidator(_no_nul)
]

Code = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9_.\-]{1,40}$")]
"""A code from a code set."""

Moment = Annotated[
    datetime,
    AfterValidator(_aware),
    PlainSerializer(lambda value: value.astimezone(SHANGHAI).isoformat(), return_type=str, when_used="json"),
]
"""A point in time, ISO 8601 with offset; shown in Asia/Shanghai."""


class Input(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt field never vanishes silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """An answer: every field is always there (no defaults), so generated clients have no false optionals."""

    # A process loads the answers of every module it calls but gives those of its own routes: built when first used.
    model_config = ConfigDict(frozen=True, from_attributes=True, defer_build=True)


class Page(View, Generic[T]):
    """A window of a list. `next` is the cursor of the following window, or null at the end."""

    items: list[T]
    next: str | None
