"""Means of payment a window records: checked before anything is claimed."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.payments.billing.models import Tender
from functions.payments.billing.problems import CashShort, TenderElsewhere, TenderIncomplete, TendersDiffer
from functions.payments.billing.queries import prepayments as settings
from functions.payments.billing.rules import ACCEPTED, ELECTRONIC, METHOD_NAMES, Method, round_cash
from functions.payments.billing.schemas import TenderInput
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx

HALF_STEP = Decimal("0.05")
"""Cash rounded to 0.10 is off by no more."""


def check_tenders(tx: Tx, tenders: Sequence[TenderInput]) -> None:
    """Refuse what a window cannot record by itself (TenderElsewhere) and what is not complete (TenderIncomplete)."""
    if sum(tender.method is Method.CASH for tender in tenders) > 1:
        raise TenderIncomplete("现金只录入一笔，请合并后重新提交。")
    if sum(tender.method is Method.DEBT for tender in tenders) > 1:
        raise TenderIncomplete("一张结算单只登记一笔欠费，请合并后重新提交。")
    for tender in tenders:
        if tender.method.value in ELECTRONIC:
            raise TenderElsewhere(
                f"{METHOD_NAMES[tender.method]}须等待渠道确认：请先“开始结算”，再逐笔录入支付方式。",
                method=tender.method.value,
            )
        if tender.method not in ACCEPTED:
            raise TenderElsewhere(
                f"{METHOD_NAMES[tender.method]}由系统按结算过程记录，不能在窗口录入，请改用其他支付方式。",
                method=tender.method.value,
            )
        _check_own(tx, tender)


def _check_own(tx: Tx, tender: TenderInput) -> None:
    if tender.received is not None and tender.method is not Method.CASH:
        raise TenderIncomplete("只有现金需要填写实收金额。")
    if tender.received is not None and tender.received < tender.amount:
        raise CashShort(f"实收 {tender.received} 元，少于应收现金 {tender.amount} 元，请补收。")
    if tender.auth_code is not None or tender.product is not None:
        raise TenderIncomplete("只有电子支付需要付款码，请核对支付方式。")
    if tender.method is Method.CONTRACT and tender.reference is None:
        raise TenderIncomplete("合同单位记账须填写记账单位。")
    if tender.method is Method.RELIEF and tender.reference is None:
        raise TenderIncomplete("减免须填写审批单号。")
    if tender.method is Method.COURSE and tender.course_id is None:
        raise TenderIncomplete("疗程预交支付须选择疗程。")
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


def rounding_for(tx: Tx, tenders: Sequence[TenderInput], due: Money) -> Money:
    """What cash rounding makes up for, so that tenders and rounding add up to what is due, to the cent.

    ZERO when they add up by themselves; a campus that rounds cash to 0.10 takes the rounded sum. TendersDiffer else.
    """
    given = sum((tender.amount for tender in tenders), ZERO)
    cash = cash_of(tenders)
    if given == due:
        return ZERO
    if cash and abs(due - given) <= HALF_STEP:
        setting = tx.session.first(settings.SETTING, campus=tx.campus)
        if setting is not None and cash == round_cash(due - given + cash, setting.cash_step):
            return due - given
    raise TendersDiffer(f"应收 {due} 元，支付合计 {given} 元，请核对各支付方式的金额。", due=str(due), given=str(given))


def rounding_row(tx: Tx, settlement_id: UUID, amount: Money) -> list[Tender]:
    """The tender of cash rounding (现金凑整), if any; negative when the patient paid more."""
    if not amount:
        return []
    return [tender_row(tx, settlement_id, TenderInput.model_construct(method=Method.ROUNDING, amount=amount))]


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
        reference=_reference(tender),
        note=tender.note,
        debt_id=None,
        tendered_at=tx.now,
        tendered_by=tx.actor.subject,
    )


def _reference(tender: TenderInput) -> str | None:
    if tender.method is Method.DEBT:
        return str(tender.approved_by)
    return str(tender.course_id) if tender.method is Method.COURSE else tender.reference
