"""Billing: charges, settlements, tenders, receipts, refunds, debts."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table, search_table

revision = "0007"
down_revision = "0006"

BEING_SETTLED = """
CREATE FUNCTION payments.being_settled(patients uuid[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT EXISTS (SELECT FROM payments.charges WHERE patient_id = ANY (patients) AND status = 'locked')
$$
"""
"""Merging two records waits for a settlement at any campus; the answer says no more than that there is one."""

CHANGEABLE = {
    "charges": "unit_price, amount, price_version_id, repriced_at, status, execution, executed_quantity, executed_at,"
    " executed_by_name, refunding_quantity, refunded_quantity, refunded_amount, settlement_id, voided_at, voided_by,"
    " void_reason, version",
    "settlements": "settlement_no, state, tendered, refunded, cash_received, change, completed_at, business_day,"
    " shift_id, counter_name, cashier_name, cancelled_at, cancelled_by, cancel_reason, successor_id, version",
    "settlement_lines": "released_at",
    "tenders": "returned, state",
    "receipts": "state, platform_code, platform_number, platform_check_code, reversed_at, reversed_by,"
    " reversed_shift_id, reverse_reason",
    "refunds": "refund_no, state, approver, approver_name, decided_at, decision_note, executor, executor_name,"
    " executed_at, business_day, shift_id, version",
    "debts": "paid, reduced, outstanding, state, settled_at, version",
}
"""What of a row may change; the rest is what was agreed with the patient and stays."""


def changeable(table: str, columns: str) -> list[str]:
    return [
        *campus_table(f"payments.{table}"),
        f"REVOKE UPDATE ON payments.{table} FROM his_app",
        f"GRANT UPDATE ({columns}) ON payments.{table} TO his_app",
    ]


def upgrade() -> None:
    op.create_table(
        "charges",
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=True),
        sa.Column("encounter_no", sa.Text(), nullable=True),
        sa.Column("source_module", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("source_line", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("national_code", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("item_kind", sa.Text(), nullable=False),
        sa.Column("fee_class", sa.Text(), nullable=False),
        sa.Column("price_version_id", sa.Uuid(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("repriced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ordering_unit_id", sa.Uuid(), nullable=True),
        sa.Column("executing_unit_id", sa.Uuid(), nullable=True),
        sa.Column("doctor_id", sa.Uuid(), nullable=True),
        sa.Column("payable_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("direct_entry", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("execution", sa.Text(), nullable=False),
        sa.Column("executed_quantity", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("executed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("executed_by_name", sa.Text(), nullable=True),
        sa.Column("refunding_quantity", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("refunded_quantity", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("refunded_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_by", sa.Text(), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_by", sa.Text(), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(status = 'refunded') = (refunded_quantity = quantity)", name=op.f("ck_charges_refunded")),
        sa.CheckConstraint("(status = 'refunding') = (refunding_quantity > 0)", name=op.f("ck_charges_refunding")),
        sa.CheckConstraint(
            "(status IN ('open', 'voided')) = (settlement_id IS NULL) AND (status <> 'voided' OR"
            " voided_at IS NOT NULL) AND (status <> 'voided' OR executed_quantity = 0)",
            name=op.f("ck_charges_settlement"),
        ),
        sa.CheckConstraint(
            "execution IN ('none', 'executing', 'executed', 'returned')", name=op.f("ck_charges_execution")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'locked', 'paid', 'owed', 'refunding', 'refunded', 'voided')",
            name=op.f("ck_charges_status"),
        ),
        sa.CheckConstraint(
            "executed_quantity >= 0 AND refunding_quantity >= 0 AND refunded_quantity >= 0 AND"
            " executed_quantity + refunding_quantity + refunded_quantity <= quantity",
            name=op.f("ck_charges_quantities"),
        ),
        sa.CheckConstraint("quantity > 0 AND unit_price >= 0 AND amount >= 0", name=op.f("ck_charges_amounts")),
        sa.CheckConstraint(
            "refunded_amount >= 0 AND refunded_amount <= amount AND (refunded_quantity > 0 OR"
            " refunded_amount = 0) AND (refunded_quantity < quantity OR refunded_amount = amount)",
            name=op.f("ck_charges_refunded_amount"),
        ),
        sa.PrimaryKeyConstraint("charge_id", name=op.f("pk_charges")),
        sa.UniqueConstraint(
            "source_module", "source_id", "source_line", name=op.f("uq_charges_source_module_source_id_source_line")
        ),
        schema="payments",
    )
    op.create_index(op.f("ix_charges_encounter_id"), "charges", ["encounter_id"], unique=False, schema="payments")
    op.create_index(
        "ix_charges_executing_unsettled",
        "charges",
        ["executing_unit_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("status IN ('open', 'locked', 'owed')"),
    )
    op.create_index(
        "ix_charges_open_item",
        "charges",
        ["item_code"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "ix_charges_ordering_unsettled",
        "charges",
        ["ordering_unit_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("status IN ('open', 'locked', 'owed')"),
    )
    op.create_index(
        op.f("ix_charges_patient_id_charge_id"), "charges", ["patient_id", "charge_id"], unique=False, schema="payments"
    )
    op.create_index(op.f("ix_charges_settlement_id"), "charges", ["settlement_id"], unique=False, schema="payments")
    op.create_index(
        "ix_charges_unsettled",
        "charges",
        ["patient_id", "charge_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("status IN ('open', 'locked', 'owed')"),
    )
    op.create_table(
        "settlements",
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("settlement_no", sa.Text(), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=True),
        sa.Column("encounter_no", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("tendered", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("refunded", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("cash_received", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("change", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("holder_name", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("business_day", sa.Date(), nullable=True),
        sa.Column("shift_id", sa.Uuid(), nullable=True),
        sa.Column("counter_name", sa.Text(), nullable=True),
        sa.Column("cashier_name", sa.Text(), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'cancelled') = (cancelled_at IS NOT NULL)", name=op.f("ck_settlements_cancelled")),
        sa.CheckConstraint(
            "(state IN ('completed', 'reversed')) = (settlement_no IS NOT NULL) AND (settlement_no IS"
            " NULL) = (completed_at IS NULL) AND (settlement_no IS NULL) = (shift_id IS NULL) AND"
            " (settlement_no IS NULL) = (business_day IS NULL)",
            name=op.f("ck_settlements_completed"),
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'insurance_pending', 'insurance_done', 'paying', 'completed', 'cancelled', 'reversed')",
            name=op.f("ck_settlements_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('completed', 'reversed') OR tendered = total", name=op.f("ck_settlements_paid_in_full")
        ),
        sa.CheckConstraint(
            "cash_received IS NULL OR (change IS NOT NULL AND change >= 0)", name=op.f("ck_settlements_change")
        ),
        sa.CheckConstraint("refunded >= 0 AND refunded <= total", name=op.f("ck_settlements_refunded")),
        sa.CheckConstraint("total >= 0 AND tendered >= 0 AND tendered <= total", name=op.f("ck_settlements_tendered")),
        sa.ForeignKeyConstraint(["shift_id"], ["payments.shifts.shift_id"], name=op.f("fk_settlements_shift_id")),
        sa.PrimaryKeyConstraint("settlement_id", name=op.f("pk_settlements")),
        sa.UniqueConstraint("campus_id", "settlement_no", name=op.f("uq_settlements_campus_id_settlement_no")),
        schema="payments",
    )
    op.create_index(
        op.f("ix_settlements_campus_id_business_day_settlement_id"),
        "settlements",
        ["campus_id", "business_day", "settlement_id"],
        unique=False,
        schema="payments",
    )
    op.create_index(
        op.f("ix_settlements_patient_id_settlement_id"),
        "settlements",
        ["patient_id", "settlement_id"],
        unique=False,
        schema="payments",
    )
    op.create_index(op.f("ix_settlements_shift_id"), "settlements", ["shift_id"], unique=False, schema="payments")
    op.create_index(
        "ix_settlements_unfinished",
        "settlements",
        ["campus_id", "started_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state IN ('draft', 'insurance_pending', 'insurance_done', 'paying')"),
    )
    op.create_table(
        "settlement_lines",
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("fee_class", sa.Text(), nullable=False),
        sa.Column("item_kind", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("quantity > 0 AND amount >= 0", name=op.f("ck_settlement_lines_amounts")),
        sa.ForeignKeyConstraint(
            ["charge_id"], ["payments.charges.charge_id"], name=op.f("fk_settlement_lines_charge_id")
        ),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["payments.settlements.settlement_id"], name=op.f("fk_settlement_lines_settlement_id")
        ),
        sa.PrimaryKeyConstraint("settlement_id", "charge_id", name=op.f("pk_settlement_lines")),
        schema="payments",
    )
    op.create_index(
        "uq_settlement_lines_charge",
        "settlement_lines",
        ["charge_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "tenders",
        sa.Column("tender_id", sa.Uuid(), nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("returned", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("debt_id", sa.Uuid(), nullable=True),
        sa.Column("tendered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tendered_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("amount > 0 OR method = 'rounding'", name=op.f("ck_tenders_amount")),
        sa.CheckConstraint(
            "method = 'rounding' OR (returned >= 0 AND returned <= amount)", name=op.f("ck_tenders_returned")
        ),
        sa.CheckConstraint(
            "method IN ('cash', 'wechat', 'alipay', 'bank_card', 'ecny', 'contract', 'debt',"
            " 'relief', 'insurance_fund', 'insurance_account', 'medical_aid', 'rounding')",
            name=op.f("ck_tenders_method"),
        ),
        sa.CheckConstraint(
            "method NOT IN ('contract', 'relief', 'debt') OR reference IS NOT NULL", name=op.f("ck_tenders_reference")
        ),
        sa.CheckConstraint("state IN ('pending', 'received', 'cancelled')", name=op.f("ck_tenders_state")),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["payments.settlements.settlement_id"], name=op.f("fk_tenders_settlement_id")
        ),
        sa.PrimaryKeyConstraint("tender_id", name=op.f("pk_tenders")),
        schema="payments",
    )
    op.create_index(op.f("ix_tenders_settlement_id"), "tenders", ["settlement_id"], unique=False, schema="payments")
    op.create_table(
        "receipts",
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("receipt_no", sa.Text(), nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("shift_id", sa.Uuid(), nullable=False),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("platform_code", sa.Text(), nullable=True),
        sa.Column("platform_number", sa.Text(), nullable=True),
        sa.Column("platform_check_code", sa.Text(), nullable=True),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reversed_by", sa.Text(), nullable=True),
        sa.Column("reversed_shift_id", sa.Uuid(), nullable=True),
        sa.Column("reverse_reason", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'reversed') = (reversed_at IS NOT NULL)", name=op.f("ck_receipts_reversed")),
        sa.CheckConstraint("state IN ('issued', 'reversed')", name=op.f("ck_receipts_state")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_receipts_amount")),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["payments.settlements.settlement_id"], name=op.f("fk_receipts_settlement_id")
        ),
        sa.ForeignKeyConstraint(["shift_id"], ["payments.shifts.shift_id"], name=op.f("fk_receipts_shift_id")),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("campus_id", "receipt_no", name=op.f("uq_receipts_campus_id_receipt_no")),
        schema="payments",
    )
    op.create_index(
        "ix_receipts_reversed",
        "receipts",
        ["reversed_shift_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("reversed_shift_id IS NOT NULL"),
    )
    op.create_index(op.f("ix_receipts_settlement_id"), "receipts", ["settlement_id"], unique=False, schema="payments")
    op.create_index(op.f("ix_receipts_shift_id"), "receipts", ["shift_id"], unique=False, schema="payments")
    op.create_index(
        "uq_receipts_valid",
        "receipts",
        ["settlement_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("state = 'issued'"),
    )
    op.create_table(
        "refunds",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("refund_no", sa.Text(), nullable=True),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cash_instead", sa.Boolean(), nullable=False),
        sa.Column("applicant", sa.Text(), nullable=False),
        sa.Column("applicant_name", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approver", sa.Text(), nullable=True),
        sa.Column("approver_name", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
        sa.Column("executor", sa.Text(), nullable=True),
        sa.Column("executor_name", sa.Text(), nullable=True),
        sa.Column("executed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("business_day", sa.Date(), nullable=True),
        sa.Column("shift_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(state = 'executed') = (executed_at IS NOT NULL) AND (executed_at IS NULL) = (refund_no"
            " IS NULL) AND (executed_at IS NULL) = (shift_id IS NULL) AND (executed_at IS NULL) ="
            " (business_day IS NULL) AND (executed_at IS NULL) = (executor IS NULL)",
            name=op.f("ck_refunds_executed"),
        ),
        sa.CheckConstraint("level IN ('cashier', 'lead', 'finance')", name=op.f("ck_refunds_level")),
        sa.CheckConstraint(
            "state <> 'executed' OR level = 'cashier' OR approver IS NOT NULL", name=op.f("ck_refunds_approved")
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'rejected', 'withdrawn', 'executed')", name=op.f("ck_refunds_state")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_refunds_amount")),
        sa.CheckConstraint(
            "approver IS NULL OR (approver <> applicant AND (executor IS NULL OR executor <>"
            " approver) AND (executor IS NULL OR executor <> applicant))",
            name=op.f("ck_refunds_separated"),
        ),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["payments.settlements.settlement_id"], name=op.f("fk_refunds_settlement_id")
        ),
        sa.ForeignKeyConstraint(["shift_id"], ["payments.shifts.shift_id"], name=op.f("fk_refunds_shift_id")),
        sa.PrimaryKeyConstraint("refund_id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("campus_id", "refund_no", name=op.f("uq_refunds_campus_id_refund_no")),
        schema="payments",
    )
    op.create_index(
        op.f("ix_refunds_campus_id_business_day_refund_id"),
        "refunds",
        ["campus_id", "business_day", "refund_id"],
        unique=False,
        schema="payments",
    )
    op.create_index(op.f("ix_refunds_settlement_id"), "refunds", ["settlement_id"], unique=False, schema="payments")
    op.create_index(op.f("ix_refunds_shift_id"), "refunds", ["shift_id"], unique=False, schema="payments")
    op.create_index(
        "ix_refunds_waiting",
        "refunds",
        ["campus_id", "requested_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state IN ('requested', 'approved')"),
    )
    op.create_table(
        "refund_lines",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("fee_class", sa.Text(), nullable=False),
        sa.Column("item_kind", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("quantity > 0 AND amount >= 0", name=op.f("ck_refund_lines_amounts")),
        sa.ForeignKeyConstraint(["charge_id"], ["payments.charges.charge_id"], name=op.f("fk_refund_lines_charge_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["payments.refunds.refund_id"], name=op.f("fk_refund_lines_refund_id")),
        sa.PrimaryKeyConstraint("refund_id", "charge_id", name=op.f("pk_refund_lines")),
        schema="payments",
    )
    op.create_index(op.f("ix_refund_lines_charge_id"), "refund_lines", ["charge_id"], unique=False, schema="payments")
    op.create_table(
        "refund_parts",
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("tender_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "method IN ('cash', 'wechat', 'alipay', 'bank_card', 'ecny', 'contract', 'debt',"
            " 'relief', 'insurance_fund', 'insurance_account', 'medical_aid', 'rounding')",
            name=op.f("ck_refund_parts_method"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refund_parts_amount")),
        sa.ForeignKeyConstraint(["refund_id"], ["payments.refunds.refund_id"], name=op.f("fk_refund_parts_refund_id")),
        sa.ForeignKeyConstraint(["tender_id"], ["payments.tenders.tender_id"], name=op.f("fk_refund_parts_tender_id")),
        sa.PrimaryKeyConstraint("part_id", name=op.f("pk_refund_parts")),
        schema="payments",
    )
    op.create_index(op.f("ix_refund_parts_refund_id"), "refund_parts", ["refund_id"], unique=False, schema="payments")
    op.create_index(op.f("ix_refund_parts_tender_id"), "refund_parts", ["tender_id"], unique=False, schema="payments")
    op.create_table(
        "debts",
        sa.Column("debt_id", sa.Uuid(), nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("tender_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("paid", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("reduced", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("outstanding", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'open') = (outstanding > 0)", name=op.f("ck_debts_open")),
        sa.CheckConstraint("state IN ('open', 'settled', 'written_off')", name=op.f("ck_debts_state")),
        sa.CheckConstraint(
            "amount > 0 AND outstanding >= 0 AND paid >= 0 AND reduced >= 0", name=op.f("ck_debts_amounts")
        ),
        sa.CheckConstraint("outstanding = amount - paid - reduced", name=op.f("ck_debts_balance")),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["payments.settlements.settlement_id"], name=op.f("fk_debts_settlement_id")
        ),
        sa.ForeignKeyConstraint(["tender_id"], ["payments.tenders.tender_id"], name=op.f("fk_debts_tender_id")),
        sa.PrimaryKeyConstraint("debt_id", name=op.f("pk_debts")),
        sa.UniqueConstraint("tender_id", name=op.f("uq_debts_tender_id")),
        schema="payments",
    )
    op.create_index(
        "ix_debts_open",
        "debts",
        ["campus_id", "debt_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_debts_patient_open",
        "debts",
        ["patient_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(op.f("ix_debts_settlement_id"), "debts", ["settlement_id"], unique=False, schema="payments")
    for table, columns in CHANGEABLE.items():
        for statement in changeable(table, columns):
            op.execute(statement)
    for statement in [
        *campus_table("payments.refund_lines", update=False),
        *campus_table("payments.refund_parts", update=False),
        BEING_SETTLED,
        *search_table("payments.charges"),
        "REVOKE ALL ON FUNCTION payments.being_settled(uuid[]) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION payments.being_settled(uuid[]) TO his_app",
        "GRANT CREATE ON SCHEMA payments TO his_search",
        "ALTER FUNCTION payments.being_settled(uuid[]) OWNER TO his_search",
        "REVOKE CREATE ON SCHEMA payments FROM his_search",
    ]:
        op.execute(statement)
