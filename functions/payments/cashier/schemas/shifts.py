"""Requests and answers about shifts."""

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.money import Money, MoneyAmount, PositiveMoney
from shared.schemas import Code, Input, LongText, Moment, Text, View

Version = Annotated[int, Field(ge=1, description="所见版本")]


class Denomination(Input):
    """So many pieces of one note or coin."""

    face: Annotated[Decimal, Field(gt=0, max_digits=5, decimal_places=2, description="面值（元）")]
    count: Annotated[int, Field(ge=0, le=100_000, description="数量")]


Denominations = Annotated[list[Denomination], Field(max_length=26)]


class OpenShift(Input):
    """Sign in at a counter (签到). `opening_float` is the change in the drawer (备用金)."""

    counter_id: UUID
    opening_float: MoneyAmount
    receipt_from: Code | None = None
    receipt_to: Code | None = None


class TakeBooklet(Input):
    """Paper receipts taken from now on (换领票据号段), because the booklet is used up or was entered wrongly."""

    version: Version
    receipt_from: Code
    receipt_to: Code


class HandIn(Input):
    """Take cash out of the drawer for the bank (班中缴款). Amount and denominations must agree."""

    amount: PositiveMoney
    denominations: Annotated[list[Denomination], Field(min_length=1, max_length=26)]
    remark: Text | None = None


class LockShift(Input):
    """Lock the counter (锁屏、暂停收款)."""

    version: Version
    reason: Text


class ChangeShift(Input):
    """A step that needs nothing but the version the user saw."""

    version: Version


class TakeOver(Input):
    """A supervisor takes over the shift of an absent cashier (接管), to count and close it."""

    version: Version
    reason: LongText


class GiveCount(Input):
    """The blind count of the drawer (点款): every note and coin, before the system says what is due.

    `float_kept` is what stays in the drawer; without it the opening float, or all there is when that is less. `kept`
    tells by which notes and coins, so that the slip of what goes to finance lists exactly those brought.
    """

    version: Version
    denominations: Denominations
    float_kept: MoneyAmount | None = None
    kept: Denominations | None = None


class CloseShift(Input):
    """Close with the last count (日结); a difference needs its reason."""

    version: Version
    difference_reason: LongText | None = None


class ConfirmDifference(Input):
    """A supervisor confirms having looked into a difference (长短款确认)."""

    version: Version
    note: LongText


class ReceiveShift(Input):
    """Finance confirms the cash of a closed shift by its bank slip (收款确认)."""

    version: Version
    amount: MoneyAmount
    bank_slip_no: Text


class CashView(View):
    """The drawer of a shift. Hidden from the cashier until the count is given."""

    opening_float: Money
    float_added: Money
    float_returned: Money
    received: Money
    paid_out: Money
    handed_in: Money
    due: Money


class ShiftView(View):
    """A shift as screens show it. `cash` is null while it must stay unknown to whoever counts."""

    shift_id: UUID
    campus_id: str
    shift_no: str
    kind: str
    channel: str
    counter_id: UUID | None
    counter_name: str
    cashier_staff_id: UUID | None
    cashier_no: str
    cashier_name: str
    business_day: date
    state: str
    state_label: str
    opened_at: Moment
    opening_float: Money
    float_now: Money
    receipt_from: str | None
    receipt_to: str | None
    locked_at: Moment | None
    lock_reason: str | None
    taken_over_at: Moment | None
    taken_over_name: str | None
    cash: CashView | None
    counts_given: int
    counted: Money | None
    float_kept: Money | None
    difference: Money | None
    difference_reason: str | None
    closed_at: Moment | None
    closed_by_name: str | None
    confirmed_at: Moment | None
    confirmed_by_name: str | None
    received_at: Moment | None
    received_by_name: str | None
    received_amount: Money | None
    bank_slip_no: str | None
    version: int


class HandInView(View):
    """Cash brought to finance. Kind: mid_shift (班中缴款), closing (日结缴款)."""

    hand_in_id: UUID
    hand_in_no: str
    kind: str
    shift_id: UUID
    amount: Money
    denominations: dict[str, int]
    handed_in_by_name: str
    handed_in_at: Moment
    remark: str | None


class CopyView(View):
    """A print was recorded; `copy_number` above 1 prints 补打."""

    form: str
    subject_id: UUID
    copy_number: int
