"""Notifications that were not believed, and the alarms over them."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam, exists, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.payments.gateway.models import ForgeryAlarm, Merchant, Notification
from shared.database.query import Query, one_of

_MOMENT = DateTime(timezone=True)
_SINCE: Any = bindparam("since", type_=_MOMENT)
_acknowledged = (
    select(func.max(ForgeryAlarm.acknowledged_at))
    .where(ForgeryAlarm.merchant_id == Notification.merchant_id)
    .scalar_subquery()
)
_NEW = Notification.received_at > func.greatest(_SINCE, _acknowledged)
"""Since a moment, and since somebody last said what such notifications were; greatest passes null over."""

REFUSED_LATELY = Query(
    int,
    select(func.count()).where(
        Notification.merchant_id == bindparam("merchant_id", type_=Uuid), one_of(Notification.state, "refused"), _NEW
    ),
)


class Forged(NamedTuple):
    """A merchant whose channel's notifications were not to be believed several times, and no alarm stands open."""

    merchant_id: UUID
    channel: str
    first_at: datetime
    forged: int
    reason: str


_latest_reason: Any = literal_column(
    "(array_agg(gateway_notifications.reason ORDER BY gateway_notifications.received_at DESC))[1]", Text
)
ALARMING = Query(
    Forged,
    select(
        Notification.merchant_id,
        Notification.channel,
        func.min(Notification.received_at),
        func.count(),
        _latest_reason,
    )
    .join(Merchant, Merchant.merchant_id == Notification.merchant_id)
    .where(
        Merchant.campus_id == bindparam("campus", type_=Text),
        one_of(Notification.state, "refused"),
        Notification.forged.is_(True),
        _NEW,
        ~exists().where(ForgeryAlarm.merchant_id == Notification.merchant_id, ForgeryAlarm.acknowledged_at.is_(None)),
    )
    .group_by(Notification.merchant_id, Notification.channel)
    .having(func.count() >= bindparam("many", type_=Integer)),
)
RAISE = Query(
    ForgeryAlarm,
    insert(ForgeryAlarm)
    .values({column.key: bindparam(column.key, type_=column.type) for column in ForgeryAlarm.__table__.columns})
    .on_conflict_do_nothing()
    .returning(ForgeryAlarm),
)
"""One stands open for a merchant at a time, however many find it due."""
ALARM_COLUMNS = tuple(column.key for column in ForgeryAlarm.__table__.columns)

ALARM = Query(ForgeryAlarm, select(ForgeryAlarm).where(ForgeryAlarm.alarm_id == bindparam("alarm_id")))
ACKNOWLEDGE = Query(
    ForgeryAlarm,
    update(ForgeryAlarm)
    .where(
        ForgeryAlarm.alarm_id == bindparam("id_"),
        ForgeryAlarm.version == bindparam("seen"),
        ForgeryAlarm.acknowledged_at.is_(None),
    )
    .values(
        acknowledged_at=bindparam("at", type_=_MOMENT),
        acknowledged_by=bindparam("who"),
        acknowledged_by_name=bindparam("name"),
        finding=bindparam("says"),
        version=ForgeryAlarm.version + 1,
    )
    .returning(ForgeryAlarm),
)


_NEVER: Any = literal_column("'infinity'::timestamptz")
_over = (
    select(func.count())
    .where(
        Notification.merchant_id == ForgeryAlarm.merchant_id,
        one_of(Notification.state, "refused"),
        Notification.forged.is_(True),
        Notification.received_at >= ForgeryAlarm.first_at,
        Notification.received_at
        <= func.coalesce(ForgeryAlarm.acknowledged_at, literal_column("'infinity'::timestamptz")),
    )
    .scalar_subquery()
)


class Line(NamedTuple):
    """An alarm as the list shows it; `forged` are the notifications it is over by now, as far as they were kept."""

    alarm_id: UUID
    campus_id: str
    merchant_id: UUID
    merchant_no: str
    channel: str
    first_at: datetime
    raised_at: datetime
    reason: str
    acknowledged_at: datetime | None
    acknowledged_by_name: str | None
    finding: str | None
    version: int
    forged: int


def _lines(*conditions: Any) -> Query[Line]:
    return Query(
        Line,
        select(
            ForgeryAlarm.alarm_id,
            ForgeryAlarm.campus_id,
            ForgeryAlarm.merchant_id,
            Merchant.merchant_no,
            ForgeryAlarm.channel,
            ForgeryAlarm.first_at,
            ForgeryAlarm.raised_at,
            ForgeryAlarm.reason,
            ForgeryAlarm.acknowledged_at,
            ForgeryAlarm.acknowledged_by_name,
            ForgeryAlarm.finding,
            ForgeryAlarm.version,
            _over,
        )
        .join(Merchant, Merchant.merchant_id == ForgeryAlarm.merchant_id)
        .where(
            ForgeryAlarm.campus_id == bindparam("campus", type_=Text),
            ForgeryAlarm.alarm_id < bindparam("before", type_=Uuid),
            *conditions,
        )
        .order_by(ForgeryAlarm.alarm_id.desc())
        .limit(bindparam("limit", type_=Integer)),
    )


LINES = _lines()
OPEN_LINES = _lines(ForgeryAlarm.acknowledged_at.is_(None))
