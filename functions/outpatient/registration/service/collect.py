"""Collect a booked number (取号): the booking, or the hold, becomes a visit."""

from typing import NoReturn
from uuid import UUID

from functions.outpatient.registration import rules
from functions.outpatient.registration.gates import before_register
from functions.outpatient.registration.problems import NumberCollected, NumberNotBooked
from functions.outpatient.registration.queries import visits as queries
from functions.outpatient.registration.schemas import CollectNumber
from functions.outpatient.registration.service.agreeing import bill_contract_unit
from functions.outpatient.registration.service.entering import (
    Entry,
    Registered,
    enter,
    open_records,
    place_of,
    settled_payer,
)
from functions.outpatient.registration.service.register import (
    earlier_visits,
    follow_up_right,
    question,
    require_admission,
)
from functions.outpatient.schedule import service as schedule
from functions.outpatient.schedule.service import SlotTaken
from functions.patients.index import service as patients
from functions.payments.billing import service as billing
from shared.ids import new_id
from shared.tx import Tx

BOOKING = "outpatient/booking"
"""Source module under which a booking's fee was charged when it was made; the source id is the booking's."""


def collect_number(tx: Tx, command: CollectNumber, channel: str = "window") -> Registered:
    """Turn a booked or held number into a visit (取号) on its day; called by outpatient/booking and at a window.

    The fee the booking charged stays the visit's: what of it is unpaid comes back as open charges. Where none was, the
    fee is charged now, unless a follow-up right makes it free. Refuses a number the booking does not have (any more).
    """
    encounter_id = new_id()
    patient = patients.access_patient(tx, command.patient_id)
    slot = _claim(tx, command, encounter_id)
    kind = rules.kind_of(slot.grade)
    payer = settled_payer(patient, command.payer(), emergency=kind == "emergency")
    rules.require_today(slot.band_start, tx.now)
    require_admission(tx, patient, slot)
    notices = before_register.ask(tx, question(patient, slot, payer.payer_kind), command.confirmed)
    sent = earlier_visits(tx, patient, slot.unit_id, slot.day)
    valid_until = rules.valid_until(kind, tx.now, slot.band_end)
    rules.require_valid(valid_until, tx.now)
    open_records(tx, patient, encounter_id, valid_until)
    earlier = sent.one()
    booking_fee = _booking_fee(tx, command.booking_id)
    follow_up_of = None if booking_fee else follow_up_right(tx, slot, earlier)
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
            booking_fee=booking_fee,
            follow_up_of=follow_up_of,
            booking_id=command.booking_id,
            referral_id=command.referral_id,
        ),
    )
    charges = bill_contract_unit(tx, visit, charges, command.contract_unit, command.confirmed)
    return Registered(visit, charges, notices)


def _claim(tx: Tx, command: CollectNumber, encounter_id: UUID) -> SlotTaken:
    """The number, now the visit's own. Confirming what one has already answers what it is."""
    if command.booking_id is not None:
        if not schedule.hand_over_slot(tx, command.slot_id, command.booking_id, encounter_id):
            _refuse(tx, command.booking_id)
        return schedule.confirm_slot(tx, command.slot_id, "", encounter_id, owner_kind="visit")
    return schedule.confirm_slot(tx, command.slot_id, command.holder or "", encounter_id, owner_kind="visit")


def _refuse(tx: Tx, booking_id: UUID) -> NoReturn:
    visit = tx.session.first(queries.VISIT_OF_BOOKING, booking_id=booking_id)
    if visit is not None:
        raise NumberCollected(encounter_id=str(visit.encounter_id), visit_no=visit.visit_no)
    raise NumberNotBooked("该预约没有占用此号：可能已取消、已改约或已停诊，请刷新预约后办理。")


def _booking_fee(tx: Tx, booking_id: UUID | None) -> tuple[str, str] | None:
    if booking_id is None:
        return None
    lines = billing.source_charges(tx, BOOKING, str(booking_id))
    charged = any(line.status not in ("voided", "refunded") for line in lines)
    return (BOOKING, str(booking_id)) if charged else None
