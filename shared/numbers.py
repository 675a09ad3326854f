"""Numbers people read: per-campus series without gaps.

The next number is one guarded UPDATE whose row lock lasts to the commit, so take it last: everything that can be
refused comes before it. A rolled-back transaction gives its number back by rolling back.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from shared.database.query import Query
from shared.schemas import SHANGHAI
from shared.tables import NumberSeries


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a campus; a daily one starts at 1 each day (Asia/Shanghai)."""

    name: str
    daily: bool

    def period(self, now: datetime) -> str:
        return now.astimezone(SHANGHAI).strftime("%Y%m%d") if self.daily else "-"


_NEXT = (
    insert(NumberSeries)
    .values(campus_id=bindparam("campus_id"), series=bindparam("series"), period=bindparam("period"), last_value=1)
    .on_conflict_do_update(
        index_elements=["campus_id", "series", "period"],
        set_={"last_value": NumberSeries.last_value + 1},
    )
    .returning(NumberSeries.last_value)
)
TAKE_NUMBER = Query(int, _NEXT)
"""The next value of (campus_id, series, period)."""
