"""Migration of an old index: files and their rows. Grants of record access are found by the
treatment they rest on; an alert knows the pregnancy file it comes from.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "legacy_imports",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("new_rows", sa.Integer(), nullable=False),
        sa.Column("linked_rows", sa.Integer(), nullable=False),
        sa.Column("suspected_rows", sa.Integer(), nullable=False),
        sa.Column("rejected_rows", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('receiving', 'checking', 'checked', 'loading', 'loaded', 'unchanged', 'dropped')",
            name=op.f("ck_legacy_imports_status"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('checking', 'loading', 'checked', 'loaded')"
            " OR done = new_rows + linked_rows + suspected_rows + rejected_rows",
            name=op.f("ck_legacy_imports_sum"),
        ),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_legacy_imports")),
        schema="patients",
    )
    op.create_index(
        op.f("ix_legacy_imports_campus_id_import_id"), "legacy_imports", ["campus_id", "import_id"], schema="patients"
    )
    op.create_index(
        "ix_legacy_imports_digest",
        "legacy_imports",
        ["campus_id", "digest"],
        schema="patients",
        postgresql_where=sa.text("status = 'loaded'"),
    )
    op.create_index(
        "uq_legacy_imports_open",
        "legacy_imports",
        ["campus_id"],
        unique=True,
        schema="patients",
        postgresql_where=sa.text("status IN ('receiving', 'checking', 'checked', 'loading')"),
    )
    op.create_table(
        "legacy_rows",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.Column("person", postgresql.JSONB(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('new', 'linked', 'suspected', 'rejected')", name=op.f("ck_legacy_rows_outcome")
        ),
        sa.PrimaryKeyConstraint("import_id", "row_no", name=op.f("pk_legacy_rows")),
        schema="patients",
    )
    op.create_index("ix_legacy_rows_outcome", "legacy_rows", ["import_id", "outcome", "row_no"], schema="patients")
    op.create_index(
        "ix_legacy_rows_number",
        "legacy_rows",
        ["import_id", "number"],
        schema="patients",
        postgresql_where=sa.text("number IS NOT NULL"),
    )
    op.create_index(op.f("ix_patients_created_at"), "patients", ["created_at"], schema="patients")
    op.create_index(
        "ix_patients_arrival",
        "patients",
        ["created_at"],
        schema="patients",
        postgresql_where=sa.text("arrival IS NOT NULL"),
    )
    op.add_column("alerts", sa.Column("source_id", sa.Uuid(), nullable=True), schema="patients")
    op.create_index(op.f("ix_access_grants_basis_basis_id"), "access_grants", ["basis", "basis_id"], schema="kernel")
    for statement in [*campus_table("patients.legacy_imports"), *campus_table("patients.legacy_rows")]:
        op.execute(statement)
