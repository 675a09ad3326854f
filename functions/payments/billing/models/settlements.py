"""Settlements: lines paid together, their tenders and receipts."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import QUANTITY, CampusOwned, Model

PAYMENTS = "payments"
METHODS = (
    "'cash', 'wechat', 'alipay', 'bank_card', 'ecny', 'contract', 'debt', 'relief', 'insurance_fund',"
    " 'insurance_account', 'medical_aid', 'rounding'"
)


class Settlement(CampusOwned, Model):
    """A settlement (结算): lines of one patient paid together.

    State: draft (lines locked), insurance_pending, insurance_done, paying (a tender is in), completed, cancelled,
    reversed. `tendered` is the sum of its tenders, `refunded` what was given back since.
    """

    __tablename__ = "settlements"
    __table_args__ = (
        UniqueConstraint("campus_id", "settlement_no"),
        Index(None, "patient_id", "settlement_id"),
        Index(None, "campus_id", "business_day", "settlement_id"),
        Index(None, "shift_id"),
        Index(
            "ix_settlements_unfinished",
            "campus_id",
            "started_at",
            postgresql_where=text("state IN ('draft', 'insurance_pending', 'insurance_done', 'paying')"),
        ),
        CheckConstraint(
            "state IN ('draft', 'insurance_pending', 'insurance_done', 'paying', 'completed', 'cancelled', 'reversed')",
            name="state",
        ),
        CheckConstraint("total >= 0 AND tendered >= 0 AND tendered <= total", name="tendered"),
        CheckConstraint("refunded >= 0 AND refunded <= total", name="refunded"),
        CheckConstraint(
            "(state IN ('completed', 'reversed')) = (settlement_no IS NOT NULL)"
            " AND (settlement_no IS NULL) = (completed_at IS NULL) AND (settlement_no IS NULL) = (shift_id IS NULL)"
            " AND (settlement_no IS NULL) = (business_day IS NULL)",
            name="completed",
        ),
        CheckConstraint("state NOT IN ('completed', 'reversed') OR tendered = total", name="paid_in_full"),
        CheckConstraint("(state = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled"),
        CheckConstraint("cash_received IS NULL OR (change IS NOT NULL AND change >= 0)", name="change"),
        {"schema": PAYMENTS},
    )

    settlement_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_no: Mapped[str | None] = mapped_column(Text)
    """Campus letter + yyMMdd + five digits; a daily series of the campus without gaps, given when complete."""
    patient_id: Mapped[UUID]
    encounter_id: Mapped[UUID | None]
    """The one visit of all its lines, or null when they are of several."""
    encounter_no: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    """window, kiosk, miniprogram, system."""
    total: Mapped[Decimal]
    tendered: Mapped[Decimal]
    refunded: Mapped[Decimal]
    cash_received: Mapped[Decimal | None]
    change: Mapped[Decimal | None]
    holder: Mapped[str] = mapped_column(Text)
    holder_name: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    business_day: Mapped[date | None]
    shift_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.shifts.shift_id"))
    counter_name: Mapped[str | None] = mapped_column(Text)
    cashier_name: Mapped[str | None] = mapped_column(Text)
    cancelled_at: Mapped[datetime | None] = mapped_column(default=None)
    cancelled_by: Mapped[str | None] = mapped_column(Text, default=None)
    cancel_reason: Mapped[str | None] = mapped_column(Text, default=None)
    successor_id: Mapped[UUID | None] = mapped_column(default=None)
    """The settlement that took the place of a reversed one."""
    version: Mapped[int] = mapped_column(default=1)


class SettlementLine(CampusOwned, Model):
    """A charge in a settlement, as it was settled. It stands in one live settlement only: nothing is paid twice."""

    __tablename__ = "settlement_lines"
    __table_args__ = (
        Index("uq_settlement_lines_charge", "charge_id", unique=True, postgresql_where=text("released_at IS NULL")),
        CheckConstraint("quantity > 0 AND amount >= 0", name="amounts"),
        {"schema": PAYMENTS},
    )

    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("payments.settlements.settlement_id"), primary_key=True)
    charge_id: Mapped[UUID] = mapped_column(ForeignKey("payments.charges.charge_id"), primary_key=True)
    fee_class: Mapped[str] = mapped_column(Text)
    item_kind: Mapped[str] = mapped_column(Text)
    quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    amount: Mapped[Decimal]
    released_at: Mapped[datetime | None] = mapped_column(default=None)
    """The settlement was cancelled or reversed; the charge may stand in another one."""


class Tender(CampusOwned, Model):
    """One means of payment of a settlement. `returned` is what went back, or was exchanged (a debt that was paid).

    State: pending (an outside answer is awaited), received, cancelled. The money of cash, contract, debt and relief is
    booked in the journal when the settlement completes.
    """

    __tablename__ = "tenders"
    __table_args__ = (
        Index(None, "settlement_id"),
        CheckConstraint(f"method IN ({METHODS})", name="method"),
        CheckConstraint("state IN ('pending', 'received', 'cancelled')", name="state"),
        CheckConstraint("amount > 0 OR method = 'rounding'", name="amount"),
        CheckConstraint("method = 'rounding' OR (returned >= 0 AND returned <= amount)", name="returned"),
        CheckConstraint("method NOT IN ('contract', 'relief', 'debt') OR reference IS NOT NULL", name="reference"),
        {"schema": PAYMENTS},
    )

    tender_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("payments.settlements.settlement_id"))
    method: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal]
    returned: Mapped[Decimal]
    state: Mapped[str] = mapped_column(Text)
    reference: Mapped[str | None] = mapped_column(Text)
    """Contract unit (记账单位), approval number of a relief, approver of a debt, order number of a channel."""
    note: Mapped[str | None] = mapped_column(Text)
    debt_id: Mapped[UUID | None]
    """The debt this tender paid, when it came after the settlement."""
    tendered_at: Mapped[datetime]
    tendered_by: Mapped[str] = mapped_column(Text)


class Receipt(CampusOwned, Model):
    """A receipt (医疗收费票据): state issued or reversed. A settlement has one valid receipt at most.

    `receipt_no` is the campus's own number. Code, number and check code of the fiscal platform are filled when it has
    issued the electronic receipt.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("campus_id", "receipt_no"),
        Index("uq_receipts_valid", "settlement_id", unique=True, postgresql_where=text("state = 'issued'")),
        Index(None, "settlement_id"),
        Index(None, "shift_id"),
        Index("ix_receipts_reversed", "reversed_shift_id", postgresql_where=text("reversed_shift_id IS NOT NULL")),
        CheckConstraint("state IN ('issued', 'reversed')", name="state"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("(state = 'reversed') = (reversed_at IS NOT NULL)", name="reversed"),
        {"schema": PAYMENTS},
    )

    receipt_id: Mapped[UUID] = mapped_column(primary_key=True)
    receipt_no: Mapped[str] = mapped_column(Text)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("payments.settlements.settlement_id"))
    amount: Mapped[Decimal]
    state: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime]
    issued_by: Mapped[str] = mapped_column(Text)
    shift_id: Mapped[UUID] = mapped_column(ForeignKey("payments.shifts.shift_id"))
    replaces_id: Mapped[UUID | None]
    platform_code: Mapped[str | None] = mapped_column(Text, default=None)
    platform_number: Mapped[str | None] = mapped_column(Text, default=None)
    platform_check_code: Mapped[str | None] = mapped_column(Text, default=None)
    reversed_at: Mapped[datetime | None] = mapped_column(default=None)
    reversed_by: Mapped[str | None] = mapped_column(Text, default=None)
    reversed_shift_id: Mapped[UUID | None] = mapped_column(default=None)
    reverse_reason: Mapped[str | None] = mapped_column(Text, default=None)
