"""Routes of charges."""

from uuid import UUID

from functions.patients.index import service as patients
from functions.payments.billing import service
from functions.payments.billing.api.routing import LAST, Limit, router
from functions.payments.billing.problems import ChargeUnknown
from functions.payments.billing.queries import charges as queries
from functions.payments.billing.schemas import (
    ChargeView,
    EnterCharges,
    PendingView,
    Preview,
    PreviewView,
    QuoteView,
    VoidCharge,
)
from functions.payments.billing.views import charge_view, pending_view, preview_view, quote_view
from shared.command import command, query
from shared.problems import Invalid
from shared.schemas import Page
from shared.tx import Tx


@router.post("/charges", status_code=201)
@command("payments.billing.write")
def enter_charges(tx: Tx, body: EnterCharges) -> list[ChargeView]:
    """Enter charges at the cashier's (划价)."""
    return [charge_view(charge) for charge in service.enter_charges(tx, body)]


@router.post("/charges/quote")
@query("payments.billing.write")
def quote_entry(tx: Tx, body: EnterCharges) -> QuoteView:
    """What an entry at the cashier's would cost, surcharges and reductions in it (划价试算); nothing is charged."""
    quoted = service.quote_entry(tx, body)
    tx.audit("charges.quoted", "patient", body.patient_id, patient_id=body.patient_id, lines=len(body.lines))
    return quote_view(body.patient_id, quoted)


@router.get("/charges/pending")
@query("payments.billing.read")
def pending_charges(tx: Tx, patient_id: UUID) -> PendingView:
    """What a patient has still to pay here: by prescription, request or visit (待缴费用)."""
    ids = patients.group_ids(tx, patient_id)
    found = tx.session.all(queries.PENDING, patients=ids, campus=tx.campus, now=tx.now)
    held = [charge.charge_id for charge in found if charge.status == "locked"]
    holdings = tx.session.all(queries.HOLDINGS, ids=held) if held else []
    tx.audit("charges.pending_read", "patient", patient_id, patient_id=patient_id, count=len(found))
    return pending_view(patient_id, found, holdings)


@router.get("/charges")
@query("payments.billing.read")
def list_charges(
    tx: Tx,
    patient_id: UUID | None = None,
    encounter_id: UUID | None = None,
    limit: Limit = 50,
    cursor: UUID | None = None,
) -> Page[ChargeView]:
    """Charges of a patient or a visit, newest first (费用清单)."""
    if encounter_id is not None:
        rows = tx.session.all(queries.OF_ENCOUNTER, encounter_id=encounter_id, before=cursor or LAST, limit=limit)
    elif patient_id is not None:
        ids = patients.group_ids(tx, patient_id)
        rows = tx.session.all(queries.OF_PATIENT, patients=ids, before=cursor or LAST, limit=limit)
    else:
        raise Invalid("请按患者或就诊查询费用。")
    tx.audit("charges.listed", "patient", patient_id or encounter_id, patient_id=patient_id, count=len(rows))
    return Page[ChargeView](
        items=[charge_view(row) for row in rows], next=str(rows[-1].charge_id) if len(rows) == limit else None
    )


@router.get("/charges/{charge_id}")
@query("payments.billing.read")
def read_charge(tx: Tx, charge_id: UUID) -> ChargeView:
    """One charge."""
    charge = tx.session.first(queries.CHARGE, charge_id=charge_id)
    if charge is None:
        raise ChargeUnknown("没有这笔费用，请核对。")
    tx.audit("charge.read", "charge", charge_id, patient_id=charge.patient_id)
    return charge_view(charge)


@router.post("/charges/{charge_id}/void")
@command("payments.billing.write")
def void_charge(tx: Tx, charge_id: UUID, body: VoidCharge) -> ChargeView:
    """Withdraw an unpaid charge entered at the cashier's (作废划价)."""
    return charge_view(service.void_charge(tx, charge_id, body))


@router.post("/settlements/preview")
@query("payments.billing.read")
def preview(tx: Tx, body: Preview) -> PreviewView:
    """What chosen charges cost now (预结算)."""
    patient_id, found, priced = service.preview(tx, body.charge_ids)
    tx.audit("settlement.previewed", "patient", patient_id, patient_id=patient_id, total=str(priced.total))
    return preview_view(patient_id, found, priced)
