"""The cashier: shifts, blind counts, hand-ins, the journal of money, printed copies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, schema

revision = "0006"
down_revision = "0005"

CLOSED_STAYS = """
CREATE FUNCTION payments.closed_shift_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the money of closed shift % does not change', OLD.shift_no USING ERRCODE = 'check_violation';
END $$
"""
CLOSED_STAYS_TRIGGER = """
CREATE TRIGGER closed_shift_stays BEFORE UPDATE ON payments.shifts FOR EACH ROW
WHEN (OLD.state IN ('closed', 'received') AND (OLD.opening_float, OLD.cash_in, OLD.cash_out, OLD.handed_in, OLD.counted,
      OLD.difference, OLD.float_kept, OLD.closed_at) IS DISTINCT FROM (NEW.opening_float, NEW.cash_in, NEW.cash_out,
      NEW.handed_in, NEW.counted, NEW.difference, NEW.float_kept, NEW.closed_at))
EXECUTE FUNCTION payments.closed_shift_stays()
"""


def upgrade() -> None:
    for statement in schema("payments"):
        op.execute(statement)
    op.create_table(
        "shifts",
        sa.Column("shift_id", sa.Uuid(), nullable=False),
        sa.Column("shift_no", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=True),
        sa.Column("counter_name", sa.Text(), nullable=False),
        sa.Column("campus_letter", sa.Text(), nullable=False),
        sa.Column("cashier", sa.Text(), nullable=True),
        sa.Column("cashier_staff_id", sa.Uuid(), nullable=True),
        sa.Column("cashier_no", sa.Text(), nullable=False),
        sa.Column("cashier_name", sa.Text(), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opening_float", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("cash_in", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("cash_out", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("handed_in", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("receipt_from", sa.Text(), nullable=True),
        sa.Column("receipt_to", sa.Text(), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locked_by", sa.Text(), nullable=True),
        sa.Column("lock_reason", sa.Text(), nullable=True),
        sa.Column("taken_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_over_by", sa.Text(), nullable=True),
        sa.Column("taken_over_name", sa.Text(), nullable=True),
        sa.Column("takeover_reason", sa.Text(), nullable=True),
        sa.Column("counting_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts_given", sa.SmallInteger(), nullable=False),
        sa.Column("counted", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("float_kept", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("difference", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("difference_reason", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closed_by_name", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("confirmed_by_name", sa.Text(), nullable=True),
        sa.Column("confirm_note", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_by", sa.Text(), nullable=True),
        sa.Column("received_by_name", sa.Text(), nullable=True),
        sa.Column("received_amount", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("bank_slip_no", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'counter' AND counter_id IS NOT NULL AND cashier IS NOT NULL) OR (kind ="
            " 'virtual' AND counter_id IS NULL AND cashier IS NULL AND opening_float = 0 AND cash_in"
            " = 0 AND cash_out = 0 AND handed_in = 0)",
            name=op.f("ck_shifts_kind"),
        ),
        sa.CheckConstraint(
            "(state IN ('closed', 'received')) = (closed_at IS NOT NULL)", name=op.f("ck_shifts_closed")
        ),
        sa.CheckConstraint(
            "kind = 'virtual' OR state IN ('open', 'counting') OR (counted IS NOT NULL AND difference"
            " IS NOT NULL AND difference = counted - (opening_float + cash_in - cash_out - handed_in)"
            " AND float_kept IS NOT NULL AND float_kept BETWEEN 0 AND counted AND (difference = 0 OR"
            " difference_reason IS NOT NULL))",
            name=op.f("ck_shifts_counted"),
        ),
        sa.CheckConstraint(
            "state <> 'received' OR (kind = 'counter' AND received_at IS NOT NULL AND received_by IS"
            " NOT NULL AND received_by <> closed_by AND received_by <> cashier AND bank_slip_no IS"
            " NOT NULL AND received_amount IS NOT NULL AND received_amount = handed_in + counted -"
            " float_kept AND (difference = 0 OR confirmed_at IS NOT NULL))",
            name=op.f("ck_shifts_received"),
        ),
        sa.CheckConstraint("state IN ('open', 'counting', 'closed', 'received')", name=op.f("ck_shifts_state")),
        sa.CheckConstraint(
            "cash_in >= 0 AND cash_out >= 0 AND handed_in >= 0 AND opening_float >= 0", name=op.f("ck_shifts_amounts")
        ),
        sa.CheckConstraint("opening_float + cash_in - cash_out - handed_in >= 0", name=op.f("ck_shifts_drawer")),
        sa.PrimaryKeyConstraint("shift_id", name=op.f("pk_shifts")),
        sa.UniqueConstraint("campus_id", "shift_no", name=op.f("uq_shifts_campus_id_shift_no")),
        schema="payments",
    )
    op.create_index(
        op.f("ix_shifts_campus_id_business_day"),
        "shifts",
        ["campus_id", "business_day"],
        unique=False,
        schema="payments",
    )
    op.create_index(
        "ix_shifts_unfinished",
        "shifts",
        ["campus_id", "opened_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state <> 'received'"),
    )
    op.create_index(
        "uq_shifts_channel_day",
        "shifts",
        ["campus_id", "channel", "business_day"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("kind = 'virtual'"),
    )
    op.create_index(
        "uq_shifts_unfinished_cashier",
        "shifts",
        ["cashier"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("kind = 'counter' AND state IN ('open', 'counting')"),
    )
    op.create_index(
        "uq_shifts_unfinished_counter",
        "shifts",
        ["counter_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("state IN ('open', 'counting')"),
    )
    op.create_table(
        "shift_counts",
        sa.Column("count_id", sa.Uuid(), nullable=False),
        sa.Column("shift_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("denominations", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("counted", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("due", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("counted_by", sa.Text(), nullable=False),
        sa.Column("counted_by_name", sa.Text(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["shift_id"], ["payments.shifts.shift_id"], name=op.f("fk_shift_counts_shift_id")),
        sa.PrimaryKeyConstraint("count_id", name=op.f("pk_shift_counts")),
        sa.UniqueConstraint("shift_id", "attempt", name=op.f("uq_shift_counts_shift_id_attempt")),
        schema="payments",
    )
    op.create_table(
        "cash_hand_ins",
        sa.Column("hand_in_id", sa.Uuid(), nullable=False),
        sa.Column("hand_in_no", sa.Text(), nullable=False),
        sa.Column("shift_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("denominations", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("handed_in_by", sa.Text(), nullable=False),
        sa.Column("handed_in_by_name", sa.Text(), nullable=False),
        sa.Column("handed_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_cash_hand_ins_amount")),
        sa.ForeignKeyConstraint(["shift_id"], ["payments.shifts.shift_id"], name=op.f("fk_cash_hand_ins_shift_id")),
        sa.PrimaryKeyConstraint("hand_in_id", name=op.f("pk_cash_hand_ins")),
        sa.UniqueConstraint("campus_id", "hand_in_no", name=op.f("uq_cash_hand_ins_campus_id_hand_in_no")),
        schema="payments",
    )
    op.create_index(op.f("ix_cash_hand_ins_shift_id"), "cash_hand_ins", ["shift_id"], unique=False, schema="payments")
    op.create_table(
        "money_movements",
        sa.Column("movement_id", sa.Uuid(), nullable=False),
        sa.Column("shift_id", sa.Uuid(), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("ref_id", sa.Uuid(), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_money_movements_direction")),
        sa.CheckConstraint(
            "kind IN ('settlement', 'refund', 'debt_payment', 'hand_in', 'other')", name=op.f("ck_money_movements_kind")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_money_movements_amount")),
        sa.ForeignKeyConstraint(["shift_id"], ["payments.shifts.shift_id"], name=op.f("fk_money_movements_shift_id")),
        sa.PrimaryKeyConstraint("movement_id", name=op.f("pk_money_movements")),
        sa.UniqueConstraint("ref_id", "kind", "direction", name=op.f("uq_money_movements_ref_id_kind_direction")),
        schema="payments",
    )
    op.create_index(
        op.f("ix_money_movements_campus_id_business_day"),
        "money_movements",
        ["campus_id", "business_day"],
        unique=False,
        schema="payments",
    )
    op.create_index(
        op.f("ix_money_movements_shift_id"), "money_movements", ["shift_id"], unique=False, schema="payments"
    )
    op.create_index(
        op.f("ix_money_movements_subject_id"), "money_movements", ["subject_id"], unique=False, schema="payments"
    )
    op.create_table(
        "printed_copies",
        sa.Column("print_id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("copy_number", sa.SmallInteger(), nullable=False),
        sa.Column("printed_by", sa.Text(), nullable=False),
        sa.Column("printed_by_name", sa.Text(), nullable=False),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("print_id", name=op.f("pk_printed_copies")),
        sa.UniqueConstraint(
            "form", "subject_id", "copy_number", name=op.f("uq_printed_copies_form_subject_id_copy_number")
        ),
        schema="payments",
    )
    for statement in [
        *campus_table("payments.shifts"),
        *campus_table("payments.shift_counts", update=False),
        *campus_table("payments.cash_hand_ins", update=False),
        *campus_table("payments.money_movements", update=False),
        *campus_table("payments.printed_copies", update=False),
        CLOSED_STAYS,
        CLOSED_STAYS_TRIGGER,
    ]:
        op.execute(statement)
