"""Packages of an approved price of their own, mappings an item needs, basis documents."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import consortium_table

revision = "0035"
down_revision = "0034"

ONE_LIST = "one price list for the consortium: every campus charges by it and reads what it rests on"
AT_HEAD = "(select organisation.acts_at_head())"
HEAD_INSERTS = "ALTER POLICY signed_on_inserts ON {0} WITH CHECK (" + AT_HEAD + ")"
HEAD_UPDATES = "ALTER POLICY signed_on_updates ON {0} USING (" + AT_HEAD + ") WITH CHECK (" + AT_HEAD + ")"


def upgrade() -> None:
    _packages()
    _requirements()
    _documents()
    _charges()


def _packages() -> None:
    op.add_column("package_versions", sa.Column("own_price", sa.Text(), nullable=True), schema="catalogue")
    op.add_column("package_versions", sa.Column("approval_no", sa.Text(), nullable=True), schema="catalogue")
    op.create_check_constraint(
        op.f("ck_package_versions_own_price"),
        "package_versions",
        "(own_price IS NULL) = (approval_no IS NULL) AND own_price IN ('single_disease', 'day_case', 'checkup')",
        schema="catalogue",
    )


def _requirements() -> None:
    op.create_table(
        "mapping_requirements",
        sa.Column("requirement_id", sa.Uuid(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("required_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('draft', 'checked')", name=op.f("ck_mapping_requirements_status")),
        sa.CheckConstraint(
            "scheme IN ('front_page', 'account', 'cost', 'insurance')", name=op.f("ck_mapping_requirements_scheme")
        ),
        sa.CheckConstraint(
            "(status = 'checked') = (checker IS NOT NULL) AND checker <> maker",
            name=op.f("ck_mapping_requirements_two_people"),
        ),
        sa.PrimaryKeyConstraint("requirement_id", name=op.f("pk_mapping_requirements")),
        schema="catalogue",
    )
    op.create_index(
        "uq_mapping_requirements_scheme",
        "mapping_requirements",
        ["scheme"],
        unique=True,
        schema="catalogue",
        postgresql_where=sa.text("status = 'checked'"),
    )
    table = "catalogue.mapping_requirements"
    for statement in [*consortium_table(table, ONE_LIST), HEAD_INSERTS.format(table), HEAD_UPDATES.format(table)]:
        op.execute(statement)


def _documents() -> None:
    op.create_table(
        "price_documents",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("received_id", sa.Uuid(), nullable=False),
        sa.Column("stored_file_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_by", sa.Text(), nullable=True),
        sa.Column("retire_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(retired_at IS NULL) = (retired_by IS NULL)", name=op.f("ck_price_documents_retired")),
        sa.CheckConstraint("size > 0 AND length(sha256) = 64", name=op.f("ck_price_documents_content")),
        sa.ForeignKeyConstraint(
            ["received_id"], ["catalogue.received_files.file_id"], name=op.f("fk_price_documents_received_id")
        ),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_price_documents")),
        sa.UniqueConstraint("received_id", name=op.f("uq_price_documents_received_id")),
        schema="catalogue",
    )
    op.create_index(
        "ix_price_documents_number",
        "price_documents",
        ["number"],
        unique=False,
        schema="catalogue",
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_table(
        "document_links",
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attached_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "target IN ('item', 'price', 'batch', 'rule', 'package')", name=op.f("ck_document_links_target")
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["catalogue.price_documents.document_id"], name=op.f("fk_document_links_document_id")
        ),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_document_links")),
        sa.UniqueConstraint(
            "target", "target_id", "document_id", name=op.f("uq_document_links_target_target_id_document_id")
        ),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_document_links_document_id"), "document_links", ["document_id"], unique=False, schema="catalogue"
    )
    for statement in [
        *consortium_table("catalogue.price_documents", ONE_LIST),
        "REVOKE UPDATE ON catalogue.price_documents FROM his_app",
        "GRANT UPDATE (retired_at, retired_by, retire_reason) ON catalogue.price_documents TO his_app",
        *consortium_table("catalogue.document_links", ONE_LIST, update=False),
    ]:
        op.execute(statement)


def _charges() -> None:
    for column in (
        sa.Column("package_code", sa.Text(), nullable=True),
        sa.Column("package_line", sa.Text(), nullable=True),
        sa.Column("package_quantity", sa.Numeric(precision=12, scale=4), nullable=True),
    ):
        op.add_column("charges", column, schema="payments")
    op.create_check_constraint(
        op.f("ck_charges_package"),
        "charges",
        "(package_code IS NULL) = (package_line IS NULL) AND (package_code IS NULL) = (package_quantity IS NULL)"
        " AND package_quantity > 0 AND (package_code IS NULL OR (base_charge_id IS NULL AND NOT by_rule))",
        schema="payments",
    )
    op.create_index(
        "ix_charges_open_package",
        "charges",
        ["package_code"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("status = 'open' AND package_code IS NOT NULL"),
    )
