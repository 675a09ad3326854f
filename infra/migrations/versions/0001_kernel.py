"""The kernel: audit, outbox and inbox, idempotent answers, number series, record access, deny list."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, consortium_table, schema, worker_table

revision = "0001"
down_revision = None

READABLE_CAMPUSES = """
CREATE FUNCTION kernel.readable_campuses() RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_setting('his.readable', true) = '*' THEN
        RETURN (SELECT array_agg(code) FROM organisation.campuses);
    END IF;
    RETURN string_to_array(current_setting('his.readable', true), ',');
END $$
"""

MAY_READ_RECORD = """
CREATE FUNCTION kernel.may_read_record(patient uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM kernel.access_grants AS granted
        WHERE granted.patient_id = patient
          AND granted.reader_campus_id = current_setting('his.campus', true)
          AND (granted.reader_subject IS NULL OR granted.reader_subject = current_setting('his.subject', true))
          AND granted.valid_from <= now() AND granted.valid_to > now()
    )
$$
"""


def upgrade() -> None:
    for statement in [
        *schema("kernel"),
        "CREATE EXTENSION IF NOT EXISTS btree_gist",
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        READABLE_CAMPUSES,
    ]:
        op.execute(statement)
    op.create_table(
        "access_grants",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("reader_campus_id", sa.Text(), nullable=False),
        sa.Column("reader_subject", sa.Text(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("basis_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_access_grants")),
        schema="kernel",
    )
    op.create_index(
        op.f("ix_access_grants_patient_id_reader_campus_id_valid_to"),
        "access_grants",
        ["patient_id", "reader_campus_id", "valid_to"],
        unique=False,
        schema="kernel",
    )
    op.create_table(
        "audit_entries",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column(
            "transaction", sa.BigInteger(), server_default=sa.text("pg_current_xact_id()::text::bigint"), nullable=False
        ),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_audit_entries")),
        schema="kernel",
    )
    op.create_index(
        op.f("ix_audit_entries_campus_id_entry_id"),
        "audit_entries",
        ["campus_id", "entry_id"],
        unique=False,
        schema="kernel",
    )
    op.create_index(
        op.f("ix_audit_entries_patient_id_at"), "audit_entries", ["patient_id", "at"], unique=False, schema="kernel"
    )
    op.create_index(
        op.f("ix_audit_entries_subject_kind_subject_id"),
        "audit_entries",
        ["subject_kind", "subject_id"],
        unique=False,
        schema="kernel",
    )
    op.create_table(
        "audit_heads",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campus_id", "day", name=op.f("pk_audit_heads")),
        schema="kernel",
    )
    op.create_table(
        "audit_links",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campus_id", "position", name=op.f("pk_audit_links")),
        schema="kernel",
    )
    op.create_index(op.f("ix_audit_links_entry_id"), "audit_links", ["entry_id"], unique=True, schema="kernel")
    op.create_table(
        "dead_letters",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("died_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "subscriber", name=op.f("pk_dead_letters")),
        schema="kernel",
    )
    op.create_index(op.f("ix_dead_letters_died_at"), "dead_letters", ["died_at"], unique=False, schema="kernel")
    op.create_table(
        "delivery_failures",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "subscriber", name=op.f("pk_delivery_failures")),
        schema="kernel",
    )
    op.create_table(
        "denied_subjects",
        sa.Column("denial_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("login_session", sa.Text(), nullable=True),
        sa.Column("issued_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("denial_id", name=op.f("pk_denied_subjects")),
        schema="kernel",
    )
    op.create_index(
        op.f("ix_denied_subjects_expires_at"), "denied_subjects", ["expires_at"], unique=False, schema="kernel"
    )
    op.create_table(
        "idempotent_answers",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "key", name=op.f("pk_idempotent_answers")),
        schema="kernel",
    )
    op.create_index(
        op.f("ix_idempotent_answers_created_at"), "idempotent_answers", ["created_at"], unique=False, schema="kernel"
    )
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "source", "subscriber", name=op.f("pk_inbox")),
        schema="kernel",
    )
    op.create_index(op.f("ix_inbox_handled_at"), "inbox", ["handled_at"], unique=False, schema="kernel")
    op.create_table(
        "number_series",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("last_value", sa.BigInteger(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campus_id", "series", "period", name=op.f("pk_number_series")),
        schema="kernel",
    )
    op.create_table(
        "outbox",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "transaction", sa.BigInteger(), server_default=sa.text("pg_current_xact_id()::text::bigint"), nullable=False
        ),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("traceparent", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), server_default=sa.text("null"), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_outbox")),
        schema="kernel",
    )
    op.create_index(op.f("ix_outbox_created_at"), "outbox", ["created_at"], unique=False, schema="kernel")
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["subject", "seq"],
        unique=False,
        schema="kernel",
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(op.f("ix_outbox_seq"), "outbox", ["seq"], unique=False, schema="kernel")
    for statement in [
        MAY_READ_RECORD,
        *campus_table("kernel.idempotent_answers", update=False),
        *worker_table("kernel.idempotent_answers", verbs="SELECT, DELETE"),
        *campus_table("kernel.number_series"),
        *campus_table("kernel.audit_entries", update=False),
        *worker_table("kernel.audit_entries", verbs="SELECT"),
        *campus_table("kernel.audit_links", update=False),
        "REVOKE INSERT ON kernel.audit_links FROM his_app",
        *worker_table("kernel.audit_links", verbs="SELECT, INSERT"),
        *campus_table("kernel.audit_heads", update=False),
        "REVOKE INSERT ON kernel.audit_heads FROM his_app",
        *worker_table("kernel.audit_heads", verbs="SELECT, INSERT, UPDATE"),
        *campus_table("kernel.outbox", update=False),
        *worker_table("kernel.outbox", verbs="SELECT, UPDATE, DELETE"),
        *campus_table("kernel.inbox", update=False),
        *worker_table("kernel.inbox", verbs="SELECT, DELETE"),
        *campus_table("kernel.delivery_failures"),
        *worker_table("kernel.delivery_failures"),
        *campus_table("kernel.dead_letters", update=False),
        "REVOKE INSERT ON kernel.dead_letters FROM his_app",
        *worker_table("kernel.dead_letters"),
        *consortium_table("kernel.access_grants", "a grant lets one campus read the records of another"),
        *consortium_table("kernel.denied_subjects", "a withdrawn login is withdrawn at every campus"),
    ]:
        op.execute(statement)
