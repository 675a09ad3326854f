"""Campuses, units, places, staff, posts and secondments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import CAMPUS, campus_table, consortium_table, schema, shared_read_table

revision = "0002"
down_revision = "0001"

ONE_DIRECTORY = "one directory: staff of every campus see units, places, people and posts of every other"
FOUNDED = ("units", "unit_versions", "staff", "staff_contacts", "staff_units", "post_assignments")
"""A campus begins with rows of these, written by the transaction that opens it."""
HISTORIES = ("campus_price_levels", "campus_settings", "unit_versions", "staff_units", "post_assignments")

KEEP_HISTORY = """
CREATE FUNCTION organisation.keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_change CONSTANT text[] := '{valid_to,superseded_at,ended_at,ended_by,end_reason}';
BEGIN
    IF to_jsonb(OLD) - may_change IS DISTINCT FROM to_jsonb(NEW) - may_change
        OR to_jsonb(OLD) ->> 'superseded_at' IS NOT NULL
        OR coalesce(NEW.valid_to, 'infinity') > coalesce(OLD.valid_to, 'infinity') THEN
        RAISE EXCEPTION 'history of %.% is not rewritten', TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""
"""A period can be shortened and a row superseded; nothing else of the past changes."""

ACTS_AT_HEAD = """
CREATE FUNCTION organisation.acts_at_head() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM organisation.campuses WHERE is_head AND code = current_setting('his.campus', true)
    )
$$
"""
"""Whether the acting campus is the head hospital: policies of consortium lists ask it."""

CAMPUS_COLUMNS = (
    "name, short_name, grade, licence_no, licence_valid_to, uscc, institution_code, insurance_code, address, phone,"
    " status, closed_on, version"
)


def founded(table: str) -> str:
    """Let the transaction that opens a campus write its first rows from where it acts."""
    return (
        f"ALTER POLICY campus_inserts ON organisation.{table} WITH CHECK (campus_id = {CAMPUS} OR EXISTS ("
        f"SELECT FROM organisation.campuses WHERE code = {table}.campus_id"
        " AND opened_in = pg_current_xact_id()::text::bigint))"
    )


def upgrade() -> None:
    for statement in schema("organisation"):
        op.execute(statement)
    op.create_table(
        "campus_settings",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("campus_id"), "="),
            (sa.column("key"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_campus_settings_period",
        ),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_campus_settings")),
        schema="organisation",
    )
    op.create_table(
        "campuses",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=False),
        sa.Column("is_head", sa.Boolean(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=True),
        sa.Column("licence_no", sa.Text(), nullable=True),
        sa.Column("licence_valid_to", sa.Date(), nullable=True),
        sa.Column("uscc", sa.Text(), nullable=True),
        sa.Column("institution_code", sa.Text(), nullable=True),
        sa.Column("insurance_code", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "opened_in", sa.BigInteger(), server_default=sa.text("pg_current_xact_id()::text::bigint"), nullable=False
        ),
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9]{1,9}$'", name=op.f("ck_campuses_code")),
        sa.CheckConstraint("letter ~ '^[A-Z]$'", name=op.f("ck_campuses_letter")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_campuses")),
        sa.UniqueConstraint("letter", name=op.f("uq_campuses_letter")),
        schema="organisation",
    )
    op.create_index(
        "uq_campuses_head",
        "campuses",
        ["is_head"],
        unique=True,
        schema="organisation",
        postgresql_where=sa.text("is_head"),
    )
    op.create_table(
        "change_log",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_change_log")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_change_log_campus_id_kind_subject_id_change_id"),
        "change_log",
        ["campus_id", "kind", "subject_id", "change_id"],
        unique=False,
        schema="organisation",
    )
    op.create_table(
        "staff",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("staff_no", sa.Text(), nullable=False),
        sa.Column("sign_on_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("initials", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("title_code", sa.Text(), nullable=True),
        sa.Column("employment", sa.Text(), nullable=False),
        sa.Column("office_phone", sa.Text(), nullable=True),
        sa.Column("engaged_on", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("leaves_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'suspended', 'left')", name=op.f("ck_staff_status")),
        sa.CheckConstraint("sign_on_name = lower(staff_no)", name=op.f("ck_staff_sign_on_name")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_staff")),
        sa.UniqueConstraint("sign_on_name", name=op.f("uq_staff_sign_on_name")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_staff_campus_id_staff_no"), "staff", ["campus_id", "staff_no"], unique=False, schema="organisation"
    )
    op.create_index(op.f("ix_staff_initials"), "staff", ["initials"], unique=False, schema="organisation")
    op.create_index(
        "ix_staff_leaving",
        "staff",
        ["campus_id", "leaves_at"],
        unique=False,
        schema="organisation",
        postgresql_where=sa.text("leaves_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_staff_name"), "staff", ["name"], unique=False, schema="organisation")
    op.create_table(
        "units",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_units")),
        sa.UniqueConstraint("campus_id", "code", name=op.f("uq_units_campus_id_code")),
        schema="organisation",
    )
    op.create_table(
        "campus_price_levels",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("campus_code", sa.Text(), nullable=False),
        sa.Column("price_level", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("campus_code"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_campus_price_levels_period",
        ),
        sa.CheckConstraint(
            "price_level IN ('tertiary', 'secondary', 'primary')", name=op.f("ck_campus_price_levels_level")
        ),
        sa.ForeignKeyConstraint(
            ["campus_code"], ["organisation.campuses.code"], name=op.f("fk_campus_price_levels_campus_code")
        ),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_campus_price_levels")),
        schema="organisation",
    )
    op.create_table(
        "places",
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("directions", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'closed')", name=op.f("ck_places_status")),
        sa.ForeignKeyConstraint(["parent_id"], ["organisation.places.place_id"], name=op.f("fk_places_parent_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["organisation.units.unit_id"], name=op.f("fk_places_unit_id")),
        sa.PrimaryKeyConstraint("place_id", name=op.f("pk_places")),
        sa.UniqueConstraint("campus_id", "code", name=op.f("uq_places_campus_id_code")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_places_campus_id_kind_code"),
        "places",
        ["campus_id", "kind", "code"],
        unique=False,
        schema="organisation",
    )
    op.create_index(op.f("ix_places_parent_id"), "places", ["parent_id"], unique=False, schema="organisation")
    op.create_table(
        "secondments",
        sa.Column("secondment_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("home_campus", sa.Text(), nullable=False),
        sa.Column("receiving_campus", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("posts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("weekdays", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("dates", sa.ARRAY(sa.Date()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("practice_filed", sa.Boolean(), nullable=False),
        sa.Column("cost_share", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("performance_share", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("mode = 'full_time' AND status IN ('approved', 'active', 'ended')"),
            using="gist",
            name="ex_secondments_full_time",
        ),
        sa.CheckConstraint(
            "status IN ('proposed', 'approved', 'active', 'ended', 'withdrawn')", name=op.f("ck_secondments_status")
        ),
        sa.CheckConstraint("receiving_campus <> home_campus", name=op.f("ck_secondments_two_campuses")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_secondments_period")),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_secondments_staff_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["organisation.units.unit_id"], name=op.f("fk_secondments_unit_id")),
        sa.PrimaryKeyConstraint("secondment_id", name=op.f("pk_secondments")),
        schema="organisation",
    )
    op.create_index(
        "ix_secondments_due",
        "secondments",
        ["valid_from"],
        unique=False,
        schema="organisation",
        postgresql_where=sa.text("status IN ('approved', 'active')"),
    )
    op.create_index(
        op.f("ix_secondments_home_campus_secondment_id"),
        "secondments",
        ["home_campus", "secondment_id"],
        unique=False,
        schema="organisation",
    )
    op.create_index(
        op.f("ix_secondments_receiving_campus_secondment_id"),
        "secondments",
        ["receiving_campus", "secondment_id"],
        unique=False,
        schema="organisation",
    )
    op.create_index(op.f("ix_secondments_staff_id"), "secondments", ["staff_id"], unique=False, schema="organisation")
    op.create_table(
        "staff_contacts",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("mobile", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_staff_contacts_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_staff_contacts")),
        schema="organisation",
    )
    op.create_table(
        "staff_units",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.column("unit_id"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_staff_units_unit",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            where=sa.text("is_primary AND superseded_at IS NULL"),
            using="gist",
            name="ex_staff_units_primary",
        ),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_staff_units_period")),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_staff_units_staff_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["organisation.units.unit_id"], name=op.f("fk_staff_units_unit_id")),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_staff_units")),
        schema="organisation",
    )
    op.create_index(op.f("ix_staff_units_unit_id"), "staff_units", ["unit_id"], unique=False, schema="organisation")
    op.create_table(
        "unit_versions",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=False),
        sa.Column("initials", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_code", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("campus_id"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            where=sa.text("parent_id IS NULL AND superseded_at IS NULL"),
            using="gist",
            name="ex_unit_versions_root",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("unit_id"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_unit_versions_period",
        ),
        sa.CheckConstraint("parent_id <> unit_id", name=op.f("ck_unit_versions_parent")),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_unit_versions_period")),
        sa.ForeignKeyConstraint(["parent_id"], ["organisation.units.unit_id"], name=op.f("fk_unit_versions_parent_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["organisation.units.unit_id"], name=op.f("fk_unit_versions_unit_id")),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_unit_versions")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_unit_versions_campus_id_valid_from"),
        "unit_versions",
        ["campus_id", "valid_from"],
        unique=False,
        schema="organisation",
    )
    op.create_index(
        op.f("ix_unit_versions_parent_id"), "unit_versions", ["parent_id"], unique=False, schema="organisation"
    )
    op.create_table(
        "post_assignments",
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("is_main", sa.Boolean(), nullable=False),
        sa.Column("secondment_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.column("campus_id"), "="),
            (sa.column("unit_id"), "="),
            (sa.column("post"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_post_assignments_post",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("is_main"),
            using="gist",
            name="ex_post_assignments_main",
        ),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_post_assignments_period")),
        sa.ForeignKeyConstraint(
            ["secondment_id"],
            ["organisation.secondments.secondment_id"],
            name=op.f("fk_post_assignments_secondment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_post_assignments_staff_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["organisation.units.unit_id"], name=op.f("fk_post_assignments_unit_id")),
        sa.PrimaryKeyConstraint("assignment_id", name=op.f("pk_post_assignments")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_post_assignments_campus_id_post_assignment_id"),
        "post_assignments",
        ["campus_id", "post", "assignment_id"],
        unique=False,
        schema="organisation",
    )
    op.create_index(
        op.f("ix_post_assignments_unit_id"), "post_assignments", ["unit_id"], unique=False, schema="organisation"
    )
    op.create_index(
        op.f("ix_post_assignments_valid_to"), "post_assignments", ["valid_to"], unique=False, schema="organisation"
    )
    op.create_table(
        "secondment_approvals",
        sa.Column("secondment_id", sa.Uuid(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["secondment_id"],
            ["organisation.secondments.secondment_id"],
            name=op.f("fk_secondment_approvals_secondment_id"),
        ),
        sa.PrimaryKeyConstraint("secondment_id", "side", name=op.f("pk_secondment_approvals")),
        schema="organisation",
    )
    for statement in [
        *consortium_table("organisation.campuses", "campuses make up the consortium"),
        "REVOKE UPDATE ON organisation.campuses FROM his_app",
        f"GRANT UPDATE ({CAMPUS_COLUMNS}) ON organisation.campuses TO his_app",
        *consortium_table("organisation.campus_price_levels", "the consortium sets each campus's price level"),
        *shared_read_table("organisation.campus_settings", ONE_DIRECTORY),
        *shared_read_table("organisation.units", ONE_DIRECTORY),
        *shared_read_table("organisation.unit_versions", ONE_DIRECTORY),
        *shared_read_table("organisation.places", ONE_DIRECTORY),
        *shared_read_table("organisation.staff", ONE_DIRECTORY),
        *campus_table("organisation.staff_contacts"),
        *shared_read_table("organisation.staff_units", ONE_DIRECTORY),
        *shared_read_table("organisation.post_assignments", ONE_DIRECTORY),
        *consortium_table("organisation.secondments", "a secondment binds two campuses, and each may end it"),
        *shared_read_table("organisation.secondment_approvals", "each side sees who has agreed", update=False),
        *campus_table("organisation.change_log", update=False),
        *(founded(table) for table in FOUNDED),
        KEEP_HISTORY,
        *(
            f"CREATE TRIGGER keep_history BEFORE UPDATE ON organisation.{table}"
            " FOR EACH ROW EXECUTE FUNCTION organisation.keep_history()"
            for table in HISTORIES
        ),
        ACTS_AT_HEAD,
    ]:
        op.execute(statement)
