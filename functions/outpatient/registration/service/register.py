"""Register a patient for a clinic session (挂号), with the follow-up without fee (续诊号) where the right exists."""

from datetime import date, timedelta
from typing import NamedTuple, NoReturn
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.outpatient.registration import rules
from functions.outpatient.registration.gates import VisitToRegister, before_register
from functions.outpatient.registration.problems import DepartmentFull
from functions.outpatient.registration.queries import clinics
from functions.outpatient.registration.queries import visits as queries
from functions.outpatient.registration.queries.visits import Earlier
from functions.outpatient.registration.rules import FirstVisit
from functions.outpatient.registration.schemas import RegisterVisit
from functions.outpatient.registration.service.agreeing import bill_contract_unit
from functions.outpatient.registration.service.entering import (
    Entry,
    Registered,
    enter,
    open_records,
    place_of,
    require_doctor,
    settled_payer,
)
from functions.outpatient.registration.service.reading import sessions_of_day
from functions.outpatient.schedule import service as schedule
from functions.outpatient.schedule.service import SessionFull, SlotTaken
from functions.patients.index import service as patients
from functions.patients.index.service import PatientInfo
from shared.database.session import Pending
from shared.ids import new_id
from shared.problems import NotFound
from shared.schemas import SHANGHAI, midnight
from shared.tx import Tx

LOOK_BACK = timedelta(days=31)
"""How far back a first visit may lie: the longest closure of a clinic there is (春节), and some more."""


def register_visit(tx: Tx, command: RegisterVisit, channel: str = "window") -> Registered:
    """Register a patient for a clinic session (挂号): a number, a visit and its fees in one transaction.

    Refuses a session that is full, stopped or over; the same patient twice in a session; a sex or age the clinic does
    not treat; a deceased patient; an insured one whose identity is disputed; and what the gate before_register blocks.
    """
    encounter_id = new_id()
    patient = patients.access_patient(tx, command.patient_id)
    session_id = command.session_id or _general_session(tx, command.unit_id, channel)
    extra_for = patient.patient_id if command.extra_number else None
    slot = _take(tx, session_id, channel, encounter_id, patient, extra_for)
    kind = rules.kind_of(slot.grade)
    payer = settled_payer(patient, command.payer(), emergency=kind == "emergency")
    require_admission(tx, patient, slot, command.age_consent_by)
    notices = before_register.ask(tx, question(patient, slot, payer.payer_kind), command.confirmed)
    sent = earlier_visits(tx, patient, slot.unit_id, slot.day)
    valid_until = rules.valid_until(kind, tx.now, slot.band_end)
    open_records(tx, patient, encounter_id, valid_until)
    earlier = sent.one()
    follow_up_of = (
        _named_follow_up(tx, command.follow_up_of, patient, slot)
        if command.follow_up_of
        else follow_up_right(tx, slot, earlier)
    )
    visit, charges = enter(
        tx,
        Entry(
            encounter_id=encounter_id,
            patient=patient,
            kind="follow_up" if follow_up_of else kind,
            place=place_of(slot),
            payer=payer,
            channel=channel,
            first_visit=not earlier.seen,
            valid_until=valid_until,
            fee_item_code=None if follow_up_of else slot.fee_item_code,
            follow_up_of=follow_up_of,
            referral_id=command.referral_id,
        ),
    )
    charges = bill_contract_unit(tx, visit, charges, command.contract_unit, command.confirmed)
    return Registered(visit, charges, notices)


def _take(
    tx: Tx, session_id: UUID, channel: str, encounter_id: UUID, patient: PatientInfo, extra_for: UUID | None
) -> SlotTaken:
    """A number of a session; a patient of the one it took the place of (改时) gets those that are kept for them."""
    try:
        return schedule.take_slot(tx, session_id, channel, encounter_id, patient_id=extra_for)
    except SessionFull:
        before = schedule.moved_from(tx, session_id)
        if before is None or not _was_stopped(tx, patient, before):
            raise
    return schedule.take_slot(tx, session_id, channel, encounter_id, promised=True)


def _was_stopped(tx: Tx, patient: PatientInfo, session_id: UUID) -> bool:
    ids = patients.group_ids(tx, patient.patient_id)
    return tx.session.first(queries.STOPPED_VISIT, patients=ids, session_id=session_id) is not None


def require_admission(tx: Tx, patient: PatientInfo, slot: SlotTaken, age_consent_by: UUID | None = None) -> None:
    """Refuse a patient whom the clinic of a number does not treat; a doctor may agree to another age."""
    if age_consent_by is not None:
        require_doctor(tx, age_consent_by)
        tx.audit("visit.age_allowed", "slot", slot.slot_id, patient_id=patient.patient_id, doctor=str(age_consent_by))
    rules.require_admission(
        sex=patient.sex,
        birth_date=patient.birth_date,
        day=slot.day,
        sex_limit=slot.sex_limit,
        age_from=slot.age_from,
        age_to=slot.age_to,
        age_allowed=age_consent_by is not None,
    )


def question(patient: PatientInfo, slot: SlotTaken, payer_kind: str) -> VisitToRegister:
    """What the gate is asked about a number."""
    return VisitToRegister(patient.patient_id, slot.unit_id, slot.clinic_id, slot.session_id, slot.day, payer_kind)


def earlier_visits(tx: Tx, patient: PatientInfo, unit_id: UUID, day: date) -> Pending[Earlier]:
    """Ask for the patient's earlier visits of a unit; the answer comes with the next exchange."""
    begins = midnight(day)
    return tx.session.send(
        queries.EARLIER,
        patient_id=patient.patient_id,
        unit_id=unit_id,
        campus=tx.campus,
        since=begins - LOOK_BACK,
        today=begins,
    )


def follow_up_right(tx: Tx, slot: SlotTaken, earlier: Earlier) -> UUID | None:
    """The first visit whose right to a follow-up without fee this number uses, where there is one."""
    if earlier.first_id is None or earlier.first_at is None or slot.grade != "general":
        return None
    right = _right(tx, slot, earlier.first_at.astimezone(SHANGHAI).date())
    return earlier.first_id if right.general and slot.day <= right.last_day else None


def _named_follow_up(tx: Tx, first_id: UUID, patient: PatientInfo, slot: SlotTaken) -> UUID:
    found = tx.session.first(queries.FIRST, encounter_id=first_id)
    if found is None or found.patient_id not in patients.group_ids(tx, patient.patient_id):
        raise NotFound("没有这条首诊记录，请从该患者的就诊列表中重新选择。")
    day = found.first_at.astimezone(SHANGHAI).date()
    right = _right(tx, slot, day)
    first = FirstVisit(
        encounter_id=found.encounter_id,
        campus_id=found.campus_id,
        unit_id=found.unit_id,
        kind=found.kind,
        status=found.status,
        day=day,
        report_pending=found.report_pending,
        used=found.used,
    )
    rules.require_follow_up(
        first,
        campus=tx.campus,
        unit_id=slot.unit_id,
        general=right.general,
        day=slot.day,
        last_day=right.last_day,
        days=right.days,
    )
    return first_id


class Right(NamedTuple):
    """What a clinic gives after a first visit: general clinics that allow it, for so many days, up to a last one."""

    general: bool
    days: int
    last_day: date


def _right(tx: Tx, slot: SlotTaken, first_day: date) -> Right:
    clinic = tx.session.send(clinics.CLINIC, clinic_id=slot.clinic_id)
    held = tx.session.send(clinics.DAYS_HELD, clinic_id=slot.clinic_id, since=first_day, until=slot.day)
    days: int = organisation.setting(tx, "follow_up_days")
    found = clinic.first()
    general = slot.grade == "general" and found is not None and found.follow_up_allowed
    between = {first_day + timedelta(days=n) for n in range((slot.day - first_day).days)}
    return Right(general, days, rules.last_follow_up_day(first_day, days, between - set(held.all())))


def _general_session(tx: Tx, unit_id: UUID | None, channel: str) -> UUID:
    """The session of a department's general clinic that a patient without a wish goes to: the earliest with numbers."""
    ours = [
        one
        for one in sessions_of_day(tx, tx.today, [tx.campus], unit_id)
        if one.grade == "general" and one.status != "stopped" and one.ends_at > tx.now
    ]
    free = [one for one in ours if schedule.sellable(one, channel) > 0]
    if not free:
        _refuse_department(tx, {one.standard_code for one in ours})
    return min(free, key=lambda one: (one.starts_at, one.session_id)).session_id


def _refuse_department(tx: Tx, standard_codes: set[str]) -> NoReturn:
    others = [campus.code for campus in organisation.open_campuses(tx) if campus.code != tx.campus]
    found = sessions_of_day(tx, tx.today, others) if others and standard_codes else []
    alternatives = [
        {
            "session_id": str(one.session_id),
            "campus_id": one.campus_id,
            "clinic_name": one.clinic_name,
            "starts_at": one.starts_at.isoformat(),
            "remaining": sum(one.remaining.values()),
        }
        for one in found
        if one.standard_code in standard_codes and one.status != "stopped" and sum(one.remaining.values()) > 0
    ]
    way_out = "请改选列出的其他院区。" if alternatives else "请改选其他科室，或预约其他日期。"
    raise DepartmentFull(f"该科室今日普通门诊没有余号。{way_out}", alternatives=alternatives)
