"""Licences, privileges, delegations, signatures; beds, workstations, the calendar; successions and codes of units."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, shared_read_table

revision = "0018"
down_revision = "0017"

JUDGED_EVERYWHERE = "licences and privileges of seconded staff are judged at the campus where they sign"
ONE_DIRECTORY = "one directory: staff of every campus see units, codes and calendars of every other"
HISTORIES = (
    "licences",
    "licence_places",
    "privileges",
    "privilege_suspensions",
    "staff_suspensions",
    "staff_codes",
    "signature_specimens",
    "bed_versions",
    "unit_codes",
    "unit_serves",
)
FACTS = ("calendar_days", "unit_successions")

KEEP_FACT = """
CREATE FUNCTION organisation.keep_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - 'superseded_at' IS DISTINCT FROM to_jsonb(NEW) - 'superseded_at'
        OR OLD.superseded_at IS NOT NULL THEN
        RAISE EXCEPTION 'history of %.% is not rewritten', TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""
"""Such a row may only be superseded."""


def upgrade() -> None:
    op.create_table(
        "beds",
        sa.Column("bed_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("bed_id", name=op.f("pk_beds")),
        schema="organisation",
    )
    op.create_table(
        "calendar_days",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("everywhere", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("clinics_open", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('holiday', 'workday', 'clinic')", name=op.f("ck_calendar_days_kind")),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_calendar_days")),
        schema="organisation",
    )
    op.create_index(op.f("ix_calendar_days_day"), "calendar_days", ["day"], unique=False, schema="organisation")
    op.create_index(
        "uq_calendar_days_live",
        "calendar_days",
        ["campus_id", "day", "everywhere"],
        unique=True,
        schema="organisation",
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "sheet_imports",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("loaded", sa.Integer(), nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_sheet_imports")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_sheet_imports_campus_id_import_id"),
        "sheet_imports",
        ["campus_id", "import_id"],
        unique=False,
        schema="organisation",
    )
    op.create_table(
        "delegations",
        sa.Column("delegation_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("delegated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delegated_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.column("campus_id"), "="),
            (sa.column("unit_id"), "="),
            (sa.column("post"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_delegations_post",
        ),
        sa.CheckConstraint("status IN ('planned', 'active', 'ended', 'withdrawn')", name=op.f("ck_delegations_status")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_delegations_period")),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_delegations_staff_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["organisation.units.unit_id"], name=op.f("fk_delegations_unit_id")),
        sa.PrimaryKeyConstraint("delegation_id", name=op.f("pk_delegations")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_delegations_campus_id_delegation_id"),
        "delegations",
        ["campus_id", "delegation_id"],
        unique=False,
        schema="organisation",
    )
    op.create_index(
        "ix_delegations_due",
        "delegations",
        ["campus_id", "valid_from"],
        unique=False,
        schema="organisation",
        postgresql_where=sa.text("status IN ('planned', 'active')"),
    )
    op.create_index(op.f("ix_delegations_staff_id"), "delegations", ["staff_id"], unique=False, schema="organisation")
    op.create_index(op.f("ix_delegations_unit_id"), "delegations", ["unit_id"], unique=False, schema="organisation")
    op.create_table(
        "licences",
        sa.Column("licence_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("kind"), "="),
            (sa.column("number"), "="),
            (sa.column("staff_id"), "<>"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_licences_number",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.column("kind"), "="),
            (sa.column("number"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_licences_period",
        ),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_licences_period")),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_licences_staff_id")),
        sa.PrimaryKeyConstraint("licence_id", name=op.f("pk_licences")),
        schema="organisation",
    )
    op.create_index(
        "ix_licences_expiring",
        "licences",
        ["campus_id", "valid_to", "licence_id"],
        unique=False,
        schema="organisation",
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index(op.f("ix_licences_staff_id"), "licences", ["staff_id"], unique=False, schema="organisation")
    op.create_table(
        "privileges",
        sa.Column("privilege_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("campuses", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("procedures", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.column("kind"), "="),
            (sa.column("level"), "="),
            (sa.column("campus_id"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_privileges_period",
        ),
        sa.CheckConstraint("cardinality(campuses) > 0", name=op.f("ck_privileges_campuses")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_privileges_period")),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_privileges_staff_id")),
        sa.PrimaryKeyConstraint("privilege_id", name=op.f("pk_privileges")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_privileges_campus_id_kind_privilege_id"),
        "privileges",
        ["campus_id", "kind", "privilege_id"],
        unique=False,
        schema="organisation",
    )
    op.create_index(
        op.f("ix_privileges_staff_id_kind"), "privileges", ["staff_id", "kind"], unique=False, schema="organisation"
    )
    op.create_table(
        "signature_specimens",
        sa.Column("specimen_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("certificate_serial", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.column("campus_id"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_signature_specimens_period",
        ),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("ck_signature_specimens_sha256")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_signature_specimens_period")),
        sa.ForeignKeyConstraint(
            ["file_id"], ["kernel.stored_files.file_id"], name=op.f("fk_signature_specimens_file_id")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_signature_specimens_staff_id")
        ),
        sa.PrimaryKeyConstraint("specimen_id", name=op.f("pk_signature_specimens")),
        sa.UniqueConstraint("file_id", name=op.f("uq_signature_specimens_file_id")),
        schema="organisation",
    )
    op.create_table(
        "staff_codes",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.column("system"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_staff_codes_period",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("system"), "="),
            (sa.column("code"), "="),
            (sa.column("staff_id"), "<>"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_staff_codes_code",
        ),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_staff_codes_period")),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_staff_codes_staff_id")),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_staff_codes")),
        schema="organisation",
    )
    op.create_table(
        "staff_suspensions",
        sa.Column("suspension_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("staff_id"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_staff_suspensions_period",
        ),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_staff_suspensions_period")),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_staff_suspensions_staff_id")
        ),
        sa.PrimaryKeyConstraint("suspension_id", name=op.f("pk_staff_suspensions")),
        schema="organisation",
    )
    op.create_table(
        "unit_codes",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("unit_id"), "="),
            (sa.column("system"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_unit_codes_period",
        ),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_unit_codes_period")),
        sa.ForeignKeyConstraint(["unit_id"], ["organisation.units.unit_id"], name=op.f("fk_unit_codes_unit_id")),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_unit_codes")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_unit_codes_campus_id_system_code"),
        "unit_codes",
        ["campus_id", "system", "code"],
        unique=False,
        schema="organisation",
    )
    op.create_table(
        "unit_serves",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("serves_campus", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("unit_id"), "="),
            (sa.column("serves_campus"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_unit_serves_period",
        ),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_unit_serves_period")),
        sa.ForeignKeyConstraint(
            ["serves_campus"], ["organisation.campuses.code"], name=op.f("fk_unit_serves_serves_campus")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["organisation.units.unit_id"], name=op.f("fk_unit_serves_unit_id")),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_unit_serves")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_unit_serves_serves_campus"), "unit_serves", ["serves_campus"], unique=False, schema="organisation"
    )
    op.create_table(
        "unit_successions",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_unit_id", sa.Uuid(), nullable=False),
        sa.Column("to_unit_id", sa.Uuid(), nullable=False),
        sa.Column("share", sa.Numeric(precision=7, scale=6), nullable=False),
        sa.Column("back_share", sa.Numeric(precision=7, scale=6), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('split', 'merge')", name=op.f("ck_unit_successions_kind")),
        sa.CheckConstraint("from_unit_id <> to_unit_id", name=op.f("ck_unit_successions_units")),
        sa.CheckConstraint(
            "share > 0 AND share <= 1 AND back_share > 0 AND back_share <= 1", name=op.f("ck_unit_successions_share")
        ),
        sa.ForeignKeyConstraint(
            ["from_unit_id"], ["organisation.units.unit_id"], name=op.f("fk_unit_successions_from_unit_id")
        ),
        sa.ForeignKeyConstraint(
            ["to_unit_id"], ["organisation.units.unit_id"], name=op.f("fk_unit_successions_to_unit_id")
        ),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_unit_successions")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_unit_successions_campus_id_effective_on"),
        "unit_successions",
        ["campus_id", "effective_on"],
        unique=False,
        schema="organisation",
    )
    op.create_index(
        op.f("ix_unit_successions_from_unit_id"),
        "unit_successions",
        ["from_unit_id"],
        unique=False,
        schema="organisation",
    )
    op.create_index(
        op.f("ix_unit_successions_to_unit_id"), "unit_successions", ["to_unit_id"], unique=False, schema="organisation"
    )
    op.create_table(
        "bed_versions",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("bed_id", sa.Uuid(), nullable=False),
        sa.Column("ward_id", sa.Uuid(), nullable=False),
        sa.Column("room_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("bed_class", sa.Text(), nullable=False),
        sa.Column("established", sa.Boolean(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("gender", sa.Text(), nullable=False),
        sa.Column("price_class", sa.Text(), nullable=True),
        sa.Column("nursing_group", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("out_cause", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("bed_id"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_bed_versions_period",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("ward_id"), "="),
            (sa.column("number"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_bed_versions_number",
        ),
        sa.CheckConstraint(
            "(status = 'out_of_service') = (out_cause IS NOT NULL)", name=op.f("ck_bed_versions_status")
        ),
        sa.CheckConstraint(
            "bed_class NOT IN ('extra', 'cot') OR NOT (established OR open)", name=op.f("ck_bed_versions_counted")
        ),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_bed_versions_period")),
        sa.ForeignKeyConstraint(["bed_id"], ["organisation.beds.bed_id"], name=op.f("fk_bed_versions_bed_id")),
        sa.ForeignKeyConstraint(["room_id"], ["organisation.places.place_id"], name=op.f("fk_bed_versions_room_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["organisation.units.unit_id"], name=op.f("fk_bed_versions_ward_id")),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_bed_versions")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_bed_versions_campus_id_ward_id"),
        "bed_versions",
        ["campus_id", "ward_id"],
        unique=False,
        schema="organisation",
    )
    op.create_table(
        "licence_notices",
        sa.Column("licence_id", sa.Uuid(), nullable=False),
        sa.Column("days", sa.SmallInteger(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["licence_id"], ["organisation.licences.licence_id"], name=op.f("fk_licence_notices_licence_id")
        ),
        sa.PrimaryKeyConstraint("licence_id", "days", name=op.f("pk_licence_notices")),
        schema="organisation",
    )
    op.create_table(
        "licence_places",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("licence_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("practice_campus", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("licence_id"), "="),
            (sa.column("practice_campus"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_licence_places_period",
        ),
        sa.CheckConstraint("kind IN ('main', 'filed')", name=op.f("ck_licence_places_kind")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_licence_places_period")),
        sa.ForeignKeyConstraint(
            ["licence_id"], ["organisation.licences.licence_id"], name=op.f("fk_licence_places_licence_id")
        ),
        sa.ForeignKeyConstraint(
            ["practice_campus"], ["organisation.campuses.code"], name=op.f("fk_licence_places_practice_campus")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_licence_places_staff_id")),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_licence_places")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_licence_places_staff_id"), "licence_places", ["staff_id"], unique=False, schema="organisation"
    )
    op.create_table(
        "privilege_suspensions",
        sa.Column("suspension_id", sa.Uuid(), nullable=False),
        sa.Column("privilege_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suspended_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("privilege_id"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_privilege_suspensions_period",
        ),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_privilege_suspensions_period")),
        sa.ForeignKeyConstraint(
            ["privilege_id"],
            ["organisation.privileges.privilege_id"],
            name=op.f("fk_privilege_suspensions_privilege_id"),
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_privilege_suspensions_staff_id")
        ),
        sa.PrimaryKeyConstraint("suspension_id", name=op.f("pk_privilege_suspensions")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_privilege_suspensions_staff_id"),
        "privilege_suspensions",
        ["staff_id"],
        unique=False,
        schema="organisation",
    )
    op.create_table(
        "workstations",
        sa.Column("workstation_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=True),
        sa.Column("printers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("card_readers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'retired')", name=op.f("ck_workstations_status")),
        sa.ForeignKeyConstraint(["place_id"], ["organisation.places.place_id"], name=op.f("fk_workstations_place_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["organisation.units.unit_id"], name=op.f("fk_workstations_unit_id")),
        sa.PrimaryKeyConstraint("workstation_id", name=op.f("pk_workstations")),
        sa.UniqueConstraint("campus_id", "code", name=op.f("uq_workstations_campus_id_code")),
        schema="organisation",
    )
    op.create_index(op.f("ix_workstations_unit_id"), "workstations", ["unit_id"], unique=False, schema="organisation")
    op.create_index(
        "uq_workstations_certificate",
        "workstations",
        ["certificate"],
        unique=True,
        schema="organisation",
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index(
        "uq_workstations_host",
        "workstations",
        ["host"],
        unique=True,
        schema="organisation",
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_table(
        "acting_choices",
        sa.Column("choice_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("workstation_id", sa.Uuid(), nullable=True),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_acting_choices_staff_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["organisation.units.unit_id"], name=op.f("fk_acting_choices_unit_id")),
        sa.ForeignKeyConstraint(
            ["workstation_id"],
            ["organisation.workstations.workstation_id"],
            name=op.f("fk_acting_choices_workstation_id"),
        ),
        sa.PrimaryKeyConstraint("choice_id", name=op.f("pk_acting_choices")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_acting_choices_staff_id_choice_id"),
        "acting_choices",
        ["staff_id", "choice_id"],
        unique=False,
        schema="organisation",
    )
    op.create_table(
        "sign_on_locks",
        sa.Column("lock_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lock_id", name=op.f("pk_sign_on_locks")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_sign_on_locks_staff_id_locked_at"),
        "sign_on_locks",
        ["staff_id", "locked_at"],
        unique=False,
        schema="organisation",
    )
    op.add_column("secondments", sa.Column("renews", sa.Uuid(), nullable=True), schema="organisation")
    op.add_column("campuses", sa.Column("licensed_beds", sa.Integer(), nullable=True), schema="organisation")
    op.add_column("campuses", sa.Column("edge_identity", sa.Text(), nullable=True), schema="organisation")
    for statement in [
        "GRANT UPDATE (licensed_beds, edge_identity) ON organisation.campuses TO his_app",
        *shared_read_table("organisation.licences", JUDGED_EVERYWHERE),
        *shared_read_table("organisation.licence_places", JUDGED_EVERYWHERE),
        *campus_table("organisation.licence_notices", update=False),
        *shared_read_table("organisation.privileges", JUDGED_EVERYWHERE),
        *shared_read_table("organisation.privilege_suspensions", JUDGED_EVERYWHERE),
        *shared_read_table("organisation.staff_suspensions", JUDGED_EVERYWHERE),
        *shared_read_table("organisation.staff_codes", JUDGED_EVERYWHERE),
        *shared_read_table("organisation.delegations", ONE_DIRECTORY),
        *campus_table("organisation.signature_specimens"),
        *shared_read_table("organisation.sign_on_locks", ONE_DIRECTORY, update=False),
        *campus_table("organisation.acting_choices", update=False),
        *campus_table("organisation.beds"),
        *campus_table("organisation.bed_versions"),
        *campus_table("organisation.workstations"),
        *shared_read_table("organisation.calendar_days", ONE_DIRECTORY),
        *shared_read_table("organisation.unit_successions", ONE_DIRECTORY),
        *shared_read_table("organisation.unit_codes", ONE_DIRECTORY),
        *shared_read_table("organisation.unit_serves", ONE_DIRECTORY),
        *campus_table("organisation.sheet_imports", update=False),
        KEEP_FACT,
        *(
            f"CREATE TRIGGER keep_history BEFORE UPDATE ON organisation.{table}"
            " FOR EACH ROW EXECUTE FUNCTION organisation.keep_history()"
            for table in HISTORIES
        ),
        *(
            f"CREATE TRIGGER keep_fact BEFORE UPDATE ON organisation.{table}"
            " FOR EACH ROW EXECUTE FUNCTION organisation.keep_fact()"
            for table in FACTS
        ),
    ]:
        op.execute(statement)
