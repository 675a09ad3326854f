"""Templates, releases, holds, changes, leave, attendance: the whole of the clinic schedule."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, consortium_table, shared_read_table

revision = "0016"
down_revision = "0015"

ONE_POOL = "one number pool: every sales channel shows the numbers of every campus"
ONE_DOCTOR = "a doctor works at several campuses: an absence or a session at one counts at all"

PLANS = """
UPDATE outpatient.sessions AS s SET
    bands = (SELECT jsonb_agg(jsonb_build_object('starts_at', b.band_start, 'ends_at', b.band_end, 'count', b.n)
                              ORDER BY b.band_start)
             FROM (SELECT band_start, band_end, count(*) AS n FROM outpatient.slots
                   WHERE session_id = s.session_id GROUP BY 1, 2) AS b),
    quotas = (SELECT jsonb_object_agg(q.channel, q.n)
              FROM (SELECT channel, count(*) AS n FROM outpatient.slots
                    WHERE session_id = s.session_id GROUP BY 1) AS q)
WHERE s.status IN ('draft', 'submitted', 'approved')
"""
"""Sessions not yet published had their numbers made when they were drafted; from now on they keep a plan instead."""
UNSOLD = """
DELETE FROM outpatient.slots AS n USING outpatient.sessions AS s
WHERE s.session_id = n.session_id AND s.status IN ('draft', 'submitted', 'approved')
"""
CHECKS = {
    "sessions": {
        "status": "status IN ('draft', 'submitted', 'approved', 'published', 'open', 'closed', 'stopped', 'discarded')",
        "waiting": "waiting >= 0",
    },
    "slots": {
        "status": "status IN ('free', 'held', 'taken', 'used', 'blocked', 'withdrawn', 'lapsed')",
        "held": "(status = 'held') = (held_until IS NOT NULL)",
        "blocked": "(status = 'blocked') = (block_reason IS NOT NULL)",
    },
}


def upgrade() -> None:
    op.create_table(
        "doctor_bars",
        sa.Column("bar_id", sa.Uuid(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("campus_code", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("bar_id", name=op.f("pk_doctor_bars")),
        schema="outpatient",
    )
    op.create_index(
        "ix_doctor_bars_doctor",
        "doctor_bars",
        ["doctor_id"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "doctor_leaves",
        sa.Column("leave_id", sa.Uuid(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('requested', 'approved', 'refused', 'withdrawn')", name=op.f("ck_doctor_leaves_status")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_doctor_leaves_times")),
        sa.PrimaryKeyConstraint("leave_id", name=op.f("pk_doctor_leaves")),
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_doctor_leaves_campus_id_leave_id"),
        "doctor_leaves",
        ["campus_id", "leave_id"],
        unique=False,
        schema="outpatient",
    )
    op.create_index(
        "ix_doctor_leaves_doctor",
        "doctor_leaves",
        ["doctor_id", "ends_at"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("status = 'approved'"),
    )
    op.create_table(
        "doctor_profiles",
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("photo_file_id", sa.Uuid(), nullable=True),
        sa.Column("specialities", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("introduction", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('submitted', 'approved', 'refused', 'superseded')", name=op.f("ck_doctor_profiles_status")
        ),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_doctor_profiles")),
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_doctor_profiles_campus_id_profile_id"),
        "doctor_profiles",
        ["campus_id", "profile_id"],
        unique=False,
        schema="outpatient",
    )
    op.create_index(
        "uq_doctor_profiles_approved",
        "doctor_profiles",
        ["doctor_id"],
        unique=True,
        schema="outpatient",
        postgresql_where=sa.text("status = 'approved'"),
    )
    op.create_table(
        "pool_freezes",
        sa.Column("freeze_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_by", sa.Text(), nullable=False),
        sa.Column("slots", sa.SmallInteger(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("freeze_id", name=op.f("pk_pool_freezes")),
        schema="outpatient",
    )
    op.create_index(
        "uq_pool_freezes_day",
        "pool_freezes",
        ["campus_id", "day"],
        unique=True,
        schema="outpatient",
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "return_rules",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("minute", sa.SmallInteger(), nullable=False),
        sa.Column("to_channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("moment IN ('day_before', 'before_band')", name=op.f("ck_return_rules_moment")),
        sa.CheckConstraint("cardinality(to_channels) > 0", name=op.f("ck_return_rules_to_channels")),
        sa.PrimaryKeyConstraint("campus_id", "channel", "moment", name=op.f("pk_return_rules")),
        schema="outpatient",
    )
    op.create_table(
        "clinic_prices",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("fee_item_code", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["outpatient.clinics.clinic_id"], name=op.f("fk_clinic_prices_clinic_id")
        ),
        sa.PrimaryKeyConstraint("clinic_id", "grade", name=op.f("pk_clinic_prices")),
        schema="outpatient",
    )
    op.create_table(
        "session_templates",
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=True),
        sa.Column("room_id", sa.Uuid(), nullable=False),
        sa.Column("desk", sa.SmallInteger(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("week_parity", sa.Text(), nullable=False),
        sa.Column("months", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("bands", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("quotas", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("waves", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("extra_cap", sa.SmallInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('draft', 'active', 'ended')", name=op.f("ck_session_templates_status")),
        sa.CheckConstraint("week_parity IN ('every', 'odd', 'even')", name=op.f("ck_session_templates_week_parity")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_session_templates_period")),
        sa.CheckConstraint("weekday BETWEEN 1 AND 7", name=op.f("ck_session_templates_weekday")),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["outpatient.clinics.clinic_id"], name=op.f("fk_session_templates_clinic_id")
        ),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_session_templates")),
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_session_templates_campus_id_template_id"),
        "session_templates",
        ["campus_id", "template_id"],
        unique=False,
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_session_templates_doctor_id"), "session_templates", ["doctor_id"], unique=False, schema="outpatient"
    )
    op.create_table(
        "release_waves",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("slots", sa.SmallInteger(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["outpatient.sessions.session_id"], name=op.f("fk_release_waves_session_id")
        ),
        sa.PrimaryKeyConstraint("session_id", "ordinal", name=op.f("pk_release_waves")),
        schema="outpatient",
    )
    op.create_index(
        "ix_release_waves_due",
        "release_waves",
        ["campus_id", "due_at"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "session_attendances",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late_minutes", sa.SmallInteger(), nullable=False),
        sa.Column("early_minutes", sa.SmallInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["outpatient.sessions.session_id"], name=op.f("fk_session_attendances_session_id")
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_session_attendances")),
        schema="outpatient",
    )
    op.create_table(
        "session_changes",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("affected", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("head_by", sa.Text(), nullable=True),
        sa.Column("office_by", sa.Text(), nullable=True),
        sa.Column("medical_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('requested', 'done', 'refused')", name=op.f("ck_session_changes_status")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["outpatient.sessions.session_id"], name=op.f("fk_session_changes_session_id")
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_session_changes")),
        schema="outpatient",
    )
    op.create_index(
        "ix_session_changes_asked",
        "session_changes",
        ["campus_id", "change_id"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("status = 'requested'"),
    )
    op.create_index(
        op.f("ix_session_changes_campus_id_change_id"),
        "session_changes",
        ["campus_id", "change_id"],
        unique=False,
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_session_changes_session_id_change_id"),
        "session_changes",
        ["session_id", "change_id"],
        unique=False,
        schema="outpatient",
    )
    op.create_table(
        "session_swaps",
        sa.Column("swap_id", sa.Uuid(), nullable=False),
        sa.Column("session_a", sa.Uuid(), nullable=False),
        sa.Column("session_b", sa.Uuid(), nullable=False),
        sa.Column("doctor_a", sa.Uuid(), nullable=False),
        sa.Column("doctor_b", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agreed_by", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('proposed', 'agreed', 'approved', 'refused', 'withdrawn')", name=op.f("ck_session_swaps_status")
        ),
        sa.CheckConstraint("session_a <> session_b AND doctor_a <> doctor_b", name=op.f("ck_session_swaps_two")),
        sa.ForeignKeyConstraint(
            ["session_a"], ["outpatient.sessions.session_id"], name=op.f("fk_session_swaps_session_a")
        ),
        sa.ForeignKeyConstraint(
            ["session_b"], ["outpatient.sessions.session_id"], name=op.f("fk_session_swaps_session_b")
        ),
        sa.PrimaryKeyConstraint("swap_id", name=op.f("pk_session_swaps")),
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_session_swaps_campus_id_swap_id"),
        "session_swaps",
        ["campus_id", "swap_id"],
        unique=False,
        schema="outpatient",
    )
    op.create_table(
        "session_tasks",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["outpatient.sessions.session_id"], name=op.f("fk_session_tasks_session_id")
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_session_tasks")),
        schema="outpatient",
    )
    op.create_index(
        "ix_session_tasks_campus",
        "session_tasks",
        ["campus_id", "task_id"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "uq_session_tasks_open",
        "session_tasks",
        ["session_id", "kind"],
        unique=True,
        schema="outpatient",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.add_column(
        "clinics",
        sa.Column("questions", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        schema="outpatient",
    )
    op.add_column(
        "clinics",
        sa.Column("room_ids", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False),
        schema="outpatient",
    )
    op.add_column("sessions", sa.Column("travel_until", sa.DateTime(timezone=True), nullable=True), schema="outpatient")
    op.add_column(
        "sessions",
        sa.Column("bands", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        schema="outpatient",
    )
    op.add_column(
        "sessions",
        sa.Column("quotas", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        schema="outpatient",
    )
    op.add_column(
        "sessions",
        sa.Column("waves", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        schema="outpatient",
    )
    op.add_column("sessions", sa.Column("grade", sa.Text(), nullable=True), schema="outpatient")
    op.add_column("sessions", sa.Column("fee_item_code", sa.Text(), nullable=True), schema="outpatient")
    op.add_column("sessions", sa.Column("template_id", sa.Uuid(), nullable=True), schema="outpatient")
    op.add_column(
        "sessions", sa.Column("waiting", sa.SmallInteger(), server_default="0", nullable=False), schema="outpatient"
    )
    op.add_column("sessions", sa.Column("told_remaining", sa.SmallInteger(), nullable=True), schema="outpatient")
    op.add_column(
        "sessions", sa.Column("partly_stopped_at", sa.DateTime(timezone=True), nullable=True), schema="outpatient"
    )
    op.create_index(
        "ix_sessions_doctor_day",
        "sessions",
        ["doctor_id", "day"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("doctor_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sessions_running",
        "sessions",
        ["campus_id", "ends_at"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("status IN ('published', 'open')"),
    )
    op.create_index(
        "uq_sessions_template_day",
        "sessions",
        ["template_id", "day"],
        unique=True,
        schema="outpatient",
        postgresql_where=sa.text("template_id IS NOT NULL AND status <> 'discarded'"),
    )
    op.add_column("slots", sa.Column("holder", sa.Text(), nullable=True), schema="outpatient")
    op.add_column("slots", sa.Column("on_sale_at", sa.DateTime(timezone=True), nullable=True), schema="outpatient")
    op.add_column("slots", sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True), schema="outpatient")
    op.add_column("slots", sa.Column("block_reason", sa.Text(), nullable=True), schema="outpatient")
    op.add_column("slots", sa.Column("extra_no", sa.SmallInteger(), nullable=True), schema="outpatient")
    op.add_column("slots", sa.Column("for_patient", sa.Uuid(), nullable=True), schema="outpatient")
    op.drop_index(
        op.f("ix_slots_free"), table_name="slots", schema="outpatient", postgresql_where=sa.text("status = 'free'")
    )
    op.create_index(
        "ix_slots_ending",
        "slots",
        ["campus_id", "band_end"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("status IN ('free', 'held') OR status = 'blocked'"),
    )
    op.create_index(
        "ix_slots_held",
        "slots",
        ["campus_id", "held_until"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("status = 'held'"),
    )
    op.create_index(
        "ix_slots_sellable",
        "slots",
        ["session_id", "number"],
        unique=False,
        schema="outpatient",
        postgresql_where=sa.text("status IN ('free', 'held')"),
    )
    op.create_index(
        "uq_slots_extra",
        "slots",
        ["session_id", "extra_no"],
        unique=True,
        schema="outpatient",
        postgresql_where=sa.text("extra_no IS NOT NULL"),
    )

    op.execute(
        "ALTER TABLE outpatient.sessions ADD CONSTRAINT ex_sessions_travel EXCLUDE USING gist (doctor_id WITH =,"
        " campus_id WITH <>, tstzrange(starts_at, COALESCE(travel_until, ends_at)) WITH &&)"
        " WHERE (status IN ('published', 'open') AND doctor_id IS NOT NULL)"
    )
    for table in ("sessions", "slots"):  # the owner sees no rows of a walled table
        op.execute(f"ALTER TABLE outpatient.{table} NO FORCE ROW LEVEL SECURITY")
    op.execute(PLANS)
    op.execute(UNSOLD)
    for table in ("sessions", "slots"):
        op.execute(f"ALTER TABLE outpatient.{table} FORCE ROW LEVEL SECURITY")
    for table, rules in CHECKS.items():
        for name, rule in rules.items():
            op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule, schema="outpatient")
    for statement in [
        *shared_read_table("outpatient.clinic_prices", ONE_POOL),
        *shared_read_table("outpatient.release_waves", ONE_POOL),
        *shared_read_table("outpatient.pool_freezes", ONE_POOL),
        *shared_read_table("outpatient.session_templates", ONE_DOCTOR),
        *shared_read_table("outpatient.doctor_leaves", ONE_DOCTOR),
        *shared_read_table("outpatient.doctor_profiles", "patients choose among the doctors of every campus"),
        *consortium_table("outpatient.doctor_bars", ONE_DOCTOR),
        *campus_table("outpatient.return_rules"),
        *campus_table("outpatient.session_changes"),
        *campus_table("outpatient.session_tasks"),
        *campus_table("outpatient.session_attendances"),
        *campus_table("outpatient.session_swaps"),
    ]:
        op.execute(statement)
