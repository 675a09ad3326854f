"""Outpatient charges that move to an inpatient account (门诊转住院): reversed here, posted there, same amounts.

Called by inpatient/billing in its own transaction: what comes back is what it posts and the deposit it books.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from functions.payments.billing.models import Charge, Refund, Settlement
from functions.payments.billing.problems import DebtFirst, LineBeingRefunded, NothingToCharge
from functions.payments.billing.queries import charges, settlements
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.service.charges import held
from functions.payments.billing.service.paying_back import pay_back, refuse_insured
from functions.payments.billing.service.refunding import BY_RULE, Request, amount_of, refund_lines
from functions.payments.billing.service.regrouping import Wanted, follow_removal
from functions.payments.cashier import service as cashier
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class MovedLine:
    """A line as it is posted on the inpatient account: same item, price, quantity and amount, which is less than
    their product where a rule took something off. A surcharge comes with the line it belongs to."""

    charge_id: UUID
    source_module: str
    source_id: str
    source_line: str
    item_code: str
    fee_class: str
    price_version_id: UUID
    unit_price: Decimal
    quantity: Decimal
    amount: Money
    executed: bool
    base_charge_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """Lines that left the outpatient account. `paid` of their amount is a deposit; the rest is unpaid."""

    lines: tuple[MovedLine, ...]
    amount: Money
    paid: Money
    refunds: tuple[UUID, ...]


def move_to_inpatient(tx: Tx, charge_ids: Sequence[UUID], account_no: str) -> Moved:
    """Move charges of one patient, surcharges with them, to an inpatient account: unpaid ones are withdrawn, paid and
    owed ones reversed.

    Lines that were done stay done, over there. Money paid moves as `inpatient`; no drawer and no channel gives it out.
    Refuses what is being settled (ChargeHeld) or refunded (LineBeingRefunded), and insured settlements
    (InsuredSettlement): the insurer undoes those first.
    """
    shift = cashier.shift_for(tx, tx.actor.subject, cashier.channel_of(tx))
    known = tx.session.all(charges.WITH_SURCHARGES, ids=sorted(set(charge_ids)), campus=tx.campus)
    bills = sorted({one.settlement_id for one in known if one.settlement_id is not None})
    locked = {one: tx.session.one(settlements.LOCK_SETTLEMENT, settlement_id=one, campus=tx.campus) for one in bills}
    found = tx.session.all(charges.LOCK_WITH_SURCHARGES, ids=sorted(set(charge_ids)), campus=tx.campus)
    _require_movable(tx, found)
    moved = [_moved(charge) for charge in found]
    unpaid = [charge for charge in found if charge.status == "open"]
    if unpaid:
        _withdraw(tx, unpaid, account_no)
    by_bill: dict[UUID, list[Charge]] = defaultdict(list)
    for charge in found:
        if charge.status in ("paid", "owed") and charge.settlement_id is not None:
            by_bill[charge.settlement_id].append(charge)
    paid, done = ZERO, []
    for settlement_id in sorted(by_bill):
        settlement = locked[settlement_id]
        refuse_insured(settlement)
        refund, money = _reverse(tx, shift, settlement, by_bill[settlement_id], account_no)
        paid += money
        done.append(refund.refund_id)
    follow_removal(tx, unpaid)
    amount = sum((line.amount for line in moved), ZERO)
    for patient_id in {charge.patient_id for charge in found}:
        tx.audit("charges.moved", "account", account_no, patient_id=patient_id, amount=str(amount), count=len(moved))
    return Moved(tuple(moved), amount, paid, tuple(done))


def _require_movable(tx: Tx, found: Sequence[Charge]) -> None:
    if not found or all(charge.status in ("voided", "refunded") for charge in found):
        raise NothingToCharge("没有可转入住院账户的费用，请核对所选项目。")
    if locked := [charge.charge_id for charge in found if charge.status == "locked"]:
        raise held(tx, locked)
    for charge in found:
        if charge.status == "refunding":
            raise LineBeingRefunded(
                f"“{charge.name}”正在退费，请先完成或撤回退费申请。", charge_id=str(charge.charge_id)
            )
        if charge.status not in ("open", "paid", "owed"):
            raise NothingToCharge(f"“{charge.name}”已作废或已退费，不能转入住院账户。", charge_id=str(charge.charge_id))


def _withdraw(tx: Tx, unpaid: Sequence[Charge], account_no: str) -> None:
    voided = tx.session.all(
        charges.MOVE_UNPAID,
        ids=[charge.charge_id for charge in unpaid],
        at=tx.now,
        who=tx.actor.subject,
        why=f"转住院账户 {account_no}",
    )
    if len(voided) != len(unpaid):
        raise LineBeingRefunded("所选费用刚被他人办理，请刷新后重新选择。")


def _reverse(
    tx: Tx, shift: cashier.ShiftInfo, settlement: Settlement, lines: Sequence[Charge], account_no: str
) -> tuple[Refund, Money]:
    tenders = tx.session.all(tender_queries.LOCK_TENDERS, settlement_id=settlement.settlement_id)
    if any(one.method == "bad_debt" and one.amount != one.returned for one in tenders):
        raise DebtFirst("该结算有已核销的欠费，不能转入住院账户，请由财务处理。")
    wanted = [Wanted(charge, charge.remaining_quantity) for charge in lines]
    request = Request(settlement, tenders, wanted, "moved_inpatient", f"转住院账户 {account_no}", False)
    refund = Refund(
        refund_id=new_id(),
        campus_id=tx.campus,
        refund_no=None,
        settlement_id=settlement.settlement_id,
        patient_id=settlement.patient_id,
        state="approved",
        level="cashier",
        amount=amount_of(request),
        reason_code=request.reason_code,
        reason=request.reason,
        cash_instead=False,
        applicant=tx.actor.subject,
        applicant_name=tx.actor.name,
        requested_at=tx.now,
        approver=None,
        approver_name=None,
        decided_at=tx.now,
        decision_note=BY_RULE,
        executor=None,
        executor_name=None,
        executed_at=None,
        business_day=None,
        shift_id=None,
        kind="transfer",
    )
    rows = refund_lines(tx, refund, wanted)
    tx.session.add(refund, *rows)
    executed, back = pay_back(tx, refund, settlement, rows, lines, tenders, shift)
    return executed, sum((part.amount for part in back.parts if part.method == "inpatient"), ZERO)


def _moved(charge: Charge) -> MovedLine:
    return MovedLine(
        charge_id=charge.charge_id,
        source_module=charge.source_module,
        source_id=charge.source_id,
        source_line=charge.source_line,
        item_code=charge.item_code,
        fee_class=charge.fee_class,
        price_version_id=charge.price_version_id,
        unit_price=charge.unit_price,
        quantity=charge.remaining_quantity,
        amount=charge.worth,
        executed=charge.executed_quantity > 0,
        base_charge_id=charge.base_charge_id,
    )
