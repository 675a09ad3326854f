"""Permissions, parameters, accounts, sessions and devices."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, consortium_table, schema, shared_read_table

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    for statement in schema("platform"):
        op.execute(statement)
    op.create_table(
        "applied_accounts",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_applied_accounts")),
        schema="platform",
    )
    op.create_table(
        "attestations",
        sa.Column("attestation_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("quarter", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'answered', 'overdue')", name=op.f("ck_attestations_state")),
        sa.PrimaryKeyConstraint("attestation_id", name=op.f("pk_attestations")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_attestations_campus_id_state_due_at"),
        "attestations",
        ["campus_id", "state", "due_at"],
        unique=False,
        schema="platform",
    )
    op.create_index("uq_attestations_quarter", "attestations", ["unit_id", "quarter"], unique=True, schema="platform")
    op.create_table(
        "badges",
        sa.Column("badge_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("card_hash", sa.LargeBinary(), nullable=False),
        sa.Column("pin_salt", sa.LargeBinary(), nullable=False),
        sa.Column("pin_hash", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("badge_id", name=op.f("pk_badges")),
        schema="platform",
    )
    op.create_index(
        "uq_badges_card",
        "badges",
        ["card_hash"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_badges_staff",
        "badges",
        ["staff_id"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "devices",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("enrolled_by", sa.Text(), nullable=False),
        sa.Column("secret_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("former_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'ended')", name=op.f("ck_devices_state")),
        sa.CheckConstraint("valid_to <= secret_since + interval '366 days'", name=op.f("ck_devices_term")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_devices")),
        sa.UniqueConstraint("campus_id", "code", name=op.f("uq_devices_campus_id_code")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_devices_campus_id_device_id"), "devices", ["campus_id", "device_id"], unique=False, schema="platform"
    )
    op.create_index(
        "ix_devices_due",
        "devices",
        ["valid_to"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "emergency_accesses",
        sa.Column("access_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_by", sa.Text(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('asked', 'open', 'sealed')", name=op.f("ck_emergency_accesses_state")),
        sa.CheckConstraint("until <= opened_at + interval '4 hours'", name=op.f("ck_emergency_accesses_term")),
        sa.CheckConstraint("opened_by <> asked_by", name=op.f("ck_emergency_accesses_two_people")),
        sa.PrimaryKeyConstraint("access_id", name=op.f("pk_emergency_accesses")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_emergency_accesses_campus_id_access_id"),
        "emergency_accesses",
        ["campus_id", "access_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        "uq_emergency_accesses_open",
        "emergency_accesses",
        ["campus_id"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("state <> 'sealed'"),
    )
    op.create_table(
        "extra_scopes",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("permission", sa.Text(), nullable=False),
        sa.Column("unit_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("companion_id", sa.Uuid(), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.column("campus_id"), "="),
            (sa.column("permission"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_extra_scopes_period",
        ),
        sa.CheckConstraint(
            "valid_to >= valid_from AND valid_to <= valid_from + interval '90 days'",
            name=op.f("ck_extra_scopes_period"),
        ),
        sa.CheckConstraint("approved_by <> granted_by", name=op.f("ck_extra_scopes_two_people")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_extra_scopes")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_extra_scopes_campus_id_valid_to_grant_id"),
        "extra_scopes",
        ["campus_id", "valid_to", "grant_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        op.f("ix_extra_scopes_permission_valid_to"),
        "extra_scopes",
        ["permission", "valid_to"],
        unique=False,
        schema="platform",
    )
    op.create_table(
        "freezes",
        sa.Column("freeze_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("denial_id", sa.Uuid(), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_by", sa.Text(), nullable=False),
        sa.Column("lift_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lift_asked_by", sa.Text(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.CheckConstraint("lifted_by <> lift_asked_by", name=op.f("ck_freezes_two_people")),
        sa.PrimaryKeyConstraint("freeze_id", name=op.f("pk_freezes")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_freezes_staff_id_frozen_at"), "freezes", ["staff_id", "frozen_at"], unique=False, schema="platform"
    )
    op.create_index(
        "uq_freezes_open",
        "freezes",
        ["staff_id"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "identity_changes",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('person', 'realm', 'patient', 'sessions')", name=op.f("ck_identity_changes_kind")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_identity_changes")),
        schema="platform",
    )
    op.create_index(
        "ix_identity_changes_open",
        "identity_changes",
        ["due_at", "change_id"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "uq_identity_changes_open",
        "identity_changes",
        ["kind", "subject_id"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("done_at IS NULL AND taken_until IS NULL"),
    )
    op.create_table(
        "login_events",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("realm_event_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("realm_session", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_login_events")),
        sa.UniqueConstraint("realm_event_id", name=op.f("uq_login_events_realm_event_id")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_login_events_account_id_at"), "login_events", ["account_id", "at"], unique=False, schema="platform"
    )
    op.create_index(
        op.f("ix_login_events_at_event_id"), "login_events", ["at", "event_id"], unique=False, schema="platform"
    )
    op.create_index(
        "ix_login_events_failures",
        "login_events",
        ["address", "at"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("error IS NOT NULL"),
    )
    op.create_table(
        "parameter_values",
        sa.Column("value_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("level_id", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("key"), "="),
            (sa.column("level"), "="),
            (sa.column("level_id"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("state = 'effective' AND superseded_at IS NULL"),
            using="gist",
            name="ex_parameter_values_period",
        ),
        sa.CheckConstraint("(level = 'system') = (level_id = '')", name=op.f("ck_parameter_values_level_id")),
        sa.CheckConstraint(
            "level IN ('system', 'campus', 'department', 'workstation')", name=op.f("ck_parameter_values_level")
        ),
        sa.CheckConstraint("state IN ('asked', 'effective', 'refused')", name=op.f("ck_parameter_values_state")),
        sa.CheckConstraint("approved_by <> asked_by", name=op.f("ck_parameter_values_two_people")),
        sa.PrimaryKeyConstraint("value_id", name=op.f("pk_parameter_values")),
        schema="platform",
    )
    op.create_index(
        "ix_parameter_values_asked",
        "parameter_values",
        ["value_id"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_index(
        op.f("ix_parameter_values_key_level_level_id_valid_from"),
        "parameter_values",
        ["key", "level", "level_id", "valid_from"],
        unique=False,
        schema="platform",
    )
    op.create_table(
        "partners",
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("shared_data", sa.Text(), nullable=False),
        sa.Column("redirect_uris", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("backchannel_logout_url", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'ended')", name=op.f("ck_partners_state")),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_partners")),
        sa.UniqueConstraint("code", name=op.f("uq_partners_code")),
        schema="platform",
    )
    op.create_table(
        "patient_accounts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("openid_hash", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_patient_accounts")),
        sa.UniqueConstraint("openid_hash", name=op.f("uq_patient_accounts_openid_hash")),
        schema="platform",
    )
    op.create_table(
        "permission_requests",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("companion_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agreed_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("result_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('post', 'permission')", name=op.f("ck_permission_requests_kind")),
        sa.CheckConstraint(
            "state IN ('requested', 'agreed', 'approved', 'refused')", name=op.f("ck_permission_requests_state")
        ),
        sa.CheckConstraint(
            "agreed_by <> asked_by AND decided_by <> agreed_by AND decided_by <> asked_by",
            name=op.f("ck_permission_requests_people"),
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_permission_requests")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_permission_requests_campus_id_state_request_id"),
        "permission_requests",
        ["campus_id", "state", "request_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        op.f("ix_permission_requests_staff_id"), "permission_requests", ["staff_id"], unique=False, schema="platform"
    )
    op.create_table(
        "reconciliations",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.Column("lines", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('running', 'clean', 'repaired', 'failed')", name=op.f("ck_reconciliations_outcome")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_reconciliations")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_reconciliations_started_at"), "reconciliations", ["started_at"], unique=False, schema="platform"
    )
    op.create_table(
        "template_versions",
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("version_no", sa.Integer(), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drafted_by", sa.Text(), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("holders", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("post"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("state IN ('in_force', 'superseded')"),
            using="gist",
            name="ex_template_versions_period",
        ),
        sa.CheckConstraint(
            "(state IN ('in_force', 'superseded')) = (valid_from IS NOT NULL)", name=op.f("ck_template_versions_period")
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'reviewed', 'in_force', 'superseded', 'withdrawn')",
            name=op.f("ck_template_versions_state"),
        ),
        sa.CheckConstraint("reviewed_by <> drafted_by", name=op.f("ck_template_versions_two_people")),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_template_versions")),
        schema="platform",
    )
    op.create_index(
        "uq_template_versions_number", "template_versions", ["post", "version_no"], unique=True, schema="platform"
    )
    op.create_index(
        "uq_template_versions_open",
        "template_versions",
        ["post"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("state IN ('draft', 'reviewed')"),
    )
    op.create_table(
        "workstation_sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("workstation", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("realm_session", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_workstation_sessions")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_workstation_sessions_campus_id_session_id"),
        "workstation_sessions",
        ["campus_id", "session_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        "ix_workstation_sessions_staff",
        "workstation_sessions",
        ["staff_id"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_workstation_sessions_open",
        "workstation_sessions",
        ["workstation"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "account_links",
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(relation = 'self') = (proof = 'real_name')", name=op.f("ck_account_links_self_proof")),
        sa.CheckConstraint("proof IN ('real_name', 'guardian', 'consent')", name=op.f("ck_account_links_proof")),
        sa.CheckConstraint(
            "relation IN ('self', 'child', 'parent', 'spouse', 'other')", name=op.f("ck_account_links_relation")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform.patient_accounts.account_id"], name=op.f("fk_account_links_account_id")
        ),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_account_links")),
        schema="platform",
    )
    op.create_index(
        "ix_account_links_patient",
        "account_links",
        ["patient_id"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_account_links_open",
        "account_links",
        ["account_id", "patient_id"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_account_links_self",
        "account_links",
        ["account_id"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("relation = 'self' AND ended_at IS NULL"),
    )
    op.create_table(
        "attestation_lines",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("attestation_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("assignment_id", sa.Uuid(), nullable=True),
        sa.Column("grant_id", sa.Uuid(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("verdict IN ('keep', 'strike')", name=op.f("ck_attestation_lines_verdict")),
        sa.CheckConstraint(
            "(assignment_id IS NULL) <> (grant_id IS NULL)", name=op.f("ck_attestation_lines_one_thing")
        ),
        sa.ForeignKeyConstraint(
            ["attestation_id"],
            ["platform.attestations.attestation_id"],
            name=op.f("fk_attestation_lines_attestation_id"),
        ),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_attestation_lines")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_attestation_lines_attestation_id_line_id"),
        "attestation_lines",
        ["attestation_id", "line_id"],
        unique=False,
        schema="platform",
    )

    for statement in [
        *shared_read_table(
            "platform.extra_scopes", "what a person may do beside the posts follows the person everywhere"
        ),
        *campus_table("platform.permission_requests"),
        *campus_table("platform.attestations"),
        *campus_table("platform.attestation_lines"),
        *consortium_table("platform.template_versions", "a post means the same at every campus"),
        *consortium_table("platform.freezes", "who is shut out is shut out at every campus"),
        *consortium_table("platform.parameter_values", "a value is resolved from the system down to the workstation"),
        *consortium_table("platform.reconciliations", "people of all campuses are compared with the one realm"),
        *consortium_table("platform.applied_accounts", "there is one realm for all campuses"),
        *consortium_table("platform.identity_changes", "there is one realm for all campuses"),
        *shared_read_table("platform.devices", "the one realm is provisioned with the devices of all campuses"),
        *consortium_table("platform.partners", "a partner's program signs on people of every campus"),
        *consortium_table("platform.patient_accounts", "a patient has one account for all campuses"),
        *consortium_table("platform.account_links", "a patient has one account for all campuses"),
        *shared_read_table("platform.badges", "a seconded person's card works where the person is posted"),
        *campus_table("platform.workstation_sessions"),
        *consortium_table("platform.login_events", "the one realm reports the sign-ons of all campuses", update=False),
        *campus_table("platform.emergency_accesses"),
    ]:
        op.execute(statement)
