"""Clinics, sessions and the number pool."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import schema, shared_read_table

revision = "0005"
down_revision = "0004"

ONE_POOL = "one number pool: every sales channel shows the numbers of every campus"


def upgrade() -> None:
    for statement in schema("outpatient"):
        op.execute(statement)
    op.create_table(
        "clinics",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("fee_item_code", sa.Text(), nullable=False),
        sa.Column("standard_code", sa.Text(), nullable=False),
        sa.Column("sex_limit", sa.Text(), nullable=True),
        sa.Column("age_from", sa.SmallInteger(), nullable=True),
        sa.Column("age_to", sa.SmallInteger(), nullable=True),
        sa.Column("follow_up_allowed", sa.Boolean(), nullable=False),
        sa.Column("guidance", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", name=op.f("pk_clinics")),
        sa.UniqueConstraint("campus_id", "code", name=op.f("uq_clinics_campus_id_code")),
        schema="outpatient",
    )
    op.create_index(op.f("ix_clinics_standard_code"), "clinics", ["standard_code"], unique=False, schema="outpatient")
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=True),
        sa.Column("room_id", sa.Uuid(), nullable=False),
        sa.Column("desk", sa.SmallInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("extra_cap", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("doctor_id"), "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=sa.text("status IN ('published', 'open') AND doctor_id IS NOT NULL"),
            using="gist",
            name="ex_sessions_doctor",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("room_id"), "="),
            (sa.column("desk"), "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=sa.text("status IN ('published', 'open')"),
            using="gist",
            name="ex_sessions_room",
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_sessions_times")),
        sa.ForeignKeyConstraint(["clinic_id"], ["outpatient.clinics.clinic_id"], name=op.f("fk_sessions_clinic_id")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sessions")),
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_sessions_campus_id_day_session_id"),
        "sessions",
        ["campus_id", "day", "session_id"],
        unique=False,
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_sessions_clinic_id_day"), "sessions", ["clinic_id", "day"], unique=False, schema="outpatient"
    )
    op.create_table(
        "slots",
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("band_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("band_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("owner_kind", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(status IN ('taken', 'used')) = (owner_id IS NOT NULL)", name=op.f("ck_slots_owner")),
        sa.ForeignKeyConstraint(["session_id"], ["outpatient.sessions.session_id"], name=op.f("fk_slots_session_id")),
        sa.PrimaryKeyConstraint("slot_id", name=op.f("pk_slots")),
        sa.UniqueConstraint("session_id", "number", name=op.f("uq_slots_session_id_number")),
        schema="outpatient",
    )
    op.create_index(
        "ix_slots_free",
        "slots",
        ["session_id", "number"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("status = 'free'"),
    )
    for statement in [
        *shared_read_table("outpatient.clinics", ONE_POOL),
        *shared_read_table("outpatient.sessions", ONE_POOL),
        *shared_read_table("outpatient.slots", ONE_POOL),
    ]:
        op.execute(statement)
