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
    " 'insurance_account', 'medical_aid', 'rounding', 'carried', 'course', 'inpatient', 'bad_debt'"
)


class Settlement(CampusOwned, Model):
    """A settlement (结算): lines of one patient paid together.

    State: draft (lines locked), insurance_pending, insurance_done, paying (a tender is in), completed, cancelled,
    reversed. `tendered` is the sum of its tenders that are in, `refunded` what was given back since.

    An insured settlement is never refunded in part: it is reversed whole (2208) and what remains is settled anew
    (`successor_id`, `predecessor_id`); what the patient had paid is carried over.
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
        CheckConstraint(
            "(state = 'reversed') = (reversed_at IS NOT NULL) AND (reversed_at IS NULL) = (reversed_day IS NULL)"
            " AND (reversed_at IS NULL) = (reversed_shift_id IS NULL)",
            name="reversed",
        ),
        Index(
            "ix_settlements_reversed", "campus_id", "reversed_day", postgresql_where=text("reversed_day IS NOT NULL")
        ),
        Index(
            "ix_settlements_reversed_shift",
            "reversed_shift_id",
            postgresql_where=text("reversed_shift_id IS NOT NULL"),
        ),
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
    """The settlement that takes the place of a reversed one."""
    predecessor_id: Mapped[UUID | None] = mapped_column(default=None)
    """The reversed settlement whose place this one takes."""
    payer_kind: Mapped[str] = mapped_column(Text, default="self_pay")
    """费别: self_pay, or the kind of insurance that took part."""
    insurance_ref: Mapped[str | None] = mapped_column(Text, default=None)
    """Number of the insurer's settlement (setl_id), or of the exchange whose answer is awaited."""
    reversed_at: Mapped[datetime | None] = mapped_column(default=None)
    reversed_day: Mapped[date | None] = mapped_column(default=None)
    reversed_shift_id: Mapped[UUID | None] = mapped_column(default=None)
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
    prior_quantity: Mapped[Decimal] = mapped_column(QUANTITY, default=Decimal(0))
    """Refunded of the charge before this settlement: the line is for the rest."""
    prior_refunded: Mapped[Decimal] = mapped_column(default=Decimal(0))
    released_at: Mapped[datetime | None] = mapped_column(default=None)
    """The settlement was cancelled or reversed; the charge may stand in another one."""
    reversed_amount: Mapped[Decimal | None] = mapped_column(default=None)
    """What the line was still worth when its settlement was reversed."""


class Tender(CampusOwned, Model):
    """One means of payment of a settlement. `returned` is what went back, or was exchanged (a debt that was paid).

    State: pending (the channel's answer is awaited), received, cancelled. Money is booked in the journal when the
    settlement completes; what a channel took for one that does not complete goes back by the original route
    (ChannelRefund).
    """

    __tablename__ = "tenders"
    __table_args__ = (
        Index(None, "settlement_id"),
        Index("uq_tenders_payment", "payment_id", unique=True, postgresql_where=text("payment_id IS NOT NULL")),
        Index("uq_tenders_pending", "settlement_id", unique=True, postgresql_where=text("state = 'pending'")),
        CheckConstraint(f"method IN ({METHODS})", name="method"),
        CheckConstraint("state IN ('pending', 'received', 'cancelled')", name="state"),
        CheckConstraint("amount > 0 OR (method = 'rounding' AND amount <> 0)", name="amount"),
        CheckConstraint("(method = 'carried') = (origin_tender_id IS NOT NULL)", name="carried"),
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
    """The debt this tender paid or wrote off, when it came after the settlement."""
    tendered_at: Mapped[datetime]
    tendered_by: Mapped[str] = mapped_column(Text)
    payment_id: Mapped[UUID | None] = mapped_column(default=None)
    """The payment of payments/gateway behind an electronic tender."""
    origin_tender_id: Mapped[UUID | None] = mapped_column(default=None)
    """Of carried money (结转): the tender by which the patient first paid it, and by which it goes back."""
