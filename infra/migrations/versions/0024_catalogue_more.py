"""Price lists as the authorities publish them; rulings on coders' questions and decisions on proposals."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import shared_read_table

revision = "0024"
down_revision = "0022"

FOR_CODERS = "every coder of the consortium reads how a question was ruled and what became of a proposal"


def upgrade() -> None:
    op.add_column("charge_items", sa.Column("note", sa.Text(), nullable=True), schema="catalogue")
    op.add_column("charge_items", sa.Column("stopped_with", sa.Uuid(), nullable=True), schema="catalogue")
    op.create_index(
        op.f("ix_charge_items_stopped_with"),
        "charge_items",
        ["stopped_with"],
        unique=False,
        schema="catalogue",
        postgresql_where=sa.text("stopped_with IS NOT NULL"),
    )
    op.add_column("import_batches", sa.Column("covers", sa.ARRAY(sa.Text()), nullable=True), schema="catalogue")
    op.add_column("import_batches", sa.Column("ignored", sa.Integer(), nullable=True), schema="catalogue")
    op.create_index(
        "ix_price_versions_from",
        "price_versions",
        ["valid_from"],
        unique=False,
        schema="catalogue",
        postgresql_where=sa.text("status = 'checked'"),
    )
    op.create_index(
        "ix_charged_lines_unit",
        "charged_lines",
        ["campus_id", "executing_unit_id", "item_code"],
        unique=False,
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_price_findings_campus_id_day"),
        "price_findings",
        ["campus_id", "day"],
        unique=False,
        schema="catalogue",
    )
    op.create_table(
        "code_rulings",
        sa.Column("ruling_id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=True),
        sa.Column("proposal_id", sa.Uuid(), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("ruling", sa.Text(), nullable=False),
        sa.Column("ruled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ruled_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(question_id IS NULL) <> (proposal_id IS NULL) AND (proposal_id IS NULL) = (accepted IS NULL)",
            name=op.f("ck_code_rulings_subject"),
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["catalogue.code_proposals.proposal_id"], name=op.f("fk_code_rulings_proposal_id")
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["catalogue.code_questions.question_id"], name=op.f("fk_code_rulings_question_id")
        ),
        sa.PrimaryKeyConstraint("ruling_id", name=op.f("pk_code_rulings")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_code_rulings_question_id"), "code_rulings", ["question_id"], unique=False, schema="catalogue"
    )
    op.create_index("uq_code_rulings_proposal_id", "code_rulings", ["proposal_id"], unique=True, schema="catalogue")
    for statement in shared_read_table("catalogue.code_rulings", FOR_CODERS, update=False):
        op.execute(statement)
