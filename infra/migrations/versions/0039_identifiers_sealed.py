"""Numbers of certificates are sealed (decision 0016). The database has no key: the index's minute seals what stands
there."""

import sqlalchemy as sa
from alembic import op

from infra.migrations.patient_searches import SEARCH_BY_TAIL_SEALED
from shared.database.isolation import consortium_table, search_function

revision = "0039"
down_revision = "0038"

CERTIFICATES = (
    "type IN ('resident_id', 'household_book', 'passport', 'officer', 'hk_macau_permit', 'taiwan_permit',"
    " 'hmt_residence', 'foreign_pr', 'birth_certificate')"
)


def upgrade() -> None:
    op.create_table(
        "number_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_number_keys")),
        schema="patients",
    )
    _identifiers()
    for table, number in (("relations", "document_no"), ("corrections", None), ("legacy_rows", None)):
        if number is None:
            op.add_column(table, sa.Column("document_no", sa.Text(), nullable=True), schema="patients")
        op.add_column(table, sa.Column("key_id", sa.Text(), nullable=True), schema="patients")
    # The owner sees no row of a table whose policies are forced upon it; the transaction puts them back.
    _moved("corrections", "changes #>> '{document,number}'", "changes", "#- '{document,number}'")
    _moved("legacy_rows", "nullif(person ->> 'document_no', '')", "person", "- 'document_no'")
    for table in ("relations", "corrections", "legacy_rows"):
        op.create_check_constraint(
            op.f(f"ck_{table}_key_id"),
            table,
            "key_id IS NULL OR starts_with(document_no, key_id || ':')",
            schema="patients",
        )
        _index(f"ix_{table}_key", table, ["key_id"], "document_no IS NOT NULL")
    for statement in [
        *consortium_table(
            "patients.number_keys", "the numbers of all campuses are sealed with the same keys", update=False
        ),
        "DROP FUNCTION patients.search_by_tail(text)",
        SEARCH_BY_TAIL_SEALED,
        *search_function("patients.search_by_tail(text, bigint[], text)"),
    ]:
        op.execute(statement)


def _identifiers() -> None:
    for name, kind in (("sealed", sa.Text()), ("key_id", sa.Text()), ("tail", sa.BigInteger())):
        op.add_column("identifiers", sa.Column(name, kind, nullable=True), schema="patients")
    for name, condition in (
        ("sealed", "(sealed IS NULL) = (key_id IS NULL)"),
        ("key_id", "sealed IS NULL OR starts_with(sealed, key_id || ':')"),
        ("mark", "sealed IS NULL OR starts_with(value, '#')"),
    ):
        op.create_check_constraint(op.f(f"ck_identifiers_{name}"), "identifiers", condition, schema="patients")
    op.drop_index("ix_identifiers_tail", "identifiers", schema="patients")
    _index("ix_identifiers_tail", "identifiers", ["tail"], "status = 'active' AND tail IS NOT NULL")
    _index("ix_identifiers_key", "identifiers", ["key_id"], CERTIFICATES)
    _index("ix_identifiers_clear", "identifiers", ["value_reversed"], f"key_id IS NULL AND {CERTIFICATES}")


def _moved(table: str, number: str, document: str, without: str) -> None:
    """Take a document number out of a row's JSON into a column of its own, where it can be sealed."""
    op.execute(f"ALTER TABLE patients.{table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        f"UPDATE patients.{table} SET document_no = {number}, {document} = {document} {without}"  # noqa: S608  names here
        f" WHERE {number} IS NOT NULL"
    )
    op.execute(f"ALTER TABLE patients.{table} FORCE ROW LEVEL SECURITY")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, schema="patients", postgresql_where=sa.text(where))
