"""Use cases of outpatient registration, in the order a window works."""

from dataclasses import dataclass
from uuid import UUID

from events.outpatient import SessionStopped, VisitCancelled, VisitRegistered
from functions.organisation.structure import service as organisation
from functions.outpatient.registration import queries, rules
from functions.outpatient.registration.gates import VisitToRegister, before_register
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.schemas import CancelReason, CancelVisit, RegisterVisit
from functions.outpatient.schedule import service as schedule
from functions.patients.index import service as patients
from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeInfo, ChargeLine, ChargeOrder
from shared.gates import Objection
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.numbers import Series
from shared.problems import NotFound
from shared.record_access import AFTER_VISIT, end_access, grant_access
from shared.tx import Tx

SOURCE = "outpatient/registration"
VISIT_NUMBERS = Series("visit", daily=True)


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered visit, its fees and the notices of the answering modules."""

    visit: Visit
    charges: list[ChargeInfo]
    notices: list[Objection]


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A cancelled visit: whether its number went back on sale, and the money returned now."""

    visit: Visit
    slot_returned: bool
    refunded: Money


def register_visit(tx: Tx, command: RegisterVisit, channel: str = "window") -> Registered:
    """Register a patient for a clinic session (挂号): a number, a visit and its fees in one transaction.

    Refuses a session that is full, stopped or over; the same patient twice in a session; a sex or age the clinic does
    not treat; a deceased patient; and what the gate before_register blocks.
    """
    encounter_id = new_id()
    patient = patients.access_patient(tx, command.patient_id)
    if patient.status == "deceased":
        raise rules.PatientDeceased("该患者已登记死亡，不能挂号；如登记有误请联系主索引管理员。")
    slot = schedule.take_slot(tx, command.session_id, channel, encounter_id)
    rules.require_admission(
        sex=patient.sex,
        birth_date=patient.birth_date,
        day=slot.day,
        sex_limit=slot.sex_limit,
        age_from=slot.age_from,
        age_to=slot.age_to,
    )
    question = VisitToRegister(
        patient.patient_id, slot.unit_id, slot.clinic_id, slot.session_id, slot.day, command.payer_kind
    )
    notices = before_register.ask(tx, question, command.confirmed)
    seen_before = tx.session.send(queries.SEEN_IN_UNIT, patient_id=patient.patient_id, unit_id=slot.unit_id)
    campus = organisation.campus(tx)
    charges = billing.post_charges(
        tx,
        ChargeOrder(
            patient_id=patient.patient_id,
            encounter_id=encounter_id,
            source_module=SOURCE,
            source_id=str(encounter_id),
            lines=[ChargeLine("fee", slot.fee_item_code, 1, slot.unit_id, slot.unit_id, slot.doctor_id)],
        ),
    )
    kind = rules.KIND_OF_GRADE[slot.grade]
    visit = Visit(
        encounter_id=encounter_id,
        campus_id=tx.campus,
        visit_no=rules.visit_number(campus.letter, tx.today, tx.number(VISIT_NUMBERS)),
        patient_id=patient.patient_id,
        kind=kind,
        unit_id=slot.unit_id,
        clinic_id=slot.clinic_id,
        clinic_name=slot.clinic_name,
        session_id=slot.session_id,
        slot_id=slot.slot_id,
        slot_number=slot.number,
        doctor_id=slot.doctor_id,
        room_id=slot.room_id,
        band_start=slot.band_start,
        band_end=slot.band_end,
        payer_kind=command.payer_kind.value,
        channel=channel,
        first_visit=seen_before.first() is None,
        status="registered",
        registered_at=tx.now,
        registered_by=tx.actor.subject,
        valid_until=rules.valid_until(kind, tx.now, slot.band_end),
    )
    tx.session.add(visit)
    grant_access(tx, visit.patient_id, "registration", encounter_id, visit.valid_until + AFTER_VISIT)
    tx.emit(
        VisitRegistered(
            encounter_id=encounter_id,
            patient_id=visit.patient_id,
            visit_no=visit.visit_no,
            kind=kind,
            unit_id=visit.unit_id,
            clinic_id=visit.clinic_id,
            session_id=visit.session_id,
            slot_id=visit.slot_id,
            slot_number=visit.slot_number,
            doctor_id=visit.doctor_id,
            band_start=visit.band_start,
            band_end=visit.band_end,
            registered_at=visit.registered_at,
        )
    )
    tx.audit("visit.registered", "visit", encounter_id, patient_id=visit.patient_id)
    return Registered(visit, charges, notices)


def cancel_visit(tx: Tx, encounter_id: UUID, command: CancelVisit) -> Cancelled:
    """Cancel a registration before the consultation (退号): number back, unpaid fees voided, paid ones refunded.

    A refund that needs another person's approval is refused here with the way to request it; nothing is cancelled then.
    """
    visit = _visit(tx, encounter_id)
    tx.check_version(visit.version, command.version)
    rules.require_cancellable(visit.status)
    return _cancel(tx, visit, command.reason.value)


def refund_stopped_session(tx: Tx, event: SessionStopped) -> None:
    """A session was stopped: cancel its visits; unpaid fees are voided, paid ones get a refund ready at any window."""
    for visit in tx.session.all(queries.OPEN_VISITS_OF_SESSION, session_id=event.session_id):
        _cancel(tx, visit, CancelReason.SESSION_STOPPED.value)


def record_slip(tx: Tx, encounter_id: UUID) -> Visit:
    """Count a print of the slip (挂号凭条); from the second on it is marked 补打."""
    visit = tx.session.first(queries.COUNT_SLIP, id_=encounter_id, campus=tx.campus)
    if visit is None:
        raise _no_visit()
    tx.audit("visit.slip_printed", "visit", encounter_id, patient_id=visit.patient_id, copy=visit.slips_printed)
    return visit


def read_visit(tx: Tx, encounter_id: UUID) -> Visit:
    """A visit of this campus, or of another one whose patient this campus treats."""
    visit = tx.session.first(queries.VISIT, encounter_id=encounter_id)
    if visit is None:
        raise _no_visit()
    tx.audit("visit.read", "visit", encounter_id, patient_id=visit.patient_id)
    return visit


def _visit(tx: Tx, encounter_id: UUID) -> Visit:
    visit = tx.session.first(queries.VISIT, encounter_id=encounter_id)
    if visit is None or visit.campus_id != tx.campus:
        raise _no_visit()
    return visit


def _no_visit() -> NotFound:
    return NotFound("本院区没有这条就诊记录，请核对就诊号。")


def _cancel(tx: Tx, visit: Visit, reason: str) -> Cancelled:
    cancelled = tx.session.first(
        queries.CANCEL, id_=visit.encounter_id, seen=visit.version, at=tx.now, who=tx.actor.subject, why=reason
    )
    if cancelled is None:
        raise rules.VisitNotCancellable("该号刚被他人办理，请刷新后核对。")
    returned = visit.slot_id is not None and schedule.return_slot(tx, visit.slot_id, visit.encounter_id)
    refunded = _give_back(tx, visit, reason)
    end_access(tx, "registration", visit.encounter_id, tx.now)
    tx.emit(
        VisitCancelled(
            encounter_id=visit.encounter_id,
            patient_id=visit.patient_id,
            session_id=visit.session_id,
            slot_id=visit.slot_id,
            reason_code=reason,
            cancelled_at=tx.now,
        )
    )
    tx.audit("visit.cancelled", "visit", visit.encounter_id, patient_id=visit.patient_id, reason=reason)
    return Cancelled(cancelled, returned, refunded)


def _give_back(tx: Tx, visit: Visit, reason: str) -> Money:
    billing.void_source(tx, SOURCE, str(visit.encounter_id), reason)
    if billing.source_state(tx, SOURCE, str(visit.encounter_id)) not in {"paid", "owed", "refunding"}:
        return ZERO
    refund = billing.refund_source(tx, SOURCE, str(visit.encounter_id), reason, "退号")
    return refund.amount if refund.executed else ZERO
