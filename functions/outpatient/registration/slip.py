"""The registration slip (挂号凭条): what stands on the 80 mm strip the patient walks away with."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from functions.organisation.structure import service as organisation
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.problems import SlipNotRecorded
from functions.outpatient.registration.rules import KIND_NAMES
from functions.patients.index import service as patients
from shared.command import Document
from shared.money import ZERO
from shared.schemas import SHANGHAI
from shared.tx import Tx

if TYPE_CHECKING:
    from functions.organisation.structure.service import PlaceInfo
    from functions.payments.billing.service import ChargeInfo

PAYER_NAMES = {"self_pay": "自费", "resident": "城乡居民医保", "employee": "职工医保", "contract": "合同单位"}
SEX_NAMES = {"1": "男", "2": "女"}
ASK = "详询导诊台"
NOTES = {
    "emergency": ["请听从分诊护士安排，病情变化立即告知", "急诊先抢救后缴费，费用可在离院前结清", "请随身携带此条"],
    "follow_up": ["续诊号免收诊查费，仅限本科室使用一次", "请到诊区护士站扫码报到", "请带齐检查检验报告"],
}
"""What the patient is told where the usual three lines of the layout do not fit."""


def document(tx: Tx, visit: Visit) -> Document:
    """The slip of a visit, drawn after the transaction. Refuses one nobody recorded, and what no longer stands."""
    from functions.outpatient.registration.service.articles import require_slip
    from functions.outpatient.registration.service.fees import fee_lines
    from shared.printing import render
    from shared.printing.published import layout_in_force

    require_slip(visit)
    if not visit.slips_printed:
        raise SlipNotRecorded("请先登记本次打印，再取凭条文件；补打次数由系统记录。")
    layout = layout_in_force(tx, "registration_slip")
    patient = patients.access_patient(tx, visit.patient_id)
    campus = organisation.campus(tx, visit.campus_id)
    room = _room(tx, visit)
    doctor = organisation.staff_member(tx, visit.doctor_id) if visit.doctor_id else None
    lines = fee_lines(tx, visit)
    data = {
        "hospital": campus.name,
        "campus": campus.short_name,
        "visit_no": visit.visit_no,
        "visit_kind": KIND_NAMES[visit.kind],
        "queue_no": _queue_no(visit),
        "visit_date": (visit.band_start or visit.registered_at).astimezone(SHANGHAI).date(),
        "time_band": _band(visit.band_start, visit.band_end),
        "clinic": visit.clinic_name,
        "doctor": doctor.name if doctor else None,
        "doctor_title": (doctor.title or None) if doctor else None,
        "building": room.building if room else None,
        "floor": (room.floor or ASK) if room else ASK,
        "room": room.name if room else ASK,
        "fee": sum((line.worth for line in lines), ZERO),
        "payer_kind": PAYER_NAMES[visit.payer_kind],
        "tender": _paid(visit, lines),
        "patient_name": patient.name,
        "sex": SEX_NAMES.get(patient.sex, "未说明"),
        "age": patients.age_text(patient, visit.registered_at),
        "valid_until": visit.valid_until,
        "notes": NOTES.get(visit.kind),
        "printed_at": tx.now,
        "printed_by": tx.actor.name,
    }
    copies = visit.slips_printed
    return Document(
        lambda: render(layout, data, reprint=copies - 1), "application/pdf", f"挂号凭条-{visit.visit_no}.pdf"
    )


def _paid(visit: Visit, lines: "Sequence[ChargeInfo]") -> str | None:
    """Whether the fee is paid, so that nobody queues in vain; an emergency is never sent back for it."""
    if not lines:
        return None
    if all(line.status in ("paid", "refunding") for line in lines):
        return "已缴"
    return "后付" if visit.kind == "emergency" or any(line.status == "owed" for line in lines) else "未缴"


def _room(tx: Tx, visit: Visit) -> "PlaceInfo | None":
    """The room of a visit; none where it was closed meanwhile, so that nobody is sent to a shut door."""
    if visit.room_id is None:
        return None
    room = organisation.place(tx, visit.room_id)
    return room if room.status == "active" else None


def _queue_no(visit: Visit) -> str:
    if visit.slot_label is not None:
        return visit.slot_label.zfill(3) if visit.slot_label.isdigit() else visit.slot_label
    return f"{visit.slot_number:03d}" if visit.slot_number else "现场候诊"


def _band(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return "随到随诊"
    return f"{start.astimezone(SHANGHAI):%H:%M}–{end.astimezone(SHANGHAI):%H:%M}"
