"""Receipts: the campus's own number, the electronic receipt of the fiscal platform, its queue, and paper."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model

PAYMENTS = "payments"


class Receipt(CampusOwned, Model):
    """A receipt (医疗收费票据): state issued or reversed. A settlement has one valid receipt at most.

    `receipt_no` is the campus's own number. Code, number and check code of the fiscal platform are filled when it has
    issued the electronic receipt; `red_*` when it has issued the red one that reverses it.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("campus_id", "receipt_no"),
        Index("uq_receipts_valid", "settlement_id", unique=True, postgresql_where=text("state = 'issued'")),
        Index(
            "uq_receipts_platform",
            "platform_code",
            "platform_number",
            unique=True,
            postgresql_where=text("platform_number IS NOT NULL"),
        ),
        Index(
            "ix_receipts_platform_number",
            "campus_id",
            "platform_number",
            postgresql_where=text("platform_number IS NOT NULL"),
        ),
        Index(
            "ix_receipts_reversed_at",
            "campus_id",
            "reversed_at",
            postgresql_where=text("reversed_at IS NOT NULL"),
        ),
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
    platform_url: Mapped[str | None] = mapped_column(Text, default=None)
    """Where the patient looks at it and fetches it (content of the QR code)."""
    platform_at: Mapped[datetime | None] = mapped_column(default=None)
    red_code: Mapped[str | None] = mapped_column(Text, default=None)
    red_number: Mapped[str | None] = mapped_column(Text, default=None)
    reversed_at: Mapped[datetime | None] = mapped_column(default=None)
    reversed_by: Mapped[str | None] = mapped_column(Text, default=None)
    reversed_shift_id: Mapped[UUID | None] = mapped_column(default=None)
    reverse_reason: Mapped[str | None] = mapped_column(Text, default=None)


class ReceiptJob(CampusOwned, Model):
    """Something the fiscal platform has still to do for a receipt; done in the order of `job_id` of a campus.

    Kind: issue (开具), reverse (红冲), paper (换开纸质), void_paper (纸质作废). State: queued, done, refused (the
    platform said no; a person must look). `leased_until` keeps two workers from sending one job at once.
    """

    __tablename__ = "receipt_jobs"
    __table_args__ = (
        UniqueConstraint("receipt_id", "kind", "subject_no"),
        Index("ix_receipt_jobs_queued", "campus_id", "job_id", postgresql_where=text("state = 'queued'")),
        Index("ix_receipt_jobs_refused", "campus_id", "job_id", postgresql_where=text("state = 'refused'")),
        CheckConstraint("kind IN ('issue', 'reverse', 'paper', 'void_paper')", name="kind"),
        CheckConstraint("state IN ('queued', 'done', 'refused')", name="state"),
        CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done"),
        {"schema": PAYMENTS},
    )

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    receipt_id: Mapped[UUID] = mapped_column(ForeignKey("payments.receipts.receipt_id"))
    kind: Mapped[str] = mapped_column(Text)
    subject_no: Mapped[str] = mapped_column(Text)
    """Number the job is about: the receipt's own, or that of the paper."""
    state: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_attempt_at: Mapped[datetime]
    leased_until: Mapped[datetime | None] = mapped_column(default=None)
    last_error: Mapped[str | None] = mapped_column(Text, default=None)
    queued_at: Mapped[datetime]
    done_at: Mapped[datetime | None] = mapped_column(default=None)


class PaperReceipt(CampusOwned, Model):
    """A numbered sheet of paper (纸质票据): printed for an electronic receipt (换开), or voided damaged or blank."""

    __tablename__ = "paper_receipts"
    __table_args__ = (
        UniqueConstraint("campus_id", "paper_no"),
        Index("uq_paper_receipts_valid", "receipt_id", unique=True, postgresql_where=text("state = 'issued'")),
        Index("ix_paper_receipts_voided", "campus_id", "voided_at", postgresql_where=text("voided_at IS NOT NULL")),
        CheckConstraint("state IN ('issued', 'voided')", name="state"),
        CheckConstraint("(state = 'voided') = (voided_at IS NOT NULL)", name="voided"),
        CheckConstraint("state = 'voided' OR receipt_id IS NOT NULL", name="issued"),
        {"schema": PAYMENTS},
    )

    paper_id: Mapped[UUID] = mapped_column(primary_key=True)
    paper_no: Mapped[str] = mapped_column(Text)
    receipt_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.receipts.receipt_id"))
    """Null for a sheet spoilt before anything was printed on it."""
    state: Mapped[str] = mapped_column(Text)
    shift_id: Mapped[UUID] = mapped_column(ForeignKey("payments.shifts.shift_id"))
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    recorded_by_name: Mapped[str] = mapped_column(Text)
    voided_at: Mapped[datetime | None] = mapped_column(default=None)
    voided_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    void_reason: Mapped[str | None] = mapped_column(Text, default=None)
