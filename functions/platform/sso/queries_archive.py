"""What is read and changed while log-in records leave the database month by month, and of what has left it."""

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Date, DateTime, and_, bindparam, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.platform.sso.models import LoginEvent
from functions.platform.sso.models_locks import LoginArchive, LoginArchiveDay
from shared.database.query import Query, among, constant
from shared.storage import StoredFile

_MOMENT = DateTime(timezone=True)

WRITING = Query(LoginArchive, select(LoginArchive).where(LoginArchive.state == constant("writing")))
TO_EMPTY = Query(LoginArchive, select(LoginArchive).where(LoginArchive.state == constant("writing")).with_for_update())
"""Held while the month is emptied, so that a second process finds it done."""
LAST_ARCHIVED = Query(date, select(LoginArchive.month).order_by(LoginArchive.month.desc()).limit(1))
OLDEST_SINCE = Query(
    datetime,
    select(LoginEvent.at)
    .where(LoginEvent.at >= bindparam("since", type_=_MOMENT), LoginEvent.at < bindparam("before", type_=_MOMENT))
    .order_by(LoginEvent.at, LoginEvent.event_id)
    .limit(1),
)
BEGIN = Query(
    object,
    insert(LoginArchive)
    .values(month=bindparam("month"), state="writing", begun_at=bindparam("now", type_=_MOMENT), rows=0)
    .on_conflict_do_nothing(),
)
EVENTS_AFTER = Query(
    LoginEvent,
    select(LoginEvent)
    .where(
        LoginEvent.at < bindparam("before", type_=_MOMENT),
        or_(
            LoginEvent.at > bindparam("after_at", type_=_MOMENT),
            and_(LoginEvent.at == bindparam("after_at", type_=_MOMENT), LoginEvent.event_id > bindparam("after_id")),
        ),
        LoginEvent.at >= bindparam("after_at", type_=_MOMENT),
    )
    .order_by(LoginEvent.at, LoginEvent.event_id)
    .limit(bindparam("limit")),
)
"""The next records of a day; begins with its first moment and the smallest id."""
LAST_DAY = Query(LoginArchiveDay, select(LoginArchiveDay).order_by(LoginArchiveDay.day.desc()).limit(1))
SEAL = Query(
    date,
    insert(LoginArchiveDay)
    .values(
        day=bindparam("day"),
        month=bindparam("month"),
        rows=bindparam("rows"),
        file_id=bindparam("file_id"),
        sha256=bindparam("sha256"),
        chain=bindparam("chain"),
        sealed_at=bindparam("now", type_=_MOMENT),
    )
    .on_conflict_do_nothing()
    .returning(LoginArchiveDay.day),
)
"""None: another process sealed the day."""
EMPTY_MONTH = Query(
    int, select(func.platform.empty_login_month(bindparam("month", type_=Date), type_=BigInteger).label("emptied"))
)
"""How many records were emptied; -1 when they are not those of the sealed files."""
ARCHIVED = Query(
    LoginArchive,
    update(LoginArchive)
    .where(LoginArchive.month == bindparam("which"), LoginArchive.state == constant("writing"))
    .values(state="archived", rows=bindparam("emptied"), archived_at=bindparam("now", type_=_MOMENT))
    .returning(LoginArchive),
)


class Sealed(NamedTuple):
    """A month as its sealed days show it."""

    month: date
    state: str
    rows: int
    begun_at: datetime
    archived_at: datetime | None
    days: int
    seal: bytes | None


_DAYS = LoginArchiveDay.__table__.alias("days")
ARCHIVES = Query(
    Sealed,
    select(
        LoginArchive.month,
        LoginArchive.state,
        select(func.coalesce(func.sum(_DAYS.c.rows), literal(0)).cast(BigInteger))
        .where(_DAYS.c.month == LoginArchive.month)
        .scalar_subquery(),
        LoginArchive.begun_at,
        LoginArchive.archived_at,
        select(func.count()).where(_DAYS.c.month == LoginArchive.month).scalar_subquery(),
        select(_DAYS.c.chain)
        .where(_DAYS.c.month == LoginArchive.month)
        .order_by(_DAYS.c.day.desc())
        .limit(1)
        .scalar_subquery(),
    )
    .where(LoginArchive.month < bindparam("before", type_=Date))
    .order_by(LoginArchive.month.desc())
    .limit(bindparam("limit")),
)
ARCHIVE = Query(LoginArchive, select(LoginArchive).where(LoginArchive.month == bindparam("month")))
DAYS_FROM = Query(
    LoginArchiveDay,
    select(LoginArchiveDay)
    .where(LoginArchiveDay.month == bindparam("month"), LoginArchiveDay.day >= bindparam("day"))
    .order_by(LoginArchiveDay.day)
    .limit(bindparam("limit")),
)
FILES = Query(StoredFile, select(StoredFile).where(among(StoredFile.file_id, "files")))
"""Of the head hospital, where the archive lies; another campus sees none of them."""
