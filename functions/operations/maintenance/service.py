"""Use cases of operation and maintenance: see what runs, what waits and what was lost, and ask for what mends it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from events.operations import DeadLetterReplayed
from functions.operations.maintenance import declared, queries, rules
from functions.operations.maintenance.models import DeadLetterAction, IntegrityResult, JobRun
from functions.operations.maintenance.queries import (
    AuditCount,
    EventCount,
    Head,
    OpenEvents,
    Sealed,
    SubscriberActivity,
    SubscriberRetries,
)
from shared.ids import new_id
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class Condition:
    """What a function left undone and when it last did something."""

    state: rules.Health
    dead_letters: int
    retries: SubscriberRetries | None
    activity: SubscriberActivity | None


class Events(NamedTuple):
    """Events of a day, what is open now, and letters waiting."""

    counts: list[EventCount]
    open: OpenEvents
    letters: int


class Integrity(NamedTuple):
    """The last finished run of the checks with its results, and the run that waits or works now."""

    last: JobRun | None
    results: list[IntegrityResult]
    current: JobRun | None


class Audit(NamedTuple):
    """Audit entries of a day by action, how far the chains reach, and their last heads."""

    counts: list[AuditCount]
    sealed: list[Sealed]
    heads: list[Head]


def conditions(tx: Tx) -> dict[str, Condition]:
    """How each declared function is, by what the readable campuses' events say of it."""
    letters = tx.session.send(queries.LETTERS_BY_SUBSCRIBER)
    retries = tx.session.send(queries.RETRIES_BY_SUBSCRIBER)
    activity = tx.session.send(queries.ACTIVITY_BY_SUBSCRIBER, since=rules.start_of_day(tx.now))
    dead = {row.subscriber: row.letters for row in letters.all()}
    retried = {row.subscriber: row for row in retries.all()}
    active = {row.subscriber: row for row in activity.all()}
    return {
        name: Condition(
            rules.health(dead.get(name, 0), retried[name].since if name in retried else None, tx.now),
            dead.get(name, 0),
            retried.get(name),
            active.get(name),
        )
        for name in declared.by_name()
    }


def declaration(name: str) -> dict[str, Any]:
    """What one function declares; NoSuchModule for a name nobody declares."""
    found = declared.by_name().get(name)
    if found is None:
        raise rules.NoSuchModule("没有声明过这个功能，请从功能清单中选择。")
    return found


def events_of_day(tx: Tx, since: datetime, until: datetime) -> Events:
    """Events told in a span, and what is still open of all time."""
    counts = tx.session.send(queries.EVENTS_BY_TYPE, since=since, until=until)
    waiting = tx.session.send(queries.OPEN_EVENTS)
    letters = tx.session.send(queries.COUNT_LETTERS)
    return Events(counts.all(), waiting.one(), letters.one())


def ask_replay(tx: Tx, event_id: UUID, subscriber: str, reason: str) -> DeadLetterAction:
    """Order a dead letter to be delivered again (重放); the worker does it.

    A function may read dead letters and nothing more, so the order is a row of ours and the worker, who owns delivery,
    acts on it. Refuses a letter of a campus one does not act at, one replayed already, and a second order
    while the first is open. The consumer's inbox makes a needless replay harmless.
    """
    letter = tx.session.first(queries.LETTER, event_id=event_id, subscriber=subscriber)
    if letter is None:
        raise rules.NoSuchLetter("没有这条死信，可能已经处理完毕，请刷新列表。")
    if letter.campus_id != tx.campus:
        raise rules.LetterOfAnotherCampus(
            "该死信属于其他院区，请切换到该院区后再重放；没有该院区岗位的，请联系该院区信息员。",
            campus=letter.campus_id,
        )
    if letter.replayed_at is not None:
        raise rules.LetterReplayed("该死信已经重新投递，请刷新列表查看结果。")
    action = DeadLetterAction(
        action_id=new_id(),
        campus_id=tx.campus,
        letter_event_id=event_id,
        subscriber=subscriber,
        action="replay",
        reason=reason,
        asked_by=tx.actor.subject,
        asked_by_name=tx.actor.name,
        asked_at=tx.now,
    )
    tx.session.add(action)
    tx.emit(DeadLetterReplayed(letter_event_id=event_id, subscriber=subscriber, letter_type=letter.type))
    tx.audit("dead_letter.replayed", "event", event_id, subscriber=subscriber)
    return action


def integrity(tx: Tx) -> Integrity:
    """What the checks last found."""
    last = tx.session.send(queries.LAST_RUN, job=rules.CHECK_INTEGRITY)
    current = tx.session.send(queries.OPEN_RUN, job=rules.CHECK_INTEGRITY)
    run, waiting = last.first(), current.first()
    results = tx.session.all(queries.RESULTS, run_id=run.run_id) if run else []
    return Integrity(run, results, waiting)


def ask_checks(tx: Tx) -> JobRun:
    """Order the checks to run now (立即核对); refused while a run is waiting or at work.

    They read every campus, so they run as the auditor's role, which only the worker holds.
    """
    run = JobRun(run_id=new_id(), job=rules.CHECK_INTEGRITY, planned_at=tx.now, asked_by=tx.actor.subject)
    tx.session.add(run)
    tx.audit("integrity.asked", "job_run", run.run_id)
    return run


def audit_of_day(tx: Tx, since: datetime) -> Audit:
    """Counts of the audit since a moment, and the state of the chains. Reading it is audited."""
    first_id = queries.first_id_at(since)
    counts = tx.session.send(queries.AUDIT_BY_ACTION, since=since, first_id=first_id)
    sealed = tx.session.send(queries.SEALED, since=since, first_id=first_id)
    heads = tx.session.send(queries.HEADS)
    tx.audit("audit.summarised", "day", since.date())
    return Audit(counts.all(), sealed.all(), heads.all())
