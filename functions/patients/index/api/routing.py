"""The router of the patient index and what its lists share."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.patients.index.schemas.values import OpeningReason
from shared.http import Router
from shared.problems import Unreadable

router = Router()

Limit = Annotated[int, Parameter(ge=1, le=200)]
Cursor = Annotated[str | None, Parameter(max_length=120)]
Reason = Annotated[OpeningReason | None, Parameter(description="受限档案的调阅原因")]

FIRST = UUID(int=0)
LAST = UUID(int=(1 << 128) - 1)


def moment_cursor(at: datetime, key: UUID) -> str:
    """Where a list ordered by time goes on."""
    return f"{at.isoformat()}~{key}"


def read_moment_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Take a cursor of such a list apart. Raises Unreadable for anything else."""
    moment, _, key = cursor.partition("~")
    try:
        at, last = datetime.fromisoformat(moment), UUID(key)
    except ValueError as error:
        raise Unreadable("翻页标记无效，请从第一页重新查询。") from error
    if at.tzinfo is None:
        raise Unreadable("翻页标记无效，请从第一页重新查询。")
    return at, last


def read_cursor(cursor: str | None, start: UUID) -> UUID:
    """The id after which a list goes on. Raises Unreadable."""
    if cursor is None:
        return start
    try:
        return UUID(cursor)
    except ValueError as error:
        raise Unreadable("翻页标记无效，请从第一页重新查询。") from error
