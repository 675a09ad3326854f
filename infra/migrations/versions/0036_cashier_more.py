"""The cashier: floats raised and lowered during a shift, sealed cash bags and the bank's calls."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table

revision = "0036"
down_revision = "0035"

MONEY = sa.Numeric(precision=14, scale=2)
DUE = "opening_float + float_added - float_returned + cash_in - cash_out - handed_in"

SHIFT_CHECKS = {
    "amounts": "cash_in >= 0 AND cash_out >= 0 AND handed_in >= 0 AND opening_float >= 0 AND float_added >= 0"
    " AND float_returned >= 0",
    "drawer": f"{DUE} >= 0",
    "kind": "(kind = 'counter' AND counter_id IS NOT NULL AND cashier IS NOT NULL)"
    " OR (kind = 'virtual' AND counter_id IS NULL AND cashier IS NULL"
    " AND opening_float = 0 AND float_added = 0 AND float_returned = 0 AND cash_in = 0 AND cash_out = 0"
    " AND handed_in = 0)",
    "counted": "kind = 'virtual' OR state IN ('open', 'counting') OR (counted IS NOT NULL AND difference IS NOT NULL"
    f" AND difference = counted - ({DUE}) AND float_kept IS NOT NULL"
    " AND float_kept BETWEEN 0 AND counted AND (difference = 0 OR difference_reason IS NOT NULL))",
}
"""Rules of the drawer that take the float's changes in."""

KINDS = "kind IN ('settlement', 'refund', 'debt_payment', 'hand_in', 'reversal', 'prepayment', 'float', 'other')"

CLOSED_STAYS = """
CREATE OR REPLACE TRIGGER closed_shift_stays BEFORE UPDATE ON payments.shifts FOR EACH ROW
WHEN (OLD.state IN ('closed', 'received') AND (OLD.opening_float, OLD.float_added, OLD.float_returned, OLD.cash_in,
      OLD.cash_out, OLD.handed_in, OLD.counted, OLD.difference, OLD.float_kept, OLD.closed_at) IS DISTINCT FROM
      (NEW.opening_float, NEW.float_added, NEW.float_returned, NEW.cash_in, NEW.cash_out, NEW.handed_in, NEW.counted,
      NEW.difference, NEW.float_kept, NEW.closed_at))
EXECUTE FUNCTION payments.closed_shift_stays()
"""


def upgrade() -> None:
    """Wider than before: the version running beside leaves the new columns at nothing, which every rule allows."""
    for column in ("float_added", "float_returned"):
        op.add_column("shifts", sa.Column(column, MONEY, nullable=False, server_default="0"), schema="payments")
    for name, rule in SHIFT_CHECKS.items():
        _replace("shifts", name, rule)
    op.create_check_constraint(
        op.f("ck_shifts_float"), "shifts", "opening_float + float_added - float_returned >= 0", schema="payments"
    )
    _replace("money_movements", "kind", KINDS)
    op.execute(CLOSED_STAYS)
    op.create_index(
        "ix_shifts_unreceived",
        "shifts",
        ["campus_id", "shift_id"],
        schema="payments",
        postgresql_where=sa.text("kind = 'counter' AND state <> 'received'"),
    )
    _float_changes()
    _collections()
    _bags()
    for table in ("float_changes", "cash_bags", "cash_bag_slips"):
        _isolate(table, update=True)
    _isolate("cash_collections", update=False)


def _replace(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, schema="payments", type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule, schema="payments")


def _isolate(table: str, *, update: bool) -> None:
    for statement in campus_table(f"payments.{table}", update=update):
        op.execute(statement)


def _index(name: str, table: str, columns: list[str], where: str | None = None, *, unique: bool = False) -> None:
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        schema="payments",
        postgresql_where=sa.text(where) if where else None,
    )


def _float_changes() -> None:
    op.create_table(
        "float_changes",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("shift_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("denominations", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("handed_by", sa.Text(), nullable=False),
        sa.Column("handed_by_name", sa.Text(), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_by_name", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdraw_reason", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_float_changes_amount")),
        sa.CheckConstraint("direction IN ('raise', 'lower')", name=op.f("ck_float_changes_direction")),
        sa.CheckConstraint("state IN ('offered', 'confirmed', 'withdrawn')", name=op.f("ck_float_changes_state")),
        sa.CheckConstraint(
            "(state = 'offered') = (ended_by IS NULL) AND (ended_by IS NULL) = (ended_at IS NULL)",
            name=op.f("ck_float_changes_ended"),
        ),
        sa.CheckConstraint("state <> 'confirmed' OR ended_by <> handed_by", name=op.f("ck_float_changes_two_persons")),
        sa.CheckConstraint(
            "(state = 'withdrawn') = (withdraw_reason IS NOT NULL)", name=op.f("ck_float_changes_withdrawn")
        ),
        sa.ForeignKeyConstraint(["shift_id"], ["payments.shifts.shift_id"], name=op.f("fk_float_changes_shift_id")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_float_changes")),
        schema="payments",
    )
    _index(op.f("ix_float_changes_shift_id"), "float_changes", ["shift_id"])
    _index("uq_float_changes_offered", "float_changes", ["shift_id"], "state = 'offered'", unique=True)
    _index("ix_float_changes_waiting", "float_changes", ["campus_id", "change_id"], "state = 'offered'")


def _collections() -> None:
    op.create_table(
        "cash_collections",
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("collection_no", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("courier_name", sa.Text(), nullable=False),
        sa.Column("courier_no", sa.Text(), nullable=False),
        sa.Column("bag_count", sa.SmallInteger(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("handed_over_by", sa.Text(), nullable=False),
        sa.Column("handed_over_by_name", sa.Text(), nullable=False),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("amount > 0 AND bag_count > 0", name=op.f("ck_cash_collections_amount")),
        sa.PrimaryKeyConstraint("collection_id", name=op.f("pk_cash_collections")),
        sa.UniqueConstraint("campus_id", "collection_no", name=op.f("uq_cash_collections_campus_id_collection_no")),
        schema="payments",
    )
    _index(op.f("ix_cash_collections_campus_id_collection_id"), "cash_collections", ["campus_id", "collection_id"])


def _bags() -> None:
    op.create_table(
        "cash_bags",
        sa.Column("bag_id", sa.Uuid(), nullable=False),
        sa.Column("seal_no", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("slip_count", sa.SmallInteger(), nullable=False),
        sa.Column("sealed_by", sa.Text(), nullable=False),
        sa.Column("sealed_by_name", sa.Text(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=True),
        sa.Column("opened_by_name", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("open_reason", sa.Text(), nullable=True),
        sa.Column("collection_id", sa.Uuid(), nullable=True),
        sa.Column("counted_amount", MONEY, nullable=True),
        sa.Column("difference", MONEY, nullable=True),
        sa.Column("bank_receipt_no", sa.Text(), nullable=True),
        sa.Column("counted_by", sa.Text(), nullable=True),
        sa.Column("counted_by_name", sa.Text(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=True),
        sa.Column("explained_by", sa.Text(), nullable=True),
        sa.Column("explained_by_name", sa.Text(), nullable=True),
        sa.Column("explained_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('sealed', 'opened', 'handed_over', 'counted')", name=op.f("ck_cash_bags_state")),
        sa.CheckConstraint("amount > 0 AND slip_count > 0", name=op.f("ck_cash_bags_amount")),
        sa.CheckConstraint(
            "(state IN ('handed_over', 'counted')) = (collection_id IS NOT NULL)", name=op.f("ck_cash_bags_collected")
        ),
        sa.CheckConstraint(
            "(state = 'opened') = (opened_by IS NOT NULL AND open_reason IS NOT NULL)", name=op.f("ck_cash_bags_opened")
        ),
        sa.CheckConstraint(
            "state <> 'counted' AND counted_amount IS NULL AND difference IS NULL AND counted_by IS NULL OR"
            " state = 'counted' AND counted_amount >= 0 AND difference = counted_amount - amount"
            " AND bank_receipt_no IS NOT NULL AND counted_by IS NOT NULL AND counted_by <> sealed_by",
            name=op.f("ck_cash_bags_counted"),
        ),
        sa.CheckConstraint(
            "explained_by IS NULL OR difference <> 0 AND explained_by <> sealed_by", name=op.f("ck_cash_bags_explained")
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["payments.cash_collections.collection_id"], name=op.f("fk_cash_bags_collection_id")
        ),
        sa.PrimaryKeyConstraint("bag_id", name=op.f("pk_cash_bags")),
        sa.UniqueConstraint("campus_id", "seal_no", name=op.f("uq_cash_bags_campus_id_seal_no")),
        schema="payments",
    )
    _index(op.f("ix_cash_bags_campus_id_state_bag_id"), "cash_bags", ["campus_id", "state", "bag_id"])
    _index(op.f("ix_cash_bags_collection_id"), "cash_bags", ["collection_id"])
    _index("ix_cash_bags_underway", "cash_bags", ["campus_id", "bag_id"], "state IN ('sealed', 'handed_over')")
    op.create_table(
        "cash_bag_slips",
        sa.Column("bag_id", sa.Uuid(), nullable=False),
        sa.Column("hand_in_id", sa.Uuid(), nullable=False),
        sa.Column("inside", sa.Boolean(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bag_id"], ["payments.cash_bags.bag_id"], name=op.f("fk_cash_bag_slips_bag_id")),
        sa.ForeignKeyConstraint(
            ["hand_in_id"], ["payments.cash_hand_ins.hand_in_id"], name=op.f("fk_cash_bag_slips_hand_in_id")
        ),
        sa.PrimaryKeyConstraint("bag_id", "hand_in_id", name=op.f("pk_cash_bag_slips")),
        schema="payments",
    )
    _index("uq_cash_bag_slips_slip", "cash_bag_slips", ["hand_in_id"], "inside", unique=True)
