"""Money patients have with the hospital: course prepayments, what is left on old cards; and settings of a campus."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import UNIT_PRICE, CampusOwned, Model

PAYMENTS = "payments"


class CoursePrepayment(CampusOwned, Model):
    """A prepayment bound to one course of treatment (疗程预交), for a purpose the notice of 2025 leaves open.

    State: open or closed; a closed course has no balance. Every change of the balance is a CourseMovement.
    """

    __tablename__ = "course_prepayments"
    __table_args__ = (
        UniqueConstraint("campus_id", "course_no"),
        Index(None, "patient_id"),
        Index("ix_course_prepayments_open", "campus_id", "course_id", postgresql_where=text("state = 'open'")),
        CheckConstraint("state IN ('open', 'closed')", name="state"),
        CheckConstraint("state = 'open' OR balance = 0", name="closed"),
        CheckConstraint("planned > 0 AND paid_in >= 0 AND used >= 0 AND returned >= 0", name="amounts"),
        CheckConstraint("paid_in - returned <= planned", name="planned"),
        CheckConstraint("balance = paid_in - used - returned AND balance >= 0", name="balance"),
        {"schema": PAYMENTS},
    )

    course_id: Mapped[UUID] = mapped_column(primary_key=True)
    course_no: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[UUID]
    purpose: Mapped[str] = mapped_column(Text)
    plan: Mapped[str] = mapped_column(Text)
    """The course in words: what, how often."""
    doctor_id: Mapped[UUID]
    planned: Mapped[Decimal]
    """What the whole course costs; no more is taken."""
    paid_in: Mapped[Decimal]
    used: Mapped[Decimal]
    returned: Mapped[Decimal]
    balance: Mapped[Decimal]
    state: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class CourseMovement(CampusOwned, Model):
    """One change of a course's balance: pay_in, use (settlement), give_back (its refund), return (to the patient)."""

    __tablename__ = "course_movements"
    __table_args__ = (
        Index(None, "course_id"),
        CheckConstraint("kind IN ('pay_in', 'use', 'give_back', 'return')", name="kind"),
        CheckConstraint("amount > 0", name="amount"),
        {"schema": PAYMENTS},
    )

    movement_id: Mapped[UUID] = mapped_column(primary_key=True)
    course_id: Mapped[UUID] = mapped_column(ForeignKey("payments.course_prepayments.course_id"))
    kind: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal]
    method: Mapped[str | None] = mapped_column(Text)
    ref_id: Mapped[UUID | None]
    """Settlement of a use or give_back."""
    shift_id: Mapped[UUID] = mapped_column(ForeignKey("payments.shifts.shift_id"))
    at: Mapped[datetime]
    moved_by: Mapped[str] = mapped_column(Text)


class CoursePayment(CampusOwned, Model):
    """Electronic money for a course: asked for at the gateway, in the balance once the channel says it came.

    State: pending, received, cancelled. What a course gives back goes to these first, by the original route; `returned`
    never exceeds what came.
    """

    __tablename__ = "course_payments"
    __table_args__ = (
        Index(None, "course_id"),
        Index("uq_course_payments_payment", "payment_id", unique=True),
        Index("uq_course_payments_pending", "course_id", unique=True, postgresql_where=text("state = 'pending'")),
        CheckConstraint("state IN ('pending', 'received', 'cancelled')", name="state"),
        CheckConstraint("method IN ('wechat', 'alipay', 'bank_card', 'ecny')", name="method"),
        CheckConstraint("amount > 0 AND returned >= 0 AND returned <= amount", name="amounts"),
        CheckConstraint("state <> 'pending' OR returned = 0", name="returned"),
        {"schema": PAYMENTS},
    )

    course_payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    course_id: Mapped[UUID] = mapped_column(ForeignKey("payments.course_prepayments.course_id"))
    method: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal]
    returned: Mapped[Decimal]
    state: Mapped[str] = mapped_column(Text)
    payment_id: Mapped[UUID]
    """The payment of payments/gateway behind it."""
    order_no: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    """window, kiosk, miniprogram: where it was asked for, and so which shift books it."""
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(Text)


class LegacyBalance(CampusOwned, Model):
    """What was left on a prepaid card of the old system (存量预交金); it may only be given back.

    State: open, cleared. Cleared by cash at a window or by bank transfer through finance.
    """

    __tablename__ = "legacy_balances"
    __table_args__ = (
        UniqueConstraint("campus_id", "card_no"),
        Index("ix_legacy_balances_open", "campus_id", "legacy_id", postgresql_where=text("state = 'open'")),
        CheckConstraint("state IN ('open', 'cleared')", name="state"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("(state = 'cleared') = (cleared_at IS NOT NULL)", name="cleared"),
        {"schema": PAYMENTS},
    )

    legacy_id: Mapped[UUID] = mapped_column(primary_key=True)
    card_no: Mapped[str] = mapped_column(Text)
    holder_name: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[UUID | None]
    amount: Mapped[Decimal]
    state: Mapped[str] = mapped_column(Text)
    taken_over_at: Mapped[datetime]
    taken_over_by: Mapped[str] = mapped_column(Text)
    cleared_at: Mapped[datetime | None] = mapped_column(default=None)
    cleared_by: Mapped[str | None] = mapped_column(Text, default=None)
    cleared_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    method: Mapped[str | None] = mapped_column(Text, default=None)
    """cash or bank_transfer."""
    reference: Mapped[str | None] = mapped_column(Text, default=None)
    """Who received it against which document, or the bank's reference."""
    shift_id: Mapped[UUID | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class BillingSetting(CampusOwned, Model):
    """What a campus decided about billing; the newest row counts."""

    __tablename__ = "billing_settings"
    __table_args__ = (
        Index(None, "campus_id", "setting_id"),
        CheckConstraint("cash_step IN (0.01, 0.10)", name="cash_step"),
        {"schema": PAYMENTS},
    )

    setting_id: Mapped[UUID] = mapped_column(primary_key=True)
    cash_step: Mapped[Decimal]
    """Smallest step of a cash sum: 0.01 (no rounding) or 0.10 (角)."""
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(Text)
    set_by_name: Mapped[str] = mapped_column(Text)


class PriceCorrection(CampusOwned, Model):
    """A wrong price was corrected (价格更正): settled lines at the wrong version wait for refund or waiver.

    Told by the head hospital, read at every campus for its own lines.
    """

    __tablename__ = "price_corrections"
    __table_args__ = (Index(None, "version_id"), {"schema": PAYMENTS})

    correction_id: Mapped[UUID] = mapped_column(primary_key=True)
    version_id: Mapped[UUID]
    """Price version that was wrong."""
    item_code: Mapped[str] = mapped_column(Text)
    wrong_price: Mapped[Decimal] = mapped_column(UNIT_PRICE)
    right_price: Mapped[Decimal] = mapped_column(UNIT_PRICE)
    affected_from: Mapped[datetime]
    affected_to: Mapped[datetime]
    told_at: Mapped[datetime]
