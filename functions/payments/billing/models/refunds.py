"""Refunds from request to execution, and debts."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from functions.payments.billing.models.settlements import METHODS, PAYMENTS
from shared.database.model import QUANTITY, CampusOwned, Model


class Refund(CampusOwned, Model):
    """A refund (退费) from its request to its execution.

    State: requested, approved, reversing (of an insured settlement: the insurer is asked to undo the whole, 2208),
    rejected, withdrawn, executed. Level says who may approve: cashier (nobody else needed), lead (收费组长), finance.
    Kind: refund; replacement (insured: what remains is settled anew in `successor_id`, and its parts are known then);
    transfer (门诊转住院: the money went to an inpatient account).
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("campus_id", "refund_no"),
        Index(None, "settlement_id"),
        Index(None, "campus_id", "business_day", "refund_id"),
        Index(None, "shift_id"),
        Index(
            "ix_refunds_waiting",
            "campus_id",
            "requested_at",
            postgresql_where=text("state IN ('requested', 'approved', 'reversing')"),
        ),
        CheckConstraint(
            "state IN ('requested', 'approved', 'reversing', 'rejected', 'withdrawn', 'executed')", name="state"
        ),
        CheckConstraint("level IN ('cashier', 'lead', 'finance')", name="level"),
        CheckConstraint("kind IN ('refund', 'replacement', 'transfer')", name="kind"),
        CheckConstraint(
            "(kind = 'replacement' AND state = 'executed') = (successor_id IS NOT NULL)", name="replacement"
        ),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint(
            "(state = 'executed') = (executed_at IS NOT NULL) AND (executed_at IS NULL) = (refund_no IS NULL)"
            " AND (executed_at IS NULL) = (shift_id IS NULL) AND (executed_at IS NULL) = (business_day IS NULL)"
            " AND (executed_at IS NULL) = (executor IS NULL)",
            name="executed",
        ),
        CheckConstraint(
            "approver IS NULL OR (approver <> applicant AND (executor IS NULL OR executor <> approver)"
            " AND (executor IS NULL OR executor <> applicant))",
            name="separated",
        ),
        CheckConstraint("state <> 'executed' OR level = 'cashier' OR approver IS NOT NULL", name="approved"),
        {"schema": PAYMENTS},
    )

    refund_id: Mapped[UUID] = mapped_column(primary_key=True)
    refund_no: Mapped[str | None] = mapped_column(Text)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("payments.settlements.settlement_id"))
    patient_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(Text)
    level: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal]
    reason_code: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    cash_instead: Mapped[bool]
    """Cash asked for what was paid electronically (现金退电子支付): finance decides."""
    applicant: Mapped[str] = mapped_column(Text)
    applicant_name: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    approver: Mapped[str | None] = mapped_column(Text)
    approver_name: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None]
    decision_note: Mapped[str | None] = mapped_column(Text)
    executor: Mapped[str | None] = mapped_column(Text)
    executor_name: Mapped[str | None] = mapped_column(Text)
    executed_at: Mapped[datetime | None]
    business_day: Mapped[date | None]
    shift_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.shifts.shift_id"))
    kind: Mapped[str] = mapped_column(Text, default="refund")
    successor_id: Mapped[UUID | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)
    ruled: Mapped[bool] = mapped_column(default=False)
    """Priced by the rules between its lines when it was asked for; priced again before it is paid."""


class RefundLine(CampusOwned, Model):
    """So much of a charge in a refund. All parts of a line give exactly what was paid.

    Quantity 0: a line that stays and, by the rules between lines, costs so much less (negative: more) without the rest.
    """

    __tablename__ = "refund_lines"
    __table_args__ = (
        Index(None, "charge_id"),
        CheckConstraint("quantity >= 0 AND (quantity > 0 OR amount <> 0)", name="amounts"),
        {"schema": PAYMENTS},
    )

    refund_id: Mapped[UUID] = mapped_column(ForeignKey("payments.refunds.refund_id"), primary_key=True)
    charge_id: Mapped[UUID] = mapped_column(ForeignKey("payments.charges.charge_id"), primary_key=True)
    fee_class: Mapped[str] = mapped_column(Text)
    item_kind: Mapped[str] = mapped_column(Text)
    quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    amount: Mapped[Decimal]


class RefundDifference(CampusOwned, Model):
    """A line of another settlement that would cost something else without what a refund gave back (减收差额).

    A refund moves money of its own settlement only; the price officer decides what is done about these.
    """

    __tablename__ = "refund_differences"
    __table_args__ = (
        Index(None, "charge_id"),
        Index(None, "campus_id", "refund_id"),
        CheckConstraint("amount <> 0", name="amount"),
        {"schema": PAYMENTS},
    )

    refund_id: Mapped[UUID] = mapped_column(ForeignKey("payments.refunds.refund_id"), primary_key=True)
    charge_id: Mapped[UUID] = mapped_column(ForeignKey("payments.charges.charge_id"), primary_key=True)
    amount: Mapped[Decimal]
    """What the line would cost more; negative what it would cost less."""


class RefundPart(CampusOwned, Model):
    """What of a refund went back on one tender (原路退回).

    Negative where it took the opposite way: cash rounding undone, or an insurer that pays more for the rest.
    """

    __tablename__ = "refund_parts"
    __table_args__ = (
        Index(None, "refund_id"),
        Index(None, "tender_id"),
        CheckConstraint(f"method IN ({METHODS})", name="method"),
        CheckConstraint("amount <> 0", name="amount"),
        {"schema": PAYMENTS},
    )

    part_id: Mapped[UUID] = mapped_column(primary_key=True)
    refund_id: Mapped[UUID] = mapped_column(ForeignKey("payments.refunds.refund_id"))
    tender_id: Mapped[UUID] = mapped_column(ForeignKey("payments.tenders.tender_id"))
    method: Mapped[str] = mapped_column(Text)
    """Means by which it went back: the tender's own, or cash where finance allowed it."""
    amount: Mapped[Decimal]


class Debt(CampusOwned, Model):
    """A debt (欠费): what the hospital agreed to wait for. `outstanding` equals what is left of its tender."""

    __tablename__ = "debts"
    __table_args__ = (
        UniqueConstraint("tender_id"),
        Index(None, "settlement_id"),
        Index("ix_debts_open", "campus_id", "debt_id", postgresql_where=text("state = 'open'")),
        Index("ix_debts_patient_open", "patient_id", postgresql_where=text("state = 'open'")),
        CheckConstraint("state IN ('open', 'settled', 'written_off')", name="state"),
        CheckConstraint(
            "amount > 0 AND outstanding >= 0 AND paid >= 0 AND reduced >= 0 AND written_off >= 0", name="amounts"
        ),
        CheckConstraint("outstanding = amount - paid - reduced - written_off", name="balance"),
        CheckConstraint("(state = 'open') = (outstanding > 0)", name="open"),
        {"schema": PAYMENTS},
    )

    debt_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("payments.settlements.settlement_id"))
    tender_id: Mapped[UUID] = mapped_column(ForeignKey("payments.tenders.tender_id"))
    patient_id: Mapped[UUID]
    encounter_id: Mapped[UUID | None]
    amount: Mapped[Decimal]
    paid: Mapped[Decimal]
    reduced: Mapped[Decimal]
    """Fell away because its lines were refunded."""
    outstanding: Mapped[Decimal]
    reason: Mapped[str] = mapped_column(Text)
    approved_by: Mapped[UUID]
    """Staff member who answers for the debt (green channel: the doctor)."""
    state: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(Text)
    settled_at: Mapped[datetime | None] = mapped_column(default=None)
    written_off: Mapped[Decimal] = mapped_column(default=Decimal("0.00"))
    """Given up by the hospital (核销) with two approvals."""
    version: Mapped[int] = mapped_column(default=1)


class DebtWriteOff(CampusOwned, Model):
    """A request to give a debt up (欠费核销): approved by the lead and then by finance, three different persons.

    State: requested, half_approved, executed, rejected. One request waits at a time.
    """

    __tablename__ = "debt_write_offs"
    __table_args__ = (
        Index(
            "uq_debt_write_offs_waiting",
            "debt_id",
            unique=True,
            postgresql_where=text("state IN ('requested', 'half_approved')"),
        ),
        Index(
            "ix_debt_write_offs_open",
            "campus_id",
            "write_off_id",
            postgresql_where=text("state IN ('requested', 'half_approved')"),
        ),
        CheckConstraint("state IN ('requested', 'half_approved', 'executed', 'rejected')", name="state"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "(first_approver IS NULL OR first_approver <> applicant) AND (second_approver IS NULL OR"
            " (first_approver IS NOT NULL AND second_approver <> applicant AND second_approver <> first_approver))",
            name="separated",
        ),
        CheckConstraint("state <> 'executed' OR second_approver IS NOT NULL", name="approved"),
        {"schema": PAYMENTS},
    )

    write_off_id: Mapped[UUID] = mapped_column(primary_key=True)
    debt_id: Mapped[UUID] = mapped_column(ForeignKey("payments.debts.debt_id"))
    patient_id: Mapped[UUID]
    amount: Mapped[Decimal]
    """Outstanding when it was asked for; more may have been paid since, then only the rest is given up."""
    reason: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(Text)
    """Document behind it: police note, minutes of the meeting, death certificate."""
    state: Mapped[str] = mapped_column(Text)
    applicant: Mapped[str] = mapped_column(Text)
    applicant_name: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    first_approver: Mapped[str | None] = mapped_column(Text, default=None)
    first_approver_name: Mapped[str | None] = mapped_column(Text, default=None)
    first_approved_at: Mapped[datetime | None] = mapped_column(default=None)
    second_approver: Mapped[str | None] = mapped_column(Text, default=None)
    second_approver_name: Mapped[str | None] = mapped_column(Text, default=None)
    second_approved_at: Mapped[datetime | None] = mapped_column(default=None)
    written_off: Mapped[Decimal | None] = mapped_column(default=None)
    rejected_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    note: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)


class ChannelRefund(CampusOwned, Model):
    """Money that goes back through a channel (微信、支付宝、银行卡、数字人民币) by the original route.

    Cause: refund; cancelled (the settlement was given up); late (the channel took it after that); replaced (an insured
    settlement was settled anew); course (a course prepayment ended). State: requested, succeeded, failed (finance must
    act at the gateway), cash (the channel refused for good: finance allowed cash, and a window paid it).
    """

    __tablename__ = "channel_refunds"
    __table_args__ = (
        Index("uq_channel_refunds_gateway", "gateway_refund_id", unique=True),
        Index(None, "settlement_id"),
        Index(None, "course_payment_id"),
        Index(
            "ix_channel_refunds_unfinished",
            "campus_id",
            "channel_refund_id",
            postgresql_where=text("state <> 'succeeded'"),
        ),
        CheckConstraint("state IN ('requested', 'succeeded', 'failed', 'cash')", name="state"),
        CheckConstraint("cause IN ('refund', 'cancelled', 'late', 'replaced', 'course')", name="cause"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("(state IN ('succeeded', 'cash')) = (finished_at IS NOT NULL)", name="finished"),
        CheckConstraint(
            "(settlement_id IS NULL) = (tender_id IS NULL) AND (settlement_id IS NULL) <> (course_payment_id IS NULL)",
            name="money_of",
        ),
        CheckConstraint(
            "state <> 'cash' OR (cash_allowed_by IS NOT NULL AND cash_paid_by IS NOT NULL"
            " AND cash_shift_id IS NOT NULL AND cash_paid_by <> cash_allowed_by)",
            name="cash",
        ),
        {"schema": PAYMENTS},
    )

    channel_refund_id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_refund_id: Mapped[UUID]
    payment_id: Mapped[UUID]
    settlement_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.settlements.settlement_id"))
    tender_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.tenders.tender_id"))
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.refunds.refund_id"))
    cause: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal]
    state: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    failure: Mapped[str | None] = mapped_column(Text, default=None)
    course_payment_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("payments.course_payments.course_payment_id"), default=None
    )
    cash_allowed_by: Mapped[str | None] = mapped_column(Text, default=None)
    """Finance, after the channel refused for good (现金退电子支付)."""
    cash_allowed_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    cash_allowed_at: Mapped[datetime | None] = mapped_column(default=None)
    cash_note: Mapped[str | None] = mapped_column(Text, default=None)
    cash_paid_by: Mapped[str | None] = mapped_column(Text, default=None)
    cash_paid_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    cash_shift_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.shifts.shift_id"), default=None)
