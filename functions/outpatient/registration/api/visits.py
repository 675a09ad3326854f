"""Routes of a visit's life at the window. One line of intent per route."""

from uuid import UUID

from functions.outpatient.registration import service, slip
from functions.outpatient.registration.api.routing import (
    channel_of,
    charge_views,
    fields_of,
    registered_fields,
    router,
    visit_view,
)
from functions.outpatient.registration.models import Release
from functions.outpatient.registration.schemas import (
    CancelledView,
    CancelVisit,
    ChangePayer,
    ChangeVersion,
    CollectNumber,
    MissedView,
    RegisteredView,
    RegisterVisit,
    ReleaseView,
    ReleaseVisit,
    SlipView,
    TransferredView,
    TransferVisit,
    VisitView,
)
from shared.command import Document, command, query
from shared.tx import Tx


@router.post("/visits", status_code=201)
@command("outpatient.registration.write")
def register_visit(tx: Tx, body: RegisterVisit) -> RegisteredView:
    """Register a patient for a clinic session (挂号)."""
    return RegisteredView(**registered_fields(service.register_visit(tx, body, channel_of(tx))))


@router.post("/visits/collect", status_code=201)
@command("outpatient.registration.write")
def collect_number(tx: Tx, body: CollectNumber) -> RegisteredView:
    """Collect a booked number (取号)."""
    return RegisteredView(**registered_fields(service.collect_number(tx, body, channel_of(tx))))


@router.get("/visits/{encounter_id}")
@query("outpatient.registration.read")
def read_visit(tx: Tx, encounter_id: UUID) -> VisitView:
    """One visit."""
    return visit_view(service.read_visit(tx, encounter_id))


@router.post("/visits/{encounter_id}/cancel")
@command("outpatient.registration.write")
def cancel_visit(tx: Tx, encounter_id: UUID, body: CancelVisit) -> CancelledView:
    """Cancel a registration (退号)."""
    cancelled = service.cancel_visit(tx, encounter_id, body)
    return CancelledView(
        **fields_of(cancelled.visit), slot_returned=cancelled.slot_returned, refunded=cancelled.refunded
    )


@router.post("/visits/{encounter_id}/refund-missed")
@command("outpatient.registration.write")
def refund_missed(tx: Tx, encounter_id: UUID, body: ChangeVersion) -> MissedView:
    """Give the fee of a visit nobody came to back (未到诊退费)."""
    visit, refunded = service.refund_missed(tx, encounter_id, body)
    return MissedView(**fields_of(visit), refunded=refunded)


@router.post("/visits/{encounter_id}/release")
@command("outpatient.registration.release")
def release_visit(tx: Tx, encounter_id: UUID, body: ReleaseVisit) -> ReleaseView:
    """Let a visit that began be cancelled, as its doctor (医生放行)."""
    return _release(service.release_visit(tx, encounter_id, body))


@router.post("/visits/{encounter_id}/release/approve")
@command("outpatient.registration.approve_release")
def approve_release(tx: Tx, encounter_id: UUID, body: ChangeVersion) -> ReleaseView:
    """Approve a doctor's release, as the lead (收费组长审批)."""
    return _release(service.approve_release(tx, encounter_id, body))


@router.post("/visits/{encounter_id}/transfer")
@command("outpatient.registration.write")
def transfer_visit(tx: Tx, encounter_id: UUID, body: TransferVisit) -> TransferredView:
    """Change to another doctor or department (换号、转科)."""
    moved = service.transfer_visit(tx, encounter_id, body, channel_of(tx))
    return TransferredView(
        **fields_of(moved.visit),
        charges=charge_views(moved.fee.charges),
        fee_before=moved.fee.before,
        fee_after=moved.fee.after,
        difference=moved.fee.after - moved.fee.before,
        refunded=moved.fee.refunded,
        slot_returned=moved.slot_returned,
        notices=[notice.document() for notice in moved.notices],
    )


@router.post("/visits/{encounter_id}/payer")
@command("outpatient.registration.write")
def change_payer(tx: Tx, encounter_id: UUID, body: ChangePayer) -> VisitView:
    """Set or correct who pays (费别更正)."""
    return visit_view(service.change_payer(tx, encounter_id, body))


@router.post("/visits/{encounter_id}/slips", status_code=201)
@command("outpatient.registration.write")
def print_slip(tx: Tx, encounter_id: UUID) -> SlipView:
    """Record a print of the slip (打印挂号凭条); the PDF is fetched next."""
    visit = service.record_slip(tx, encounter_id)
    return SlipView(encounter_id=visit.encounter_id, copy_number=visit.slips_printed, version=visit.version)


@router.get("/visits/{encounter_id}/slip.pdf")
@query("outpatient.registration.read")
def slip_pdf(tx: Tx, encounter_id: UUID) -> Document:
    """The slip as PDF, 80 mm (挂号凭条)."""
    return slip.document(tx, service.read_visit(tx, encounter_id))


def _release(release: Release) -> ReleaseView:
    return ReleaseView.model_validate(release)
