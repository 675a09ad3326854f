"""How a visit comes into being, whatever led to it: its number, its fee, the right to read its patient's records."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.outpatient import VisitRegistered
from functions.organisation.structure import service as organisation
from functions.outpatient.registration import rules
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.problems import ApproverNotDoctor, IdentityDisputed, PatientDeceased
from functions.outpatient.registration.rules import Payer
from functions.outpatient.schedule.service import SlotTaken
from functions.patients.index import service as patients
from functions.patients.index.service import PatientInfo
from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeInfo, ChargeLine, ChargeOrder
from shared.gates import Objection
from shared.numbers import TAKE_NUMBER, Series
from shared.record_access import AFTER_VISIT
from shared.tx import Tx

VISIT_NUMBERS = Series("visit", daily=True)


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered visit, its fees and the notices of the answering modules."""

    visit: Visit
    charges: list[ChargeInfo]
    notices: list[Objection]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and when a visit takes place; without session and number for an emergency."""

    unit_id: UUID
    clinic_id: UUID
    clinic_name: str
    session_id: UUID | None = None
    slot_id: UUID | None = None
    slot_number: int | None = None
    slot_label: str | None = None
    doctor_id: UUID | None = None
    room_id: UUID | None = None
    band_start: datetime | None = None
    band_end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A visit about to be entered. `fee_item_code` null: no fee is due; `booking_fee`: the booking charged it."""

    encounter_id: UUID
    patient: PatientInfo
    kind: str
    place: Place
    payer: Payer
    channel: str
    first_visit: bool
    valid_until: datetime
    fee_item_code: str | None
    booking_fee: tuple[str, str] | None = None
    visit_no: str | None = None
    follow_up_of: UUID | None = None
    booking_id: UUID | None = None
    referral_id: UUID | None = None
    triage_level: int | None = None
    batch_id: UUID | None = None


def place_of(slot: SlotTaken) -> Place:
    """The place a number stands for."""
    return Place(
        unit_id=slot.unit_id,
        clinic_id=slot.clinic_id,
        clinic_name=slot.clinic_name,
        session_id=slot.session_id,
        slot_id=slot.slot_id,
        slot_number=slot.number,
        slot_label=slot.label,
        doctor_id=slot.doctor_id,
        room_id=slot.room_id,
        band_start=slot.band_start,
        band_end=slot.band_end,
    )


def settled_payer(patient: PatientInfo, payer: Payer, *, emergency: bool) -> Payer:
    """The payer as it is recorded. Refuses the dead, and the insured while it is disputed who they are."""
    if patient.status == "deceased":
        raise PatientDeceased("该患者已登记死亡，不能挂号；如登记有误请联系主索引管理员。")
    if payer.insured and patient.disputed:
        raise IdentityDisputed("该患者的身份有争议尚未了结，暂不能按医保挂号；请先按自费办理，或到主索引管理员处核实。")
    return rules.settled_payer(payer, emergency=emergency, sex=patient.sex)


def require_doctor(tx: Tx, staff_id: UUID) -> None:
    """Refuse a decision in the name of somebody who is no doctor in service: StaffNotFound, ApproverNotDoctor."""
    doctor = organisation.staff_member(tx, staff_id)
    if doctor.category != "doctor" or doctor.status != "active":
        raise ApproverNotDoctor("该事项须由在岗医师决定，请核对所填的医师。")


def open_records(tx: Tx, patient: PatientInfo, encounter_id: UUID, valid_until: datetime) -> None:
    """Let this campus read the patient's records of other campuses until a week after the visit."""
    patients.grant_record_access(tx, patient, "registration", encounter_id, valid_until + AFTER_VISIT)


def next_visit_no(tx: Tx) -> str:
    """The next visit number of the campus; its lock lasts until the commit."""
    taken = tx.session.send(
        TAKE_NUMBER, campus_id=tx.campus, series=VISIT_NUMBERS.name, period=VISIT_NUMBERS.period(tx.now)
    )
    return rules.visit_number(organisation.campus(tx).letter, tx.today, taken.one())


def _charge(tx: Tx, entry: Entry) -> list[ChargeInfo]:
    """The fee of a visit at the price in force, or what its booking charged."""
    if entry.booking_fee is not None:
        return billing.source_charges(tx, *entry.booking_fee)
    if entry.fee_item_code is None:
        return []
    place = entry.place
    fee = ChargeLine("fee", entry.fee_item_code, 1, place.unit_id, place.unit_id, place.doctor_id)
    return billing.post_charges(
        tx,
        ChargeOrder(
            patient_id=entry.patient.patient_id,
            encounter_id=entry.encounter_id,
            encounter_no=entry.visit_no,
            source_module=rules.SOURCE,
            source_id=str(entry.encounter_id),
            lines=[fee],
            emergency=entry.kind == "emergency",
        ),
    )


def _number(tx: Tx, entry: Entry, charges: list[ChargeInfo]) -> str:
    """The visit's number, taken last because its lock lasts until the commit; the slips of the fee show it too."""
    if entry.visit_no is not None:
        return entry.visit_no
    visit_no = next_visit_no(tx)
    if charges and entry.booking_fee is None:
        billing.name_encounter(tx, entry.encounter_id, visit_no)
    return visit_no


def enter(tx: Tx, entry: Entry) -> tuple[Visit, list[ChargeInfo]]:
    """Charge, number and write a visit, and tell of it. What can be refused has been refused before."""
    charges = _charge(tx, entry)
    visit_no = _number(tx, entry, charges)
    place, payer = entry.place, entry.payer
    own_fee = (rules.SOURCE, str(entry.encounter_id)) if entry.fee_item_code else (None, None)
    fee_module, fee_source = entry.booking_fee or own_fee
    visit = Visit(
        encounter_id=entry.encounter_id,
        campus_id=tx.campus,
        visit_no=visit_no,
        patient_id=entry.patient.patient_id,
        kind=entry.kind,
        unit_id=place.unit_id,
        clinic_id=place.clinic_id,
        clinic_name=place.clinic_name,
        session_id=place.session_id,
        slot_id=place.slot_id,
        slot_number=place.slot_number,
        slot_label=place.slot_label,
        doctor_id=place.doctor_id,
        room_id=place.room_id,
        band_start=place.band_start,
        band_end=place.band_end,
        payer_kind=payer.payer_kind,
        insutype=payer.insutype,
        med_type=payer.med_type,
        special_disease=payer.special_disease,
        work_injury=payer.work_injury,
        trauma=payer.trauma,
        third_party=payer.third_party,
        channel=entry.channel,
        first_visit=entry.first_visit,
        status="registered",
        registered_at=tx.now,
        registered_by=tx.actor.subject,
        valid_until=entry.valid_until,
        fee_item_code=entry.fee_item_code,
        fee_module=fee_module,
        fee_source=fee_source,
        follow_up_of=entry.follow_up_of,
        booking_id=entry.booking_id,
        referral_id=entry.referral_id,
        triage_level=entry.triage_level,
        batch_id=entry.batch_id,
    )
    tx.session.add(visit)
    tx.emit(
        VisitRegistered(
            encounter_id=visit.encounter_id,
            patient_id=visit.patient_id,
            visit_no=visit.visit_no,
            kind=visit.kind,
            unit_id=visit.unit_id,
            clinic_id=visit.clinic_id,
            session_id=visit.session_id,
            slot_id=visit.slot_id,
            slot_number=visit.slot_number,
            doctor_id=visit.doctor_id,
            band_start=visit.band_start,
            band_end=visit.band_end,
            registered_at=visit.registered_at,
            triage_level=visit.triage_level,
            booking_id=visit.booking_id,
            referral_id=visit.referral_id,
        )
    )
    tx.audit("visit.registered", "visit", visit.encounter_id, patient_id=visit.patient_id)
    return visit, charges
