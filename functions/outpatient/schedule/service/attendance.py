"""Attendance (出诊考勤): the doctor signs on and off; what nobody signed for is absence."""

from datetime import timedelta
from uuid import UUID

from events.outpatient import AttendanceRecorded, SessionClosed, SessionOpened
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import Attendance, Session
from functions.outpatient.schedule.queries import plans, upkeep
from functions.outpatient.schedule.queries.upkeep import Ended
from functions.outpatient.schedule.service.numbers import require_own
from functions.outpatient.schedule.service.sessions import own_session
from shared.problems import Stale
from shared.tx import Tx

CLOSES = timedelta(hours=1)
"""So long after its end a session nobody closed is closed."""


def open_session(tx: Tx, session_id: UUID) -> Attendance:
    """The doctor signs on and the session begins (开诊). Signing on again answers the same."""
    session = own_session(tx, session_id, plans.LOCK_SESSION)
    rules.require_state("open", session.status)
    require_own(tx, session)
    known = tx.session.first(upkeep.ATTENDANCE, session_id=session_id)
    if known is not None:
        return known
    if tx.now < session.starts_at - rules.EARLIEST:
        raise rules.SessionStateWrong("距开诊时间超过 2 小时，暂不能签到。", current_status=session.status)
    tx.session.execute(plans.CHANGE_SESSION, id_=session_id, to="open")
    return _note_opening(tx, session)


def begin_session(tx: Tx, session_id: UUID) -> None:
    """The first patient of a session is seen and nobody signed on for it: it has begun."""
    session = tx.session.first(plans.BEGIN_SESSION, id_=session_id)
    if session is not None:
        _note_opening(tx, session)


def _note_opening(tx: Tx, session: Session) -> Attendance:
    session_id = session.session_id
    attendance = _record(tx, session, rules.attendance(session.starts_at, session.ends_at, tx.now, None), opened=True)
    tx.emit(SessionOpened(session_id=session_id, doctor_id=session.doctor_id, opened_at=tx.now))
    tx.audit("session.opened", "session", session_id)
    return attendance


def close_session(tx: Tx, session_id: UUID) -> Attendance:
    """The doctor signs off and the session is over (结束出诊); unsold numbers lapse with their bands."""
    session = own_session(tx, session_id, plans.LOCK_SESSION)
    require_own(tx, session)
    known = tx.session.first(upkeep.ATTENDANCE, session_id=session_id)
    if session.status == "closed" and known is not None:
        return known
    if session.status != "open" or known is None:
        raise rules.SessionStateWrong("该班次尚未开诊，不能结束。", current_status=session.status)
    closed = tx.session.first(plans.CHANGE_SESSION, id_=session_id, to="closed", waiting_=0)
    if closed is None:
        raise Stale("该班次刚被他人修改，请刷新后再操作。")
    found = rules.attendance(session.starts_at, session.ends_at, known.opened_at, tx.now)
    attendance = _record(tx, session, found, closed=True)
    use = tx.session.first(upkeep.USE_OF, session_ids=[session_id])
    _tell_closed(tx, session, use.used if use else 0, use.missed if use else 0)
    _tell_attendance(tx, session, found)
    tx.audit("session.closed", "session", session_id)
    return attendance


def close_ended(tx: Tx, limit: int) -> int:
    """Close sessions that ended an hour ago and were not closed; who never signed on was absent."""
    ended = tx.session.all(upkeep.CLOSE_ENDED, campus=tx.campus, before=tx.now - CLOSES, limit=limit)
    if not ended:
        return 0
    ids = [one.session_id for one in ended]
    uses = tx.session.send(upkeep.USE_OF, session_ids=ids)
    known = {one.session_id: one for one in tx.session.all(upkeep.ATTENDANCES, session_ids=ids)}
    used = {one.session_id: one for one in uses.all()}
    for session in ended:
        before = known.get(session.session_id)
        opened_at = before.opened_at if before is not None else None
        found = rules.attendance(session.starts_at, session.ends_at, opened_at, session.ends_at)
        _record(tx, session, found, closed=opened_at is not None)
        use = used.get(session.session_id)
        _tell_closed(tx, session, use.used if use else 0, use.missed if use else 0)
        _tell_attendance(tx, session, found)
    return len(ended)


def _record(
    tx: Tx, session: Session | Ended, found: rules.Outcome, *, opened: bool = False, closed: bool = False
) -> Attendance:
    return tx.session.one(
        upkeep.RECORD_ATTENDANCE,
        id_=session.session_id,
        campus=tx.campus,
        doctor=session.doctor_id,
        opened=tx.now if opened else None,
        closed=tx.now if closed else None,
        late=found.late_minutes,
        early=found.early_minutes,
        outcome_=found.outcome,
    )


def _tell_closed(tx: Tx, session: Session | Ended, used: int, missed: int) -> None:
    tx.emit(
        SessionClosed(
            session_id=session.session_id,
            doctor_id=session.doctor_id,
            closed_at=tx.now,
            used_slots=used,
            missed_slots=missed,
        )
    )


def _tell_attendance(tx: Tx, session: Session | Ended, found: rules.Outcome) -> None:
    if session.doctor_id is not None:
        tx.emit(
            AttendanceRecorded(
                session_id=session.session_id,
                doctor_id=session.doctor_id,
                day=session.day,
                outcome=found.outcome,
                late_minutes=found.late_minutes,
                early_minutes=found.early_minutes,
            )
        )
