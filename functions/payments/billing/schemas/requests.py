"""Requests to billing."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from functions.payments.billing.rules import Method
from shared.money import MoneyAmount, PositiveMoney, Quantity
from shared.schemas import Code, Input, LongText, Text

Version = Annotated[int, Field(ge=1, description="所见版本")]
ChargeIds = Annotated[list[UUID], Field(min_length=1, max_length=200)]
Confirmed = Annotated[tuple[Text, ...], Field(max_length=20, description="已确认的提醒代码")]
Reason = Literal[
    "patient",
    "mistake",
    "not_done",
    "doctor_cancelled",
    "doctor_absent",
    "session_stopped",
    "out_of_stock",
    "adverse_reaction",
    "returned",
    "duplicate",
    "price_corrected",
]
PaperNo = Annotated[str, Field(pattern=r"^[0-9]{6,12}$", description="纸质票据号")]
PayerKind = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$", description="费别代码")]


class DirectLine(Input):
    """One item entered at the cashier's."""

    item_code: Code
    quantity: Quantity
    executing_unit_id: UUID | None = None


class EnterCharges(Input):
    """Enter charges at the cashier's (划价): only items the price list allows there."""

    patient_id: UUID
    encounter_id: UUID | None = None
    encounter_no: Code | None = None
    lines: Annotated[list[DirectLine], Field(min_length=1, max_length=100)]


class VoidCharge(Input):
    """Withdraw an unpaid charge entered at the cashier's."""

    version: Version
    reason: LongText


class TenderInput(Input):
    """One means of payment.

    cash: `received` is what the patient handed over, for the change. contract: `reference` is the contract unit.
    relief: `reference` is the approval number. debt: `approved_by` is the member of staff who answers for it, `note`
    why. course: `course_id` is the course it is taken from. wechat, alipay, ecny: `auth_code` is the payment code the
    patient shows (付款码; the channel is told from it), or `product` is qr, jsapi (then `payer` is WeChat's openid, or
    Alipay's user or open id) or h5 (then it is the address of the payer's browser).
    bank_card: the amount goes to the terminal.
    """

    method: Method
    amount: PositiveMoney
    received: PositiveMoney | None = None
    reference: Text | None = None
    note: LongText | None = None
    approved_by: UUID | None = None
    course_id: UUID | None = None
    auth_code: Annotated[str, Field(pattern=r"^[0-9]{16,24}$", description="付款码")] | None = None
    product: Literal["payment_code", "qr", "jsapi", "h5", "pos"] | None = None
    payer: Text | None = None
    terminal: Code | None = None


class Preview(Input):
    """Ask what chosen charges cost now (预结算)."""

    charge_ids: ChargeIds


class Settle(Input):
    """Settle charges in one step (收费): everything is paid now.

    `expected_total` is what the patient was told; `fingerprint` that of the preview. Tenders must add up to the total.
    `confirmed` holds codes of warnings the cashier accepted.
    """

    charge_ids: ChargeIds
    expected_total: MoneyAmount
    fingerprint: Code | None = None
    tenders: Annotated[tuple[TenderInput, ...], Field(max_length=10)] = ()
    confirmed: Confirmed = ()
    payer_kind: PayerKind = "self_pay"


class StartSettlement(Input):
    """Lock charges for a settlement whose payment takes several steps."""

    charge_ids: ChargeIds
    expected_total: MoneyAmount
    fingerprint: Code | None = None
    confirmed: Confirmed = ()
    payer_kind: PayerKind = "self_pay"


class CancelSettlement(Input):
    """Give up a started settlement; its charges are open again."""

    version: Version
    reason: Text


class RefundQuantity(Input):
    """So much of a charge."""

    charge_id: UUID
    quantity: Quantity


class RequestRefund(Input):
    """Ask for a refund (退费申请). Small ones of the cashier's own shift are executed at once."""

    settlement_id: UUID
    lines: Annotated[list[RefundQuantity], Field(min_length=1, max_length=200)]
    reason_code: Reason
    reason: LongText
    cash_instead: bool = False
    expected: MoneyAmount | None = None
    """The amount shown before (退费试算); another one is refused."""


class QuoteRefund(Input):
    """What a refund would give back (退费试算)."""

    settlement_id: UUID
    lines: Annotated[list[RefundQuantity], Field(min_length=1, max_length=200)]
    cash_instead: bool = False


class DecideRefund(Input):
    """Approve or reject a refund."""

    version: Version
    note: LongText | None = None


class ChangeRefund(Input):
    """A step of a refund that needs nothing but the version the user saw."""

    version: Version


class _Paid(Input):
    """Money given in cash or electronically, as a tender is."""

    amount: PositiveMoney
    received: PositiveMoney | None = None
    method: Literal["cash", "wechat", "alipay", "bank_card", "ecny"] = "cash"
    auth_code: Annotated[str, Field(pattern=r"^[0-9]{16,24}$", description="付款码")] | None = None
    product: Literal["payment_code", "qr", "jsapi", "h5", "pos"] | None = None
    payer: Text | None = None
    terminal: Code | None = None


class PayDebt(_Paid):
    """Pay a debt, all or part of it (欠费补缴), in cash or electronically."""


class RequestWriteOff(Input):
    """Ask that a debt be given up (欠费核销): why, and by which document."""

    reason: LongText
    evidence: LongText


class DecideWriteOff(Input):
    """Approve or reject giving up a debt."""

    version: Version
    note: LongText | None = None


class TakePrepayment(_Paid):
    """Take a course prepayment (疗程预交); `course` names the purpose, `planned` what the whole course costs."""

    patient_id: UUID
    course: Code | None = None
    plan: LongText | None = None
    doctor_id: UUID | None = None
    planned: PositiveMoney | None = None


class PayCourse(_Paid):
    """Pay more into a course (续交)."""


class CloseCourse(Input):
    """End a course and give back what is left."""

    version: Version


class LegacyLine(Input):
    """What is left on one card of the system before."""

    card_no: Code
    holder_name: Text
    amount: PositiveMoney
    patient_id: UUID | None = None


class TakeOverBalances(Input):
    """The list of old card balances, in parts of up to 500 cards."""

    lines: Annotated[list[LegacyLine], Field(min_length=1, max_length=500)]


class ClearLegacy(Input):
    """Give an old balance back; `reference` says who received it against which document, or the bank's number."""

    version: Version
    reference: Text


class AllowCash(Input):
    """Finance allows cash for what the channel refused to give back; `note` says on what ground."""

    note: LongText


class ChooseCashStep(Input):
    """Smallest step of cash at this campus: 0.01 (no rounding) or 0.10."""

    cash_step: Literal["0.01", "0.10"]


class ExchangeToPaper(Input):
    """Print a numbered sheet of paper for an electronic receipt (换开纸质票据)."""

    paper_no: PaperNo


class VoidPaper(Input):
    """A numbered sheet is spoilt (纸质票据作废): printed or still blank."""

    paper_no: PaperNo
    reason: Text
