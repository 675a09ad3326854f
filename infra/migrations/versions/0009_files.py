"""Stored files and published print layouts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, consortium_table, worker_table

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "stored_files",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reserved_by", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("abandoned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scrubbed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scrub_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scrub_failure", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('reserved', 'confirmed', 'abandoned')", name=op.f("ck_stored_files_state")),
        sa.CheckConstraint(
            "state <> 'confirmed' OR (coalesce(size >= 0, false)"
            " AND coalesce(octet_length(sha256) = 32, false) AND confirmed_at IS NOT NULL)",
            name=op.f("ck_stored_files_confirmed"),
        ),
        sa.CheckConstraint(
            "scrub_failure IN ('missing', 'size', 'sha256')", name=op.f("ck_stored_files_scrub_failure")
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_stored_files")),
        sa.UniqueConstraint("key", name=op.f("uq_stored_files_key")),
        schema="kernel",
    )
    op.create_index(
        "ix_stored_files_reserved",
        "stored_files",
        ["reserved_at"],
        schema="kernel",
        postgresql_where=sa.text("state = 'reserved'"),
    )
    op.create_index(
        "ix_stored_files_scrub",
        "stored_files",
        [sa.text("scrubbed_at NULLS FIRST"), "file_id"],
        schema="kernel",
        postgresql_where=sa.text("state = 'confirmed'"),
    )
    op.create_table(
        "print_layouts",
        sa.Column("layout_id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=True),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("css", sa.Text(), nullable=False),
        sa.Column("meta", postgresql.JSONB(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_print_layouts_version")),
        sa.PrimaryKeyConstraint("layout_id", name=op.f("pk_print_layouts")),
        sa.UniqueConstraint(
            "form",
            "version",
            "campus_id",
            name=op.f("uq_print_layouts_form_version_campus_id"),
            postgresql_nulls_not_distinct=True,
        ),
        schema="kernel",
    )
    for statement in [
        *campus_table("kernel.stored_files"),
        *worker_table("kernel.stored_files", verbs="SELECT, UPDATE"),
        *consortium_table(
            "kernel.print_layouts", "forms hold no personal data; a row may be for one campus or for all", update=False
        ),
    ]:
        op.execute(statement)
