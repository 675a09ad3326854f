"""Billing in depth: electronic tenders, insured settlements, the receipt platform, write-offs, prepayments."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table, shared_read_table

revision = "0014"
down_revision = "0013"

CORRECTED = "the head hospital corrects a price once; every campus finds the lines it charged at the wrong one"

METHODS = (
    "'cash', 'wechat', 'alipay', 'bank_card', 'ecny', 'contract', 'debt', 'relief', 'insurance_fund',"
    " 'insurance_account', 'medical_aid', 'rounding', 'carried', 'course', 'inpatient', 'bad_debt'"
)

CHECKS = [
    ("charges", "execution", "execution IN ('none', 'executing', 'executed', 'returned', 'moved')"),
    ("tenders", "method", f"method IN ({METHODS})"),
    ("tenders", "amount", "amount > 0 OR (method = 'rounding' AND amount <> 0)"),
    ("refund_parts", "method", f"method IN ({METHODS})"),
    ("refund_parts", "amount", "amount <> 0"),
    (
        "refunds",
        "state",
        "state IN ('requested', 'approved', 'reversing', 'rejected', 'withdrawn', 'executed')",
    ),
    (
        "debts",
        "amounts",
        "amount > 0 AND outstanding >= 0 AND paid >= 0 AND reduced >= 0 AND written_off >= 0",
    ),
    ("debts", "balance", "outstanding = amount - paid - reduced - written_off"),
    (
        "money_movements",
        "kind",
        "kind IN ('settlement', 'refund', 'debt_payment', 'hand_in', 'reversal', 'prepayment', 'other')",
    ),
]
"""Checks that admit more than before."""

NEW_CHECKS = [
    ("tenders", "carried", "(method = 'carried') = (origin_tender_id IS NOT NULL)"),
    ("refunds", "kind", "kind IN ('refund', 'replacement', 'transfer')"),
    ("refunds", "replacement", "(kind = 'replacement' AND state = 'executed') = (successor_id IS NOT NULL)"),
    (
        "settlements",
        "reversed",
        "(state = 'reversed') = (reversed_at IS NOT NULL) AND (reversed_at IS NULL) = (reversed_day IS NULL)"
        " AND (reversed_at IS NULL) = (reversed_shift_id IS NULL)",
    ),
]

CHANGEABLE = {
    "charges": "encounter_no",
    "settlements": "successor_id, payer_kind, insurance_ref, reversed_at, reversed_day, reversed_shift_id",
    "settlement_lines": "reversed_amount",
    "receipts": "platform_url, platform_at, red_code, red_number",
    "refunds": "kind, successor_id",
    "debts": "written_off",
}
"""What else of a known row may change."""

NEW_TABLES = {
    "channel_refunds": "gateway_refund_id, state, finished_at, failure",
    "receipt_jobs": "state, attempts, next_attempt_at, leased_until, last_error, done_at",
    "paper_receipts": "state, voided_at, voided_by_name, void_reason",
    "debt_write_offs": "state, first_approver, first_approver_name, first_approved_at, second_approver,"
    " second_approver_name, second_approved_at, written_off, rejected_by_name, note, version",
    "course_prepayments": "paid_in, used, returned, balance, state, closed_at, version",
    "legacy_balances": "state, cleared_at, cleared_by, cleared_by_name, method, reference, shift_id, version",
    "course_movements": "",
    "billing_settings": "",
}
"""Table -> what of a row may change; nothing where rows are only added."""


def guard(table: str, columns: str) -> list[str]:
    if not columns:
        return campus_table(f"payments.{table}", update=False)
    return [
        *campus_table(f"payments.{table}"),
        f"REVOKE UPDATE ON payments.{table} FROM his_app",
        f"GRANT UPDATE ({columns}) ON payments.{table} TO his_app",
    ]


def upgrade() -> None:
    op.add_column(
        "debts",
        sa.Column("written_off", sa.Numeric(precision=14, scale=2), nullable=False, server_default=sa.text("0")),
        schema="payments",
    )
    op.add_column("receipts", sa.Column("platform_url", sa.Text(), nullable=True), schema="payments")
    op.add_column("receipts", sa.Column("platform_at", sa.DateTime(timezone=True), nullable=True), schema="payments")
    op.add_column("receipts", sa.Column("red_code", sa.Text(), nullable=True), schema="payments")
    op.add_column("receipts", sa.Column("red_number", sa.Text(), nullable=True), schema="payments")
    op.add_column(
        "refunds", sa.Column("kind", sa.Text(), nullable=False, server_default=sa.text("'refund'")), schema="payments"
    )
    op.add_column("refunds", sa.Column("successor_id", sa.Uuid(), nullable=True), schema="payments")
    op.add_column(
        "settlement_lines",
        sa.Column("prior_quantity", sa.Numeric(precision=12, scale=4), nullable=False, server_default=sa.text("0")),
        schema="payments",
    )
    op.add_column(
        "settlement_lines",
        sa.Column("prior_refunded", sa.Numeric(precision=14, scale=2), nullable=False, server_default=sa.text("0")),
        schema="payments",
    )
    op.add_column(
        "settlement_lines",
        sa.Column("reversed_amount", sa.Numeric(precision=14, scale=2), nullable=True),
        schema="payments",
    )
    op.add_column("settlements", sa.Column("predecessor_id", sa.Uuid(), nullable=True), schema="payments")
    op.add_column(
        "settlements",
        sa.Column("payer_kind", sa.Text(), nullable=False, server_default=sa.text("'self_pay'")),
        schema="payments",
    )
    op.add_column("settlements", sa.Column("insurance_ref", sa.Text(), nullable=True), schema="payments")
    op.add_column("settlements", sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True), schema="payments")
    op.add_column("settlements", sa.Column("reversed_day", sa.Date(), nullable=True), schema="payments")
    op.add_column("settlements", sa.Column("reversed_shift_id", sa.Uuid(), nullable=True), schema="payments")
    op.add_column("tenders", sa.Column("payment_id", sa.Uuid(), nullable=True), schema="payments")
    op.add_column("tenders", sa.Column("origin_tender_id", sa.Uuid(), nullable=True), schema="payments")
    for table, name, _rule in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, schema="payments", type_="check")
    for table, name, rule in [*CHECKS, *NEW_CHECKS]:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule, schema="payments")
    op.drop_index("ix_refunds_waiting", table_name="refunds", schema="payments")
    op.create_index(
        "ix_refunds_waiting",
        "refunds",
        ["campus_id", "requested_at"],
        schema="payments",
        postgresql_where=sa.text("state IN ('requested', 'approved', 'reversing')"),
    )
    op.create_table(
        "billing_settings",
        sa.Column("setting_id", sa.Uuid(), nullable=False),
        sa.Column("cash_step", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_by_name", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("cash_step IN (0.01, 0.10)", name=op.f("ck_billing_settings_cash_step")),
        sa.PrimaryKeyConstraint("setting_id", name=op.f("pk_billing_settings")),
        schema="payments",
    )
    op.create_table(
        "course_prepayments",
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("course_no", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("planned", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("paid_in", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("used", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("returned", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("balance", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("state = 'open' OR balance = 0", name=op.f("ck_course_prepayments_closed")),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_course_prepayments_state")),
        sa.CheckConstraint(
            "balance = paid_in - used - returned AND balance >= 0", name=op.f("ck_course_prepayments_balance")
        ),
        sa.CheckConstraint("paid_in - returned <= planned", name=op.f("ck_course_prepayments_planned")),
        sa.CheckConstraint(
            "planned > 0 AND paid_in >= 0 AND used >= 0 AND returned >= 0", name=op.f("ck_course_prepayments_amounts")
        ),
        sa.PrimaryKeyConstraint("course_id", name=op.f("pk_course_prepayments")),
        sa.UniqueConstraint("campus_id", "course_no", name=op.f("uq_course_prepayments_campus_id_course_no")),
        schema="payments",
    )
    op.create_table(
        "legacy_balances",
        sa.Column("legacy_id", sa.Uuid(), nullable=False),
        sa.Column("card_no", sa.Text(), nullable=False),
        sa.Column("holder_name", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("taken_over_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_over_by", sa.Text(), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleared_by", sa.Text(), nullable=True),
        sa.Column("cleared_by_name", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("shift_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'cleared') = (cleared_at IS NOT NULL)", name=op.f("ck_legacy_balances_cleared")),
        sa.CheckConstraint("state IN ('open', 'cleared')", name=op.f("ck_legacy_balances_state")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_legacy_balances_amount")),
        sa.PrimaryKeyConstraint("legacy_id", name=op.f("pk_legacy_balances")),
        sa.UniqueConstraint("campus_id", "card_no", name=op.f("uq_legacy_balances_campus_id_card_no")),
        schema="payments",
    )
    op.create_table(
        "price_corrections",
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("wrong_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("right_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("affected_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("affected_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_price_corrections")),
        schema="payments",
    )
    op.create_index(
        op.f("ix_price_corrections_version_id"), "price_corrections", ["version_id"], unique=False, schema="payments"
    )
    op.create_table(
        "course_movements",
        sa.Column("movement_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("ref_id", sa.Uuid(), nullable=True),
        sa.Column("shift_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('pay_in', 'use', 'give_back', 'return')", name=op.f("ck_course_movements_kind")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_course_movements_amount")),
        sa.ForeignKeyConstraint(
            ["course_id"], ["payments.course_prepayments.course_id"], name=op.f("fk_course_movements_course_id")
        ),
        sa.ForeignKeyConstraint(["shift_id"], ["payments.shifts.shift_id"], name=op.f("fk_course_movements_shift_id")),
        sa.PrimaryKeyConstraint("movement_id", name=op.f("pk_course_movements")),
        schema="payments",
    )
    op.create_table(
        "channel_refunds",
        sa.Column("channel_refund_id", sa.Uuid(), nullable=False),
        sa.Column("gateway_refund_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("tender_id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(state = 'succeeded') = (finished_at IS NOT NULL)", name=op.f("ck_channel_refunds_finished")
        ),
        sa.CheckConstraint(
            "cause IN ('refund', 'cancelled', 'late', 'replaced')", name=op.f("ck_channel_refunds_cause")
        ),
        sa.CheckConstraint("state IN ('requested', 'succeeded', 'failed')", name=op.f("ck_channel_refunds_state")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_channel_refunds_amount")),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["payments.refunds.refund_id"], name=op.f("fk_channel_refunds_refund_id")
        ),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["payments.settlements.settlement_id"], name=op.f("fk_channel_refunds_settlement_id")
        ),
        sa.ForeignKeyConstraint(
            ["tender_id"], ["payments.tenders.tender_id"], name=op.f("fk_channel_refunds_tender_id")
        ),
        sa.PrimaryKeyConstraint("channel_refund_id", name=op.f("pk_channel_refunds")),
        schema="payments",
    )
    op.create_table(
        "paper_receipts",
        sa.Column("paper_id", sa.Uuid(), nullable=False),
        sa.Column("paper_no", sa.Text(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("shift_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_by_name", sa.Text(), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'voided') = (voided_at IS NOT NULL)", name=op.f("ck_paper_receipts_voided")),
        sa.CheckConstraint("state = 'voided' OR receipt_id IS NOT NULL", name=op.f("ck_paper_receipts_issued")),
        sa.CheckConstraint("state IN ('issued', 'voided')", name=op.f("ck_paper_receipts_state")),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["payments.receipts.receipt_id"], name=op.f("fk_paper_receipts_receipt_id")
        ),
        sa.ForeignKeyConstraint(["shift_id"], ["payments.shifts.shift_id"], name=op.f("fk_paper_receipts_shift_id")),
        sa.PrimaryKeyConstraint("paper_id", name=op.f("pk_paper_receipts")),
        sa.UniqueConstraint("campus_id", "paper_no", name=op.f("uq_paper_receipts_campus_id_paper_no")),
        schema="payments",
    )
    op.create_table(
        "receipt_jobs",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_no", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name=op.f("ck_receipt_jobs_done")),
        sa.CheckConstraint("kind IN ('issue', 'reverse', 'paper', 'void_paper')", name=op.f("ck_receipt_jobs_kind")),
        sa.CheckConstraint("state IN ('queued', 'done', 'refused')", name=op.f("ck_receipt_jobs_state")),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["payments.receipts.receipt_id"], name=op.f("fk_receipt_jobs_receipt_id")
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_receipt_jobs")),
        sa.UniqueConstraint(
            "receipt_id", "kind", "subject_no", name=op.f("uq_receipt_jobs_receipt_id_kind_subject_no")
        ),
        schema="payments",
    )
    op.create_table(
        "debt_write_offs",
        sa.Column("write_off_id", sa.Uuid(), nullable=False),
        sa.Column("debt_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("applicant", sa.Text(), nullable=False),
        sa.Column("applicant_name", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_approver", sa.Text(), nullable=True),
        sa.Column("first_approver_name", sa.Text(), nullable=True),
        sa.Column("first_approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("second_approver", sa.Text(), nullable=True),
        sa.Column("second_approver_name", sa.Text(), nullable=True),
        sa.Column("second_approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("written_off", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("rejected_by_name", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state <> 'executed' OR second_approver IS NOT NULL", name=op.f("ck_debt_write_offs_approved")
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'half_approved', 'executed', 'rejected')", name=op.f("ck_debt_write_offs_state")
        ),
        sa.CheckConstraint(
            "(first_approver IS NULL OR first_approver <> applicant) AND (second_approver IS NULL OR"
            " (first_approver IS NOT NULL AND second_approver <> applicant AND second_approver <> first_approver))",
            name=op.f("ck_debt_write_offs_separated"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_debt_write_offs_amount")),
        sa.ForeignKeyConstraint(["debt_id"], ["payments.debts.debt_id"], name=op.f("fk_debt_write_offs_debt_id")),
        sa.PrimaryKeyConstraint("write_off_id", name=op.f("pk_debt_write_offs")),
        schema="payments",
    )
    op.create_index(
        op.f("ix_billing_settings_campus_id_setting_id"),
        "billing_settings",
        ["campus_id", "setting_id"],
        unique=False,
        schema="payments",
    )
    op.create_index(
        "ix_course_prepayments_open",
        "course_prepayments",
        ["campus_id", "course_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        op.f("ix_course_prepayments_patient_id"), "course_prepayments", ["patient_id"], unique=False, schema="payments"
    )
    op.create_index(
        "ix_legacy_balances_open",
        "legacy_balances",
        ["campus_id", "legacy_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        op.f("ix_course_movements_course_id"), "course_movements", ["course_id"], unique=False, schema="payments"
    )
    op.create_index(
        op.f("ix_channel_refunds_settlement_id"), "channel_refunds", ["settlement_id"], unique=False, schema="payments"
    )
    op.create_index(
        "ix_channel_refunds_unfinished",
        "channel_refunds",
        ["campus_id", "channel_refund_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state <> 'succeeded'"),
    )
    op.create_index(
        "uq_channel_refunds_gateway", "channel_refunds", ["gateway_refund_id"], unique=True, schema="payments"
    )
    op.create_index(
        "ix_paper_receipts_voided",
        "paper_receipts",
        ["campus_id", "voided_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("voided_at IS NOT NULL"),
    )
    op.create_index(
        "uq_paper_receipts_valid",
        "paper_receipts",
        ["receipt_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("state = 'issued'"),
    )
    op.create_index(
        "ix_receipt_jobs_queued",
        "receipt_jobs",
        ["campus_id", "job_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_receipt_jobs_refused",
        "receipt_jobs",
        ["campus_id", "job_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state = 'refused'"),
    )
    op.create_index(
        "ix_debt_write_offs_open",
        "debt_write_offs",
        ["campus_id", "write_off_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state IN ('requested', 'half_approved')"),
    )
    op.create_index(
        "uq_debt_write_offs_waiting",
        "debt_write_offs",
        ["debt_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("state IN ('requested', 'half_approved')"),
    )
    op.create_index(
        op.f("ix_charges_price_version_id_charge_id"),
        "charges",
        ["price_version_id", "charge_id"],
        unique=False,
        schema="payments",
    )
    op.create_index(
        "ix_receipts_platform_number",
        "receipts",
        ["campus_id", "platform_number"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("platform_number IS NOT NULL"),
    )
    op.create_index(
        "ix_receipts_reversed_at",
        "receipts",
        ["campus_id", "reversed_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("reversed_at IS NOT NULL"),
    )
    op.create_index(
        "uq_receipts_platform",
        "receipts",
        ["platform_code", "platform_number"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("platform_number IS NOT NULL"),
    )
    op.create_index(
        "ix_settlements_reversed",
        "settlements",
        ["campus_id", "reversed_day"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("reversed_day IS NOT NULL"),
    )
    op.create_index(
        "ix_settlements_reversed_shift",
        "settlements",
        ["reversed_shift_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("reversed_shift_id IS NOT NULL"),
    )
    op.create_index(
        "uq_tenders_payment",
        "tenders",
        ["payment_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.create_index(
        "uq_tenders_pending",
        "tenders",
        ["settlement_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("state = 'pending'"),
    )
    for table, columns in CHANGEABLE.items():
        op.execute(f"GRANT UPDATE ({columns}) ON payments.{table} TO his_app")
    for table, columns in NEW_TABLES.items():
        for statement in guard(table, columns):
            op.execute(statement)
    for statement in shared_read_table("payments.price_corrections", CORRECTED, update=False):
        op.execute(statement)
