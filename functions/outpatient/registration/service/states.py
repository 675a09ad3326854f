"""States of a visit, moved by outpatient/triage and outpatient/doctor in their own transactions, and by the clock.

registered -> waiting (check-in) -> in_consultation -> finished; finished -> in_consultation within validity;
registered -> no_show. Each step asked again by the same hand answers the same.
"""

from uuid import UUID

from events.outpatient import VisitNoShow
from functions.organisation.structure import service as organisation
from functions.outpatient.registration import rules
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.problems import OtherDoctor
from functions.outpatient.registration.queries import changes, records
from functions.outpatient.registration.service.corrections import ask_corrections, due_corrections, settle
from functions.outpatient.registration.service.fees import fee_rendered
from functions.outpatient.registration.service.reading import own_visit
from functions.outpatient.schedule import service as schedule
from shared.database.query import Query
from shared.function import Onwards
from shared.problems import Stale
from shared.tx import Tx

SWEPT_AT_ONCE = 200
SWEEP = "sweep"
MISSED = "no_show"


def check_in(tx: Tx, encounter_id: UUID) -> Visit:
    """The patient is here and waits (报到). Refuses another day's number and one whose validity is over."""
    visit = own_visit(tx, encounter_id)
    if visit.status == "waiting":
        return visit
    rules.require_status(visit.status, ("registered",), "报到")
    rules.require_today(visit.band_start, tx.now)
    rules.require_valid(visit.valid_until, tx.now)
    return _step(tx, visit, changes.CHECK_IN, "visit.checked_in", at=tx.now)


def start_consultation(tx: Tx, encounter_id: UUID, doctor_id: UUID, room_id: UUID | None = None) -> Visit:
    """A doctor begins the consultation (接诊): the fee is earned from now on.

    The doctor is the one who begins, also where the number was another's (替诊) or nobody's (普通号). Refuses a number
    whose validity is over, and a patient whom another doctor sees now.
    """
    visit = own_visit(tx, encounter_id)
    if visit.status == "in_consultation":
        _require_same_doctor(tx, visit, doctor_id)
        return visit
    rules.require_status(visit.status, rules.CANCELLABLE, "接诊")
    rules.require_today(visit.band_start, tx.now)
    rules.require_valid(visit.valid_until, tx.now)
    try:
        started = _step(
            tx, visit, changes.START, "visit.consultation_started", at=tx.now, doctor=doctor_id, room=room_id
        )
    except Stale:
        now = own_visit(tx, encounter_id)
        if now.status == "in_consultation":
            _require_same_doctor(tx, now, doctor_id)
            return now
        raise
    if visit.slot_id is not None:
        schedule.use_slot(tx, visit.slot_id, encounter_id, doctor_id)
    fee_rendered(tx, visit)
    return started


def take_over(tx: Tx, encounter_id: UUID, doctor_id: UUID, reason: str, room_id: UUID | None = None) -> Visit:
    """Another doctor goes on with a consultation that is open (接手): both stand in the audit, with the reason."""
    visit = own_visit(tx, encounter_id)
    rules.require_status(visit.status, ("in_consultation",), "接手")
    if visit.doctor_id == doctor_id:
        return visit
    taken = tx.session.first(
        changes.TAKE_OVER, id_=encounter_id, campus=tx.campus, before=visit.doctor_id, doctor=doctor_id, room=room_id
    )
    if taken is None:
        raise Stale("该号刚被他人办理，请刷新后再操作。")
    tx.audit(
        "visit.taken_over",
        "visit",
        encounter_id,
        patient_id=visit.patient_id,
        from_doctor=str(visit.doctor_id),
        to_doctor=str(doctor_id),
        reason=reason,
    )
    return taken


def finish_visit(tx: Tx, encounter_id: UUID) -> Visit:
    """The doctor ends the consultation (完成就诊)."""
    visit = own_visit(tx, encounter_id)
    if visit.status == "finished":
        return visit
    rules.require_status(visit.status, ("in_consultation",), "结束就诊")
    return _step(tx, visit, changes.FINISH, "visit.finished", at=tx.now, who=tx.actor.subject)


def reopen_visit(tx: Tx, encounter_id: UUID, doctor_id: UUID, unit_id: UUID) -> Visit:
    """A finished visit goes on within its validity (回诊): by the same doctor, or one of the same department.

    `unit_id` is the department the doctor works for just now. An approved release waits for the lead again: what was
    judged is not what will have been done.
    """
    visit = own_visit(tx, encounter_id)
    if visit.status == "in_consultation":
        _require_same_doctor(tx, visit, doctor_id)
        return visit
    rules.require_status(visit.status, ("finished",), "继续就诊")
    if doctor_id != visit.doctor_id and unit_id != visit.unit_id:
        raise OtherDoctor("回诊须由原接诊医生或同科室医生办理，请患者到原科室，或重新挂号。")
    rules.require_valid(visit.valid_until, tx.now)
    tx.session.execute(records.UNDO_APPROVAL, id_=encounter_id)
    return _step(tx, visit, changes.REOPEN, "visit.reopened", at=tx.now, doctor=doctor_id)


def mark_no_show(tx: Tx, encounter_id: UUID) -> Visit:
    """The patient did not come (爽约): said by triage when the session is over."""
    visit = own_visit(tx, encounter_id)
    if visit.status == "no_show":
        return visit
    rules.require_status(visit.status, ("registered",), "登记未到诊")
    return _miss(tx, visit, "visit.no_show")


def mark_left(tx: Tx, encounter_id: UUID) -> Visit:
    """A patient who waited went away unseen (未诊离开), said by triage. It is no 爽约: `checked_in` in the event."""
    visit = own_visit(tx, encounter_id)
    if visit.status == "no_show":
        return visit
    rules.require_status(visit.status, ("waiting",), "登记未诊离开")
    return _miss(tx, visit, "visit.left")


def each_minute(tx: Tx) -> Onwards | None:
    """What is still open when its validity ends was seen (finished) or was not (no_show): the sweep of 24:00.

    Emergency visits end 24 hours after their registration. A patient who had checked in and was not seen is no
    爽约: the event says so. What a missed visit has not paid is withdrawn; what it has, a window gives back on demand.
    Then fees that could not be set right before are tried again.
    """
    ended = tx.session.all(changes.END_DUE, campus=tx.campus, now=tx.now, limit=SWEPT_AT_ONCE, who=SWEEP)
    for visit in ended:
        tx.audit(f"visit.{visit.status}", "visit", visit.encounter_id, patient_id=visit.patient_id, by=SWEEP)
        if visit.status == "no_show":
            _tell_missed(tx, visit)
    _drop_unpaid(tx, [visit for visit in ended if visit.status == "no_show"])
    due = due_corrections(tx)
    return (lambda steps: settle(steps, due)) if due else None


def record_insurance_visit(tx: Tx, encounter_id: UUID, mdtrt_id: str) -> Visit:
    """The insurance registered the visit (2201) under its own id; from now on the payer is fixed."""
    visit = own_visit(tx, encounter_id)
    if visit.insurance_mdtrt_id == mdtrt_id:
        return visit
    return _step(tx, visit, changes.SET_INSURANCE_VISIT, "visit.insurance_registered", mdtrt=mdtrt_id)


def drop_insurance_visit(tx: Tx, encounter_id: UUID, mdtrt_id: str) -> Visit:
    """The insurance took its registration of the visit back (2202): the payer may be corrected again. Told twice, it
    changes nothing; another registration than the one in force stays."""
    visit = own_visit(tx, encounter_id)
    if visit.insurance_mdtrt_id != mdtrt_id:
        return visit
    return _step(tx, visit, changes.DROP_INSURANCE_VISIT, "visit.insurance_dropped", mdtrt=mdtrt_id)


def _miss(tx: Tx, visit: Visit, act: str) -> Visit:
    missed = _step(tx, visit, changes.MISS, act, state=visit.status, who=tx.actor.subject)
    _tell_missed(tx, missed)
    _drop_unpaid(tx, [missed])
    return missed


def _require_same_doctor(tx: Tx, visit: Visit, doctor_id: UUID) -> None:
    if visit.doctor_id == doctor_id or visit.doctor_id is None:
        return
    known = organisation.staff_members(tx, [visit.doctor_id]).get(visit.doctor_id)
    who = f"{known.name}医生" if known is not None else "其他医生"
    raise OtherDoctor(
        f"该患者正由{who}接诊，请核对后再叫号；确需继续诊治的，说明原因后接手。", doctor_id=str(visit.doctor_id)
    )


def _step(tx: Tx, visit: Visit, change: Query[Visit], act: str, **values: object) -> Visit:
    changed = tx.session.first(change, id_=visit.encounter_id, campus=tx.campus, **values)
    if changed is None:
        raise Stale("该号刚被他人办理，请刷新后再操作。")
    tx.audit(act, "visit", visit.encounter_id, patient_id=visit.patient_id)
    return changed


def _drop_unpaid(tx: Tx, missed: list[Visit]) -> None:
    """Nobody came: an unpaid fee is not asked for at the next visit. An emergency pays later, so its fee stays."""
    planned = [visit for visit in missed if visit.kind != "emergency"]
    ask_corrections(tx, planned, "withdraw", MISSED, "未到诊")


def _tell_missed(tx: Tx, visit: Visit) -> None:
    tx.emit(
        VisitNoShow(
            encounter_id=visit.encounter_id,
            patient_id=visit.patient_id,
            unit_id=visit.unit_id,
            session_id=visit.session_id,
            slot_id=visit.slot_id,
            booking_id=visit.booking_id,
            checked_in=visit.checked_in_at is not None,
            ended_at=tx.now,
        )
    )
