"""Charges under rules between lines; courses paid electronically; cash where a channel refused; deposit slips."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table

revision = "0022"
down_revision = "0021"

CHANGEABLE = {
    "charges": "list_price, taken_off, insurance_level, self_pay_ratio",
    "channel_refunds": "cash_allowed_by, cash_allowed_by_name, cash_allowed_at, cash_note, cash_paid_by,"
    " cash_paid_by_name, cash_shift_id",
}
"""What else of a known row may change."""

NEW_CHECKS = [
    (
        "charges",
        "price",
        "taken_off >= 0 AND list_price >= 0 AND amount + taken_off = round(unit_price * quantity, 2)",
    ),
    ("charges", "surcharge", "(base_charge_id IS NULL) = (rule_id IS NULL)"),
    ("charges", "insurance_level", "insurance_level IN ('甲', '乙', '丙')"),
    ("charges", "self_pay_ratio", "self_pay_ratio >= 0 AND self_pay_ratio <= 1"),
    (
        "channel_refunds",
        "money_of",
        "(settlement_id IS NULL) = (tender_id IS NULL) AND (settlement_id IS NULL) <> (course_payment_id IS NULL)",
    ),
    (
        "channel_refunds",
        "cash",
        "state <> 'cash' OR (cash_allowed_by IS NOT NULL AND cash_paid_by IS NOT NULL"
        " AND cash_shift_id IS NOT NULL AND cash_paid_by <> cash_allowed_by)",
    ),
    ("cash_hand_ins", "kind", "kind IN ('mid_shift', 'closing')"),
]
WIDER_CHECKS = [
    ("channel_refunds", "state", "state IN ('requested', 'succeeded', 'failed', 'cash')"),
    ("channel_refunds", "cause", "cause IN ('refund', 'cancelled', 'late', 'replaced', 'course')"),
    ("channel_refunds", "finished", "(state IN ('succeeded', 'cash')) = (finished_at IS NOT NULL)"),
]
"""Checks that admit more than before."""

KEEP_LIST_PRICE = "UPDATE payments.charges SET list_price = unit_price WHERE list_price IS NULL"


def upgrade() -> None:
    _charges()
    _course_payments()
    _channel_refunds()
    op.add_column(
        "cash_hand_ins",
        sa.Column("kind", sa.Text(), nullable=False, server_default=sa.text("'mid_shift'")),
        schema="payments",
    )
    op.alter_column("cash_hand_ins", "kind", server_default=None, schema="payments")
    op.add_column("shift_counts", sa.Column("kept", postgresql.JSONB(), nullable=True), schema="payments")
    op.create_index(
        "uq_cash_hand_ins_closing",
        "cash_hand_ins",
        ["shift_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("kind = 'closing'"),
    )
    for table, name, _ in WIDER_CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, schema="payments", type_="check")
    for table, name, rule in [*WIDER_CHECKS, *NEW_CHECKS]:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule, schema="payments")
    for table, columns in CHANGEABLE.items():
        op.execute(f"GRANT UPDATE ({columns}) ON payments.{table} TO his_app")


def _charges() -> None:
    add = [
        sa.Column("list_price", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("taken_off", sa.Numeric(precision=14, scale=2), nullable=False, server_default=sa.text("0")),
        sa.Column("by_rule", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("emergency", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("base_charge_id", sa.Uuid(), nullable=True),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
        sa.Column("insurance_level", sa.Text(), nullable=True),
        sa.Column("self_pay_ratio", sa.Numeric(precision=5, scale=4), nullable=True),
    ]
    for column in add:
        op.add_column("charges", column, schema="payments")
    # The walls hold the owner too, so they open for this one statement.
    op.execute("ALTER TABLE payments.charges NO FORCE ROW LEVEL SECURITY")
    op.execute(KEEP_LIST_PRICE)
    op.execute("ALTER TABLE payments.charges FORCE ROW LEVEL SECURITY")
    op.alter_column("charges", "list_price", nullable=False, schema="payments")
    for name in ("taken_off", "by_rule", "emergency"):
        op.alter_column("charges", name, server_default=None, schema="payments")
    op.create_index(
        "ix_charges_surcharges",
        "charges",
        ["base_charge_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("base_charge_id IS NOT NULL"),
    )


def _course_payments() -> None:
    op.create_table(
        "course_payments",
        sa.Column("course_payment_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("returned", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'received', 'cancelled')", name=op.f("ck_course_payments_state")),
        sa.CheckConstraint(
            "method IN ('wechat', 'alipay', 'bank_card', 'ecny')", name=op.f("ck_course_payments_method")
        ),
        sa.CheckConstraint(
            "amount > 0 AND returned >= 0 AND returned <= amount", name=op.f("ck_course_payments_amounts")
        ),
        sa.CheckConstraint("state <> 'pending' OR returned = 0", name=op.f("ck_course_payments_returned")),
        sa.ForeignKeyConstraint(
            ["course_id"],
            ["payments.course_prepayments.course_id"],
            name=op.f("fk_course_payments_course_id"),
        ),
        sa.PrimaryKeyConstraint("course_payment_id", name=op.f("pk_course_payments")),
        schema="payments",
    )
    op.create_index(op.f("ix_course_payments_course_id"), "course_payments", ["course_id"], schema="payments")
    op.create_index("uq_course_payments_payment", "course_payments", ["payment_id"], unique=True, schema="payments")
    op.create_index(
        "uq_course_payments_pending",
        "course_payments",
        ["course_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("state = 'pending'"),
    )
    for statement in campus_table("payments.course_payments"):
        op.execute(statement)
    op.execute("REVOKE UPDATE ON payments.course_payments FROM his_app")
    op.execute("GRANT UPDATE (state, returned) ON payments.course_payments TO his_app")


def _channel_refunds() -> None:
    for name in ("settlement_id", "tender_id"):
        op.alter_column("channel_refunds", name, nullable=True, schema="payments")
    add = [
        sa.Column("course_payment_id", sa.Uuid(), nullable=True),
        sa.Column("cash_allowed_by", sa.Text(), nullable=True),
        sa.Column("cash_allowed_by_name", sa.Text(), nullable=True),
        sa.Column("cash_allowed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cash_note", sa.Text(), nullable=True),
        sa.Column("cash_paid_by", sa.Text(), nullable=True),
        sa.Column("cash_paid_by_name", sa.Text(), nullable=True),
        sa.Column("cash_shift_id", sa.Uuid(), nullable=True),
    ]
    for column in add:
        op.add_column("channel_refunds", column, schema="payments")
    op.create_index(
        op.f("ix_channel_refunds_course_payment_id"), "channel_refunds", ["course_payment_id"], schema="payments"
    )
    op.create_foreign_key(
        op.f("fk_channel_refunds_course_payment_id"),
        "channel_refunds",
        "course_payments",
        ["course_payment_id"],
        ["course_payment_id"],
        source_schema="payments",
        referent_schema="payments",
    )
    op.create_foreign_key(
        op.f("fk_channel_refunds_cash_shift_id"),
        "channel_refunds",
        "shifts",
        ["cash_shift_id"],
        ["shift_id"],
        source_schema="payments",
        referent_schema="payments",
    )
