"""Terms and charge items are found by wubi (五笔 86) beside pinyin; branches read basis documents that hold there;
packages done in part cost their single prices where that was approved."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import READABLE, search_function

revision = "0042"
down_revision = "0041"

# A search word is no text of a record: it may be worked out anew for a published code.
KEEP_CODES = """
CREATE OR REPLACE FUNCTION catalogue.keep_codes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_change CONSTANT text[] := '{withdrawn_from,successor,wubi,grams}';
BEGIN
    IF to_jsonb(OLD) - may_change IS DISTINCT FROM to_jsonb(NEW) - may_change AND EXISTS (
        SELECT FROM catalogue.code_versions AS v WHERE v.version_id = OLD.version_id AND v.status = 'published'
    ) THEN
        RAISE EXCEPTION 'a published code is not edited' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""

# As before, with wubi wherever there is pinyin. Rank: exact, own favourites, use in the department, use in the
# hospital, beginning before inside, length.
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
    beyond constant text := typed || chr(1114111);
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
         WHERE version_id = v AND initials >= typed AND initials < beyond LIMIT 4000)
        UNION
        (SELECT code_id FROM catalogue.codes
         WHERE version_id = v AND wubi >= typed AND wubi < beyond LIMIT 4000)
        UNION
        (SELECT code_id FROM catalogue.codes
         WHERE version_id = v AND display >= typed AND display < beyond LIMIT 4000)
        UNION
        (SELECT code_id FROM catalogue.codes
         WHERE cardinality(wanted) > 0 AND grams @> wanted AND version_id = v
           AND NOT EXISTS (
               SELECT FROM unnest(tokens) AS token
               WHERE strpos(lower(display), token) = 0 AND strpos(initials, token) = 0
                 AND strpos(coalesce(wubi, ''), token) = 0
           ))
        UNION
        (SELECT c.code_id
         FROM (
             (SELECT s.code FROM catalogue.code_synonyms AS s
              WHERE s.system = of_system AND s.active AND s.initials >= typed AND s.initials < beyond
              LIMIT 500)
             UNION
             (SELECT s.code FROM catalogue.code_synonyms AS s
              WHERE s.system = of_system AND s.active AND s.wubi >= typed AND s.wubi < beyond
              LIMIT 500)
             UNION
             (SELECT s.code FROM catalogue.code_synonyms AS s
              WHERE cardinality(wanted) > 0 AND s.grams @> wanted AND s.system = of_system AND s.active
                AND NOT EXISTS (
                    SELECT FROM unnest(tokens) AS token
                    WHERE strpos(lower(s.word), token) = 0 AND strpos(s.initials, token) = 0
                      AND strpos(coalesce(s.wubi, ''), token) = 0
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
             (c.initials >= typed AND c.initials < beyond
              OR coalesce(c.wubi >= typed AND c.wubi < beyond, false)) DESC,
             char_length(c.display), c.code
    LIMIT most;
END $$
"""
SEARCH_SIGNATURE = (
    "catalogue.search_codes(text, timestamptz, text, text, text[], text[], uuid, text, int, int, boolean, int)"
)

# Published for all campuses, or the basis of a price that holds or will hold at the acting campus.
DOCUMENT_APPLIES = """
CREATE FUNCTION catalogue.document_applies(document uuid, moment timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM catalogue.price_documents AS d
        JOIN catalogue.document_links AS l ON l.document_id = d.document_id
        WHERE d.document_id = document AND d.retired_at IS NULL
          AND CASE l.target
            WHEN 'item' THEN EXISTS (
                SELECT FROM catalogue.charge_items AS i WHERE i.code = l.target_id AND i.status <> 'draft'
            )
            WHEN 'batch' THEN EXISTS (
                SELECT FROM catalogue.import_batches AS b
                WHERE b.batch_id = l.target_id::uuid AND b.status = 'published'
            )
            WHEN 'rule' THEN EXISTS (
                SELECT FROM catalogue.price_rules AS r
                WHERE r.rule_id = l.target_id::uuid AND r.status = 'checked' AND coalesce(r.valid_to > moment, true)
            )
            WHEN 'package' THEN EXISTS (
                SELECT FROM catalogue.package_versions AS p
                WHERE p.package_version_id = l.target_id::uuid AND p.status = 'checked'
                  AND coalesce(p.valid_to > moment, true)
            )
            WHEN 'price' THEN EXISTS (
                SELECT FROM catalogue.price_versions AS p
                JOIN organisation.campus_price_levels AS c ON c.price_level = p.level
                WHERE p.version_id = l.target_id::uuid AND p.status = 'checked' AND coalesce(p.valid_to > moment, true)
                  AND coalesce(p.campus_id, current_setting('his.campus', true)) = current_setting('his.campus', true)
                  AND c.campus_code = current_setting('his.campus', true) AND c.superseded_at IS NULL
                  AND c.valid_from <= greatest(moment, p.valid_from)
                  AND coalesce(c.valid_to > greatest(moment, p.valid_from), true)
            )
          END
    )
$$
"""
MAY_READ_BASIS = """
CREATE FUNCTION catalogue.may_read_basis(file uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM catalogue.price_documents AS d
        WHERE d.stored_file_id = file AND catalogue.document_applies(d.document_id, statement_timestamp())
    )
$$
"""
FUNCTIONS = ("catalogue.document_applies(uuid, timestamptz)", "catalogue.may_read_basis(uuid)")


def upgrade() -> None:
    """Columns without default that the version running beside neither reads nor writes; the minute of each module
    fills what has none yet, a bounded number at a time."""
    for table in ("codes", "code_synonyms", "charge_items", "item_aliases"):
        op.add_column(table, sa.Column("wubi", sa.Text(collation="C"), nullable=True), schema="catalogue")
    _index("ix_codes_version_id_wubi", "codes", ["version_id", "wubi"])
    _index("ix_codes_without_wubi", "codes", ["code_id"], "wubi IS NULL")
    _index("ix_code_synonyms_system_wubi", "code_synonyms", ["system", "wubi"])
    _index("ix_code_synonyms_without_wubi", "code_synonyms", ["synonym_id"], "wubi IS NULL")
    _index("ix_charge_items_wubi", "charge_items", ["wubi"])
    _index("ix_charge_items_without_wubi", "charge_items", ["item_id"], "wubi IS NULL")
    _index("ix_item_aliases_wubi", "item_aliases", ["wubi"], "retired_at IS NULL")
    _index("ix_item_aliases_without_wubi", "item_aliases", ["alias"], "wubi IS NULL")
    op.execute(KEEP_CODES)
    op.execute(f"DROP FUNCTION {SEARCH_SIGNATURE}")
    op.execute(SEARCH_CODES)
    for statement in search_function(SEARCH_SIGNATURE):
        op.execute(statement)
    _release_documents()
    _package_refunds()


def _package_refunds() -> None:
    """Packages and charges there are stay refunded by their shares."""
    op.add_column(
        "package_versions",
        sa.Column("refund_rule", sa.Text(), nullable=False, server_default=sa.text("'share'")),
        schema="catalogue",
    )
    op.create_check_constraint(
        op.f("ck_package_versions_refund_rule"),
        "package_versions",
        "refund_rule IN ('share', 'list_price') AND (refund_rule = 'share' OR own_price IS NOT NULL)",
        schema="catalogue",
    )
    op.add_column("charges", sa.Column("package_refund_rule", sa.Text(), nullable=True), schema="payments")
    op.create_check_constraint(
        op.f("ck_charges_package_refund_rule"),
        "charges",
        "package_refund_rule IS NULL OR (package_refund_rule IN ('share', 'list_price') AND package_code IS NOT NULL)",
        schema="payments",
    )
    op.drop_constraint(op.f("ck_charges_refunded_amount"), "charges", schema="payments")
    op.create_check_constraint(
        op.f("ck_charges_refunded_amount"),
        "charges",
        "refunded_amount <= amount AND (refunded_amount >= -taken_off"
        " OR (coalesce(package_refund_rule, 'share') = 'list_price'"
        " AND amount - refunded_amount <= round(list_price * quantity, 2)))"
        " AND (by_rule OR coalesce(package_refund_rule, 'share') = 'list_price'"
        " OR refunded_quantity > 0 OR refunded_amount = 0)"
        " AND (refunded_quantity < quantity OR refunded_amount = amount)",
        schema="payments",
    )


def _release_documents() -> None:
    """The file of a document stays the head hospital's; the campus a document applies to may read its row."""
    _index("ix_price_documents_stored_file_id", "price_documents", ["stored_file_id"])
    op.execute(DOCUMENT_APPLIES)
    op.execute(MAY_READ_BASIS)
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO his_app")
    op.execute(
        f"ALTER POLICY campus_reads ON kernel.stored_files USING (campus_id = ANY ({READABLE})"
        " OR (kind = 'official-document' AND catalogue.may_read_basis(file_id)))"
    )


def _index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    op.create_index(name, table, columns, schema="catalogue", postgresql_where=sa.text(where) if where else None)
