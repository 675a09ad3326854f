"""Register an emergency (急诊): no number, no fee first, the nameless too; its level and its green channel."""

from datetime import date, timedelta
from uuid import UUID

from events.outpatient import GreenChannelOpened
from functions.organisation.structure import service as organisation
from functions.outpatient.registration import rules
from functions.outpatient.registration.gates import VisitToRegister, before_register
from functions.outpatient.registration.models import GreenChannel, Visit
from functions.outpatient.registration.problems import NotEmergencyClinic
from functions.outpatient.registration.queries import changes, records
from functions.outpatient.registration.schemas import OpenGreenChannel, RegisterEmergency
from functions.outpatient.registration.service.bracelets import use_bracelet
from functions.outpatient.registration.service.entering import (
    Entry,
    Place,
    Registered,
    enter,
    open_records,
    require_doctor,
    settled_payer,
)
from functions.outpatient.registration.service.reading import emergency_clinic, own_visit
from functions.outpatient.registration.service.register import earlier_visits
from functions.patients.index import service as patients
from shared.ids import new_id
from shared.schemas import midnight
from shared.tx import Tx


def register_emergency(
    tx: Tx, command: RegisterEmergency, channel: str = "window"
) -> tuple[Registered, GreenChannel | None]:
    """Register an emergency by its triage level: a visit at once, its fee charged and not waited for.

    Nothing of an emergency waits for money (基本医疗卫生与健康促进法): `pays_later` tells the executing modules so. The
    patient may be somebody nobody can name (无名氏), and may wear a bracelet whose number was made beforehand.
    Refuses a clinic that is none of emergency or whose department is closed, and a second visit while one is open in
    the department.
    """
    encounter_id = new_id()
    clinic = emergency_clinic(tx, command.clinic_id)
    organisation.unit(tx, clinic.unit_id)
    patient_id = command.patient_id
    if patient_id is None and command.unidentified is not None:
        patient_id = patients.register_unidentified(tx, command.unidentified).patient_id
    patient = patients.access_patient(tx, patient_id or UUID(int=0))
    payer = settled_payer(patient, command.payer(), emergency=True)
    asked = VisitToRegister(patient.patient_id, clinic.unit_id, clinic.clinic_id, None, tx.today, payer.payer_kind)
    notices = before_register.ask(tx, asked, command.confirmed)
    sent = earlier_visits(tx, patient, clinic.unit_id, tx.today)
    valid_until = rules.valid_until("emergency", tx.now, None)
    open_records(tx, patient, encounter_id, valid_until)
    bracelet = use_bracelet(tx, command.bracelet_no, encounter_id) if command.bracelet_no else None
    visit, charges = enter(
        tx,
        Entry(
            encounter_id=encounter_id,
            patient=patient,
            kind="emergency",
            place=Place(unit_id=clinic.unit_id, clinic_id=clinic.clinic_id, clinic_name=clinic.name),
            payer=payer,
            channel=channel,
            first_visit=not sent.one().seen,
            valid_until=valid_until,
            fee_item_code=clinic.fee_item_code,
            visit_no=bracelet.visit_no if bracelet else None,
            triage_level=command.triage_level,
            batch_id=bracelet.batch_id if bracelet else None,
        ),
    )
    green = _open(tx, visit, command.green_channel) if command.green_channel else None
    return Registered(visit, charges, notices), green


def change_level(tx: Tx, encounter_id: UUID, level: int) -> Visit:
    """Another level of an open emergency visit (急诊分级调整), decided by outpatient/triage; 1 is the most severe."""
    visit = own_visit(tx, encounter_id)
    if visit.kind != "emergency":
        raise NotEmergencyClinic("只有急诊就诊有预检分级，请核对就诊号。")
    rules.require_status(visit.status, rules.OPEN, "调整分级")
    if visit.triage_level == level:
        return visit
    changed = tx.session.one(changes.SET_LEVEL, id_=encounter_id, campus=tx.campus, level=level)
    tx.audit(
        "visit.level_changed",
        "visit",
        encounter_id,
        patient_id=visit.patient_id,
        before=visit.triage_level,
        level=level,
    )
    return changed


def open_green_channel(tx: Tx, encounter_id: UUID, command: OpenGreenChannel) -> GreenChannel:
    """Open the green channel of an open visit: examinations and drugs go before formalities and before money.

    A doctor in service answers for it. Refuses a second opening (GreenChannelOpen).
    """
    visit = own_visit(tx, encounter_id)
    rules.require_status(visit.status, rules.OPEN, "开通绿色通道")
    return _open(tx, visit, command)


def green_channels(tx: Tx, day: date, after: UUID, limit: int) -> list[GreenChannel]:
    """Green channels opened on a day at the acting campus, oldest first."""
    since = midnight(day)
    found = tx.session.all(
        records.GREEN_CHANNELS,
        campus=tx.campus,
        since=since,
        until=since + timedelta(days=1),
        after=after,
        limit=limit,
    )
    tx.audit("green_channels.listed", "campus", tx.campus, count=len(found))
    return found


def pays_later(tx: Tx, encounter_id: UUID) -> bool:
    """Whether what is ordered at this visit is carried out before it is paid: emergency, or an open green channel.

    Asked by medtech, infusion, pharmacy before they refuse to begin an unpaid line.
    """
    return tx.session.one(records.PAYS_LATER, encounter_id=encounter_id)


def _open(tx: Tx, visit: Visit, command: OpenGreenChannel) -> GreenChannel:
    require_doctor(tx, command.approved_by)
    green = GreenChannel(
        encounter_id=visit.encounter_id,
        campus_id=tx.campus,
        patient_id=visit.patient_id,
        reason_code=command.reason_code.value,
        reason=command.reason,
        approved_by=command.approved_by,
        opened_at=tx.now,
        opened_by=tx.actor.subject,
    )
    tx.session.add(green)
    tx.emit(
        GreenChannelOpened(
            encounter_id=visit.encounter_id,
            patient_id=visit.patient_id,
            unit_id=visit.unit_id,
            reason_code=green.reason_code,
            approved_by=green.approved_by,
            triage_level=visit.triage_level,
            opened_at=green.opened_at,
        )
    )
    tx.audit(
        "green_channel.opened",
        "visit",
        visit.encounter_id,
        patient_id=visit.patient_id,
        reason_code=green.reason_code,
        approved_by=str(green.approved_by),
    )
    return green
