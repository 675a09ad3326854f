"""Fees still to be set right, visit by visit; numbers a change of a session concerned; whom a moved one awaits."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table, record_table

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "session_change_numbers",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("owner_kind", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"],
            ["outpatient.session_changes.change_id"],
            name=op.f("fk_session_change_numbers_change_id_session_changes"),
        ),
        sa.PrimaryKeyConstraint("change_id", "number", name=op.f("pk_session_change_numbers")),
        schema="outpatient",
    )
    op.create_table(
        "fee_corrections",
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("item_code", sa.Text(), nullable=True),
        sa.Column("doctor_id", sa.Uuid(), nullable=True),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('give_back', 'lower', 'withdraw')", name=op.f("ck_fee_corrections_kind")),
        sa.CheckConstraint("(kind = 'lower') = (price IS NOT NULL)", name=op.f("ck_fee_corrections_price")),
        sa.CheckConstraint("price >= 0", name=op.f("ck_fee_corrections_amount")),
        sa.ForeignKeyConstraint(
            ["encounter_id"],
            ["outpatient.visits.encounter_id"],
            name=op.f("fk_fee_corrections_encounter_id_visits"),
        ),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_fee_corrections")),
        schema="outpatient",
    )
    op.create_index(
        "uq_fee_corrections_open",
        "fee_corrections",
        ["encounter_id", "kind"],
        unique=True,
        schema="outpatient",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        op.f("ix_fee_corrections_encounter_id"), "fee_corrections", ["encounter_id"], unique=False, schema="outpatient"
    )
    op.create_index(
        "ix_fee_corrections_open",
        "fee_corrections",
        ["campus_id", "correction_id"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    # The default stays: the release before this one inserts without this column.
    for column in (
        sa.Column("moved_from", sa.Uuid(), nullable=True),
        sa.Column("promised", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("promised_until", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("sessions", column, schema="outpatient")
    op.create_check_constraint(op.f("ck_sessions_promised"), "sessions", "promised >= 0", schema="outpatient")
    op.create_index(
        "ix_sessions_promised",
        "sessions",
        ["campus_id", "promised_until"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("promised_until IS NOT NULL"),
    )
    op.drop_index(op.f("ix_bracelet_batches_campus_id_prepared_at"), table_name="bracelet_batches", schema="outpatient")
    op.create_index(
        op.f("ix_bracelet_batches_campus_id_batch_id"),
        "bracelet_batches",
        ["campus_id", "batch_id"],
        unique=False,
        schema="outpatient",
    )
    op.drop_index("ix_visits_unfinished", table_name="visits", schema="outpatient")
    op.create_index(
        "ix_visits_unfinished",
        "visits",
        ["unit_id", "valid_until"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("status IN ('registered', 'waiting', 'in_consultation')"),
    )
    for statement in [
        *campus_table("outpatient.session_change_numbers", update=False),
        *record_table("outpatient.fee_corrections"),
    ]:
        op.execute(statement)
