"""The clinic schedule: attendance set right, and the personnel's picture of a doctor shown with the introduction."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    op.create_table(
        "attendance_corrections",
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("before_opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("before_closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("before_outcome", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_by_name", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_by_name", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decide_note", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('requested', 'approved', 'refused')", name=op.f("ck_attendance_corrections_status")
        ),
        sa.CheckConstraint(
            "(opened_at IS NULL) = (closed_at IS NULL) AND (opened_at IS NULL OR closed_at > opened_at)",
            name=op.f("ck_attendance_corrections_times"),
        ),
        sa.CheckConstraint(
            "(status = 'requested') = (decided_by IS NULL)", name=op.f("ck_attendance_corrections_decided")
        ),
        sa.CheckConstraint("decided_by <> requested_by", name=op.f("ck_attendance_corrections_two_persons")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["outpatient.sessions.session_id"], name=op.f("fk_attendance_corrections_session_id")
        ),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_attendance_corrections")),
        schema="outpatient",
    )
    _index(op.f("ix_attendance_corrections_session_id"), ["session_id"])
    _index("uq_attendance_corrections_waiting", ["session_id"], waiting=True, unique=True)
    _index("ix_attendance_corrections_waiting", ["campus_id", "correction_id"], waiting=True)
    for statement in campus_table("outpatient.attendance_corrections"):
        op.execute(statement)
    op.add_column(
        "doctor_profiles",
        sa.Column("show_photo", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        schema="outpatient",
    )


def _index(name: str, columns: list[str], *, waiting: bool = False, unique: bool = False) -> None:
    op.create_index(
        name,
        "attendance_corrections",
        columns,
        unique=unique,
        schema="outpatient",
        postgresql_where=sa.text("status = 'requested'") if waiting else None,
    )
