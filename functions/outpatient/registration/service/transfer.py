"""Change to another doctor or department before the consultation (换号、转科)."""

from dataclasses import dataclass
from uuid import UUID

from events.outpatient import VisitTransferred
from functions.catalogue.prices import service as prices
from functions.outpatient.registration import rules
from functions.outpatient.registration.gates import before_register
from functions.outpatient.registration.models import Transfer, Visit
from functions.outpatient.registration.problems import SameNumber
from functions.outpatient.registration.queries import changes
from functions.outpatient.registration.schemas import TransferVisit
from functions.outpatient.registration.service.fees import fee_lines, give_back
from functions.outpatient.registration.service.reading import own_visit
from functions.outpatient.registration.service.register import earlier_visits, question, require_admission
from functions.outpatient.schedule import service as schedule
from functions.outpatient.schedule.service import SlotTaken
from functions.patients.index import service as patients
from functions.patients.index.service import PatientInfo
from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeInfo, ChargeLine, ChargeOrder
from shared.gates import Objection
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.problems import Stale
from shared.record_access import AFTER_VISIT
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class Fee:
    """Where the fee of a moved visit stands now, and what it was before and is after."""

    item_code: str | None
    source: tuple[str | None, str | None]
    before: Money
    after: Money
    refunded: Money
    charges: list[ChargeInfo]


@dataclass(frozen=True, slots=True)
class Transferred:
    """A moved visit, its fees and whether its old number went back on sale."""

    visit: Visit
    fee: Fee
    slot_returned: bool
    notices: list[Objection]


def transfer_visit(tx: Tx, encounter_id: UUID, command: TransferVisit, channel: str = "window") -> Transferred:
    """Change to another session (换号、转科) before the consultation: the new number first, then the old goes back.

    The visit keeps its visit number. Where the fee is the same nothing of it moves; otherwise the old one is withdrawn
    or refunded and the new one charged, and the patient pays or gets the difference. What cannot be registered cannot
    be transferred either; a refund that needs approval is refused with the way to ask for it.
    """
    visit = own_visit(tx, encounter_id)
    tx.check_version(visit.version, command.version)
    rules.require_status(visit.status, rules.CANCELLABLE, "换号")
    rules.require_valid(visit.valid_until, tx.now)
    if visit.session_id == command.session_id:
        raise SameNumber("该号已在所选班次，请选择其他医生、时段或科室。")
    patient = patients.access_patient(tx, visit.patient_id)
    slot = schedule.take_slot(tx, command.session_id, channel, encounter_id)
    require_admission(tx, patient, slot, command.age_consent_by)
    notices = before_register.ask(tx, question(patient, slot, visit.payer_kind), command.confirmed)
    keeps_right = visit.follow_up_of is not None and slot.unit_id == visit.unit_id and slot.grade == "general"
    fee = Fee(None, (None, None), ZERO, ZERO, ZERO, []) if keeps_right else _move_fee(tx, visit, slot)
    moved = _move(tx, visit, slot, fee, keeps_right=keeps_right, first=_first_visit(tx, visit, patient, slot))
    returned = visit.slot_id is not None and schedule.return_slot(tx, visit.slot_id, encounter_id)
    if moved.valid_until > visit.valid_until:
        patients.extend_record_access(tx, "registration", encounter_id, moved.valid_until + AFTER_VISIT)
    _tell(tx, visit, moved, slot, fee, command.reason)
    return Transferred(moved, fee, returned, notices)


def _first_visit(tx: Tx, visit: Visit, patient: PatientInfo, slot: SlotTaken) -> bool:
    """初诊 or 复诊 is a matter of the department: in another one it is asked anew."""
    if slot.unit_id == visit.unit_id:
        return visit.first_visit
    return not earlier_visits(tx, patient, slot.unit_id, slot.day).one().seen


def _move_fee(tx: Tx, visit: Visit, slot: SlotTaken) -> Fee:
    lines = fee_lines(tx, visit)
    before = sum((line.worth for line in lines), ZERO)
    after = prices.price_at(tx, slot.fee_item_code).unit_price
    if lines and before == after and all(line.status != "refunding" for line in lines):
        return Fee(visit.fee_item_code, (visit.fee_module, visit.fee_source), before, before, ZERO, lines)
    refunded = give_back(tx, visit, "patient", "换号")
    charges = billing.post_charges(
        tx,
        ChargeOrder(
            patient_id=visit.patient_id,
            encounter_id=visit.encounter_id,
            encounter_no=visit.visit_no,
            source_module=rules.SOURCE,
            source_id=str(visit.encounter_id),
            lines=[
                ChargeLine(
                    f"fee-{visit.version + 1}", slot.fee_item_code, 1, slot.unit_id, slot.unit_id, slot.doctor_id
                )
            ],
        ),
    )
    after = sum((charge.amount for charge in charges), ZERO)
    return Fee(slot.fee_item_code, (rules.SOURCE, str(visit.encounter_id)), before, after, refunded, charges)


def _move(tx: Tx, visit: Visit, slot: SlotTaken, fee: Fee, *, keeps_right: bool, first: bool) -> Visit:
    kind = "follow_up" if keeps_right else rules.kind_of(slot.grade)
    was_emergency = visit.med_type == "13" and kind != "emergency"
    moved = tx.session.first(
        changes.MOVE,
        id_=visit.encounter_id,
        campus=tx.campus,
        seen=visit.version,
        to_kind=kind,
        right=visit.follow_up_of if keeps_right else None,
        first=first,
        unit=slot.unit_id,
        clinic=slot.clinic_id,
        clinic_label=slot.clinic_name,
        session=slot.session_id,
        slot=slot.slot_id,
        number=slot.number,
        label=slot.label,
        doctor=slot.doctor_id,
        room=slot.room_id,
        starts=slot.band_start,
        ends=slot.band_end,
        until=rules.valid_until(kind, tx.now, slot.band_end),
        item=fee.item_code,
        module=fee.source[0],
        source=fee.source[1],
        medical="11" if was_emergency else visit.med_type,
    )
    if moved is None:
        raise Stale("该号刚被他人办理，请刷新后再操作。")
    return moved


def _tell(tx: Tx, visit: Visit, moved: Visit, slot: SlotTaken, fee: Fee, reason: str) -> None:
    tx.session.add(
        Transfer(
            transfer_id=new_id(),
            campus_id=tx.campus,
            encounter_id=visit.encounter_id,
            patient_id=visit.patient_id,
            reason=reason,
            from_session_id=visit.session_id,
            from_slot_id=visit.slot_id,
            from_unit_id=visit.unit_id,
            to_session_id=slot.session_id,
            to_slot_id=slot.slot_id,
            to_unit_id=moved.unit_id,
            fee_before=fee.before,
            fee_after=fee.after,
            refunded=fee.refunded,
            transferred_at=tx.now,
            transferred_by=tx.actor.subject,
        )
    )
    tx.emit(
        VisitTransferred(
            encounter_id=visit.encounter_id,
            patient_id=visit.patient_id,
            from_unit_id=visit.unit_id,
            from_session_id=visit.session_id,
            from_slot_id=visit.slot_id,
            kind=moved.kind,
            unit_id=moved.unit_id,
            clinic_id=moved.clinic_id,
            session_id=moved.session_id,
            slot_id=moved.slot_id,
            slot_number=moved.slot_number,
            doctor_id=moved.doctor_id,
            band_start=moved.band_start,
            band_end=moved.band_end,
            fee_before=fee.before,
            fee_after=fee.after,
            transferred_at=tx.now,
        )
    )
    tx.audit(
        "visit.transferred",
        "visit",
        visit.encounter_id,
        patient_id=visit.patient_id,
        fee_before=str(fee.before),
        fee_after=str(fee.after),
        refunded=str(fee.refunded),
    )
