"""What a patient does alone at a self-service machine (自助机): register, collect a booked number, print the slip.

Everything else of a visit is for the window: cancelling, changing, emergencies, what needs a decision. The machine says
whose card it read; the same use cases hold as at a window, and cash is never taken.
"""

from uuid import UUID

from functions.outpatient.registration import service, slip
from functions.outpatient.registration.api.routing import registered_fields, router, visit_view
from functions.outpatient.registration.problems import OnlyAtMachine
from functions.outpatient.registration.schemas import (
    CollectNumber,
    CollectSelf,
    PayerKind,
    RegisteredView,
    RegisterSelf,
    RegisterVisit,
    SlipView,
    VisitView,
)
from shared.command import Document, command, query
from shared.tx import Tx

KIOSK = "kiosk"


@router.post("/self/visits", status_code=201)
@command("outpatient.registration.self")
def register_self(tx: Tx, body: RegisterSelf) -> RegisteredView:
    """Register at a machine (自助挂号)."""
    _require_machine(tx)
    wanted = RegisterVisit(
        patient_id=body.patient_id,
        session_id=body.session_id,
        unit_id=body.unit_id,
        payer_kind=PayerKind(body.payer_kind.value),
        extra_number=body.session_id is not None,
        confirmed=body.confirmed,
    )
    return RegisteredView(**registered_fields(service.register_visit(tx, wanted, KIOSK)))


@router.post("/self/visits/collect", status_code=201)
@command("outpatient.registration.self")
def collect_self(tx: Tx, body: CollectSelf) -> RegisteredView:
    """Collect a booked number at a machine (自助取号)."""
    _require_machine(tx)
    wanted = CollectNumber(
        patient_id=body.patient_id,
        slot_id=body.slot_id,
        booking_id=body.booking_id,
        payer_kind=PayerKind(body.payer_kind.value),
        confirmed=body.confirmed,
    )
    return RegisteredView(**registered_fields(service.collect_number(tx, wanted, KIOSK)))


@router.get("/self/patients/{patient_id}/visits")
@query("outpatient.registration.self")
def own_visits(tx: Tx, patient_id: UUID) -> list[VisitView]:
    """The visits of whoever stands at the machine that still count here today or later (本人就诊)."""
    _require_machine(tx)
    return [visit_view(visit) for visit in service.current_visits(tx, patient_id)]


@router.post("/self/visits/{encounter_id}/slips", status_code=201)
@command("outpatient.registration.self")
def print_own_slip(tx: Tx, encounter_id: UUID) -> SlipView:
    """Record a print of the slip at a machine (自助打印凭条)."""
    _require_machine(tx)
    visit = service.record_slip(tx, encounter_id)
    return SlipView(encounter_id=visit.encounter_id, copy_number=visit.slips_printed, version=visit.version)


@router.get("/self/visits/{encounter_id}/slip.pdf")
@query("outpatient.registration.self")
def own_slip_pdf(tx: Tx, encounter_id: UUID) -> Document:
    """The slip as PDF, 80 mm (挂号凭条)."""
    _require_machine(tx)
    return slip.document(tx, service.read_visit(tx, encounter_id))


def _require_machine(tx: Tx) -> None:
    if tx.actor.kind != "device":
        raise OnlyAtMachine("此处只供自助机办理；请在小程序、自助机或收费窗口挂号。")
