"""Locked screens, sign-on by scanning, archive of log-in records."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table, consortium_table, search_function, search_table

revision = "0032"
down_revision = "0031"

_OPEN = sa.text("unlocked_at IS NULL AND ended_at IS NULL")
_CAUSES = "'displaced', 'not_confirmed', 'refused', 'wrong_hour', 'wrong_place', 'second_factor'"

EMPTY_MONTH = """
CREATE FUNCTION platform.empty_login_month(of_month date) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part text := 'm' || to_char(of_month, 'YYYYMM');
    first timestamptz := of_month::timestamp AT TIME ZONE 'Asia/Shanghai';
    after timestamptz := (of_month + interval '1 month')::timestamp AT TIME ZONE 'Asia/Shanghai';
    days integer;
    sealed bigint;
    online bigint;
BEGIN
    PERFORM 1 FROM platform.login_archives WHERE month = of_month AND state = 'writing';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'month % is not being archived', of_month;
    END IF;
    EXECUTE format('LOCK TABLE logins.%I IN ACCESS EXCLUSIVE MODE', part);
    SELECT count(*), coalesce(sum(rows), 0) INTO days, sealed FROM platform.login_archive_days WHERE month = of_month;
    SELECT count(*) INTO online FROM platform.login_events WHERE at >= first AND at < after;
    IF days <> extract(day FROM of_month + interval '1 month' - interval '1 day') OR sealed <> online THEN
        RETURN -1;
    END IF;
    EXECUTE format('TRUNCATE logins.%I', part);
    RETURN online;
END $$
"""
"""Empties one month, and only one whose every day lies in a sealed file: the product itself deletes nothing."""


def upgrade() -> None:
    op.create_table(
        "screen_locks",
        sa.Column("lock_id", sa.Uuid(), nullable=False),
        sa.Column("realm_session", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("workstation", sa.Text(), nullable=True),
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("unlocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("way", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cause IN ('idle', 'asked')", name=op.f("ck_screen_locks_cause")),
        sa.CheckConstraint("way IN ('pin', 'badge', 'password')", name=op.f("ck_screen_locks_way")),
        sa.CheckConstraint("(unlocked_at IS NULL) = (way IS NULL)", name=op.f("ck_screen_locks_unlocked_by_a_way")),
        sa.CheckConstraint("unlocked_at IS NULL OR ended_at IS NULL", name=op.f("ck_screen_locks_one_end")),
        sa.PrimaryKeyConstraint("lock_id", name=op.f("pk_screen_locks")),
        schema="platform",
    )
    op.create_index(
        "uq_screen_locks_open",
        "screen_locks",
        ["realm_session"],
        unique=True,
        schema="platform",
        postgresql_where=_OPEN,
    )
    op.create_index(
        "uq_screen_locks_workstation",
        "screen_locks",
        ["workstation"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("unlocked_at IS NULL AND ended_at IS NULL AND workstation IS NOT NULL"),
    )
    op.create_index("ix_screen_locks_due", "screen_locks", ["locked_at"], schema="platform", postgresql_where=_OPEN)
    op.create_table(
        "scanned_sign_ons",
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("workstation", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('shown', 'scanned', 'agreed', 'refused', 'used')", name=op.f("ck_scanned_sign_ons_state")
        ),
        sa.CheckConstraint("(state = 'shown') = (staff_id IS NULL)", name=op.f("ck_scanned_sign_ons_by_somebody")),
        sa.CheckConstraint("(state = 'used') = (used_at IS NOT NULL)", name=op.f("ck_scanned_sign_ons_used_once")),
        sa.CheckConstraint("expires_at <= shown_at + interval '2 minutes'", name=op.f("ck_scanned_sign_ons_term")),
        sa.PrimaryKeyConstraint("scan_id", name=op.f("pk_scanned_sign_ons")),
        schema="platform",
    )
    op.create_index(
        op.f("ix_scanned_sign_ons_campus_id_scan_id"), "scanned_sign_ons", ["campus_id", "scan_id"], schema="platform"
    )
    op.create_index(
        "uq_scanned_sign_ons_shown",
        "scanned_sign_ons",
        ["workstation"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("state = 'shown'"),
    )
    op.create_table(
        "login_archives",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('writing', 'archived')", name=op.f("ck_login_archives_state")),
        sa.CheckConstraint("(state = 'archived') = (archived_at IS NOT NULL)", name=op.f("ck_login_archives_archived")),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_login_archives_month")),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_login_archives")),
        schema="platform",
    )
    op.create_index(
        "uq_login_archives_writing",
        "login_archives",
        ["state"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("state = 'writing'"),
    )
    op.create_table(
        "login_archive_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(rows = 0) = (file_id IS NULL)", name=op.f("ck_login_archive_days_file")),
        sa.CheckConstraint("(file_id IS NULL) = (sha256 IS NULL)", name=op.f("ck_login_archive_days_hash")),
        sa.CheckConstraint("rows >= 0", name=op.f("ck_login_archive_days_rows")),
        sa.ForeignKeyConstraint(
            ["month"], ["platform.login_archives.month"], name=op.f("fk_login_archive_days_month_login_archives")
        ),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_login_archive_days")),
        schema="platform",
    )
    op.create_index(op.f("ix_login_archive_days_month_day"), "login_archive_days", ["month", "day"], schema="platform")

    # Wider than before: what the version running beside writes stays allowed.
    op.drop_constraint(op.f("ck_session_notices_cause"), "session_notices", schema="platform")
    op.create_check_constraint(
        op.f("ck_session_notices_cause"),
        "session_notices",
        f"cause IN ({_CAUSES}, 'locked_too_long', 'unlock_failed')",
        schema="platform",
    )

    for statement in [
        *consortium_table("platform.screen_locks", "a session of the one realm is locked at every campus"),
        *campus_table("platform.scanned_sign_ons"),
        *consortium_table("platform.login_archives", "the one realm reports the sign-ons of all campuses"),
        *consortium_table(
            "platform.login_archive_days", "the one realm reports the sign-ons of all campuses", update=False
        ),
        *search_table("platform.login_archives"),
        *search_table("platform.login_archive_days"),
        *search_table("platform.login_events"),
        "GRANT USAGE ON SCHEMA logins TO his_search",
        *(
            f"GRANT TRUNCATE ON logins.m{year}{month:02d} TO his_search"
            for year in range(2025, 2031)
            for month in range(1, 13)
        ),
        EMPTY_MONTH,
        *search_function("platform.empty_login_month(date)"),
    ]:
        op.execute(statement)
