"""Requests and answers of card terminals, bank transfers, and refunds paid by transfer."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from functions.payments.gateway.schemas import Tail, Version
from shared.money import Money, PositiveMoney
from shared.schemas import Code, Input, LongText, Moment, Text, View


class TerminalResult(Input):
    """What a card terminal said about a payment (刷卡结果), from the bridge or typed from the slip.

    The card shows its first 6 and last 4 digits only.
    """

    outcome: Literal["approved", "declined"]
    amount: PositiveMoney | None = None
    card: Annotated[str, StringConstraints(max_length=25)] | None = None
    reference_no: Code | None = None
    terminal: Code | None = None
    batch_no: Code | None = None
    trace_no: Code | None = None
    paid_at: Moment | None = None
    reason: Text | None = None


class TerminalRefundResult(Input):
    """What a card terminal said about a refund or reversal (撤销、退货)."""

    outcome: Literal["approved", "declined"]
    reference_no: Code | None = None
    terminal: Code | None = None
    batch_no: Code | None = None
    done_at: Moment | None = None
    reason: Text | None = None


class SettleTerminal(Input):
    """End of day of a terminal (终端结算): its own totals of the batch."""

    batch_no: Code
    sales_count: Annotated[int, Field(ge=0, le=100_000)]
    sales: Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=2)]
    refunds_count: Annotated[int, Field(ge=0, le=100_000)]
    refunds: Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=2)]


class TerminalBatchView(View):
    """A terminal's batch: its totals, ours, the difference of the nets."""

    batch_id: UUID
    terminal: str
    batch_no: str
    sales_count: int
    sales: Money
    refunds_count: int
    refunds: Money
    our_sales_count: int
    our_sales: Money
    our_refunds_count: int
    our_refunds: Money
    difference: Money
    settled_by_name: str
    settled_at: Moment


class RecordTransfer(Input):
    """Money of a contract unit or payer that stands on the bank statement (银行转账到账)."""

    purpose: Literal["registration", "outpatient", "deposit", "discharge", "checkup", "records", "other"]
    ref_module: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}/[a-z_0-9]{1,40}$")]
    ref_id: Code
    amount: PositiveMoney
    bank_reference: Code
    """Number of the line on the bank statement; booked once."""
    arrived_on: date
    payer_account_tail: Tail | None = None
    remark: Text | None = None


class ProposeTransfer(Input):
    """An abnormal refund was paid to the payer's own bank account; the evidence is named, the account by its tail."""

    version: Version
    bank_name: Text
    account_tail: Tail
    slip_no: Code
    evidence: LongText


class ApproveTransfer(Input):
    """Approve the transfer of an abnormal refund."""

    version: Version
