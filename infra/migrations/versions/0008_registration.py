"""Outpatient visits."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import record_table

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "visits",
        sa.Column("encounter_id", sa.Uuid(), nullable=False),
        sa.Column("visit_no", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=True),
        sa.Column("clinic_name", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("slot_id", sa.Uuid(), nullable=True),
        sa.Column("slot_number", sa.SmallInteger(), nullable=True),
        sa.Column("doctor_id", sa.Uuid(), nullable=True),
        sa.Column("room_id", sa.Uuid(), nullable=True),
        sa.Column("band_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("band_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payer_kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("first_visit", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slips_printed", sa.SmallInteger(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name=op.f("ck_visits_cancelled")),
        sa.PrimaryKeyConstraint("encounter_id", name=op.f("pk_visits")),
        sa.UniqueConstraint("campus_id", "visit_no", name=op.f("uq_visits_campus_id_visit_no")),
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_visits_campus_id_encounter_id"),
        "visits",
        ["campus_id", "encounter_id"],
        unique=False,
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_visits_patient_id_registered_at"),
        "visits",
        ["patient_id", "registered_at"],
        unique=False,
        schema="outpatient",
    )
    op.create_index(op.f("ix_visits_session_id"), "visits", ["session_id"], unique=False, schema="outpatient")
    op.create_index(
        "ix_visits_unfinished",
        "visits",
        ["unit_id"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("status IN ('registered', 'waiting')"),
    )
    op.create_index(
        "uq_visits_patient_session",
        "visits",
        ["patient_id", "session_id"],
        unique=True,
        schema="outpatient",
        postgresql_where=sa.text("status <> 'cancelled'"),
    )
    op.create_index(
        "uq_visits_slot",
        "visits",
        ["slot_id"],
        unique=True,
        schema="outpatient",
        postgresql_where=sa.text("status <> 'cancelled'"),
    )
    for statement in record_table("outpatient.visits"):
        op.execute(statement)
