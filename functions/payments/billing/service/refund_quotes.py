"""What a refund would give back, line by line, before anybody confirms it (退费试算). Nothing is locked or written."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from functions.payments.billing import rules
from functions.payments.billing.models import Settlement
from functions.payments.billing.problems import SettlementUnknown
from functions.payments.billing.queries import charges, settlements
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.schemas import QuoteRefund
from functions.payments.billing.service.refundable import require_refundable
from functions.payments.billing.service.refunding import Request, amount_of, asked, wanted_of
from functions.payments.billing.service.returning import origins_of
from shared.money import ZERO, Money
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class RefundQuoted:
    """A refund as it would be recorded, and by which means its money would go back."""

    settlement: Settlement
    request: Request
    amount: Money
    methods: Mapping[str, Money]


def quote_refund(tx: Tx, command: QuoteRefund) -> RefundQuoted:
    """Price a refund as `request_refund` would, and refuse what it would refuse of its lines.

    Of an insured settlement the insurer decides by which means: `methods` is what its tenders have paid in proportion.
    """
    sent = tx.session.send(settlements.SETTLEMENT, settlement_id=command.settlement_id)
    ids = sorted({line.charge_id for line in command.lines})
    found = tx.session.send(charges.WITH_SURCHARGES, ids=ids, campus=tx.campus)
    tenders = tx.session.all(tender_queries.TENDERS, settlement_id=command.settlement_id)
    settlement = sent.first()
    if settlement is None or settlement.campus_id != tx.campus:
        raise SettlementUnknown("本院区没有这张结算单，请核对结算单号。")
    lines = wanted_of(command.lines, found.all())
    for line in lines:
        require_refundable(settlement, line)
    request = asked(tx, settlement, tenders, lines, "", "", command.cash_instead)
    amount = amount_of(request)
    methods: dict[str, Decimal] = defaultdict(lambda: ZERO)
    sources = origins_of(tx, tenders).sources
    for route in rules.refund_routes(sources, amount, cash_instead=command.cash_instead):
        methods[route.method] += route.amount
    tx.audit(
        "refund.quoted",
        "settlement",
        settlement.settlement_id,
        patient_id=settlement.patient_id,
        amount=str(amount),
    )
    return RefundQuoted(settlement, request, amount, methods)
