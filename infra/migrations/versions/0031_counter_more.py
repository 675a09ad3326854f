"""Lines under rules priced again when a part of them goes back, and what that leaves to the price officer."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table

revision = "0031"
down_revision = "0030"

MONEY = sa.Numeric(precision=14, scale=2)

CHECKS = [
    (
        "charges",
        "refunded_amount",
        "refunded_amount <= amount AND refunded_amount >= -taken_off"
        " AND (by_rule OR refunded_quantity > 0 OR refunded_amount = 0)"
        " AND (refunded_quantity < quantity OR refunded_amount = amount)",
    ),
    ("refund_lines", "amounts", "quantity >= 0 AND (quantity > 0 OR amount <> 0)"),
]
"""Rules that read otherwise from now on."""


def upgrade() -> None:
    """Wider than before: the version running beside writes nothing the new rules refuse."""
    op.add_column(
        "refunds",
        sa.Column("ruled", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        schema="payments",
    )
    for table, name, rule in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, schema="payments", type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule, schema="payments")
    _refund_differences()
    for statement in campus_table("payments.refund_differences", update=False):
        op.execute(statement)


def _refund_differences() -> None:
    op.create_table(
        "refund_differences",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_refund_differences_amount")),
        sa.ForeignKeyConstraint(
            ["charge_id"], ["payments.charges.charge_id"], name=op.f("fk_refund_differences_charge_id")
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["payments.refunds.refund_id"], name=op.f("fk_refund_differences_refund_id")
        ),
        sa.PrimaryKeyConstraint("refund_id", "charge_id", name=op.f("pk_refund_differences")),
        schema="payments",
    )
    op.create_index(op.f("ix_refund_differences_charge_id"), "refund_differences", ["charge_id"], schema="payments")
    op.create_index(
        op.f("ix_refund_differences_campus_id_refund_id"),
        "refund_differences",
        ["campus_id", "refund_id"],
        schema="payments",
    )
