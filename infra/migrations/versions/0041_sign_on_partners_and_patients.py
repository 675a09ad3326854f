"""Sign-on: old programs by tickets (CAS), patients by phone code, adult relatives by consent."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import consortium_table

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Create the tables, let partners speak CAS."""
    op.create_table(
        "cas_sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("cookie_hash", sa.LargeBinary(), nullable=False),
        sa.Column("realm_session", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_cas_sessions")),
        sa.UniqueConstraint("cookie_hash", name=op.f("uq_cas_sessions_cookie_hash")),
        schema="platform",
    )
    op.create_index(
        "ix_cas_sessions_old",
        "cas_sessions",
        ["opened_at"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_cas_sessions_open",
        "cas_sessions",
        ["realm_session"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "code_counters",
        sa.Column("counted", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("counted", "since", name=op.f("pk_code_counters")),
        schema="platform",
    )
    op.create_table(
        "phone_codes",
        sa.Column("code_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'used') = (used_at IS NOT NULL)", name=op.f("ck_phone_codes_used")),
        sa.CheckConstraint("expires_at <= asked_at + interval '5 minutes'", name=op.f("ck_phone_codes_term")),
        sa.CheckConstraint("purpose IN ('sign_on', 'family')", name=op.f("ck_phone_codes_purpose")),
        sa.CheckConstraint("state IN ('open', 'used', 'void')", name=op.f("ck_phone_codes_state")),
        sa.CheckConstraint("tries BETWEEN 0 AND 5", name=op.f("ck_phone_codes_tries")),
        sa.CheckConstraint("used_at < expires_at", name=op.f("ck_phone_codes_in_time")),
        sa.PrimaryKeyConstraint("code_id", name=op.f("pk_phone_codes")),
        schema="platform",
    )
    op.create_index("ix_phone_codes_phone", "phone_codes", ["phone_hash", "asked_at"], unique=False, schema="platform")
    op.create_table(
        "text_messages",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("code_id", sa.Uuid(), nullable=True),
        sa.Column("asker_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_text_messages_sent")),
        sa.CheckConstraint(
            "kind IN ('sign_on', 'family', 'family_bound', 'family_ended')", name=op.f("ck_text_messages_kind")
        ),
        sa.CheckConstraint("state IN ('due', 'sent', 'failed', 'late')", name=op.f("ck_text_messages_state")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_text_messages")),
        schema="platform",
    )
    op.create_index(
        "ix_text_messages_code",
        "text_messages",
        ["code_id"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("code_id IS NOT NULL"),
    )
    op.create_index(
        "ix_text_messages_due",
        "text_messages",
        ["due_at", "message_id"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_table(
        "way_outages",
        sa.Column("outage_id", sa.Uuid(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("alarmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("way IN ('wechat', 'sms')", name=op.f("ck_way_outages_way")),
        sa.PrimaryKeyConstraint("outage_id", name=op.f("pk_way_outages")),
        schema="platform",
    )
    op.create_index(
        "uq_way_outages_open",
        "way_outages",
        ["way"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "account_phones",
        sa.Column("phone_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform.patient_accounts.account_id"], name=op.f("fk_account_phones_account_id")
        ),
        sa.PrimaryKeyConstraint("phone_id", name=op.f("pk_account_phones")),
        schema="platform",
    )
    op.create_index(
        "uq_account_phones_account",
        "account_phones",
        ["account_id"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_account_phones_phone",
        "account_phones",
        ["phone_hash"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "cas_tickets",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("signed_on_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fresh", sa.Boolean(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("ticket", sa.Text(), nullable=True),
        sa.Column("sign_out", sa.Text(), nullable=False),
        sa.Column("sign_out_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sign_out_tries", sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'used') = (sign_out <> 'none')", name=op.f("ck_cas_tickets_signed_on")),
        sa.CheckConstraint("(state = 'used') = (ticket IS NOT NULL)", name=op.f("ck_cas_tickets_kept_when_used")),
        sa.CheckConstraint(
            "(state IN ('used', 'refused')) = (tried_at IS NOT NULL)", name=op.f("ck_cas_tickets_tried")
        ),
        sa.CheckConstraint("expires_at <= issued_at + interval '60 seconds'", name=op.f("ck_cas_tickets_term")),
        sa.CheckConstraint(
            "sign_out IN ('none', 'open', 'due', 'told', 'failed')", name=op.f("ck_cas_tickets_sign_out")
        ),
        sa.CheckConstraint("state <> 'used' OR tried_at < expires_at", name=op.f("ck_cas_tickets_in_time")),
        sa.CheckConstraint("state IN ('issued', 'used', 'refused', 'lapsed')", name=op.f("ck_cas_tickets_state")),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["platform.partners.partner_id"], name=op.f("fk_cas_tickets_partner_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["platform.cas_sessions.session_id"], name=op.f("fk_cas_tickets_session_id")
        ),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_cas_tickets")),
        sa.UniqueConstraint("ticket_hash", name=op.f("uq_cas_tickets_ticket_hash")),
        schema="platform",
    )
    op.create_index(
        "ix_cas_tickets_due",
        "cas_tickets",
        ["sign_out_due"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("sign_out = 'due'"),
    )
    op.create_index(
        "ix_cas_tickets_issued",
        "cas_tickets",
        ["expires_at"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("state = 'issued'"),
    )
    op.create_index(
        op.f("ix_cas_tickets_partner_id_ticket_id"),
        "cas_tickets",
        ["partner_id", "ticket_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        "ix_cas_tickets_session",
        "cas_tickets",
        ["session_id"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("sign_out = 'open'"),
    )
    op.create_table(
        "family_requests",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("code_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=True),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("registrar", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(state = 'agreed') = (agreed_at IS NOT NULL)", name=op.f("ck_family_requests_agreed")),
        sa.CheckConstraint("(state = 'agreed') = (way IS NOT NULL)", name=op.f("ck_family_requests_agreed_by_a_way")),
        sa.CheckConstraint("(way = 'window') = (registrar IS NOT NULL)", name=op.f("ck_family_requests_registrar")),
        sa.CheckConstraint("relation IN ('parent', 'spouse', 'other')", name=op.f("ck_family_requests_relation")),
        sa.CheckConstraint("state <> 'agreed' OR patient_id IS NOT NULL", name=op.f("ck_family_requests_known")),
        sa.CheckConstraint("state IN ('asked', 'agreed', 'lapsed')", name=op.f("ck_family_requests_state")),
        sa.CheckConstraint("way IN ('phone', 'window')", name=op.f("ck_family_requests_way")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform.patient_accounts.account_id"], name=op.f("fk_family_requests_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["link_id"], ["platform.account_links.link_id"], name=op.f("fk_family_requests_link_id")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_family_requests")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_family_requests_account_id_asked_at"),
        "family_requests",
        ["account_id", "asked_at"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        "ix_family_requests_late",
        "family_requests",
        ["expires_at"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_index(
        "ix_family_requests_open",
        "family_requests",
        ["patient_id"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.add_column("account_links", sa.Column("relation_id", sa.Uuid(), nullable=True), schema="platform")
    op.create_check_constraint(
        op.f("ck_account_links_consent_ends"),
        "account_links",
        "proof <> 'consent' OR (until IS NOT NULL AND relation_id IS NOT NULL)",
        schema="platform",
    )
    op.drop_constraint(op.f("ck_partners_protocol"), "partners", schema="platform")
    op.create_check_constraint(
        op.f("ck_partners_protocol"), "partners", "protocol IN ('oidc', 'saml', 'cas')", schema="platform"
    )
    for statement in [
        *consortium_table("platform.cas_sessions", "an old program belongs to no campus"),
        *consortium_table("platform.cas_tickets", "an old program belongs to no campus"),
        *consortium_table("platform.account_phones", "a patient is one person at every campus"),
        *consortium_table("platform.phone_codes", "a patient signs on at no campus in particular"),
        *consortium_table("platform.code_counters", "guesses count together wherever they are made"),
        *consortium_table("platform.text_messages", "a phone is registered for all campuses"),
        *consortium_table("platform.way_outages", "WeChat and messages serve all campuses"),
        *consortium_table("platform.family_requests", "relatives agree at the window of any campus"),
    ]:
        op.execute(statement)
