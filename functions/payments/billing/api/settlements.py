"""Routes of settlements."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

from functions.patients.index import service as patients
from functions.payments.billing import prints, service
from functions.payments.billing.api.going_back import carry_out_waiting, going_back, has_waiting
from functions.payments.billing.api.routing import LAST, Limit, router
from functions.payments.billing.models import Settlement
from functions.payments.billing.problems import SettlementUnknown
from functions.payments.billing.queries import settlements as queries
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.schemas import (
    AllowCash,
    CancelSettlement,
    ChannelRefundView,
    CopyView,
    Settle,
    SettlementSummary,
    SettlementView,
    StartSettlement,
    TenderInput,
)
from functions.payments.billing.views import (
    channel_refund_view,
    settlement_summary,
    settlement_view,
    stored_settlement_view,
)
from functions.payments.cashier import service as cashier
from shared.command import Document, Onward, command, query
from shared.schemas import Code, Page
from shared.steps import Steps
from shared.tx import Tx


@router.post("/settlements", status_code=201)
@command("payments.billing.write")
def settle(tx: Tx, body: Settle) -> SettlementView:
    """Settle charges in one step (收费)."""
    return settlement_view(tx, service.settle(tx, body))


@router.post("/settlements/start", status_code=201)
@command("payments.billing.write")
def start_settlement(tx: Tx, body: StartSettlement) -> SettlementView:
    """Lock charges for a settlement paid in several steps (开始结算)."""
    return settlement_view(tx, service.start_settlement(tx, body))


@router.post("/settlements/{settlement_id}/tenders", status_code=201)
@command("payments.billing.write")
def add_tender(tx: Tx, settlement_id: UUID, body: TenderInput) -> SettlementView:
    """Add a means of payment; with the last cent the settlement completes. Electronic money is waited for."""
    settled = service.add_tender(tx, settlement_id, body)
    view = settlement_view(tx, settled)
    waiting = settled.pending
    if waiting is None or waiting.payment_id is None:
        return view
    payment_id = waiting.payment_id
    return Onward(view, lambda steps: _after(steps, settlement_id, service.carry_out_payment, payment_id))


@router.post("/settlements/{settlement_id}/tenders/{tender_id}/drop")
@command("payments.billing.write")
def drop_tender(tx: Tx, settlement_id: UUID, tender_id: UUID) -> SettlementView:
    """Stop waiting for an electronic payment (取消该笔支付); the channel is asked, and it may turn out to be paid."""
    payment_id = service.drop_tender(tx, settlement_id, tender_id)
    view = stored_settlement_view(tx, _find(tx, settlement_id))
    return Onward(view, lambda steps: _after(steps, settlement_id, service.finish_dropping, payment_id))


@router.post("/settlements/{settlement_id}/complete")
@command("payments.billing.write")
def complete_settlement(tx: Tx, settlement_id: UUID) -> SettlementView:
    """Complete a settlement of which nothing is due (0.00 元), or that is settled anew after the insurer's reversal."""
    settled = service.complete_settlement(tx, settlement_id)
    return going_back(
        tx, settled.settlement.predecessor_id, settlement_view(tx, settled), lambda tx: _stored(tx, settlement_id)
    )


@router.post("/settlements/{settlement_id}/cancel")
@command("payments.billing.write")
def cancel_settlement(tx: Tx, settlement_id: UUID, body: CancelSettlement) -> SettlementSummary:
    """Give up a started settlement (取消结算). A channel is asked first; when it was paid, the settlement completes."""
    settlement, payment_id = service.cancel_settlement(tx, settlement_id, body)

    def go_on(steps: Steps) -> SettlementSummary:
        if payment_id is not None:
            service.finish_cancelling(steps, settlement_id, payment_id, body.reason)
        carry_out_waiting(steps, settlement_id)
        return steps.step(lambda tx: settlement_summary(tx, _find(tx, settlement_id)))

    view = settlement_summary(tx, settlement)
    waits = payment_id is not None or has_waiting(tx, settlement_id)
    return Onward(view, go_on) if waits else view


@router.get("/settlements")
@query("payments.billing.read")
def list_settlements(
    tx: Tx,
    day: date | None = None,
    patient_id: UUID | None = None,
    number: Code | None = None,
    limit: Limit = 50,
    cursor: UUID | None = None,
) -> Page[SettlementSummary]:
    """Settlements of a day, of a patient, or by settlement or receipt number; newest first."""
    before = cursor or LAST
    if number is not None:
        rows = tx.session.all(queries.BY_NUMBER, campus=tx.campus, number=number)
    elif patient_id is not None:
        ids = patients.group_ids(tx, patient_id)
        rows = tx.session.all(queries.OF_PATIENT, patients=ids, before=before, limit=limit)
    else:
        rows = tx.session.all(queries.OF_DAY, campus=tx.campus, day=day or tx.today, before=before, limit=limit)
    tx.audit("settlements.listed", "campus", tx.campus, patient_id=patient_id, count=len(rows))
    return Page[SettlementSummary](
        items=[settlement_summary(tx, row) for row in rows],
        next=str(rows[-1].settlement_id) if number is None and len(rows) == limit else None,
    )


@router.get("/settlements/unfinished")
@query("payments.billing.read")
def unfinished_settlements(tx: Tx, limit: Limit = 100) -> list[SettlementSummary]:
    """Settlements somebody started and nobody finished, the oldest first (未完成结算)."""
    rows = tx.session.all(queries.UNFINISHED, campus=tx.campus, limit=limit)
    tx.audit("settlements.listed", "campus", tx.campus, count=len(rows))
    return [settlement_summary(tx, row) for row in rows]


@router.get("/settlements/{settlement_id}")
@query("payments.billing.read")
def read_settlement(tx: Tx, settlement_id: UUID) -> SettlementView:
    """One settlement with lines, tenders and receipt."""
    settlement = _find(tx, settlement_id)
    tx.audit("settlement.read", "settlement", settlement_id, patient_id=settlement.patient_id)
    return stored_settlement_view(tx, settlement)


@router.post("/settlements/{settlement_id}/slips", status_code=201)
@command("payments.billing.write")
def print_slip(tx: Tx, settlement_id: UUID) -> CopyView:
    """Record a print of the payment slip (打印收费凭证); the PDF is fetched next."""
    _find(tx, settlement_id)
    copy_number = cashier.count_copy(tx, prints.PAYMENT_SLIP, settlement_id)
    return CopyView(form=prints.PAYMENT_SLIP, subject_id=settlement_id, copy_number=copy_number)


@router.get("/settlements/{settlement_id}/slip.pdf")
@query("payments.billing.read")
def slip_pdf(tx: Tx, settlement_id: UUID) -> Document:
    """The payment slip as PDF, 80 mm (收费凭证告知单)."""
    return prints.payment_slip(tx, _find(tx, settlement_id))


@router.get("/settlements/{settlement_id}/fee-list.pdf")
@query("payments.billing.read")
def fee_list_pdf(tx: Tx, settlement_id: UUID) -> Document:
    """The list of a settlement's charges as PDF, A4 (费用清单)."""
    return prints.fee_list(tx, _find(tx, settlement_id))


@router.post("/settlements/{settlement_id}/fee-lists", status_code=201)
@command("payments.billing.write")
def print_fee_list(tx: Tx, settlement_id: UUID) -> CopyView:
    """Record a print of the list of charges (打印费用清单); the PDF is fetched next."""
    _find(tx, settlement_id)
    copy_number = cashier.count_copy(tx, prints.FEE_LIST, settlement_id)
    return CopyView(form=prints.FEE_LIST, subject_id=settlement_id, copy_number=copy_number)


@router.get("/channel-refunds")
@query("payments.billing.read")
def list_channel_refunds(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[ChannelRefundView]:
    """Money on its way back through a channel, or that could not get there; newest first (退款在途)."""
    rows = tx.session.all(tender_queries.CHANNEL_REFUNDS_OPEN, campus=tx.campus, before=cursor or LAST, limit=limit)
    tx.audit("channel_refunds.listed", "campus", tx.campus, count=len(rows))
    return Page[ChannelRefundView](
        items=[channel_refund_view(row) for row in rows],
        next=str(rows[-1].channel_refund_id) if len(rows) == limit else None,
    )


@router.post("/channel-refunds/{channel_refund_id}/again")
@command("payments.billing.manage")
def ask_refund_again(tx: Tx, channel_refund_id: UUID) -> ChannelRefundView:
    """Ask a channel once more for a refund it refused (重新提交退款)."""
    row = service.ask_refund_again(tx, channel_refund_id)

    def go_on(steps: Steps) -> ChannelRefundView:
        service.carry_out_refunds(steps, [row])
        return channel_refund_view(row)

    return Onward(channel_refund_view(row), go_on)  # type: ignore[return-value]  # the edge unwraps it


@router.post("/channel-refunds/{channel_refund_id}/allow-cash")
@command("payments.billing.approve_large")
def allow_cash(tx: Tx, channel_refund_id: UUID, body: AllowCash) -> ChannelRefundView:
    """Allow cash for what a channel refused to give back, as finance (批准改退现金)."""
    return channel_refund_view(service.allow_cash(tx, channel_refund_id, body))


@router.post("/channel-refunds/{channel_refund_id}/pay-cash")
@command("payments.billing.write")
def pay_cash(tx: Tx, channel_refund_id: UUID) -> ChannelRefundView:
    """Pay in cash what finance allowed (改退现金)."""
    return channel_refund_view(service.pay_cash(tx, channel_refund_id))


def _stored(tx: Tx, settlement_id: UUID) -> SettlementView:
    return stored_settlement_view(tx, _find(tx, settlement_id))


def _after(steps: Steps, settlement_id: UUID, act: Callable[[Steps, UUID], None], payment_id: UUID) -> SettlementView:
    """Do what needs the channel, then show the settlement as it stands."""
    act(steps, payment_id)
    carry_out_waiting(steps, settlement_id)
    return steps.step(lambda tx: _stored(tx, settlement_id))


def _find(tx: Tx, settlement_id: UUID) -> Settlement:
    settlement = tx.session.first(queries.SETTLEMENT, settlement_id=settlement_id)
    if settlement is None:
        raise SettlementUnknown("没有这张结算单，请核对结算单号。")
    return settlement
