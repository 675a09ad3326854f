"""Alarms over notifications that must not be believed (伪造通知告警): after three within an hour, once until somebody
has looked into it and said what it was; then counting begins anew.

It is raised by the third notification; should three arrive at the same instant, by the minute.
"""

import logging
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter

from events.payments import NotificationsForged
from functions.payments.gateway import rules
from functions.payments.gateway.models import ForgeryAlarm
from functions.payments.gateway.problems import AlarmAcknowledged
from functions.payments.gateway.queries import forgeries as queries
from functions.payments.gateway.queries.forgeries import Line
from functions.payments.gateway.schemas.forgeries import AcknowledgeForgery
from shared.ids import new_id
from shared.problems import NotFound
from shared.tx import Tx

log = logging.getLogger("his.payments.gateway")

ALARM_FROM = 3
WITHIN = timedelta(hours=1)
KEPT = 50
"""So many disbelieved messages an hour are kept for one merchant; a flood of them is only counted."""

FORGED = Counter("his_notifications_forged_total", "Notifications of payment channels not believed", ["channel"])
for _channel in sorted(rules.ASKED):
    FORGED.labels(_channel)  # a series that begins at its third has not increased for Prometheus


def is_flooded(tx: Tx, channel: str, merchant_id: UUID, *, forged: bool) -> bool:
    """Count a notification that is not believed; whether as many of its merchant are kept as are worth keeping."""
    if forged:
        FORGED.labels(channel).inc()
    return tx.session.one(queries.REFUSED_LATELY, merchant_id=merchant_id, since=tx.now - WITHIN) >= KEPT


def raise_alarms(tx: Tx) -> None:
    """Raise an alarm over each merchant of the campus it is due for, once however many find it due."""
    for found in tx.session.all(queries.ALARMING, campus=tx.campus, since=tx.now - WITHIN, many=ALARM_FROM):
        due = ForgeryAlarm(
            alarm_id=new_id(),
            campus_id=tx.campus,
            merchant_id=found.merchant_id,
            channel=found.channel,
            first_at=found.first_at,
            raised_at=tx.now,
            reason=found.reason,
        )
        row = tx.session.first(queries.RAISE, **{name: getattr(due, name) for name in queries.ALARM_COLUMNS})
        if row is None:
            continue
        log.error(
            "notifications of a payment channel not believed",
            extra={"fields": {"merchant": str(row.merchant_id), "channel": row.channel, "alarm": str(row.alarm_id)}},
        )
        tx.emit(
            NotificationsForged(
                alarm_id=row.alarm_id,
                merchant_id=row.merchant_id,
                channel=row.channel,
                forged=found.forged,
                first_at=row.first_at,
                raised_at=row.raised_at,
            )
        )
        tx.audit("forgery_alarm.raised", "forgery_alarm", row.alarm_id, merchant_id=str(row.merchant_id))


def forgery_alarms(tx: Tx, *, open_only: bool, before: UUID, limit: int) -> list[Line]:
    """Alarms of the campus, the newest first."""
    rows = tx.session.all(
        queries.OPEN_LINES if open_only else queries.LINES, campus=tx.campus, before=before, limit=limit
    )
    tx.audit("forgery_alarms.listed", "campus", tx.campus, count=len(rows))
    return rows


def acknowledge_forgery(tx: Tx, alarm_id: UUID, command: AcknowledgeForgery) -> Line:
    """Somebody looked into an alarm and says what it was; the next three raise another.

    NotFound for another campus's, AlarmAcknowledged with the first one's finding, Stale.
    """
    row = tx.session.first(queries.ALARM, alarm_id=alarm_id)
    if row is None or row.campus_id != tx.campus:
        raise NotFound("本院区没有这条告警，请刷新后核对。")
    done = tx.session.first(
        queries.ACKNOWLEDGE,
        id_=alarm_id,
        seen=command.version,
        at=tx.now,
        who=tx.actor.subject,
        name=tx.actor.name,
        says=command.finding,
    )
    if done is None:
        now = tx.session.one(queries.ALARM, alarm_id=alarm_id)
        if now.acknowledged_at is None:
            tx.check_version(now.version, command.version)
        raise AlarmAcknowledged(
            f"该告警已由{now.acknowledged_by_name}核实，请刷新后查看其结论。", finding=now.finding or ""
        )
    tx.audit("forgery_alarm.acknowledged", "forgery_alarm", alarm_id, finding=command.finding)
    [line] = tx.session.all(queries.LINES, campus=tx.campus, before=UUID(int=alarm_id.int + 1), limit=1)
    return line
