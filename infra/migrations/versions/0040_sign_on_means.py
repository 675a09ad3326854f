"""Sign-on by certificate: authorities, revocation lists, challenges, proofs; what is known of passwords."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, consortium_table

revision = "0040"
down_revision = "0039"

ONE = "an authority vouches for the staff of several campuses"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "certificate_challenges",
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("workstation", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "expires_at <= asked_at + interval '2 minutes'", name=op.f("ck_certificate_challenges_term")
        ),
        sa.PrimaryKeyConstraint("challenge_id", name=op.f("pk_certificate_challenges")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_certificate_challenges_campus_id_challenge_id"),
        "certificate_challenges",
        ["campus_id", "challenge_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        "uq_certificate_challenges_open",
        "certificate_challenges",
        ["workstation"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("used_at IS NULL"),
    )
    op.create_table(
        "session_proofs",
        sa.Column("realm_session", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("certificate_id", sa.Uuid(), nullable=False),
        sa.Column("methods", sa.Text(), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("methods IN ('x509', 'pwd+x509')", name=op.f("ck_session_proofs_methods")),
        sa.CheckConstraint("until >= proved_at", name=op.f("ck_session_proofs_term")),
        sa.PrimaryKeyConstraint("realm_session", name=op.f("pk_session_proofs")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_session_proofs_certificate_id"), "session_proofs", ["certificate_id"], unique=False, schema="platform"
    )
    op.create_index(
        op.f("ix_session_proofs_staff_id_until"),
        "session_proofs",
        ["staff_id", "until"],
        unique=False,
        schema="platform",
    )
    op.create_index(op.f("ix_session_proofs_until"), "session_proofs", ["until"], unique=False, schema="platform")
    op.create_table(
        "trust_anchors",
        sa.Column("anchor_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("key_bits", sa.Integer(), nullable=False),
        sa.Column("root", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("campuses", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("crl_url", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("registered_name", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("confirmed_name", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("fetch_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetch_error", sa.Text(), nullable=True),
        sa.Column("stale_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name=op.f("ck_trust_anchors_ended")),
        sa.CheckConstraint("algorithm IN ('rsa', 'sm2')", name=op.f("ck_trust_anchors_algorithm")),
        sa.CheckConstraint("state <> 'in_force' OR confirmed_at IS NOT NULL", name=op.f("ck_trust_anchors_confirmed")),
        sa.CheckConstraint("state IN ('registered', 'in_force', 'ended')", name=op.f("ck_trust_anchors_state")),
        sa.CheckConstraint(
            "(confirmed_at IS NULL) = (confirmed_by IS NULL)", name=op.f("ck_trust_anchors_confirmed_by")
        ),
        sa.CheckConstraint("cardinality(campuses) > 0", name=op.f("ck_trust_anchors_campuses")),
        sa.CheckConstraint("confirmed_by <> registered_by", name=op.f("ck_trust_anchors_two_people")),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_trust_anchors_term")),
        sa.PrimaryKeyConstraint("anchor_id", name=op.f("pk_trust_anchors")),
        schema="platform",
    )
    op.create_index(
        "ix_trust_anchors_due",
        "trust_anchors",
        ["fetch_due_at"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("state = 'in_force'"),
    )
    op.create_index(
        "uq_trust_anchors_fingerprint",
        "trust_anchors",
        ["fingerprint"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_table(
        "revocation_lists",
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("anchor_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Numeric(precision=50, scale=0), nullable=True),
        sa.Column("this_update", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_update", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept_by", sa.Text(), nullable=False),
        sa.CheckConstraint("scope IN ('all', 'users', 'authorities')", name=op.f("ck_revocation_lists_scope")),
        sa.CheckConstraint("source IN ('uploaded', 'fetched')", name=op.f("ck_revocation_lists_source")),
        sa.CheckConstraint("entries >= 0", name=op.f("ck_revocation_lists_entries")),
        sa.CheckConstraint("next_update > this_update", name=op.f("ck_revocation_lists_term")),
        sa.ForeignKeyConstraint(
            ["anchor_id"], ["platform.trust_anchors.anchor_id"], name=op.f("fk_revocation_lists_anchor_id")
        ),
        sa.PrimaryKeyConstraint("list_id", name=op.f("pk_revocation_lists")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_revocation_lists_anchor_id_list_id"),
        "revocation_lists",
        ["anchor_id", "list_id"],
        unique=False,
        schema="platform",
    )
    op.create_table(
        "revoked_certificates",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("anchor_id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["anchor_id"], ["platform.trust_anchors.anchor_id"], name=op.f("fk_revoked_certificates_anchor_id")
        ),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_revoked_certificates")),
        schema="platform",
    )
    op.create_index(
        "uq_revoked_certificates_listed",
        "revoked_certificates",
        ["anchor_id", "serial"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("gone_at IS NULL"),
    )
    op.create_table(
        "password_states",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("least", sa.Integer(), nullable=False),
        sa.Column("due_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("least IN (0, 10, 14)", name=op.f("ck_password_states_least")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_password_states")),
        schema="platform",
    )
    op.create_index(
        "ix_password_states_due",
        "password_states",
        ["set_at"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("due_told_at IS NULL"),
    )
    for statement in [
        *consortium_table("platform.trust_anchors", ONE),
        *consortium_table("platform.revocation_lists", ONE, update=False),
        *consortium_table("platform.revoked_certificates", ONE),
        *campus_table("platform.certificate_challenges"),
        *consortium_table("platform.password_states", "an account of the one realm has one password"),
        *consortium_table("platform.session_proofs", "a session of the one realm works at every campus"),
    ]:
        op.execute(statement)
