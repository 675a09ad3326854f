"""Means of payment a window records: checked before anything is claimed."""

from collections.abc import Sequence
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.payments.billing.models import Tender
from functions.payments.billing.problems import CashShort, TenderIncomplete, TenderNotConnected, TendersDiffer
from functions.payments.billing.rules import ACCEPTED, METHOD_NAMES, Method
from functions.payments.billing.schemas import TenderInput
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx


def check_tenders(tx: Tx, tenders: Sequence[TenderInput]) -> None:
    """Refuse what a window cannot record by itself (TenderNotConnected) and what is not complete (TenderIncomplete)."""
    if sum(tender.method is Method.CASH for tender in tenders) > 1:
        raise TenderIncomplete("现金只录入一笔，请合并后重新提交。")
    if sum(tender.method is Method.DEBT for tender in tenders) > 1:
        raise TenderIncomplete("一张结算单只登记一笔欠费，请合并后重新提交。")
    for tender in tenders:
        if tender.method not in ACCEPTED:
            raise TenderNotConnected(
                f"{METHOD_NAMES[tender.method]}尚未接通，请改用现金、合同单位记账、减免或欠费。",
                method=tender.method.value,
            )
        if tender.received is not None and tender.method is not Method.CASH:
            raise TenderIncomplete("只有现金需要填写实收金额。")
        if tender.received is not None and tender.received < tender.amount:
            raise CashShort(f"实收 {tender.received} 元，少于应收现金 {tender.amount} 元，请补收。")
        if tender.method is Method.CONTRACT and tender.reference is None:
            raise TenderIncomplete("合同单位记账须填写记账单位。")
        if tender.method is Method.RELIEF and tender.reference is None:
            raise TenderIncomplete("减免须填写审批单号。")
        if tender.method is Method.DEBT:
            _check_debt(tx, tender)


def _check_debt(tx: Tx, tender: TenderInput) -> None:
    if tender.approved_by is None or tender.note is None:
        raise TenderIncomplete("欠费须填写原因和批准人（绿色通道为批准医师）。")
    organisation.staff_member(tx, tender.approved_by)
    if tender.approved_by == tx.actor.staff_id:
        raise TenderIncomplete("欠费须由收费员以外的人员批准，请填写批准人。")


def cash_of(tenders: Sequence[TenderInput]) -> Money:
    """The cash that stays in the drawer."""
    return sum((tender.amount for tender in tenders if tender.method is Method.CASH), ZERO)


def received_and_change(tenders: Sequence[TenderInput]) -> tuple[Money | None, Money | None]:
    """What the patient handed over in cash and what goes back (找零)."""
    for tender in tenders:
        if tender.method is Method.CASH:
            received = tender.received if tender.received is not None else tender.amount
            return received, received - tender.amount
    return None, None


def require_sum(tenders: Sequence[TenderInput], due: Money) -> None:
    """Tenders must add up to what is due, to the cent (TendersDiffer)."""
    given = sum((tender.amount for tender in tenders), ZERO)
    if given != due:
        raise TendersDiffer(
            f"应收 {due} 元，支付合计 {given} 元，请核对各支付方式的金额。", due=str(due), given=str(given)
        )


def tender_row(tx: Tx, settlement_id: UUID, tender: TenderInput) -> Tender:
    """A tender as it is kept."""
    return Tender(
        tender_id=new_id(),
        campus_id=tx.campus,
        settlement_id=settlement_id,
        method=tender.method.value,
        amount=tender.amount,
        returned=ZERO,
        state="received",
        reference=str(tender.approved_by) if tender.method is Method.DEBT else tender.reference,
        note=tender.note,
        debt_id=None,
        tendered_at=tx.now,
        tendered_by=tx.actor.subject,
    )
