"""Rules of numbers a campus chooses; applications for permissions and changes of parameters get readable numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import consortium_table

revision = "0034"
down_revision = "0033"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """A new table, and columns without default that the version running beside neither reads nor writes."""
    op.create_table(
        "number_rules",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("at_campus", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("reset", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_name", sa.Text(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_name", sa.Text(), nullable=True),
        sa.Column("superseded_at", MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("mark"), "="),
            (sa.column("series"), "<>"),
            where=sa.text("state <> 'refused'"),
            using="gist",
            name="ex_number_rules_one_series",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("at_campus"), "="),
            (sa.column("mark"), "="),
            (sa.column("reset"), "<>"),
            where=sa.text("state <> 'refused'"),
            using="gist",
            name="ex_number_rules_one_reset",
        ),
        sa.CheckConstraint("mark ~ '^[A-Z]{0,4}$'", name=op.f("ck_number_rules_mark")),
        sa.CheckConstraint("reset IN ('day', 'month', 'year', 'never')", name=op.f("ck_number_rules_reset")),
        sa.CheckConstraint("width BETWEEN 3 AND 8", name=op.f("ck_number_rules_width")),
        sa.CheckConstraint("state IN ('asked', 'effective', 'refused')", name=op.f("ck_number_rules_state")),
        sa.CheckConstraint("decided_by <> asked_by", name=op.f("ck_number_rules_two_people")),
        sa.CheckConstraint("state = 'asked' OR decided_at IS NOT NULL", name=op.f("ck_number_rules_decided")),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_number_rules")),
        schema="kernel",
    )
    op.create_index(
        "uq_number_rules_start",
        "number_rules",
        ["at_campus", "series", "valid_from"],
        unique=True,
        schema="kernel",
        postgresql_where=sa.text("state = 'effective' AND superseded_at IS NULL"),
    )
    op.create_index(
        "uq_number_rules_asked",
        "number_rules",
        ["at_campus", "series"],
        unique=True,
        schema="kernel",
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_index(
        op.f("ix_number_rules_at_campus_series_rule_id"),
        "number_rules",
        ["at_campus", "series", "rule_id"],
        schema="kernel",
    )
    op.create_index(op.f("ix_number_rules_mark"), "number_rules", ["mark"], schema="kernel")
    for statement in consortium_table("kernel.number_rules", "a mark belongs to one series at every campus"):
        op.execute(statement)
    op.add_column("permission_requests", sa.Column("request_no", sa.Text(), nullable=True), schema="platform")
    op.create_index(
        "uq_permission_requests_request_no", "permission_requests", ["request_no"], unique=True, schema="platform"
    )
    op.add_column("parameter_values", sa.Column("change_no", sa.Text(), nullable=True), schema="platform")
    op.create_index("uq_parameter_values_change_no", "parameter_values", ["change_no"], unique=True, schema="platform")
    _number_applications()


def _number_applications() -> None:
    """Number the applications there are in the order they were made: campus letter, Q, two digits of the year, five."""
    tables = ("platform.permission_requests", "organisation.campuses", "kernel.number_series")
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        """
        WITH numbered AS (
            SELECT request_id, campus_id, to_char(asked_at AT TIME ZONE 'Asia/Shanghai', 'YYYY') AS year,
                   row_number() OVER (
                       PARTITION BY campus_id, to_char(asked_at AT TIME ZONE 'Asia/Shanghai', 'YYYY')
                       ORDER BY asked_at, request_id
                   ) AS number
            FROM platform.permission_requests
        ), named AS (
            UPDATE platform.permission_requests r
            SET request_no = c.letter || 'Q' || right(n.year, 2) 
                || lpad(n.number::text, greatest(5, length(n.number::text)), '0')
            FROM numbered n JOIN organisation.campuses c ON c.code = n.campus_id
            WHERE n.request_id = r.request_id
            RETURNING r.campus_id, n.year, n.number
        )
        INSERT INTO kernel.number_series (campus_id, series, period, last_value)
        SELECT campus_id, 'platform.permission_request', year, max(number) FROM named GROUP BY campus_id, year
        """
    )
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
