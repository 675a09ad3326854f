"""Rules over data, who used which permission last, configuration packages; names on the forms of permissions; what an
unanswered review suspended; the class of a restricted person.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, consortium_table

revision = "0028"
down_revision = "0027"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """New tables and columns without default: the version running beside neither reads nor writes them."""
    op.create_table(
        "data_rules",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at_campus", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("valid_from", MOMENT, nullable=True),
        sa.Column("valid_to", MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("kind"), "="),
            (sa.column("key"), "="),
            (sa.column("at_campus"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("state = 'effective'"),
            using="gist",
            name="ex_data_rules_period",
        ),
        sa.CheckConstraint(
            "kind IN ('mask', 'purpose', 'sensitive', 'export', 'break_glass')", name=op.f("ck_data_rules_kind")
        ),
        sa.CheckConstraint("state IN ('asked', 'effective', 'refused')", name=op.f("ck_data_rules_state")),
        sa.CheckConstraint("(state = 'effective') = (valid_from IS NOT NULL)", name=op.f("ck_data_rules_period")),
        sa.CheckConstraint(
            "(state = 'asked') = (decided_by IS NULL) AND decided_by <> asked_by", name=op.f("ck_data_rules_two_people")
        ),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_data_rules")),
        schema="kernel",
    )
    op.create_index(
        "uq_data_rules_asked",
        "data_rules",
        ["kind", "key", "at_campus"],
        unique=True,
        schema="kernel",
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_index(op.f("ix_data_rules_kind_valid_to"), "data_rules", ["kind", "valid_to"], schema="kernel")
    op.create_index(op.f("ix_data_rules_kind_key_rule_id"), "data_rules", ["kind", "key", "rule_id"], schema="kernel")
    op.create_table(
        "permission_uses",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("permission", sa.Text(), nullable=False),
        sa.Column("first_used", sa.Date(), nullable=False),
        sa.Column("last_used", sa.Date(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campus_id", "staff_id", "permission", name=op.f("pk_permission_uses")),
        schema="kernel",
    )
    op.create_index(
        op.f("ix_permission_uses_campus_id_last_used"), "permission_uses", ["campus_id", "last_used"], schema="kernel"
    )
    op.create_table(
        "config_packages",
        sa.Column("package_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("refused_for", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("imported_at", MOMENT, nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("reviewed_at", MOMENT, nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("applied_at", MOMENT, nullable=True),
        sa.Column("applied_by", sa.Text(), nullable=True),
        sa.Column("before", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("rolled_back_at", MOMENT, nullable=True),
        sa.Column("rolled_back_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'reviewed', 'in_force', 'superseded', 'rolled_back', 'withdrawn', 'refused')",
            name=op.f("ck_config_packages_state"),
        ),
        sa.CheckConstraint(
            "reviewed_by <> imported_by AND applied_by <> reviewed_by", name=op.f("ck_config_packages_two_people")
        ),
        sa.CheckConstraint(
            "state NOT IN ('in_force', 'superseded', 'rolled_back') OR reviewed_by IS NOT NULL AND before IS NOT NULL",
            name=op.f("ck_config_packages_applied"),
        ),
        sa.PrimaryKeyConstraint("package_id", name=op.f("pk_config_packages")),
        schema="platform",
    )
    op.create_index(
        "uq_config_packages_in_force",
        "config_packages",
        ["state"],
        unique=True,
        schema="platform",
        postgresql_where=sa.text("state = 'in_force'"),
    )
    for table, columns in {
        "permission_requests": ("asked_name", "agreed_name", "decided_name"),
        "parameter_values": ("asked_name", "approved_name"),
        "attestations": ("answered_name",),
    }.items():
        for column in columns:
            op.add_column(table, sa.Column(column, sa.Text(), nullable=True), schema="platform")
    op.add_column(
        "attestation_lines",
        sa.Column("suspended", postgresql.JSONB(none_as_null=True), nullable=True),
        schema="platform",
    )
    op.add_column("patients", sa.Column("sensitivity", sa.Text(), nullable=True), schema="patients")
    for statement in [
        *consortium_table("kernel.data_rules", "a rule over data counts for all campuses unless it names one"),
        *campus_table("kernel.permission_uses"),
        *consortium_table("platform.config_packages", "a package carries the parameters of all campuses"),
    ]:
        op.execute(statement)
