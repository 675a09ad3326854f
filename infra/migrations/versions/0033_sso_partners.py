"""Sign-on: certificates, verifiers for the bridge, SAML partners, counters of self-service resets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, consortium_table, shared_read_table

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Create the tables, let partners speak SAML."""
    op.create_table(
        "ca_certificates",
        sa.Column("certificate_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("key_bits", sa.Integer(), nullable=False),
        sa.Column("key_place", sa.Text(), nullable=False),
        sa.Column("medium_no", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bound_by", sa.Text(), nullable=False),
        sa.Column("bound_name", sa.Text(), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_by", sa.Text(), nullable=True),
        sa.Column("handed_name", sa.Text(), nullable=True),
        sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'bound') = (ended_at IS NULL)", name=op.f("ck_ca_certificates_ended")),
        sa.CheckConstraint("algorithm IN ('rsa', 'sm2')", name=op.f("ck_ca_certificates_algorithm")),
        sa.CheckConstraint("end_reason <> 'wrong' OR handed_at IS NULL", name=op.f("ck_ca_certificates_wrong")),
        sa.CheckConstraint("key_place IN ('usb_key', 'mobile')", name=op.f("ck_ca_certificates_key_place")),
        sa.CheckConstraint("state IN ('bound', 'revoked', 'expired')", name=op.f("ck_ca_certificates_state")),
        sa.CheckConstraint("(handed_at IS NULL) = (handed_by IS NULL)", name=op.f("ck_ca_certificates_handed")),
        sa.CheckConstraint("handed_by <> bound_by", name=op.f("ck_ca_certificates_two_people")),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_ca_certificates_term")),
        sa.PrimaryKeyConstraint("certificate_id", name=op.f("pk_ca_certificates")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_ca_certificates_campus_id_certificate_id"),
        "ca_certificates",
        ["campus_id", "certificate_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        "ix_ca_certificates_due",
        "ca_certificates",
        ["campus_id", "valid_to"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("state = 'bound'"),
    )
    op.create_index(
        op.f("ix_ca_certificates_staff_id"), "ca_certificates", ["staff_id"], unique=False, schema="platform"
    )
    op.create_index(
        "uq_ca_certificates_serial",
        "ca_certificates",
        ["serial"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("end_reason IS DISTINCT FROM 'wrong'"),
    )
    op.create_table(
        "offline_sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("workstation", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issue_id", sa.Uuid(), nullable=True),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(outcome = 'opened') = (ended_at IS NOT NULL)", name=op.f("ck_offline_sessions_ended")),
        sa.CheckConstraint("outcome IN ('opened', 'refused', 'locked')", name=op.f("ck_offline_sessions_outcome")),
        sa.CheckConstraint("ended_at >= opened_at", name=op.f("ck_offline_sessions_term")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_offline_sessions")),
        sa.UniqueConstraint("campus_id", "entry_id", name=op.f("uq_offline_sessions_campus_id_entry_id")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_offline_sessions_campus_id_session_id"),
        "offline_sessions",
        ["campus_id", "session_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        op.f("ix_offline_sessions_staff_id_session_id"),
        "offline_sessions",
        ["staff_id", "session_id"],
        unique=False,
        schema="platform",
    )
    op.create_table(
        "offline_verifiers",
        sa.Column("badge_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("badge_id", name=op.f("pk_offline_verifiers")),
        schema="platform",
    )
    op.create_table(
        "reset_counters",
        sa.Column("counted", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("counted", "hour", name=op.f("pk_reset_counters")),
        schema="platform",
    )
    op.create_table(
        "verifier_issues",
        sa.Column("issue_id", sa.Uuid(), nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("staff_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("valid_to <= issued_at + interval '72 hours'", name=op.f("ck_verifier_issues_term")),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("pk_verifier_issues")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_verifier_issues_campus_id_issue_id"),
        "verifier_issues",
        ["campus_id", "issue_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        op.f("ix_verifier_issues_campus_id_valid_to"),
        "verifier_issues",
        ["campus_id", "valid_to"],
        unique=False,
        schema="platform",
    )
    op.add_column(
        "partners", sa.Column("protocol", sa.Text(), server_default="oidc", nullable=False), schema="platform"
    )
    op.add_column("partners", sa.Column("entity_id", sa.Text(), nullable=True), schema="platform")
    op.create_index(
        "uq_partners_entity_id",
        "partners",
        ["entity_id"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_check_constraint(
        op.f("ck_partners_protocol"), "partners", "protocol IN ('oidc', 'saml')", schema="platform"
    )
    op.create_check_constraint(
        op.f("ck_partners_entity"), "partners", "(protocol = 'saml') = (entity_id IS NOT NULL)", schema="platform"
    )
    for statement in [
        *shared_read_table("platform.ca_certificates", "a signature is judged wherever it is read"),
        *consortium_table("platform.offline_verifiers", "a seconded person's card works where the person is posted"),
        *campus_table("platform.verifier_issues", update=False),
        *campus_table("platform.offline_sessions", update=False),
        *consortium_table("platform.reset_counters", "guesses at one name count together wherever they are made"),
    ]:
        op.execute(statement)
