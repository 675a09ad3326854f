"""Doctors who may hold no session from a moment on: what other modules tell, and what follows at each campus."""

from datetime import datetime, timedelta
from uuid import UUID

from events.organisation import (
    CalendarChanged,
    LicenceExpired,
    PrivilegeRevoked,
    SecondmentEnded,
    SecondmentStarted,
    StaffLeft,
)
from functions.organisation.structure import service as organisation
from functions.outpatient.schedule.models import DoctorBar
from functions.outpatient.schedule.queries import changes, people, plans
from functions.outpatient.schedule.service.sessions import own_session
from functions.outpatient.schedule.service.stops import execute_stop, open_task
from shared.ids import new_id
from shared.problems import NotFound
from shared.schemas import midnight
from shared.tx import Tx

STOPPED_AT_ONCE = 50
HORIZON = timedelta(days=35)
PRACTISING = frozenset({"physician", "nurse", "pharmacist"})
"""Licences (执业证书) without which nobody holds a clinic; others, such as of a technique, bar no session."""
PRESCRIBING = "prescribing"
_REASONS = {
    "licence_expired": "医生执业证书到期",
    "privilege_revoked": "医生出诊资质取消",
    "staff_left": "医生离职",
    "secondment_ended": "医生派驻结束",
}


def bar_doctor(
    tx: Tx, doctor_id: UUID, kind: str, from_at: datetime, campus: str | None = None, reason: str | None = None
) -> DoctorBar:
    """A doctor may hold no session from a moment on; this campus stops its own now, the others within their minute."""
    bar = DoctorBar(
        bar_id=new_id(),
        doctor_id=doctor_id,
        campus_code=campus,
        kind=kind,
        reason=reason or _REASONS[kind],
        from_at=from_at,
        made_at=tx.now,
    )
    tx.session.add(bar)
    tx.audit("doctor.barred", "staff", doctor_id, kind=kind)
    stop_barred(tx)
    return bar


def stop_barred(tx: Tx, limit: int = STOPPED_AT_ONCE) -> int:
    """Stop the sessions of barred doctors at this campus, with a task for the clerk and offers for the patients."""
    barred = tx.session.all(changes.BARRED_SESSIONS, campus=tx.campus, now=tx.now, limit=limit)
    for one in barred:
        session = own_session(tx, one.session_id, plans.LOCK_SESSION)
        if session.status in ("published", "open"):
            execute_stop(tx, session, one.reason)
            open_task(tx, one.session_id, "doctor_barred", f"{one.reason}，已自动停诊，请安排替诊或改约。")
    return len(barred)


def lift_bar(tx: Tx, bar_id: UUID, reason: str) -> DoctorBar:
    """A bar is over (证书已续、资质恢复); sessions already stopped stay so."""
    lifted = tx.session.first(changes.LIFT_BAR, id_=bar_id, now=tx.now, who=tx.actor.subject)
    if lifted is None:
        raise NotFound("没有这条限制，或已解除。")
    tx.audit("doctor.bar_lifted", "staff", lifted.doctor_id, reason=reason)
    return lifted


def licence_expired(tx: Tx, event: LicenceExpired) -> None:
    """A licence a person practises by is over, and none like it goes on: later sessions stop at every campus."""
    if event.kind in PRACTISING and not organisation.licence_at(tx, event.staff_id, event.kind).allowed:
        bar_doctor(tx, event.staff_id, "licence_expired", midnight(event.expired_on + timedelta(days=1)))


def privilege_revoked(tx: Tx, event: PrivilegeRevoked) -> None:
    """The right to prescribe was taken back: later sessions stop at the campuses it was for."""
    if event.kind == PRESCRIBING:
        for campus in event.campuses:
            bar_doctor(tx, event.staff_id, "privilege_revoked", event.revoked_at, campus)


def calendar_changed(tx: Tx, event: CalendarChanged) -> None:
    """Days of the calendar changed: sessions on sale on closed days are listed for a decision, none is dropped."""
    list_closed_days(tx)


def list_closed_days(tx: Tx) -> None:
    """Put every session on sale on a holiday or closed day of this campus before a person, once."""
    days = organisation.calendar(tx, tx.today, tx.today + HORIZON)
    closed = [one.day for one in days if one.kind is not None and not one.clinics_open]
    if closed:
        names = {one.day: one.name for one in days}
        for session in tx.session.all(people.SESSIONS_OF_DAYS, campus=tx.campus, days=closed, limit=STOPPED_AT_ONCE):
            reason = f"{session.day.isoformat()} {names[session.day]}，门诊不开放，请决定停诊或照常出诊。"
            open_task(tx, session.session_id, "holiday", reason)


def staff_left(tx: Tx, event: StaffLeft) -> None:
    """A person left: later sessions stop at every campus."""
    bar_doctor(tx, event.staff_id, "staff_left", event.left_at)


def secondment_ended(tx: Tx, event: SecondmentEnded) -> None:
    """A secondment is over: later sessions at the receiving campus stop."""
    bar_doctor(tx, event.staff_id, "secondment_ended", event.ended_at, event.receiving_campus)


def secondment_started(tx: Tx, event: SecondmentStarted) -> None:
    """The person is there again: what barred them after the last secondment is lifted."""
    tx.session.execute(
        changes.LIFT_SECONDMENT_BARS,
        doctor=event.staff_id,
        campus=event.receiving_campus,
        now=tx.now,
        who=tx.actor.subject,
    )
