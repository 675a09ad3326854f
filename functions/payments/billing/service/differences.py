"""Differences given back (退差价): what was paid for a line costs less now, and the hospital is the cause."""

from decimal import ROUND_DOWN, Decimal

from functions.payments.billing.models import Charge
from functions.payments.billing.queries import charges, settlements
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.service.orders import RefundInfo
from functions.payments.billing.service.refunding import Request, record, take_back
from functions.payments.billing.service.regrouping import Wanted
from functions.payments.billing.service.sources import SETTLED, by_rule_waiting
from shared.money import ZERO, Money
from shared.tx import Tx

SMALLEST = Decimal("0.0001")
"""Smallest quantity there is."""


def lower_price(tx: Tx, source_module: str, source_id: str, price: Money, reason_code: str, reason: str) -> RefundInfo:
    """Give back what a source's paid line cost more than `price` (yuan): a consultation by a doctor of lower grade.

    The line stays paid and is worth `price` from now on; the refund holds the share of its quantity. For the system
    only: it needs nobody's approval, electronic money and debts go back at once, cash waits at any window, an insured
    one for the insurer (2208). Called again it changes nothing. Nothing is paid, or a refund that gives back more
    waits: amount 0.
    """
    if tx.actor.kind != "system":
        raise ValueError("a difference is given back by the system alone")
    line = _line(tx.session.all(charges.SOURCE, source_module=source_module, source_id_=source_id))
    if line is None or line.settlement_id is None:
        return RefundInfo(ZERO, True)
    settlement = tx.session.one(settlements.LOCK_SETTLEMENT, settlement_id=line.settlement_id, campus=tx.campus)
    line = _locked(tx, line)
    if line.status not in SETTLED or line.settlement_id != settlement.settlement_id or line.worth <= price:
        return RefundInfo(ZERO, True)
    part = line.worth - price
    if line.status == "refunding":
        waiting = by_rule_waiting(tx, settlement.settlement_id, line.charge_id)
        if waiting is None or waiting.amount >= part:
            return RefundInfo(ZERO, False)
        take_back(tx, waiting)
        line = _locked(tx, line)
    tenders = tx.session.all(tender_queries.LOCK_TENDERS, settlement_id=settlement.settlement_id)
    request = Request(settlement, tenders, [Wanted(line, _share(line, part), part)], reason_code, reason, False)
    refund, _ = record(tx, request, None)
    return RefundInfo(part, refund.state == "executed", (refund.refund_id,))


def _line(found: list[Charge]) -> Charge | None:
    """The line that is worth most of what was settled."""
    lines = [one for one in found if one.status in SETTLED and one.base_charge_id is None]
    return max(lines, key=lambda one: one.worth, default=None)


def _locked(tx: Tx, line: Charge) -> Charge:
    return tx.session.all(charges.LOCK_CHARGES, ids=[line.charge_id], campus=tx.campus)[0]


def _share(line: Charge, part: Money) -> Decimal:
    """The share of a line's remaining quantity for a part of its worth; something always remains unless all goes."""
    if part == line.worth:
        return line.remaining_quantity
    share = (line.remaining_quantity * part / line.worth).quantize(SMALLEST, rounding=ROUND_DOWN)
    return max(SMALLEST, share)
