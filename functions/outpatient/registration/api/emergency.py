"""Routes of emergencies: registration without fee first, green channels, bracelets for many casualties."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from functions.outpatient.registration import service
from functions.outpatient.registration.api.routing import FIRST, LAST, Limit, channel_of, registered_fields, router
from functions.outpatient.registration.models import Bracelet, BraceletBatch, GreenChannel
from functions.outpatient.registration.schemas import (
    BatchRow,
    BatchView,
    BraceletView,
    ChangeVersion,
    EmergencyView,
    GreenChannelView,
    OpenGreenChannel,
    PrepareBracelets,
    RegisterEmergency,
)
from functions.patients.index import service as patients
from shared.command import Document, command, query
from shared.schemas import Page
from shared.tx import Tx


@router.post("/emergencies", status_code=201)
@command("outpatient.registration.write")
def register_emergency(tx: Tx, body: RegisterEmergency) -> EmergencyView:
    """Register an emergency (急诊): no number, no fee first, the nameless too."""
    registered, green = service.register_emergency(tx, body, channel_of(tx))
    return EmergencyView(
        **registered_fields(registered),
        green_channel=green.reason_code if green else None,
        batch_id=registered.visit.batch_id,
    )


@router.post("/visits/{encounter_id}/green-channel", status_code=201)
@command("outpatient.registration.write")
def open_green_channel(tx: Tx, encounter_id: UUID, body: OpenGreenChannel) -> GreenChannelView:
    """Open the green channel of a visit (开通绿色通道)."""
    return _green(service.open_green_channel(tx, encounter_id, body))


@router.get("/green-channels")
@query("outpatient.registration.read")
def list_green_channels(
    tx: Tx, day: date | None = None, limit: Limit = 50, cursor: UUID | None = None
) -> Page[GreenChannelView]:
    """Green channels opened on a day at the acting campus, oldest first."""
    found = service.green_channels(tx, day or tx.today, cursor or FIRST, limit)
    return Page[GreenChannelView](
        items=[_green(one) for one in found], next=str(found[-1].encounter_id) if len(found) == limit else None
    )


@router.post("/bracelet-batches", status_code=201)
@command("outpatient.registration.write")
def prepare_bracelets(tx: Tx, body: PrepareBracelets) -> BatchView:
    """Make bracelets with visit numbers ready for many casualties (批量登记)."""
    return _batch(*service.prepare_bracelets(tx, body))


@router.get("/bracelet-batches")
@query("outpatient.registration.read")
def list_batches(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[BatchRow]:
    """Batches of bracelets at the acting campus, the latest first (腕带批次)."""
    found = service.batches(tx, cursor or LAST, limit)
    return Page[BatchRow](
        items=[BatchRow.model_validate(one) for one in found],
        next=str(found[-1].batch_id) if len(found) == limit else None,
    )


@router.get("/bracelet-batches/{batch_id}/bracelets.pdf")
@query("outpatient.registration.write")
def bracelets_pdf(tx: Tx, batch_id: UUID) -> Document:
    """The bracelets of a batch nobody wears yet as PDF, 80 mm (批量腕带)."""
    return patients.blank_wristbands(tx, service.bracelets_to_print(tx, batch_id))


@router.get("/visits/{encounter_id}/wristband.pdf")
@query("outpatient.registration.write")
def wristband_pdf(tx: Tx, encounter_id: UUID) -> Document:
    """The wristband of a patient with the visit number (腕带): name, age, the warning of an unverified identity."""
    visit = service.read_visit(tx, encounter_id)
    return patients.wristband(tx, visit.patient_id, visit.visit_no)


@router.get("/bracelet-batches/{batch_id}")
@query("outpatient.registration.read")
def read_batch(tx: Tx, batch_id: UUID) -> BatchView:
    """A batch of bracelets and who wears which."""
    return _batch(*service.read_batch(tx, batch_id))


@router.post("/bracelet-batches/{batch_id}/close")
@command("outpatient.registration.write")
def close_batch(tx: Tx, batch_id: UUID, body: ChangeVersion) -> BatchView:
    """The event is over: what nobody wears is void (结束批次)."""
    return _batch(*service.close_batch(tx, batch_id, body))


def _green(green: GreenChannel) -> GreenChannelView:
    return GreenChannelView.model_validate(green)


def _batch(batch: BraceletBatch, bracelets: Sequence[Bracelet]) -> BatchView:
    fields = {name: getattr(batch, name) for name in BatchView.model_fields if name != "bracelets"}
    return BatchView(**fields, bracelets=[BraceletView.model_validate(one) for one in bracelets])
