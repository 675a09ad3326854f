"""Sealed ID numbers of staff; their pictures, scans of licences, hand-over; other names of charge items."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table, consortium_table, search_function, search_table

revision = "0030"
down_revision = "0029"

FIND_IDENTITY = """
CREATE FUNCTION organisation.staff_by_number_index(indexes bytea[]) RETURNS TABLE (number_index bytea, staff_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.number_index, i.staff_id FROM organisation.staff_identities i
    WHERE i.number_index = ANY (indexes) AND i.ended_at IS NULL
$$
"""
"""A number belongs to one person of the consortium, and the wall of the home campus hides the other one's row: this
tells whose it is, a staff id everybody signed on may read, and nothing of the number."""

ONE_LIST = "one price list of the consortium: every campus searches it by the same names"


def upgrade() -> None:
    _organisation()
    _catalogue()
    for statement in [
        *campus_table("organisation.staff_identities"),
        *search_table("organisation.staff_identities"),
        *campus_table("organisation.staff_files"),
        *campus_table("organisation.handover_items"),
        *consortium_table("catalogue.item_aliases", ONE_LIST),
        FIND_IDENTITY,
        *search_function("organisation.staff_by_number_index(bytea[])"),
    ]:
        op.execute(statement)


def _organisation() -> None:
    op.create_table(
        "staff_identities",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("number_sealed", sa.Text(), nullable=False),
        sa.Column("number_index", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("starts_with(number_sealed, key_id || ':')", name=op.f("ck_staff_identities_key_id")),
        sa.CheckConstraint("octet_length(number_index) = 32", name=op.f("ck_staff_identities_number_index")),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_staff_identities_staff_id")
        ),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_staff_identities")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_staff_identities_campus_id_key_id"),
        "staff_identities",
        ["campus_id", "key_id"],
        unique=False,
        schema="organisation",
    )
    op.create_index(
        "uq_staff_identities_number",
        "staff_identities",
        ["number_index"],
        unique=True,
        schema="organisation",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "staff_files",
        sa.Column("staff_file_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("licence_id", sa.Uuid(), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_by", sa.Text(), nullable=True),
        sa.Column("retire_reason", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(kind = 'licence_scan') = (licence_id IS NOT NULL)", name=op.f("ck_staff_files_licence")),
        sa.CheckConstraint("kind IN ('photo', 'licence_scan')", name=op.f("ck_staff_files_kind")),
        sa.CheckConstraint("(retired_at IS NULL) = (retired_by IS NULL)", name=op.f("ck_staff_files_retired")),
        sa.ForeignKeyConstraint(
            ["licence_id"], ["organisation.licences.licence_id"], name=op.f("fk_staff_files_licence_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_staff_files_staff_id")),
        sa.PrimaryKeyConstraint("staff_file_id", name=op.f("pk_staff_files")),
        sa.UniqueConstraint("file_id", name=op.f("uq_staff_files_file_id")),
        schema="organisation",
    )
    op.create_index(
        op.f("ix_staff_files_licence_id_staff_file_id"),
        "staff_files",
        ["licence_id", "staff_file_id"],
        unique=False,
        schema="organisation",
    )
    op.create_index(op.f("ix_staff_files_staff_id"), "staff_files", ["staff_id"], unique=False, schema="organisation")
    op.create_index(
        "uq_staff_files_photo",
        "staff_files",
        ["staff_id"],
        unique=True,
        schema="organisation",
        postgresql_where=sa.text("kind = 'photo' AND retired_at IS NULL"),
    )
    op.create_table(
        "handover_items",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("way_out", sa.Text(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(settled_at IS NULL) = (settled_by IS NULL)", name=op.f("ck_handover_items_settled")),
        sa.CheckConstraint("settled_at IS NOT NULL OR taken_by IS NULL", name=op.f("ck_handover_items_taken")),
        sa.CheckConstraint("taken_by <> staff_id", name=op.f("ck_handover_items_another")),
        sa.ForeignKeyConstraint(["staff_id"], ["organisation.staff.staff_id"], name=op.f("fk_handover_items_staff_id")),
        sa.ForeignKeyConstraint(["taken_by"], ["organisation.staff.staff_id"], name=op.f("fk_handover_items_taken_by")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_handover_items")),
        sa.UniqueConstraint("staff_id", "source", "message", name=op.f("uq_handover_items_staff_id_source_message")),
        schema="organisation",
    )
    op.create_index(
        "ix_handover_items_open",
        "handover_items",
        ["campus_id", "item_id"],
        unique=False,
        schema="organisation",
        postgresql_where=sa.text("settled_at IS NULL"),
    )


def _catalogue() -> None:
    op.create_table(
        "item_aliases",
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(collation="C"), nullable=False),
        sa.Column("initials", sa.Text(collation="C"), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["item_code"], ["catalogue.charge_items.code"], name=op.f("fk_item_aliases_item_code")),
        sa.PrimaryKeyConstraint("item_code", "alias", name=op.f("pk_item_aliases")),
        schema="catalogue",
    )
    for column in ("alias", "initials"):
        op.create_index(
            f"ix_item_aliases_{column}",
            "item_aliases",
            [column],
            unique=False,
            schema="catalogue",
            postgresql_where=sa.text("retired_at IS NULL"),
        )
