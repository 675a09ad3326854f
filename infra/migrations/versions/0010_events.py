"""Delivery and sealing: the kill switch of a subject, and the indexes that find open events and unsealed entries."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table, worker_table

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "held_subjects",
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("held_by", sa.Text(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("campus_id", "subject", name=op.f("pk_held_subjects")),
        schema="kernel",
    )
    for statement in [
        *campus_table("kernel.held_subjects", update=False),
        "REVOKE INSERT ON kernel.held_subjects FROM his_app",
        *worker_table("kernel.held_subjects", verbs="SELECT, INSERT, DELETE"),
    ]:
        op.execute(statement)
    op.drop_index("ix_outbox_seq", table_name="outbox", schema="kernel")
    op.create_index("ix_outbox_due", "outbox", ["seq"], schema="kernel", postgresql_where=sa.text("closed_at IS NULL"))
    op.create_index(
        op.f("ix_audit_entries_campus_id_transaction_entry_id"),
        "audit_entries",
        ["campus_id", "transaction", "entry_id"],
        schema="kernel",
    )
