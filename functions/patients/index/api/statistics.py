"""Routes: figures of the index."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.patients.index.api.routing import Cursor, Limit, moment_cursor, read_moment_cursor, router
from functions.patients.index.schemas.statistics import NamelessView, StatisticsView
from functions.patients.index.service import statistics
from shared.command import query
from shared.database.engine import REPORT
from shared.schemas import SHANGHAI, Page
from shared.tx import Tx

Day = Annotated[date, Parameter(description="YYYY-MM-DD")]


@router.get("/statistics")
@query("patients.index.merge", REPORT)
def read_statistics(tx: Tx, since: Day, until: Day) -> StatisticsView:
    """Duplicates per ten thousand, verified share by campus and registrar, unresolved 无名氏 (主索引统计)."""
    return statistics.figures(tx, since, until)


@router.get("/nameless")
@query("patients.index.merge")
def list_nameless(tx: Tx, limit: Limit = 50, cursor: Cursor = None) -> Page[NamelessView]:
    """Who is still 无名氏, the youngest first."""
    before = read_moment_cursor(cursor)[0] if cursor else tx.now
    found = statistics.nameless(tx, before, limit)
    return Page[NamelessView](
        items=[
            NamelessView(
                **one._asdict(),
                days=(tx.today - one.registered_at.astimezone(SHANGHAI).date()).days,
            )
            for one in found
        ],
        next=moment_cursor(found[-1].registered_at, UUID(int=0)) if len(found) == limit else None,
    )
