"""Days and moments the organisation takes: within the centuries a hospital keeps records of."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.schemas import Moment

FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2999, 12, 30)
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2999, 12, 30, tzinfo=UTC)

Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
"""A day one can count from."""


def _within(value: datetime) -> datetime:
    if not _FIRST <= value <= _LAST:
        raise ValueError("时间须在 1900 年至 2999 年之间")
    return value


At = Annotated[Moment, AfterValidator(_within)]
"""A moment one can reckon with in any zone."""
