"""Tables of shifts: blind counts, floats, cash handed in, the journal of money, printed copies."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import CampusOwned, Model
from shared.money import ZERO

PAYMENTS = "payments"
UNFINISHED = "state IN ('open', 'counting')"
DUE = "opening_float + float_added - float_returned + cash_in - cash_out - handed_in"


class Shift(CampusOwned, Model):
    """A shift (班次): one cashier at one counter from 签到 to 日结, or one channel for one day (virtual).

    State: open, counting, closed, received. The cash columns move only together with a row of the journal, by one
    guarded UPDATE that demands state `open`; after `closed` no money moves.
    """

    __tablename__ = "shifts"
    __table_args__ = (
        UniqueConstraint("campus_id", "shift_no"),
        Index(
            "uq_shifts_unfinished_cashier",
            "cashier",
            unique=True,
            postgresql_where=text(f"kind = 'counter' AND {UNFINISHED}"),
        ),
        Index("uq_shifts_unfinished_counter", "counter_id", unique=True, postgresql_where=text(UNFINISHED)),
        Index(
            "uq_shifts_channel_day",
            "campus_id",
            "channel",
            "business_day",
            unique=True,
            postgresql_where=text("kind = 'virtual'"),
        ),
        Index(None, "campus_id", "business_day"),
        Index(
            "ix_shifts_unreceived",
            "campus_id",
            "shift_id",
            postgresql_where=text("kind = 'counter' AND state <> 'received'"),
        ),
        Index("ix_shifts_unfinished", "campus_id", "opened_at", postgresql_where=text("state <> 'received'")),
        CheckConstraint("state IN ('open', 'counting', 'closed', 'received')", name="state"),
        CheckConstraint(
            "cash_in >= 0 AND cash_out >= 0 AND handed_in >= 0 AND opening_float >= 0 AND float_added >= 0"
            " AND float_returned >= 0",
            name="amounts",
        ),
        CheckConstraint("opening_float + float_added - float_returned >= 0", name="float"),
        CheckConstraint(f"{DUE} >= 0", name="drawer"),
        CheckConstraint(
            "(kind = 'counter' AND counter_id IS NOT NULL AND cashier IS NOT NULL)"
            " OR (kind = 'virtual' AND counter_id IS NULL AND cashier IS NULL"
            " AND opening_float = 0 AND float_added = 0 AND float_returned = 0 AND cash_in = 0 AND cash_out = 0"
            " AND handed_in = 0)",
            name="kind",
        ),
        CheckConstraint("(state IN ('closed', 'received')) = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint(
            "kind = 'virtual' OR state IN ('open', 'counting') OR (counted IS NOT NULL AND difference IS NOT NULL"
            f" AND difference = counted - ({DUE}) AND float_kept IS NOT NULL"
            " AND float_kept BETWEEN 0 AND counted AND (difference = 0 OR difference_reason IS NOT NULL))",
            name="counted",
        ),
        CheckConstraint(
            "state <> 'received' OR (kind = 'counter' AND received_at IS NOT NULL AND received_by IS NOT NULL"
            " AND received_by <> closed_by AND received_by <> cashier AND bank_slip_no IS NOT NULL"
            " AND received_amount IS NOT NULL AND received_amount = handed_in + counted - float_kept"
            " AND (difference = 0 OR confirmed_at IS NOT NULL))",
            name="received",
        ),
        {"schema": PAYMENTS},
    )

    shift_id: Mapped[UUID] = mapped_column(primary_key=True)
    shift_no: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    """counter (a person with a drawer) or virtual (a channel that takes no cash)."""
    channel: Mapped[str] = mapped_column(Text)
    """window, kiosk, miniprogram, system."""
    counter_id: Mapped[UUID | None]
    """Place of organisation/structure of kind counter (窗口)."""
    counter_name: Mapped[str] = mapped_column(Text)
    campus_letter: Mapped[str] = mapped_column(Text)
    """First letter of the numbers given in the shift."""
    cashier: Mapped[str | None] = mapped_column(Text)
    """Subject of the cashier in the realm."""
    cashier_staff_id: Mapped[UUID | None]
    cashier_no: Mapped[str] = mapped_column(Text)
    cashier_name: Mapped[str] = mapped_column(Text)
    business_day: Mapped[date]
    state: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    opening_float: Mapped[Decimal]
    """备用金: change the cashier begins with."""
    cash_in: Mapped[Decimal]
    cash_out: Mapped[Decimal]
    handed_in: Mapped[Decimal]
    receipt_from: Mapped[str | None] = mapped_column(Text, default=None)
    receipt_to: Mapped[str | None] = mapped_column(Text, default=None)
    locked_at: Mapped[datetime | None] = mapped_column(default=None)
    locked_by: Mapped[str | None] = mapped_column(Text, default=None)
    lock_reason: Mapped[str | None] = mapped_column(Text, default=None)
    taken_over_at: Mapped[datetime | None] = mapped_column(default=None)
    taken_over_by: Mapped[str | None] = mapped_column(Text, default=None)
    taken_over_name: Mapped[str | None] = mapped_column(Text, default=None)
    takeover_reason: Mapped[str | None] = mapped_column(Text, default=None)
    counting_at: Mapped[datetime | None] = mapped_column(default=None)
    counts_given: Mapped[int] = mapped_column(SmallInteger, default=0)
    counted: Mapped[Decimal | None] = mapped_column(default=None)
    float_kept: Mapped[Decimal | None] = mapped_column(default=None)
    """What stays in the drawer as the next 备用金; the rest goes to the bank."""
    difference: Mapped[Decimal | None] = mapped_column(default=None)
    """Counted less due: negative is short (短款), positive is over (长款)."""
    difference_reason: Mapped[str | None] = mapped_column(Text, default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[str | None] = mapped_column(Text, default=None)
    closed_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    confirmed_by: Mapped[str | None] = mapped_column(Text, default=None)
    confirmed_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    confirm_note: Mapped[str | None] = mapped_column(Text, default=None)
    received_at: Mapped[datetime | None] = mapped_column(default=None)
    received_by: Mapped[str | None] = mapped_column(Text, default=None)
    received_by_name: Mapped[str | None] = mapped_column(Text, default=None)
    received_amount: Mapped[Decimal | None] = mapped_column(default=None)
    bank_slip_no: Mapped[str | None] = mapped_column(Text, default=None)
    float_added: Mapped[Decimal] = mapped_column(default=ZERO)
    """Change brought to the drawer during the shift (增加备用金)."""
    float_returned: Mapped[Decimal] = mapped_column(default=ZERO)
    """Change given back during the shift (减少备用金)."""
    version: Mapped[int] = mapped_column(default=1)

    @property
    def float_now(self) -> Decimal:
        """The float in the drawer: what the shift began with, raised and lowered since."""
        return self.opening_float + self.float_added - self.float_returned

    @property
    def cash_due(self) -> Decimal:
        """What the drawer must hold: float + cash in - cash out - handed in (spec 01)."""
        return self.float_now + self.cash_in - self.cash_out - self.handed_in


class ShiftCount(CampusOwned, Model):
    """One blind count of the drawer at the end of a shift; every attempt stays."""

    __tablename__ = "shift_counts"
    __table_args__ = (UniqueConstraint("shift_id", "attempt"), {"schema": PAYMENTS})

    count_id: Mapped[UUID] = mapped_column(primary_key=True)
    shift_id: Mapped[UUID] = mapped_column(ForeignKey("payments.shifts.shift_id"))
    attempt: Mapped[int] = mapped_column(SmallInteger)
    denominations: Mapped[dict[str, Any]]
    """Pieces by face value in yuan: {"100": 13, "0.5": 4}."""
    counted: Mapped[Decimal]
    due: Mapped[Decimal]
    """What the drawer should have held at that moment."""
    kept: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), default=None)
    """Pieces that stay in the drawer as the next 备用金, when the cashier told them."""
    counted_by: Mapped[str] = mapped_column(Text)
    counted_by_name: Mapped[str] = mapped_column(Text)
    counted_at: Mapped[datetime]


class CashHandIn(CampusOwned, Model):
    """Cash for the bank: taken out of the drawer during a shift (班中缴款), or what is left at its end (日结缴款).

    Kind: mid_shift; closing, one a shift, which is no entry of the journal: the closed shift says what it is.
    """

    __tablename__ = "cash_hand_ins"
    __table_args__ = (
        UniqueConstraint("campus_id", "hand_in_no"),
        Index(None, "shift_id"),
        Index("uq_cash_hand_ins_closing", "shift_id", unique=True, postgresql_where=text("kind = 'closing'")),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("kind IN ('mid_shift', 'closing')", name="kind"),
        {"schema": PAYMENTS},
    )

    hand_in_id: Mapped[UUID] = mapped_column(primary_key=True)
    hand_in_no: Mapped[str] = mapped_column(Text)
    shift_id: Mapped[UUID] = mapped_column(ForeignKey("payments.shifts.shift_id"))
    amount: Mapped[Decimal]
    denominations: Mapped[dict[str, Any]]
    handed_in_by: Mapped[str] = mapped_column(Text)
    handed_in_by_name: Mapped[str] = mapped_column(Text)
    handed_in_at: Mapped[datetime]
    remark: Mapped[str | None] = mapped_column(Text, default=None)
    kind: Mapped[str] = mapped_column(Text, default="mid_shift")


class MoneyMovement(CampusOwned, Model):
    """One entry of the journal of money, append-only: a means of payment came in or went out in a shift.

    Every business transaction books entries that equal what it sold, returned or exchanged, so that the sum of a shift,
    a settlement or a campus day is provable by one query.
    """

    __tablename__ = "money_movements"
    __table_args__ = (
        UniqueConstraint("ref_id", "kind", "direction"),
        Index(None, "shift_id"),
        Index(None, "campus_id", "business_day"),
        Index(None, "subject_id"),
        CheckConstraint("direction IN ('in', 'out')", name="direction"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "kind IN ('settlement', 'refund', 'debt_payment', 'hand_in', 'reversal', 'prepayment', 'float', 'other')",
            name="kind",
        ),
        {"schema": PAYMENTS},
    )

    movement_id: Mapped[UUID] = mapped_column(primary_key=True)
    shift_id: Mapped[UUID] = mapped_column(ForeignKey("payments.shifts.shift_id"))
    business_day: Mapped[date]
    at: Mapped[datetime]
    direction: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    """A tender method of payments/billing, or cash."""
    amount: Mapped[Decimal]
    kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[UUID]
    """The business it belongs to: settlement, hand-in."""
    ref_id: Mapped[UUID]
    """The row it proves: tender, refund part, hand-in. One row moves money once."""
    moved_by: Mapped[str] = mapped_column(Text)


class PrintedCopy(CampusOwned, Model):
    """One print of a slip or report; from the second copy on the press marks it 补打."""

    __tablename__ = "printed_copies"
    __table_args__ = (UniqueConstraint("form", "subject_id", "copy_number"), {"schema": PAYMENTS})

    print_id: Mapped[UUID] = mapped_column(primary_key=True)
    form: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[UUID]
    copy_number: Mapped[int] = mapped_column(SmallInteger)
    printed_by: Mapped[str] = mapped_column(Text)
    printed_by_name: Mapped[str] = mapped_column(Text)
    printed_at: Mapped[datetime]
