"""Rules between lines, packages, mappings, corrections, applications, complaints, monitoring."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import CAMPUS, campus_table, consortium_table, shared_read_table

revision = "0020"
down_revision = "0019"

ONE_LIST = "one price list for the consortium: the level of a campus decides what an item costs there"
COMMITTEE = "the consortium decides on the applications of every campus, and every campus may follow them"

AT_HEAD = "(select organisation.acts_at_head())"


def kept_at_head(table: str, reason: str) -> list[str]:
    """A list of the consortium that only the head hospital writes."""
    return [
        *consortium_table(table, reason),
        f"ALTER POLICY signed_on_inserts ON {table} WITH CHECK ({AT_HEAD})",
        f"ALTER POLICY signed_on_updates ON {table} USING ({AT_HEAD}) WITH CHECK ({AT_HEAD})",
    ]


OWN_OR_HEAD = f"(campus_id = {CAMPUS} OR (campus_id IS NULL AND {AT_HEAD}))"
KEEP_CAMPUS_PRICES = [
    *consortium_table("catalogue.price_corrections", ONE_LIST),
    f"ALTER POLICY signed_on_inserts ON catalogue.price_corrections WITH CHECK ({OWN_OR_HEAD})",
    f"ALTER POLICY signed_on_updates ON catalogue.price_corrections USING ({OWN_OR_HEAD}) WITH CHECK ({OWN_OR_HEAD})",
]


def upgrade() -> None:
    op.create_table(
        "charged_lines",
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=True),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("source_module", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("executing_unit_id", sa.Uuid(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("voided", sa.Boolean(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("charge_id", name=op.f("pk_charged_lines")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_charged_lines_campus_id_day_patient_id_item_code"),
        "charged_lines",
        ["campus_id", "day", "patient_id", "item_code"],
        unique=False,
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_charged_lines_campus_id_item_code_day"),
        "charged_lines",
        ["campus_id", "item_code", "day"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "item_applications",
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("charge_unit", sa.Text(), nullable=False),
        sa.Column("costs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("comparables", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("proposed_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("proposed_price >= 0", name=op.f("ck_item_applications_proposed_price")),
        sa.PrimaryKeyConstraint("application_id", name=op.f("pk_item_applications")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_item_applications_campus_id_application_id"),
        "item_applications",
        ["campus_id", "application_id"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "monitor_rules",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("item_codes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('duplicate', 'over_quantity', 'beside', 'many_lines')", name=op.f("ck_monitor_rules_kind")
        ),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_monitor_rules")),
        schema="catalogue",
    )
    op.create_table(
        "monitored_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campus_id", "day", name=op.f("pk_monitored_days")),
        schema="catalogue",
    )
    op.create_table(
        "price_complaints",
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("item_codes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("founded", sa.Boolean(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('open', 'answered')", name=op.f("ck_price_complaints_status")),
        sa.PrimaryKeyConstraint("complaint_id", name=op.f("pk_price_complaints")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_price_complaints_campus_id_status_complaint_id"),
        "price_complaints",
        ["campus_id", "status", "complaint_id"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "price_rules",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('draft', 'checked', 'dropped')", name=op.f("ck_price_rules_status")),
        sa.CheckConstraint("checker IS NULL OR checker <> maker", name=op.f("ck_price_rules_two_people")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_price_rules_period")),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_price_rules")),
        schema="catalogue",
    )
    op.create_table(
        "application_decisions",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("opinion", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("approval_no", sa.Text(), nullable=True),
        sa.Column("item_code", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "step IN ('committee', 'consortium', 'province', 'publication', 'withdrawal')",
            name=op.f("ck_application_decisions_step"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["catalogue.item_applications.application_id"],
            name=op.f("fk_application_decisions_application_id"),
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_application_decisions")),
        sa.UniqueConstraint("application_id", "step", name=op.f("uq_application_decisions_application_id_step")),
        schema="catalogue",
    )
    op.create_table(
        "price_findings",
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("charge_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("refund_proposed", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('open', 'answered', 'closed')", name=op.f("ck_price_findings_status")),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["catalogue.monitor_rules.rule_id"], name=op.f("fk_price_findings_rule_id")
        ),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("pk_price_findings")),
        sa.UniqueConstraint(
            "campus_id",
            "rule_id",
            "day",
            "patient_id",
            "item_code",
            name=op.f("uq_price_findings_campus_id_rule_id_day_patient_id_item_code"),
        ),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_price_findings_campus_id_status_finding_id"),
        "price_findings",
        ["campus_id", "status", "finding_id"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "item_mappings",
        sa.Column("mapping_id", sa.Uuid(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("target_name", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("item_code"), "="),
            (sa.column("scheme"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("status = 'checked'"),
            using="gist",
            name="ex_item_mappings_period",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("target"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("status = 'checked' AND scheme = 'insurance'"),
            using="gist",
            name="ex_item_mappings_insurance",
        ),
        sa.CheckConstraint("checker IS NULL OR checker <> maker", name=op.f("ck_item_mappings_two_people")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_item_mappings_period")),
        sa.ForeignKeyConstraint(
            ["item_code"], ["catalogue.charge_items.code"], name=op.f("fk_item_mappings_item_code")
        ),
        sa.PrimaryKeyConstraint("mapping_id", name=op.f("pk_item_mappings")),
        schema="catalogue",
    )
    op.create_index(
        "ix_item_mappings_checked",
        "item_mappings",
        ["item_code", "scheme"],
        unique=False,
        schema="catalogue",
        postgresql_where=sa.text("status = 'checked'"),
    )
    op.create_index(
        "ix_item_mappings_drafts",
        "item_mappings",
        ["mapping_id"],
        unique=False,
        schema="catalogue",
        postgresql_where=sa.text("status = 'draft'"),
    )
    op.create_table(
        "package_versions",
        sa.Column("package_version_id", sa.Uuid(), nullable=False),
        sa.Column("package_code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("package_code"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("status = 'checked'"),
            using="gist",
            name="ex_package_versions_period",
        ),
        sa.CheckConstraint("checker IS NULL OR checker <> maker", name=op.f("ck_package_versions_two_people")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_package_versions_period")),
        sa.ForeignKeyConstraint(
            ["package_code"], ["catalogue.charge_items.code"], name=op.f("fk_package_versions_package_code")
        ),
        sa.PrimaryKeyConstraint("package_version_id", name=op.f("pk_package_versions")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_package_versions_package_code_valid_from"),
        "package_versions",
        ["package_code", "valid_from"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "price_rule_items",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint("role IN ('subject', 'other')", name=op.f("ck_price_rule_items_role")),
        sa.ForeignKeyConstraint(
            ["item_code"], ["catalogue.charge_items.code"], name=op.f("fk_price_rule_items_item_code")
        ),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["catalogue.price_rules.rule_id"], name=op.f("fk_price_rule_items_rule_id")
        ),
        sa.PrimaryKeyConstraint("rule_id", "item_code", "role", name=op.f("pk_price_rule_items")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_price_rule_items_item_code_rule_id"),
        "price_rule_items",
        ["item_code", "rule_id"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "package_members",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("package_version_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("member_code", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("choice", sa.Text(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("age_min", sa.Integer(), nullable=True),
        sa.Column("age_max", sa.Integer(), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_package_members_quantity")),
        sa.ForeignKeyConstraint(
            ["member_code"], ["catalogue.charge_items.code"], name=op.f("fk_package_members_member_code")
        ),
        sa.ForeignKeyConstraint(
            ["package_version_id"],
            ["catalogue.package_versions.package_version_id"],
            name=op.f("fk_package_members_package_version_id"),
        ),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_package_members")),
        sa.UniqueConstraint("package_version_id", "place", name=op.f("uq_package_members_package_version_id_place")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_package_members_member_code"), "package_members", ["member_code"], unique=False, schema="catalogue"
    )
    op.create_table(
        "price_corrections",
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("wrong_version_id", sa.Uuid(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=True),
        sa.Column("wrong_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("right_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("affected_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("approved_price", sa.Text(), nullable=True),
        sa.Column("approved_finance", sa.Text(), nullable=True),
        sa.Column("approved_director", sa.Text(), nullable=True),
        sa.Column("affected_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("right_version_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status <> 'effective' OR (approved_price IS NOT NULL AND approved_finance IS NOT NULL"
            " AND approved_director IS NOT NULL AND approved_price <> approved_finance"
            " AND approved_price <> approved_director AND approved_finance <> approved_director"
            " AND maker NOT IN (approved_price, approved_finance, approved_director))",
            name=op.f("ck_price_corrections_three_people"),
        ),
        sa.CheckConstraint("status IN ('proposed', 'effective', 'rejected')", name=op.f("ck_price_corrections_status")),
        sa.CheckConstraint("right_price >= 0", name=op.f("ck_price_corrections_right_price")),
        sa.ForeignKeyConstraint(
            ["wrong_version_id"],
            ["catalogue.price_versions.version_id"],
            name=op.f("fk_price_corrections_wrong_version_id"),
        ),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_price_corrections")),
        schema="catalogue",
    )
    op.create_index(
        "uq_price_corrections_open",
        "price_corrections",
        ["wrong_version_id"],
        unique=True,
        schema="catalogue",
        postgresql_where=sa.text("status = 'proposed'"),
    )
    op.add_column(
        "charge_items",
        sa.Column("limits", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}"),
        schema="catalogue",
    )
    op.add_column("charge_items", sa.Column("trial_until", sa.Date(), nullable=True), schema="catalogue")
    op.add_column("import_batches", sa.Column("file_id", sa.Uuid(), nullable=True), schema="catalogue")
    op.add_column("import_batches", sa.Column("undoes", sa.Uuid(), nullable=True), schema="catalogue")
    op.create_index(
        op.f("ix_price_versions_batch_id"),
        "price_versions",
        ["batch_id"],
        unique=False,
        schema="catalogue",
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    for table in (
        "price_rules",
        "price_rule_items",
        "package_versions",
        "package_members",
        "item_mappings",
        "monitor_rules",
    ):
        for statement in kept_at_head(f"catalogue.{table}", ONE_LIST):
            op.execute(statement)
    for statement in [
        *KEEP_CAMPUS_PRICES,
        *shared_read_table("catalogue.item_applications", COMMITTEE, update=False),
        *shared_read_table("catalogue.application_decisions", COMMITTEE, update=False),
        *campus_table("catalogue.price_complaints"),
        *campus_table("catalogue.charged_lines"),
        *campus_table("catalogue.monitored_days", update=False),
        *campus_table("catalogue.price_findings"),
    ]:
        op.execute(statement)
