"""Routes of refunds at the channels."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.payments.gateway import service
from functions.payments.gateway.api.views import refund_view
from functions.payments.gateway.queries import refunds as queries
from functions.payments.gateway.schemas import RefundView
from functions.payments.gateway.schemas.terminals import ApproveTransfer, ProposeTransfer, TerminalRefundResult
from functions.payments.gateway.service.reading import find_refund
from shared.command import Onward, command, query
from shared.http import Router
from shared.problems import NotFound
from shared.schemas import Page
from shared.steps import Steps
from shared.tx import Tx

router = Router()
LAST = UUID(int=2**128 - 1)
Limit = Annotated[int, Parameter(ge=1, le=200)]


@router.get("/refunds")
@query("payments.gateway.read")
def list_refunds(tx: Tx, unfinished: bool = False, limit: Limit = 50, cursor: UUID | None = None) -> Page[RefundView]:
    """Refunds of the acting campus with who asked for them and their age, newest first."""
    found = queries.UNFINISHED if unfinished else queries.PAGE
    rows = tx.session.all(found, campus=tx.campus, before=cursor or LAST, limit=limit)
    tx.audit("channel_refunds.listed", "campus", tx.campus, count=len(rows))
    return Page[RefundView](
        items=[refund_view(row, tx.now) for row in rows],
        next=str(rows[-1].channel_refund_id) if len(rows) == limit else None,
    )


@router.get("/refunds/{channel_refund_id}")
@query("payments.gateway.read")
def read_refund(tx: Tx, channel_refund_id: UUID) -> RefundView:
    """One refund."""
    row = find_refund(tx, channel_refund_id)
    tx.audit("channel_refund.read", "channel_refund", channel_refund_id)
    return refund_view(row, tx.now)


@router.post("/refunds/{channel_refund_id}/query")
@command("payments.gateway.query")
def ask_channel(tx: Tx, channel_refund_id: UUID) -> RefundView:
    """Ask the channel what became of a refund, or send it again under the same number (查询退款结果)."""
    row = find_refund(tx, channel_refund_id)
    if row.campus_id != tx.campus:
        raise NotFound("没有这笔退款，请核对退款单号。")
    tx.audit("channel_refund.asked", "channel_refund", channel_refund_id)

    def go_on(steps: Steps) -> RefundView:
        service.carry_out_refund(steps, channel_refund_id)
        return steps.step(lambda tx: refund_view(find_refund(tx, channel_refund_id), tx.now))

    return Onward(refund_view(row, tx.now), go_on)  # type: ignore[return-value]


@router.post("/refunds/{channel_refund_id}/terminal-result")
@command("payments.gateway.terminal")
def enter_refund_result(tx: Tx, channel_refund_id: UUID, body: TerminalRefundResult) -> RefundView:
    """What the card terminal said about a refund (登记终端退款结果)."""
    return refund_view(service.enter_refund_result(tx, channel_refund_id, body), tx.now)


@router.post("/refunds/{channel_refund_id}/propose-transfer")
@command("payments.gateway.transfer")
def propose_transfer(tx: Tx, channel_refund_id: UUID, body: ProposeTransfer) -> RefundView:
    """An abnormal refund was paid to the payer's bank account, with evidence (异常退款转账)."""
    return refund_view(service.propose_transfer(tx, channel_refund_id, body), tx.now)


@router.post("/refunds/{channel_refund_id}/approve-transfer")
@command("payments.gateway.approve_transfer")
def approve_transfer(tx: Tx, channel_refund_id: UUID, body: ApproveTransfer) -> RefundView:
    """Approve the transfer of an abnormal refund; two persons do (异常退款转账审批)."""
    return refund_view(service.approve_transfer(tx, channel_refund_id, body), tx.now)
