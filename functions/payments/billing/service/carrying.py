"""Money a patient had paid when the insurer undid a settlement (2208): carried over (结转) to the one that follows.

In the journal the old settlement gives everything out at the reversal: the insurer's part as such, the patient's part
as `carried`. What the new settlement needs of it comes in as `carried` there; the rest goes back as it was first paid.
So only real differences touch drawers and channels, and every entry nets at every moment.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from events.payments import Payment, SettlementReplaced
from functions.payments.billing import rules
from functions.payments.billing.models import ChannelRefund, RefundPart, Settlement, Tender
from functions.payments.billing.queries import refunds, settlements, tenders
from functions.payments.billing.rules import Source
from functions.payments.billing.service.returning import Origins, Outlay, origins_of, pay_out
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx


def held_money(tx: Tx, predecessor_id: UUID) -> Origins:
    """The patient's money a reversed settlement still holds; cash rounding counts with the cash it rounded."""
    locked = tx.session.all(tenders.LOCK_TENDERS, settlement_id=predecessor_id)
    held = [one for one in locked if one.amount != one.returned and one.method not in rules.INSURANCE]
    origins = origins_of(tx, held)
    rounding = sum((one.remaining for one in origins.sources if one.method == "rounding"), ZERO)
    merged = []
    for source in origins.sources:
        if source.method == "rounding":
            continue
        if source.method == "cash" and rounding:
            source = Source(source.tender_id, source.method, source.remaining + rounding)
            rounding = ZERO
        merged.append(source)
    return Origins(merged, origins.first)


def carry_over(tx: Tx, settlement: Settlement, shift: ShiftInfo) -> Settlement:
    """Use what the patient had paid for a settlement that takes the place of a reversed one; the rest goes back."""
    if settlement.predecessor_id is None:
        return settlement
    held = held_money(tx, settlement.predecessor_id)
    if not held.sources:
        return settlement
    money = sum((source.remaining for source in held.sources), ZERO)
    excess = max(ZERO, money - (settlement.total - settlement.tendered))
    back = _give_back(tx, settlement, held, excess, shift)
    used = ZERO
    for source in held.sources:
        applied = source.remaining - back[source.tender_id]
        if applied:
            tx.session.add(_carried(tx, settlement.settlement_id, held.first[source.tender_id], applied))
            used += applied
    return tx.session.one(settlements.ADD_TENDER, id_=settlement.settlement_id, came=used)


def drawer_needed(tx: Tx, settlement: Settlement) -> Money:
    """The cash that would go back to the patient if the carried money were used now."""
    if settlement.predecessor_id is None:
        return ZERO
    held = held_money(tx, settlement.predecessor_id)
    money = sum((source.remaining for source in held.sources), ZERO)
    excess = max(ZERO, money - (settlement.total - settlement.tendered))
    return sum((route.amount for route in rules.refund_routes(held.sources, excess) if route.method == "cash"), ZERO)


def return_carried(tx: Tx, settlement: Settlement, shift: ShiftInfo) -> list[ChannelRefund]:
    """Everything a patient had paid goes back: the settlement that should have used it is given up."""
    if settlement.predecessor_id is None:
        return []
    own = tx.session.all(tenders.LOCK_TENDERS, settlement_id=settlement.settlement_id)
    carried = [tender for tender in own if tender.method == "carried"]
    sent: list[ChannelRefund] = []
    if carried:
        origins = origins_of(tx, carried)
        _give_back(tx, settlement, origins, sum((one.remaining for one in origins.sources), ZERO), shift, sent)
    held = held_money(tx, settlement.predecessor_id)
    _give_back(tx, settlement, held, sum((one.remaining for one in held.sources), ZERO), shift, sent)
    return sent


def tell_replaced(tx: Tx, settlement: Settlement, paid: Sequence[Tender]) -> None:
    """Tell that an insured settlement was settled anew, and write what of the refund the new one takes back in."""
    if settlement.predecessor_id is None:
        return
    refund = tx.session.one(refunds.OF_SUCCESSOR, successor_id=settlement.settlement_id)
    old = tx.session.one(settlements.SETTLEMENT, settlement_id=settlement.predecessor_id)
    fresh = [tender for tender in paid if tender.method != "carried"]
    tx.session.add(
        *(
            RefundPart(
                part_id=new_id(),
                campus_id=tx.campus,
                refund_id=refund.refund_id,
                tender_id=tender.tender_id,
                method=tender.method,
                amount=-tender.amount,
            )
            for tender in fresh
        )
    )
    net: dict[str, Money] = defaultdict(lambda: ZERO)
    for part in tx.session.all(refunds.PARTS, refund_id=refund.refund_id):
        net[part.method] += part.amount
    tx.emit(
        SettlementReplaced(
            old_settlement_id=old.settlement_id,
            old_settlement_no=old.settlement_no or "",
            new_settlement_id=settlement.settlement_id,
            new_settlement_no=settlement.settlement_no or "",
            refund_id=refund.refund_id,
            patient_id=settlement.patient_id,
            business_day=tx.today,
            old_total=old.total - old.refunded,
            new_total=settlement.total,
            returned=[Payment(method=method, amount=amount) for method, amount in sorted(net.items()) if amount],
            replaced_at=tx.now,
        )
    )


def _give_back(
    tx: Tx,
    settlement: Settlement,
    held: Origins,
    amount: Money,
    shift: ShiftInfo,
    sent: list[ChannelRefund] | None = None,
) -> dict[UUID, Money]:
    """Pay so much of held money out, free all of it, and say how much went back on each tender."""
    back: dict[UUID, Money] = defaultdict(lambda: ZERO)
    if not held.sources:
        return back
    old_id = settlement.predecessor_id or settlement.settlement_id
    refund = tx.session.one(refunds.OF_SUCCESSOR, successor_id=settlement.settlement_id)
    for route in rules.refund_routes(held.sources, amount):
        part = RefundPart(
            part_id=new_id(),
            campus_id=tx.campus,
            refund_id=refund.refund_id,
            tender_id=route.tender_id,
            method=route.method,
            amount=route.amount,
        )
        tx.session.add(part)
        cashier.book(
            tx,
            shift,
            "in",
            "carried",
            route.amount,
            kind="reversal",
            subject_id=old_id,
            ref_id=part.part_id,
        )
        outlay = Outlay(
            new_id(), route.tender_id, route.method, route.amount, old_id, "replaced", "reversal", refund.reason
        )
        channel = pay_out(tx, shift, outlay, held.first[route.tender_id])
        if channel is not None and sent is not None:
            sent.append(channel)
        back[route.tender_id] += route.amount
    for tender_id in held.first:
        tx.session.execute(tenders.RETURN_ALL, id_=tender_id)
    return back


def _carried(tx: Tx, settlement_id: UUID, origin: Tender, amount: Money) -> Tender:
    return Tender(
        tender_id=new_id(),
        campus_id=tx.campus,
        settlement_id=settlement_id,
        method="carried",
        amount=amount,
        returned=ZERO,
        state="received",
        reference=None,
        note=None,
        debt_id=None,
        tendered_at=tx.now,
        tendered_by=tx.actor.subject,
        origin_tender_id=origin.tender_id,
    )
