"""Selects of the kernel's traces (outbox, inbox, failures, audit), and the orders of operators.

Row-level security decides whose campuses are counted: an operator of one campus sees that campus, a
consortium-wide one sees all.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    func,
    null,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert

from events import clock
from functions.operations.maintenance.models import DeadLetterAction, IntegrityResult, JobRun
from shared.database.query import Query, constant
from shared.tables import AuditEntry, AuditHead, AuditLink, DeadLetter, DeliveryFailure, InboxEntry, OutboxEvent

WAITING: ColumnElement[bool] = and_(
    DeadLetter.replayed_at.is_(null()),
    ~exists().where(
        InboxEntry.event_id == cast(DeadLetter.event_id, Text), InboxEntry.subscriber == DeadLetter.subscriber
    ),
)
"""Letters that wait for a person: neither replayed nor handled by a delivery that was on its way."""
OPEN: ColumnElement[bool] = OutboxEvent.closed_at.is_(null())


class SubscriberLetters(NamedTuple):
    """Dead letters of one subscriber."""

    subscriber: str
    letters: int


class SubscriberRetries(NamedTuple):
    """Events one subscriber is offered again and again."""

    subscriber: str
    events: int
    since: datetime


class SubscriberActivity(NamedTuple):
    """When a subscriber last handled an event."""

    subscriber: str
    last: datetime
    events: int


class EventCount(NamedTuple):
    """Events of one type at one campus."""

    type: str
    campus_id: str
    told: int
    open: int
    retried: int


class OpenEvents(NamedTuple):
    """Everything the relay still has to deliver."""

    events: int
    subjects: int
    oldest: datetime | None


class Letter(NamedTuple):
    """A dead letter with the last order given about it."""

    event_id: UUID
    subscriber: str
    campus_id: str
    type: str
    subject: str
    reason: str
    attempts: int
    died_at: datetime
    asked_at: datetime | None
    asked_by_name: str | None
    outcome: str | None


class AuditCount(NamedTuple):
    """Audit entries of a day by campus and action."""

    campus_id: str
    action: str
    entries: int
    people: int


class Sealed(NamedTuple):
    """How far the audit chain of a campus reaches today."""

    campus_id: str
    entries: int
    sealed: int
    oldest_unsealed: datetime | None


class Head(NamedTuple):
    """The last published head of a campus's chain."""

    campus_id: str
    position: int
    published_at: datetime


# -- functions

LETTERS_BY_SUBSCRIBER = Query(
    SubscriberLetters, select(DeadLetter.subscriber, func.count()).where(WAITING).group_by(DeadLetter.subscriber)
)

RETRIES_BY_SUBSCRIBER = Query(
    SubscriberRetries,
    select(DeliveryFailure.subscriber, func.count(), func.min(OutboxEvent.created_at))
    .join(OutboxEvent, OutboxEvent.event_id == DeliveryFailure.event_id)
    .where(
        OPEN,
        ~exists().where(
            InboxEntry.event_id == cast(DeliveryFailure.event_id, Text),
            InboxEntry.source == OutboxEvent.source,
            InboxEntry.subscriber == DeliveryFailure.subscriber,
        ),
        ~exists().where(
            DeadLetter.event_id == DeliveryFailure.event_id, DeadLetter.subscriber == DeliveryFailure.subscriber
        ),
    )
    .group_by(DeliveryFailure.subscriber),
)
"""Open events whose last delivery to a subscriber failed, and since when."""

ACTIVITY_BY_SUBSCRIBER = Query(
    SubscriberActivity,
    select(InboxEntry.subscriber, func.max(InboxEntry.handled_at), func.count())
    .where(InboxEntry.handled_at >= bindparam("since"))
    .group_by(InboxEntry.subscriber),
)

# -- events

EVENTS_BY_TYPE = Query(
    EventCount,
    select(
        OutboxEvent.type,
        OutboxEvent.campus_id,
        func.count(),
        func.count().filter(OPEN),
        func.count().filter(OPEN, OutboxEvent.attempts > 0),
    )
    .where(
        OutboxEvent.created_at >= bindparam("since"),
        OutboxEvent.created_at < bindparam("until"),
        # The clock tells every function every minute: no news to anybody.
        func.right(OutboxEvent.type, len(clock.SUFFIX)) != constant(clock.SUFFIX),
    )
    .group_by(OutboxEvent.type, OutboxEvent.campus_id)
    .order_by(OutboxEvent.type, OutboxEvent.campus_id),
)

OPEN_EVENTS = Query(
    OpenEvents,
    select(func.count(), func.count(OutboxEvent.subject.distinct()), func.min(OutboxEvent.created_at)).where(OPEN),
)

COUNT_LETTERS = Query(int, select(func.count()).select_from(DeadLetter).where(WAITING))

# -- dead letters

_last_action = (
    select(DeadLetterAction.asked_at, DeadLetterAction.asked_by_name, DeadLetterAction.outcome)
    .where(
        DeadLetterAction.letter_event_id == DeadLetter.event_id, DeadLetterAction.subscriber == DeadLetter.subscriber
    )
    .order_by(DeadLetterAction.asked_at.desc())
    .limit(1)
    .lateral("last_action")
)
_position = tuple_(DeadLetter.died_at, DeadLetter.event_id, DeadLetter.subscriber)

LETTERS = Query(
    Letter,
    select(
        DeadLetter.event_id,
        DeadLetter.subscriber,
        DeadLetter.campus_id,
        DeadLetter.type,
        DeadLetter.subject,
        DeadLetter.reason,
        DeadLetter.attempts,
        DeadLetter.died_at,
        _last_action.c.asked_at,
        _last_action.c.asked_by_name,
        _last_action.c.outcome,
    )
    .select_from(DeadLetter)
    .outerjoin(_last_action, true())
    .where(
        WAITING,
        _position
        < tuple_(
            bindparam("before_at", type_=DateTime(timezone=True)),
            bindparam("before_id", type_=Uuid()),
            bindparam("before_subscriber", type_=Text()),
        ),
    )
    .order_by(DeadLetter.died_at.desc(), DeadLetter.event_id.desc(), DeadLetter.subscriber.desc())
    .limit(bindparam("limit")),
)
"""Dead letters that wait for a person, newest first."""

LETTER = Query(
    DeadLetter,
    select(DeadLetter).where(
        DeadLetter.event_id == bindparam("event_id"), DeadLetter.subscriber == bindparam("subscriber")
    ),
)

# -- checks

_run = select(JobRun).where(JobRun.job == bindparam("job"))
LAST_RUN = Query(JobRun, _run.where(JobRun.finished_at.is_not(null())).order_by(JobRun.finished_at.desc()).limit(1))
OPEN_RUN = Query(JobRun, _run.where(JobRun.finished_at.is_(null())))
RESULTS = Query(
    IntegrityResult,
    select(IntegrityResult).where(IntegrityResult.run_id == bindparam("run_id")).order_by(IntegrityResult.check_name),
)

# -- audit

_since_entry = and_(AuditEntry.entry_id >= bindparam("first_id"), AuditEntry.at >= bindparam("since"))
"""Entry ids grow with time, so the index of (campus_id, entry_id) finds the day."""

AUDIT_BY_ACTION = Query(
    AuditCount,
    select(AuditEntry.campus_id, AuditEntry.action, func.count(), func.count(AuditEntry.actor.distinct()))
    .where(_since_entry)
    .group_by(AuditEntry.campus_id, AuditEntry.action)
    .order_by(AuditEntry.campus_id, func.count().desc(), AuditEntry.action),
)
_unsealed = AuditLink.entry_id.is_(null())
SEALED = Query(
    Sealed,
    select(
        AuditEntry.campus_id,
        func.count(),
        func.count(AuditLink.entry_id),
        func.min(AuditEntry.at).filter(_unsealed),
    )
    .outerjoin(AuditLink, AuditLink.entry_id == AuditEntry.entry_id)
    .where(_since_entry)
    .group_by(AuditEntry.campus_id)
    .order_by(AuditEntry.campus_id),
)
HEADS = Query(
    Head,
    select(AuditHead.campus_id, AuditHead.position, AuditHead.published_at)
    .ext(distinct_on(AuditHead.campus_id))
    .order_by(AuditHead.campus_id, AuditHead.day.desc()),
)

# -- for the worker

OPEN_ACTIONS = Query(
    DeadLetterAction,
    select(DeadLetterAction)
    .where(DeadLetterAction.done_at.is_(null()))
    .order_by(DeadLetterAction.asked_at, DeadLetterAction.action_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True),
)

CLOSE_ACTION = Query(
    object,
    update(DeadLetterAction)
    .where(DeadLetterAction.action_id == bindparam("id_"))
    .values(done_at=bindparam("at"), outcome=bindparam("what")),
)

PLAN_RUN = Query(
    UUID,
    insert(JobRun)
    .values(run_id=bindparam("run_id"), job=bindparam("job"), planned_at=bindparam("planned_at"), detail="")
    .on_conflict_do_nothing()
    .returning(JobRun.run_id),
)
"""Plan a run unless it is planned already or another one is open."""

TAKE_RUN = Query(
    JobRun,
    update(JobRun)
    .where(
        JobRun.run_id
        == select(JobRun.run_id)
        .where(
            JobRun.job == bindparam("which"),
            JobRun.finished_at.is_(null()),
            or_(JobRun.started_at.is_(null()), JobRun.started_at < bindparam("stale")),
        )
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .values(started_at=bindparam("at"))
    .returning(JobRun),
)
"""Start the open run of a job, or take over one whose worker died; None when another worker has it."""

FINISH_RUN = Query(
    object,
    update(JobRun)
    .where(JobRun.run_id == bindparam("id_"), JobRun.started_at == bindparam("mine"))
    .values(finished_at=bindparam("at"), outcome=bindparam("what"), detail=bindparam("words")),
)


def first_id_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment: where the rows of a day begin."""
    milliseconds = int(moment.timestamp()) * 1000
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (0b10 << 62))
