"""Where money of a settlement can go back to, and the way it goes: drawer, channel, course, or a mere entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from functions.payments.billing import rules
from functions.payments.billing.models import ChannelRefund, Tender
from functions.payments.billing.queries import tenders as queries
from functions.payments.billing.rules import Source
from functions.payments.billing.service.channel_refunds import give_back
from functions.payments.billing.service.prepayments import give_back_to_course
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import Kind, ShiftInfo
from shared.money import ZERO, Money
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class Origins:
    """What is left of the tenders of a settlement, and the tender each was first paid by (结转 looks through)."""

    sources: Sequence[Source]
    first: Mapping[UUID, Tender]


@dataclass(frozen=True, slots=True)
class Outlay:
    """So much goes back on a tender, by a means, for a cause; `part_id` is the row the entry of money proves."""

    part_id: UUID
    tender_id: UUID
    method: str
    amount: Money
    settlement_id: UUID
    cause: str
    kind: Kind
    reason: str
    refund_id: UUID | None = None


def origins_of(tx: Tx, tenders: Sequence[Tender]) -> Origins:
    """Sources of a refund. Money carried over goes back as it was first paid."""
    carried = [tender.origin_tender_id for tender in tenders if tender.origin_tender_id is not None]
    known = {tender.tender_id: tender for tender in tx.session.all(queries.ORIGINS, ids=carried)} if carried else {}
    first = {
        tender.tender_id: known[tender.origin_tender_id] if tender.origin_tender_id is not None else tender
        for tender in tenders
    }
    sources = [
        Source(tender.tender_id, first[tender.tender_id].method, tender.amount - tender.returned) for tender in tenders
    ]
    return Origins(sources, first)


def pay_out(tx: Tx, shift: ShiftInfo, outlay: Outlay, origin: Tender) -> ChannelRefund | None:
    """Move money back and book it. Gives the channel's refund when one was asked for."""
    direction: cashier.Direction = "out" if outlay.amount > ZERO else "in"
    amount = abs(outlay.amount)
    if outlay.method == "cash":
        cashier.record_money(
            tx,
            shift.shift_id,
            direction,
            "cash",
            amount,
            kind=outlay.kind,
            subject_id=outlay.settlement_id,
            ref_id=outlay.part_id,
        )
        return None
    cashier.book(
        tx,
        shift,
        direction,
        outlay.method,
        amount,
        kind=outlay.kind,
        subject_id=outlay.settlement_id,
        ref_id=outlay.part_id,
    )
    if outlay.method == "course":
        give_back_to_course(tx, UUID(origin.reference), amount, outlay.settlement_id, shift)
    if outlay.method in rules.ELECTRONIC:
        return give_back(
            tx,
            outlay.settlement_id,
            origin,
            amount,
            outlay.cause,
            reason=outlay.reason,
            refund_id=outlay.refund_id,
        )
    return None
