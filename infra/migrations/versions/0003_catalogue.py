"""Charge items, prices and import batches."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import consortium_table, schema

revision = "0003"
down_revision = "0002"

ONE_LIST = "one price list for the consortium: the level of a campus decides what an item costs there"


def upgrade() -> None:
    for statement in schema("catalogue"):
        op.execute(statement)
    op.create_table(
        "charge_items",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("national_code", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("initials", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("excluded", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fee_class", sa.Text(), nullable=False),
        sa.Column("direct_entry", sa.Boolean(), nullable=False),
        sa.Column("max_quantity", sa.Numeric(precision=12, scale=4), nullable=True),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("stopped_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replacement_code", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_charge_items")),
        sa.UniqueConstraint("code", name=op.f("uq_charge_items_code")),
        schema="catalogue",
    )
    op.create_index(
        "ix_charge_items_initials",
        "charge_items",
        [sa.literal_column('initials COLLATE "C"')],
        unique=False,
        schema="catalogue",
    )
    op.create_index(
        "ix_charge_items_name",
        "charge_items",
        [sa.literal_column('name COLLATE "C"')],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "import_batches",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_import_batches")),
        schema="catalogue",
    )
    op.create_index(op.f("ix_import_batches_made_at"), "import_batches", ["made_at"], unique=False, schema="catalogue")
    op.create_table(
        "import_rows",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("row_no", sa.SmallInteger(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("faults", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("set_aside", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["catalogue.import_batches.batch_id"], name=op.f("fk_import_rows_batch_id")
        ),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_import_rows")),
        sa.UniqueConstraint("batch_id", "row_no", name=op.f("uq_import_rows_batch_id_row_no")),
        schema="catalogue",
    )
    op.create_table(
        "price_versions",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("payer_class", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unit_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("ceiling", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("item_id"), "="),
            (sa.column("level"), "="),
            (sa.column("payer_class"), "="),
            (sa.text("coalesce(campus_id, '*')"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("status = 'checked'"),
            using="gist",
            name="ex_price_versions_period",
        ),
        sa.CheckConstraint("checker IS NULL OR checker <> maker", name=op.f("ck_price_versions_two_people")),
        sa.CheckConstraint(
            "unit_price >= 0 AND (ceiling IS NULL OR unit_price <= ceiling)", name=op.f("ck_price_versions_price")
        ),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_price_versions_period")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["catalogue.charge_items.item_id"], name=op.f("fk_price_versions_item_id")
        ),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_price_versions")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_price_versions_item_id_valid_from"),
        "price_versions",
        ["item_id", "valid_from"],
        unique=False,
        schema="catalogue",
    )
    for statement in [
        *consortium_table("catalogue.charge_items", ONE_LIST),
        *consortium_table("catalogue.price_versions", ONE_LIST),
        *consortium_table("catalogue.import_batches", ONE_LIST),
        *consortium_table("catalogue.import_rows", ONE_LIST),
    ]:
        op.execute(statement)
