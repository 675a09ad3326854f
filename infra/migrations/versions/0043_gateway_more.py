"""The gateway: terms of a merchant changed by two persons, Alipay's mini-programs, WeChat's platform certificates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    """Wider than before: the version running beside knows neither the column nor the tables."""
    op.add_column("merchants", sa.Column("mini_app_id", sa.Text(), nullable=True), schema="payments")
    for name, kind in (
        ("change", postgresql.JSONB(astext_type=sa.Text())),
        ("change_by", sa.Text()),
        ("change_by_name", sa.Text()),
        ("change_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("merchants", sa.Column(name, kind, nullable=True), schema="payments")
    op.create_check_constraint(
        op.f("ck_merchants_change"),
        "merchants",
        "(change IS NULL) = (change_by IS NULL) AND (change IS NULL) = (change_at IS NULL)",
        schema="payments",
    )
    op.create_table(
        "platform_certificates",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("expires_at > effective_at", name=op.f("ck_platform_certificates_validity")),
        sa.CheckConstraint("pem LIKE '-----BEGIN CERTIFICATE-----%'", name=op.f("ck_platform_certificates_pem")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["payments.merchants.merchant_id"], name=op.f("fk_platform_certificates_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "serial", name=op.f("pk_platform_certificates")),
        schema="payments",
    )
    op.create_table(
        "certificate_downloads",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("started_by_name", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_certificate_downloads_failures")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["payments.merchants.merchant_id"], name=op.f("fk_certificate_downloads_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_certificate_downloads")),
        schema="payments",
    )
    op.create_index(
        "ix_certificate_downloads_due", "certificate_downloads", ["campus_id", "next_at"], schema="payments"
    )
    for table in ("platform_certificates", "certificate_downloads"):
        for statement in campus_table(f"payments.{table}"):
            op.execute(statement)
