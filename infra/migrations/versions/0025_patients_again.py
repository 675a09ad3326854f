"""Identity checks with the police, asked until they are answered."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "police_checks",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_version", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('waiting', 'matched', 'mismatched', 'unknown', 'outdated')",
            name=op.f("ck_police_checks_status"),
        ),
        sa.CheckConstraint("(status = 'waiting') = (answered_at IS NULL)", name=op.f("ck_police_checks_answered_at")),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patients.patients.patient_id"],
            name=op.f("fk_police_checks_patient_id_patients"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_police_checks")),
        schema="patients",
    )
    op.create_index(
        "uq_police_checks_waiting",
        "police_checks",
        ["patient_id"],
        unique=True,
        schema="patients",
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_index(
        "ix_police_checks_due",
        "police_checks",
        ["campus_id", "next_at"],
        schema="patients",
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_index(
        op.f("ix_police_checks_campus_id_status_check_id"),
        "police_checks",
        ["campus_id", "status", "check_id"],
        schema="patients",
    )
    op.create_index(op.f("ix_police_checks_patient_id"), "police_checks", ["patient_id"], schema="patients")
    for statement in campus_table("patients.police_checks"):
        op.execute(statement)
