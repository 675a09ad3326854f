"""Channel messages are sealed, forged ones raise an alarm, payments know their patient; special-need services have a
mark and a share by month. The database has no key: the gateway's minute seals what stands there."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import CAMPUS, campus_table, consortium_table

revision = "0044"
down_revision = "0043"

PAYMENTS = "payments"
SEAL_STAYS = """
CREATE FUNCTION payments.exchange_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'exchange % does not change', OLD.attempt_id USING ERRCODE = 'check_violation';
END $$
"""
SEAL_STAYS_TRIGGER = """
CREATE TRIGGER exchange_stays BEFORE UPDATE ON payments.gateway_attempts FOR EACH ROW
WHEN (NEW.key_id IS NULL OR NEW.key_id IS NOT DISTINCT FROM OLD.key_id)
EXECUTE FUNCTION payments.exchange_stays()
"""
WHOSE = """
UPDATE payments.gateway_payments AS paid SET patient_id = bill.patient_id, encounter_id = bill.encounter_id
FROM (
    SELECT t.payment_id, s.patient_id, s.encounter_id
    FROM payments.tenders t JOIN payments.settlements s USING (settlement_id) WHERE t.payment_id IS NOT NULL
    UNION ALL
    SELECT c.payment_id, p.patient_id, NULL
    FROM payments.course_payments c JOIN payments.course_prepayments p USING (course_id)
) AS bill
WHERE paid.payment_id = bill.payment_id
"""


def upgrade() -> None:
    """Wider than before: the version running beside knows neither the columns nor the tables."""
    _messages()
    _forgeries()
    _whose()
    _special_need()


def _messages() -> None:
    op.create_table(
        "message_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_message_keys")),
        schema=PAYMENTS,
    )
    for table, row in (("gateway_attempts", "attempt_id"), ("gateway_notifications", "notification_id")):
        for column in ("sealed", "key_id"):
            op.add_column(table, sa.Column(column, sa.Text(), nullable=True), schema=PAYMENTS)
        for name, condition in (
            ("sealed", "(sealed IS NULL) = (key_id IS NULL)"),
            ("key_id", "sealed IS NULL OR starts_with(sealed, key_id || ':')"),
        ):
            op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition, schema=PAYMENTS)
        op.create_index(f"ix_{table}_key", table, ["campus_id", "key_id", row], schema=PAYMENTS)
    op.create_check_constraint(
        op.f("ck_gateway_attempts_closed"),
        "gateway_attempts",
        "sealed IS NULL OR (request = '{}' AND answer IS NULL)",
        schema=PAYMENTS,
    )
    for statement in [
        *consortium_table(
            "payments.message_keys", "the messages of all campuses are sealed with the same keys", update=False
        ),
        "GRANT UPDATE (request, answer, sealed, key_id) ON payments.gateway_attempts TO his_app",
        f"CREATE POLICY campus_updates ON payments.gateway_attempts FOR UPDATE TO his_app"
        f" USING (campus_id = {CAMPUS}) WITH CHECK (campus_id = {CAMPUS})",
        SEAL_STAYS,
        SEAL_STAYS_TRIGGER,
    ]:
        op.execute(statement)


def _forgeries() -> None:
    op.add_column("gateway_notifications", sa.Column("forged", sa.Boolean(), nullable=True), schema=PAYMENTS)
    op.create_table(
        "forgery_alarms",
        sa.Column("alarm_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledged_by_name", sa.Text(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name=op.f("ck_forgery_alarms_acknowledged")
        ),
        sa.CheckConstraint("(acknowledged_at IS NULL) = (finding IS NULL)", name=op.f("ck_forgery_alarms_finding")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["payments.merchants.merchant_id"], name=op.f("fk_forgery_alarms_merchant_id")
        ),
        sa.PrimaryKeyConstraint("alarm_id", name=op.f("pk_forgery_alarms")),
        schema=PAYMENTS,
    )
    op.create_index(
        "uq_forgery_alarms_open",
        "forgery_alarms",
        ["merchant_id"],
        unique=True,
        schema=PAYMENTS,
        postgresql_where=sa.text("acknowledged_at IS NULL"),
    )
    for columns in (["campus_id", "alarm_id"], ["merchant_id", "acknowledged_at"]):
        op.create_index(op.f(f"ix_forgery_alarms_{'_'.join(columns)}"), "forgery_alarms", columns, schema=PAYMENTS)
    for statement in campus_table("payments.forgery_alarms"):
        op.execute(statement)


def _whose() -> None:
    table = "gateway_payments"
    for column in ("patient_id", "encounter_id"):
        op.add_column(table, sa.Column(column, sa.Uuid(), nullable=True), schema=PAYMENTS)
    # The owner sees no row of a table whose policies are forced upon it; the transaction puts them back.
    tables = (table, "tenders", "settlements", "course_payments", "course_prepayments")
    for name in tables:
        op.execute(f"ALTER TABLE payments.{name} NO FORCE ROW LEVEL SECURITY")
    op.execute(WHOSE)
    for name in tables:
        op.execute(f"ALTER TABLE payments.{name} FORCE ROW LEVEL SECURITY")
    for name, columns, where in (
        ("patient", ["campus_id", "patient_id", "payment_id"], "patient_id IS NOT NULL"),
        ("encounter", ["campus_id", "encounter_id", "payment_id"], "encounter_id IS NOT NULL"),
        ("amount", ["campus_id", "amount", "created_at"], None),
        ("amount_paid", ["campus_id", "amount", "paid_at"], "paid_at IS NOT NULL"),
    ):
        kept = {"postgresql_where": sa.text(where)} if where else {}
        op.create_index(f"ix_{table}_{name}", table, columns, schema=PAYMENTS, **kept)


def _special_need() -> None:
    op.add_column(
        "charge_items",
        sa.Column("special_need", sa.Boolean(), nullable=False, server_default=sa.false()),
        schema="catalogue",
    )
    op.create_check_constraint(
        op.f("ck_charge_items_special_need"), "charge_items", "market_priced OR NOT special_need", schema="catalogue"
    )
    op.create_index(
        "ix_charge_items_special_need",
        "charge_items",
        ["code"],
        schema="catalogue",
        postgresql_where=sa.text("special_need"),
    )
    op.create_table(
        "billed_lines",
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("times", sa.SmallInteger(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("category IN ('special', 'service', 'goods')", name=op.f("ck_billed_lines_category")),
        sa.CheckConstraint("extract(day from month) = 1", name=op.f("ck_billed_lines_month")),
        sa.CheckConstraint("times IN (-1, 0, 1)", name=op.f("ck_billed_lines_times")),
        sa.PrimaryKeyConstraint("charge_id", "document_id", name=op.f("pk_billed_lines")),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_billed_lines_campus_id_month_category"),
        "billed_lines",
        ["campus_id", "month", "category"],
        schema="catalogue",
    )
    op.create_table(
        "billed_months",
        sa.Column("month", sa.Date(), nullable=False),
        *(
            sa.Column(f"{name}_amount", sa.Numeric(precision=14, scale=2), nullable=False)
            for name in ("special", "service", "goods")
        ),
        *(sa.Column(f"{name}_times", sa.Integer(), nullable=False) for name in ("special", "service")),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campus_id", "month", name=op.f("pk_billed_months")),
        schema="catalogue",
    )
    op.create_table(
        "special_share_warnings",
        sa.Column("warning_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("special", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("services", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("share", sa.Numeric(precision=7, scale=4), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("measure IN ('amount', 'times')", name=op.f("ck_special_share_warnings_measure")),
        sa.PrimaryKeyConstraint("warning_id", name=op.f("pk_special_share_warnings")),
        sa.UniqueConstraint(
            "campus_id", "month", "measure", name=op.f("uq_special_share_warnings_campus_id_month_measure")
        ),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_special_share_warnings_campus_id_warning_id"),
        "special_share_warnings",
        ["campus_id", "warning_id"],
        schema="catalogue",
    )
    for statement in [
        *campus_table("catalogue.billed_lines", update=False),
        *campus_table("catalogue.billed_months"),
        *campus_table("catalogue.special_share_warnings", update=False),
    ]:
        op.execute(statement)
