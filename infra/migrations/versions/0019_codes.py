"""Code systems, value sets, mappings, search words, laboratory items."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import (
    campus_table,
    consortium_table,
    search_function,
    search_table,
    shared_read_table,
)

revision = "0019"
down_revision = "0018"

STANDARD = "national code systems are the same for every campus; only the head hospital keeps them"
QUESTIONS = "coders of all campuses read each other's questions and rulings"

AT_HEAD = "(select organisation.acts_at_head())"


def kept_at_head(table: str, reason: str) -> list[str]:
    """A list of the consortium that only the head hospital writes."""
    return [
        *consortium_table(table, reason),
        f"ALTER POLICY signed_on_inserts ON {table} WITH CHECK ({AT_HEAD})",
        f"ALTER POLICY signed_on_updates ON {table} USING ({AT_HEAD}) WITH CHECK ({AT_HEAD})",
    ]


KEEP_CODES = """
CREATE FUNCTION catalogue.keep_codes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_change CONSTANT text[] := '{withdrawn_from,successor}';
BEGIN
    IF to_jsonb(OLD) - may_change IS DISTINCT FROM to_jsonb(NEW) - may_change AND EXISTS (
        SELECT FROM catalogue.code_versions AS v WHERE v.version_id = OLD.version_id AND v.status = 'published'
    ) THEN
        RAISE EXCEPTION 'a published code is not edited' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""
"""Records point at published codes: their text stays for ever, they are only withdrawn."""

# Rank: exact, own favourites, use in the department, use in the hospital, beginning before inside, length.
SEARCH_CODES = """
CREATE FUNCTION catalogue.search_codes(
    of_system text, moment timestamptz, typed text, code_typed text, tokens text[], wanted text[], at_unit uuid,
    of_sex text, age_days int, since_month int, principal boolean, most int
)
RETURNS TABLE (found_id uuid, found_code text, found_display text, found_place int)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    here constant text := current_setting('his.campus', true);
    who constant text := current_setting('his.subject', true);
    v uuid;
BEGIN
    IF coalesce(who, '') = '' THEN
        RETURN;
    END IF;
    SELECT version_id INTO v FROM catalogue.code_versions
    WHERE system = of_system AND status = 'published' AND effective_from <= moment
      AND (effective_to IS NULL OR effective_to > moment);
    IF v IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH matched AS (
        (SELECT code_id FROM catalogue.codes
         WHERE version_id = v AND code >= code_typed AND code < code_typed || chr(1114111) LIMIT 2000)
        UNION
        (SELECT code_id FROM catalogue.codes
         WHERE version_id = v AND initials >= typed AND initials < typed || chr(1114111) LIMIT 4000)
        UNION
        (SELECT code_id FROM catalogue.codes
         WHERE version_id = v AND display >= typed AND display < typed || chr(1114111) LIMIT 4000)
        UNION
        (SELECT code_id FROM catalogue.codes
         WHERE cardinality(wanted) > 0 AND grams @> wanted AND version_id = v
           AND NOT EXISTS (
               SELECT FROM unnest(tokens) AS token
               WHERE strpos(lower(display), token) = 0 AND strpos(initials, token) = 0
           ))
        UNION
        (SELECT c.code_id
         FROM (
             (SELECT s.code FROM catalogue.code_synonyms AS s
              WHERE s.system = of_system AND s.active AND s.initials >= typed AND s.initials < typed || chr(1114111)
              LIMIT 500)
             UNION
             (SELECT s.code FROM catalogue.code_synonyms AS s
              WHERE cardinality(wanted) > 0 AND s.grams @> wanted AND s.system = of_system AND s.active
                AND NOT EXISTS (
                    SELECT FROM unnest(tokens) AS token
                    WHERE strpos(lower(s.word), token) = 0 AND strpos(s.initials, token) = 0
                ) LIMIT 500)
         ) AS alias
         JOIN catalogue.codes AS c ON c.version_id = v AND c.code = alias.code)
    )
    SELECT c.code_id, c.code, c.display, c.place
    FROM matched AS m
    JOIN catalogue.codes AS c ON c.code_id = m.code_id
    LEFT JOIN catalogue.code_favourites AS f
      ON f.campus_id = here AND f.subject = who AND f.system = of_system AND f.code = c.code AND f.kept
    LEFT JOIN LATERAL (
        SELECT sum(uses) AS hospital, sum(uses) FILTER (WHERE u.unit_id = at_unit) AS unit
        FROM catalogue.code_uses AS u
        WHERE u.campus_id = here AND u.system = of_system AND u.code = c.code AND u.month >= since_month
    ) AS used ON true
    WHERE c.leaf AND (c.withdrawn_from IS NULL OR c.withdrawn_from > moment)
      AND (of_sex IS NULL OR c.sex IS NULL OR c.sex = of_sex)
      AND (age_days IS NULL OR c.age_min_days IS NULL OR c.age_min_days <= age_days)
      AND (age_days IS NULL OR c.age_max_days IS NULL OR c.age_max_days >= age_days)
      AND NOT (principal AND coalesce(c.attrs ->> 'principal', '') = 'never')
    ORDER BY (c.code = code_typed OR lower(c.display) = typed) DESC, f.kept IS NOT NULL DESC,
             coalesce(used.unit, 0) DESC, coalesce(used.hospital, 0) DESC,
             (c.initials >= typed AND c.initials < typed || chr(1114111)) DESC, char_length(c.display), c.code
    LIMIT most;
END $$
"""
SEARCH_SIGNATURE = (
    "catalogue.search_codes(text, timestamptz, text, text, text[], text[], uuid, text, int, int, boolean, int)"
)
SEARCHED = ("code_versions", "codes", "code_synonyms", "code_favourites", "code_uses")


def upgrade() -> None:
    op.create_table(
        "code_favourites",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campus_id", "subject", "system", "code", name=op.f("pk_code_favourites")),
        schema="catalogue",
    )
    op.create_table(
        "code_systems",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("standard", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("hierarchy", sa.Text(), nullable=False),
        sa.Column("profile", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('diagnosis', 'procedure', 'tcm', 'morphology', 'value_set')", name=op.f("ck_code_systems_kind")
        ),
        sa.PrimaryKeyConstraint("system", name=op.f("pk_code_systems")),
        schema="catalogue",
    )
    op.create_table(
        "code_uses",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campus_id", "system", "code", "unit_id", "month", name=op.f("pk_code_uses")),
        schema="catalogue",
    )
    op.create_table(
        "lab_items",
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("initials", sa.Text(collation="C"), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=False),
        sa.Column("specimen", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("loinc", sa.Text(), nullable=True),
        sa.Column("national_code", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_lab_items")),
        schema="catalogue",
    )
    op.create_index(op.f("ix_lab_items_initials"), "lab_items", ["initials"], unique=False, schema="catalogue")
    op.create_table(
        "received_files",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("stored_file_id", sa.Uuid(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.CheckConstraint("(status = 'kept') = (sha256 IS NOT NULL)", name=op.f("ck_received_files_kept")),
        sa.CheckConstraint("status IN ('receiving', 'kept')", name=op.f("ck_received_files_status")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_received_files")),
        schema="catalogue",
    )
    op.create_table(
        "reference_ranges",
        sa.Column("range_id", sa.Uuid(), nullable=False),
        sa.Column("item_code", sa.Text(collation="C"), nullable=False),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("age_from_days", sa.Integer(), nullable=False),
        sa.Column("age_to_days", sa.Integer(), nullable=False),
        sa.Column("week_from", sa.Integer(), nullable=True),
        sa.Column("week_to", sa.Integer(), nullable=True),
        sa.Column("low", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("high", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("text_value", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.CheckConstraint("age_from_days <= age_to_days", name=op.f("ck_reference_ranges_age")),
        sa.CheckConstraint(
            "low IS NOT NULL OR high IS NOT NULL OR text_value IS NOT NULL", name=op.f("ck_reference_ranges_something")
        ),
        sa.CheckConstraint("low IS NULL OR high IS NULL OR low <= high", name=op.f("ck_reference_ranges_range")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_reference_ranges_period")),
        sa.PrimaryKeyConstraint("range_id", name=op.f("pk_reference_ranges")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_reference_ranges_item_code_valid_from"),
        "reference_ranges",
        ["item_code", "valid_from"],
        unique=False,
        schema="catalogue",
    )
    op.create_index(
        "ix_reference_ranges_open",
        "reference_ranges",
        ["item_code"],
        unique=False,
        schema="catalogue",
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "code_mappings",
        sa.Column("mapping_id", sa.Uuid(), nullable=False),
        sa.Column("from_system", sa.Text(), nullable=False),
        sa.Column("from_code", sa.Text(), nullable=False),
        sa.Column("to_system", sa.Text(), nullable=False),
        sa.Column("to_code", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("from_system"), "="),
            (sa.column("from_code"), "="),
            (sa.column("to_system"), "="),
            (sa.column("to_code"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("status = 'checked'"),
            using="gist",
            name="ex_code_mappings_pair",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("from_system"), "="),
            (sa.column("from_code"), "="),
            (sa.column("to_system"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("status = 'checked' AND relation = 'equal'"),
            using="gist",
            name="ex_code_mappings_equal_from",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("to_system"), "="),
            (sa.column("to_code"), "="),
            (sa.column("from_system"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("status = 'checked' AND relation = 'equal'"),
            using="gist",
            name="ex_code_mappings_equal_to",
        ),
        sa.CheckConstraint("(relation = 'none') = (to_code = '')", name=op.f("ck_code_mappings_target")),
        sa.CheckConstraint(
            "relation IN ('equal', 'narrower', 'broader', 'none')", name=op.f("ck_code_mappings_relation")
        ),
        sa.CheckConstraint("source IN ('official', 'manual')", name=op.f("ck_code_mappings_source")),
        sa.CheckConstraint("checker IS NULL OR checker <> maker", name=op.f("ck_code_mappings_two_people")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_code_mappings_period")),
        sa.ForeignKeyConstraint(
            ["from_system"], ["catalogue.code_systems.system"], name=op.f("fk_code_mappings_from_system")
        ),
        sa.ForeignKeyConstraint(
            ["to_system"], ["catalogue.code_systems.system"], name=op.f("fk_code_mappings_to_system")
        ),
        sa.PrimaryKeyConstraint("mapping_id", name=op.f("pk_code_mappings")),
        schema="catalogue",
    )
    op.create_index(
        "ix_code_mappings_back",
        "code_mappings",
        ["to_system", "from_system", "to_code"],
        unique=False,
        schema="catalogue",
    )
    op.create_index(
        "ix_code_mappings_drafts",
        "code_mappings",
        ["mapping_id"],
        unique=False,
        schema="catalogue",
        postgresql_where=sa.text("status = 'draft'"),
    )
    op.create_index(
        "ix_code_mappings_from",
        "code_mappings",
        ["from_system", "to_system", "from_code"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "code_proposals",
        sa.Column("proposal_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("wish", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["system"], ["catalogue.code_systems.system"], name=op.f("fk_code_proposals_system")),
        sa.PrimaryKeyConstraint("proposal_id", name=op.f("pk_code_proposals")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_code_proposals_campus_id_proposal_id"),
        "code_proposals",
        ["campus_id", "proposal_id"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "code_questions",
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["system"], ["catalogue.code_systems.system"], name=op.f("fk_code_questions_system")),
        sa.PrimaryKeyConstraint("question_id", name=op.f("pk_code_questions")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_code_questions_system_question_id"),
        "code_questions",
        ["system", "question_id"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "code_synonyms",
        sa.Column("synonym_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(collation="C"), nullable=False),
        sa.Column("initials", sa.Text(collation="C"), nullable=False),
        sa.Column("grams", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["system"], ["catalogue.code_systems.system"], name=op.f("fk_code_synonyms_system")),
        sa.PrimaryKeyConstraint("synonym_id", name=op.f("pk_code_synonyms")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_code_synonyms_grams"),
        "code_synonyms",
        ["grams"],
        unique=False,
        schema="catalogue",
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_index(
        op.f("ix_code_synonyms_system_initials"),
        "code_synonyms",
        ["system", "initials"],
        unique=False,
        schema="catalogue",
    )
    op.create_index(
        "uq_code_synonyms_word",
        "code_synonyms",
        ["system", "code", "word"],
        unique=True,
        schema="catalogue",
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "code_versions",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("codes", sa.Integer(), nullable=False),
        sa.Column("announced", sa.Integer(), nullable=True),
        sa.Column("count_confirmed_by", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effective_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("system"), "="),
            (sa.text("tstzrange(effective_from, effective_to)"), "&&"),
            where=sa.text("status = 'published'"),
            using="gist",
            name="ex_code_versions_period",
        ),
        sa.CheckConstraint(
            "(status = 'published') = (effective_from IS NOT NULL)", name=op.f("ck_code_versions_effective")
        ),
        sa.CheckConstraint("status IN ('staged', 'published', 'discarded')", name=op.f("ck_code_versions_status")),
        sa.CheckConstraint("checker IS NULL OR checker <> maker", name=op.f("ck_code_versions_two_people")),
        sa.CheckConstraint(
            "effective_to IS NULL OR effective_to > effective_from", name=op.f("ck_code_versions_period")
        ),
        sa.ForeignKeyConstraint(["system"], ["catalogue.code_systems.system"], name=op.f("fk_code_versions_system")),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_code_versions")),
        sa.UniqueConstraint("system", "label", name=op.f("uq_code_versions_system_label")),
        schema="catalogue",
    )
    op.create_table(
        "received_parts",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["catalogue.received_files.file_id"], name=op.f("fk_received_parts_file_id")
        ),
        sa.PrimaryKeyConstraint("file_id", "part", name=op.f("pk_received_parts")),
        schema="catalogue",
    )
    op.create_table(
        "value_set_bindings",
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("strength", sa.Text(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bound_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("strength IN ('required', 'extensible')", name=op.f("ck_value_set_bindings_strength")),
        sa.ForeignKeyConstraint(
            ["system"], ["catalogue.code_systems.system"], name=op.f("fk_value_set_bindings_system")
        ),
        sa.PrimaryKeyConstraint("field", name=op.f("pk_value_set_bindings")),
        schema="catalogue",
    )
    op.create_table(
        "code_imports",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("ignored", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("accepted = new + changed + unchanged", name=op.f("ck_code_imports_accepted")),
        sa.CheckConstraint("rows_read = accepted + rejected + ignored", name=op.f("ck_code_imports_rows")),
        sa.ForeignKeyConstraint(
            ["file_id"], ["catalogue.received_files.file_id"], name=op.f("fk_code_imports_file_id")
        ),
        sa.ForeignKeyConstraint(["system"], ["catalogue.code_systems.system"], name=op.f("fk_code_imports_system")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["catalogue.code_versions.version_id"], name=op.f("fk_code_imports_version_id")
        ),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_code_imports")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_code_imports_system_import_id"),
        "code_imports",
        ["system", "import_id"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "code_rejects",
        sa.Column("reject_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.Column("cells", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("faults", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("decision IN ('fixed', 'left_out')", name=op.f("ck_code_rejects_decision")),
        sa.CheckConstraint("(decision IS NULL) = (decided_by IS NULL)", name=op.f("ck_code_rejects_decided")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["catalogue.code_versions.version_id"], name=op.f("fk_code_rejects_version_id")
        ),
        sa.PrimaryKeyConstraint("reject_id", name=op.f("pk_code_rejects")),
        sa.UniqueConstraint("version_id", "row_no", name=op.f("uq_code_rejects_version_id_row_no")),
        schema="catalogue",
    )
    op.create_table(
        "codes",
        sa.Column("code_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("display", sa.Text(collation="C"), nullable=False),
        sa.Column("initials", sa.Text(collation="C"), nullable=False),
        sa.Column("grams", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("parent", sa.Text(collation="C"), nullable=True),
        sa.Column("leaf", sa.Boolean(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("attrs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("age_min_days", sa.Integer(), nullable=True),
        sa.Column("age_max_days", sa.Integer(), nullable=True),
        sa.Column("local", sa.Boolean(), nullable=False),
        sa.Column("official_code", sa.Text(), nullable=True),
        sa.Column("withdrawn_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("successor", sa.Text(), nullable=True),
        sa.CheckConstraint("sex IN ('1', '2')", name=op.f("ck_codes_sex")),
        sa.CheckConstraint("official_code IS NOT NULL OR NOT local", name=op.f("ck_codes_local_is_mapped")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["catalogue.code_versions.version_id"], name=op.f("fk_codes_version_id")
        ),
        sa.PrimaryKeyConstraint("code_id", name=op.f("pk_codes")),
        sa.UniqueConstraint("version_id", "code", name=op.f("uq_codes_version_id_code")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_codes_grams"),
        "codes",
        ["grams"],
        unique=False,
        schema="catalogue",
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_index(
        op.f("ix_codes_version_id_display"), "codes", ["version_id", "display"], unique=False, schema="catalogue"
    )
    op.create_index(
        op.f("ix_codes_version_id_initials"), "codes", ["version_id", "initials"], unique=False, schema="catalogue"
    )
    op.create_index(
        op.f("ix_codes_version_id_parent_code"),
        "codes",
        ["version_id", "parent", "code"],
        unique=False,
        schema="catalogue",
    )
    for table in (
        "code_systems",
        "code_versions",
        "codes",
        "received_files",
        "received_parts",
        "code_imports",
        "code_rejects",
        "code_mappings",
        "code_synonyms",
        "value_set_bindings",
        "lab_items",
        "reference_ranges",
    ):
        for statement in kept_at_head(f"catalogue.{table}", STANDARD):
            op.execute(statement)
    for statement in [
        *campus_table("catalogue.code_favourites"),
        *campus_table("catalogue.code_uses"),
        *shared_read_table("catalogue.code_questions", QUESTIONS, update=False),
        *shared_read_table("catalogue.code_proposals", QUESTIONS, update=False),
        KEEP_CODES,
        "CREATE TRIGGER keep_codes BEFORE UPDATE ON catalogue.codes"
        " FOR EACH ROW EXECUTE FUNCTION catalogue.keep_codes()",
        SEARCH_CODES,
        *(one for table in SEARCHED for one in search_table(f"catalogue.{table}")),
        *search_function(SEARCH_SIGNATURE),
    ]:
        op.execute(statement)
