"""Bounds of a sign-on, log-in records by month."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import consortium_table, shared_read_table

revision = "0029"
down_revision = "0028"

FIRST, LAST = 2025, 2030
"""Years whose months lie ready. Nobody who runs the product owns a table, so months are laid by migrations; what
falls beside them lands in `logins.rest`."""


def upgrade() -> None:
    op.create_table(
        "session_entries",
        sa.Column("realm_session", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("strong", sa.Boolean(), nullable=False),
        sa.Column("opened_here", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("realm_session", name=op.f("pk_session_entries")),
        schema="platform",
    )
    op.create_table(
        "session_notices",
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("realm_session", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "cause IN ('displaced', 'not_confirmed', 'refused', 'wrong_hour', 'wrong_place', 'second_factor')",
            name=op.f("ck_session_notices_cause"),
        ),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_session_notices")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_session_notices_account_id_notice_id"),
        "session_notices",
        ["account_id", "notice_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        "ix_session_notices_due",
        "session_notices",
        ["ends_at"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("uq_session_notices_session", "session_notices", ["realm_session"], unique=True, schema="platform")
    op.create_table(
        "session_policies",
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("max_sessions", sa.SmallInteger(), nullable=False),
        sa.Column("beyond", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint("beyond IN ('displace', 'confirm', 'refuse')", name=op.f("ck_session_policies_beyond")),
        sa.CheckConstraint("max_sessions BETWEEN 1 AND 20", name=op.f("ck_session_policies_max_sessions")),
        sa.PrimaryKeyConstraint("policy_id", name=op.f("pk_session_policies")),
        schema="platform",
    )
    op.create_index(
        "uq_session_policies_open",
        "session_policies",
        ["subject"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "sign_on_rules",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("weekdays", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("from_time", sa.Time(), nullable=False),
        sa.Column("to_time", sa.Time(), nullable=False),
        sa.Column("networks", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("outside", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "cardinality(weekdays) > 0 AND weekdays <@ '{1,2,3,4,5,6,7}'::smallint[]",
            name=op.f("ck_sign_on_rules_weekdays"),
        ),
        sa.CheckConstraint("outside IN ('refuse', 'second_factor')", name=op.f("ck_sign_on_rules_outside")),
        sa.CheckConstraint("from_time <> to_time", name=op.f("ck_sign_on_rules_hours")),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_sign_on_rules")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_sign_on_rules_campus_id_rule_id"),
        "sign_on_rules",
        ["campus_id", "rule_id"],
        unique=False,
        schema="platform",
    )
    op.create_index(
        "ix_sign_on_rules_open",
        "sign_on_rules",
        ["post"],
        unique=False,
        schema="platform",
        postgresql_where=sa.text("ended_at IS NULL"),
    )

    _partition_login_events()
    for statement in [
        *consortium_table("platform.session_policies", "the one realm counts the sessions of all campuses"),
        *consortium_table("platform.session_entries", "a session of the one realm works at every campus"),
        *consortium_table("platform.session_notices", "a session of the one realm ends at every campus"),
        *shared_read_table("platform.sign_on_rules", "a post's bounds follow its holder to every campus"),
    ]:
        op.execute(statement)


def _partition_login_events() -> None:
    """The version running beside goes on writing: it names columns that are all here, and no conflict target."""
    columns = "event_id, realm_event_id, at, kind, account_id, client, address, realm_session, error"
    op.execute("ALTER TABLE platform.login_events RENAME TO login_events_whole")
    for name in ("pk_login_events", "ix_login_events_account_id_at", "ix_login_events_at_event_id"):
        op.execute(f"ALTER INDEX platform.{name} RENAME TO {name}_whole")
    op.execute("ALTER INDEX platform.ix_login_events_failures RENAME TO ix_login_events_failures_whole")
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
        sa.PrimaryKeyConstraint("event_id", "at", name=op.f("pk_login_events")),
        sa.UniqueConstraint("realm_event_id", "at", name=op.f("uq_login_events_realm_event_id_at")),
        schema="platform",
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(op.f("ix_login_events_account_id_at"), "login_events", ["account_id", "at"], schema="platform")
    op.create_index(op.f("ix_login_events_at_event_id"), "login_events", ["at", "event_id"], schema="platform")
    op.create_index(
        "ix_login_events_failures",
        "login_events",
        ["address", "at"],
        schema="platform",
        postgresql_where=sa.text("error IS NOT NULL"),
    )
    # A schema of their own that nobody may enter: everybody reads through the parent.
    op.execute("CREATE SCHEMA logins")
    starts = [(year, month) for year in range(FIRST, LAST + 1) for month in range(1, 13)]
    for (year, month), (next_year, next_month) in zip(starts, [*starts[1:], (LAST + 1, 1)], strict=True):
        _part(
            f"m{year}{month:02d}",
            f"FOR VALUES FROM ('{year}-{month:02d}-01 00:00+08') TO ('{next_year}-{next_month:02d}-01 00:00+08')",
        )
    _part("rest", "DEFAULT")
    op.execute("ALTER TABLE platform.login_events_whole NO FORCE ROW LEVEL SECURITY")
    op.execute(f"INSERT INTO platform.login_events ({columns}) SELECT {columns} FROM platform.login_events_whole")  # noqa: S608
    op.execute("DROP TABLE platform.login_events_whole")
    reason = "the one realm reports the sign-ons of all campuses"
    for statement in consortium_table("platform.login_events", reason, update=False):
        op.execute(statement)


def _part(name: str, bounds: str) -> None:
    for statement in (
        f"CREATE TABLE logins.{name} PARTITION OF platform.login_events {bounds}",
        f"ALTER TABLE logins.{name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE logins.{name} FORCE ROW LEVEL SECURITY",
    ):
        op.execute(statement)
