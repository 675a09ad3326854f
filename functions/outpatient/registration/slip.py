"""The registration slip (挂号凭条): what stands on the 80 mm strip the patient walks away with."""

from functions.organisation.structure import service as organisation
from functions.outpatient.registration.models import Visit
from functions.patients.index import service as patients
from functions.payments.billing import service as billing
from shared.command import Document
from shared.printing import render
from shared.printing.published import layout_in_force
from shared.schemas import SHANGHAI
from shared.tx import Tx

KIND_NAMES = {
    "general": "普通号",
    "expert": "专家号",
    "specialist": "专科号",
    "convenience": "便民号",
    "emergency": "急诊号",
    "follow_up": "续诊号",
}
PAYER_NAMES = {"self_pay": "自费", "resident": "城乡居民医保", "employee": "职工医保", "contract": "合同单位"}
SEX_NAMES = {"1": "男", "2": "女"}


def document(tx: Tx, visit: Visit) -> Document:
    """The slip of a visit, drawn after the transaction."""
    layout = layout_in_force(tx, "registration_slip")
    patient = patients.access_patient(tx, visit.patient_id)
    campus = organisation.campus(tx, visit.campus_id)
    room = organisation.place(tx, visit.room_id) if visit.room_id else None
    doctor = organisation.staff_member(tx, visit.doctor_id) if visit.doctor_id else None
    start = (visit.band_start or visit.registered_at).astimezone(SHANGHAI)
    end = (visit.band_end or visit.registered_at).astimezone(SHANGHAI)
    data = {
        "hospital": campus.name,
        "campus": campus.short_name,
        "visit_no": visit.visit_no,
        "visit_kind": KIND_NAMES[visit.kind],
        "queue_no": f"{visit.slot_number:03d}" if visit.slot_number else "现场候诊",
        "visit_date": start.date(),
        "time_band": f"{start:%H:%M}–{end:%H:%M}",
        "clinic": visit.clinic_name,
        "doctor": doctor.name if doctor else None,
        "doctor_title": None,
        "building": room.building if room else None,
        "floor": room.floor if room else "详询导诊台",
        "room": room.name if room else "详询导诊台",
        "fee": billing.source_amount(tx, "outpatient/registration", str(visit.encounter_id)),
        "payer_kind": PAYER_NAMES[visit.payer_kind],
        "tender": None,
        "patient_name": patient.name,
        "sex": SEX_NAMES.get(patient.sex, "未说明"),
        "age": patients.age_text(patient, visit.registered_at),
        "valid_until": visit.valid_until,
        "printed_at": tx.now,
        "printed_by": tx.actor.name,
    }
    copies = visit.slips_printed
    return Document(
        lambda: render(layout, data, reprint=max(0, copies - 1)), "application/pdf", f"挂号凭条-{visit.visit_no}.pdf"
    )
