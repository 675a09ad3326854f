"""The gateway: merchants and keys, payments and refunds at the channels, what was said to them and by them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, search_function, search_table

revision = "0013"
down_revision = "0012"

MERCHANT_CAMPUS = """
CREATE FUNCTION payments.merchant_campus(merchant uuid) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog AS $$ SELECT campus_id FROM payments.merchants WHERE merchant_id = merchant $$
"""
PAID_STAYS = """
CREATE FUNCTION payments.paid_payment_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'paid payment % does not change', OLD.order_no USING ERRCODE = 'check_violation';
END $$
"""
PAID_STAYS_TRIGGER = """
CREATE TRIGGER paid_payment_stays BEFORE UPDATE ON payments.gateway_payments FOR EACH ROW
WHEN (OLD.paid_at IS NOT NULL AND (OLD.order_no, OLD.merchant_id, OLD.channel, OLD.amount, OLD.channel_no, OLD.paid_at,
      OLD.ref_module, OLD.ref_id) IS DISTINCT FROM (NEW.order_no, NEW.merchant_id, NEW.channel, NEW.amount,
      NEW.channel_no, NEW.paid_at, NEW.ref_module, NEW.ref_id))
EXECUTE FUNCTION payments.paid_payment_stays()
"""


def upgrade() -> None:
    op.create_table(
        "gateway_attempts",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("channel_refund_id", sa.Uuid(), nullable=True),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("http_status", sa.SmallInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_gateway_attempts")),
        schema="payments",
    )
    op.create_index(
        "ix_gateway_attempts_payment", "gateway_attempts", ["payment_id", "attempt_id"], unique=False, schema="payments"
    )
    op.create_index(
        "ix_gateway_attempts_refund",
        "gateway_attempts",
        ["channel_refund_id", "attempt_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("channel_refund_id IS NOT NULL"),
    )
    op.create_table(
        "gateway_notifications",
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'applied', 'refused')", name=op.f("ck_gateway_notifications_state")),
        sa.PrimaryKeyConstraint("notification_id", name=op.f("pk_gateway_notifications")),
        schema="payments",
    )
    op.create_index(
        "ix_gateway_notifications_payment",
        "gateway_notifications",
        ["payment_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.create_index(
        "ix_gateway_notifications_refused",
        "gateway_notifications",
        ["merchant_id", "received_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state = 'refused'"),
    )
    op.create_index(
        "ix_gateway_notifications_waiting",
        "gateway_notifications",
        ["campus_id", "received_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "uq_gateway_notifications_message",
        "gateway_notifications",
        ["merchant_id", "message_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("state <> 'refused'"),
    )
    op.create_table(
        "merchants",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("merchant_no", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bank_name", sa.Text(), nullable=False),
        sa.Column("account_tail", sa.Text(), nullable=False),
        sa.Column("products", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("limit_per_payment", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("fee_rate", sa.Numeric(precision=7, scale=6), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_by_name", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("test_result", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activated_by", sa.Text(), nullable=True),
        sa.Column("activated_by_name", sa.Text(), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "channel IN ('wechat', 'alipay', 'bank_card', 'ecny', 'transfer')", name=op.f("ck_merchants_channel")
        ),
        sa.CheckConstraint("state IN ('draft', 'tested', 'active', 'stopped')", name=op.f("ck_merchants_state")),
        sa.CheckConstraint(
            "state NOT IN ('active') OR (activated_by IS NOT NULL AND activated_by <> proposed_by)",
            name=op.f("ck_merchants_two_persons"),
        ),
        sa.CheckConstraint("fee_rate >= 0 AND fee_rate < 1", name=op.f("ck_merchants_fee_rate")),
        sa.CheckConstraint("limit_per_payment > 0", name=op.f("ck_merchants_limit")),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_merchants")),
        sa.UniqueConstraint("campus_id", "merchant_id", name=op.f("uq_merchants_campus_id_merchant_id")),
        sa.UniqueConstraint("channel", "merchant_no", name=op.f("uq_merchants_channel_merchant_no")),
        schema="payments",
    )
    op.create_index(
        "uq_merchants_active",
        "merchants",
        ["campus_id", "channel"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "channel_health",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("window_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("probes", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'paused') = (paused_at IS NOT NULL)", name=op.f("ck_channel_health_paused")),
        sa.CheckConstraint("state IN ('open', 'paused')", name=op.f("ck_channel_health_state")),
        sa.CheckConstraint("errors >= 0 AND errors <= calls", name=op.f("ck_channel_health_counts")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["payments.merchants.merchant_id"], name=op.f("fk_channel_health_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_channel_health")),
        schema="payments",
    )
    op.create_index(
        op.f("ix_channel_health_campus_id_channel"),
        "channel_health",
        ["campus_id", "channel"],
        unique=False,
        schema="payments",
    )
    op.create_table(
        "gateway_payments",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("ref_module", sa.Text(), nullable=False),
        sa.Column("ref_id", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("refunded", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("refunding", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("one_time", sa.Text(), nullable=True),
        sa.Column("payer_hash", sa.Text(), nullable=True),
        sa.Column("terminal", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_by_name", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("channel_no", sa.Text(), nullable=True),
        sa.Column("proof", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reversing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("late_refund_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(state <> 'refunded' OR refunded = amount) AND (state <> 'part_refunded' OR refunded BETWEEN "
            "0.01 AND amount - 0.01) AND (refunded = 0 OR state IN ('part_refunded', 'refunded'))",
            name=op.f("ck_gateway_payments_given_back"),
        ),
        sa.CheckConstraint(
            "(state IN ('succeeded', 'part_refunded', 'refunded')) = (paid_at IS NOT NULL AND channel_no IS NOT NULL)",
            name=op.f("ck_gateway_payments_paid"),
        ),
        sa.CheckConstraint(
            "channel IN ('wechat', 'alipay', 'bank_card', 'ecny', 'transfer')", name=op.f("ck_gateway_payments_channel")
        ),
        sa.CheckConstraint(
            "state IN ('paying', 'unknown') OR one_time IS NULL", name=op.f("ck_gateway_payments_one_time")
        ),
        sa.CheckConstraint(
            "state IN ('paying', 'unknown', 'succeeded', 'closed', 'part_refunded', 'refunded')",
            name=op.f("ck_gateway_payments_state"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_gateway_payments_amount")),
        sa.CheckConstraint("late_refund_at IS NULL OR late", name=op.f("ck_gateway_payments_late")),
        sa.CheckConstraint(
            "refunded >= 0 AND refunding >= 0 AND refunded + refunding <= amount",
            name=op.f("ck_gateway_payments_refunds"),
        ),
        sa.ForeignKeyConstraint(
            ["campus_id", "merchant_id"],
            ["payments.merchants.campus_id", "payments.merchants.merchant_id"],
            name=op.f("fk_gateway_payments_campus_id_merchant_id"),
        ),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_gateway_payments")),
        schema="payments",
    )
    op.create_index(
        op.f("ix_gateway_payments_campus_id_created_at"),
        "gateway_payments",
        ["campus_id", "created_at"],
        unique=False,
        schema="payments",
    )
    op.create_index(
        op.f("ix_gateway_payments_campus_id_payment_id"),
        "gateway_payments",
        ["campus_id", "payment_id"],
        unique=False,
        schema="payments",
    )
    op.create_index(
        op.f("ix_gateway_payments_campus_id_ref_module_ref_id"),
        "gateway_payments",
        ["campus_id", "ref_module", "ref_id"],
        unique=False,
        schema="payments",
    )
    op.create_index(
        "ix_gateway_payments_due",
        "gateway_payments",
        ["campus_id", "next_check_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state IN ('paying', 'unknown')"),
    )
    op.create_index(
        "ix_gateway_payments_late",
        "gateway_payments",
        ["campus_id", "late_refund_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("late_refund_at IS NOT NULL"),
    )
    op.create_index(
        "ix_gateway_payments_paid",
        "gateway_payments",
        ["campus_id", "paid_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("paid_at IS NOT NULL"),
    )
    op.create_index(
        "uq_gateway_payments_channel_no",
        "gateway_payments",
        ["channel", "channel_no"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("channel_no IS NOT NULL"),
    )
    op.create_index(
        "uq_gateway_payments_open",
        "gateway_payments",
        ["campus_id", "ref_module", "ref_id"],
        unique=True,
        schema="payments",
        postgresql_where=sa.text("state IN ('paying', 'unknown') AND close_requested_at IS NULL"),
    )
    op.create_index("uq_gateway_payments_order_no", "gateway_payments", ["order_no"], unique=True, schema="payments")
    op.create_table(
        "merchant_keys",
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("secret_ref", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_by_name", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_by_name", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("role IN ('sign', 'verify', 'cipher')", name=op.f("ck_merchant_keys_role")),
        sa.CheckConstraint("secret_ref ~ '^[a-z0-9][a-z0-9._-]{0,80}$'", name=op.f("ck_merchant_keys_reference")),
        sa.CheckConstraint(
            "state <> 'active' OR (approved_by IS NOT NULL AND approved_by <> proposed_by)",
            name=op.f("ck_merchant_keys_two_persons"),
        ),
        sa.CheckConstraint("state IN ('proposed', 'active', 'withdrawn')", name=op.f("ck_merchant_keys_state")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_merchant_keys_validity")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["payments.merchants.merchant_id"], name=op.f("fk_merchant_keys_merchant_id")
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_merchant_keys")),
        schema="payments",
    )
    op.create_index(
        "ix_merchant_keys_expiring",
        "merchant_keys",
        ["expires_on"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index(
        op.f("ix_merchant_keys_merchant_id_role_valid_from"),
        "merchant_keys",
        ["merchant_id", "role", "valid_from"],
        unique=False,
        schema="payments",
    )
    op.create_table(
        "terminal_batches",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("batch_no", sa.Text(), nullable=False),
        sa.Column("sales_count", sa.Integer(), nullable=False),
        sa.Column("sales", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("refunds_count", sa.Integer(), nullable=False),
        sa.Column("refunds", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("our_sales_count", sa.Integer(), nullable=False),
        sa.Column("our_sales", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("our_refunds_count", sa.Integer(), nullable=False),
        sa.Column("our_refunds", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("difference", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("settled_by", sa.Text(), nullable=False),
        sa.Column("settled_by_name", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "sales >= 0 AND refunds >= 0 AND sales_count >= 0 AND refunds_count >= 0",
            name=op.f("ck_terminal_batches_counted"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["payments.merchants.merchant_id"], name=op.f("fk_terminal_batches_merchant_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_terminal_batches")),
        sa.UniqueConstraint(
            "merchant_id", "terminal", "batch_no", name=op.f("uq_terminal_batches_merchant_id_terminal_batch_no")
        ),
        schema="payments",
    )
    op.create_index(
        op.f("ix_terminal_batches_campus_id_batch_id"),
        "terminal_batches",
        ["campus_id", "batch_id"],
        unique=False,
        schema="payments",
    )
    op.create_table(
        "gateway_refunds",
        sa.Column("channel_refund_id", sa.Uuid(), nullable=False),
        sa.Column("refund_no", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("refund_ref", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_by_name", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("channel_refund_no", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("proof", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("transfer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("transfer_by", sa.Text(), nullable=True),
        sa.Column("transfer_by_name", sa.Text(), nullable=True),
        sa.Column("transfer_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_first_by", sa.Text(), nullable=True),
        sa.Column("approved_first_by_name", sa.Text(), nullable=True),
        sa.Column("approved_second_by", sa.Text(), nullable=True),
        sa.Column("approved_second_by_name", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(state IN ('succeeded', 'resolved', 'rejected')) = (finished_at IS NOT NULL)",
            name=op.f("ck_gateway_refunds_finished"),
        ),
        sa.CheckConstraint(
            "state <> 'resolved' OR (transfer_by IS NOT NULL AND approved_first_by IS NOT NULL AND "
            "approved_second_by IS NOT NULL AND transfer_by <> approved_first_by AND transfer_by <> "
            "approved_second_by AND approved_first_by <> approved_second_by)",
            name=op.f("ck_gateway_refunds_resolved"),
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'processing', 'succeeded', 'abnormal', 'resolved', 'rejected')",
            name=op.f("ck_gateway_refunds_state"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_gateway_refunds_amount")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.gateway_payments.payment_id"], name=op.f("fk_gateway_refunds_payment_id")
        ),
        sa.PrimaryKeyConstraint("channel_refund_id", name=op.f("pk_gateway_refunds")),
        sa.UniqueConstraint("payment_id", "refund_ref", name=op.f("uq_gateway_refunds_payment_id_refund_ref")),
        schema="payments",
    )
    op.create_index(
        op.f("ix_gateway_refunds_campus_id_channel_refund_id"),
        "gateway_refunds",
        ["campus_id", "channel_refund_id"],
        unique=False,
        schema="payments",
    )
    op.create_index(
        "ix_gateway_refunds_due",
        "gateway_refunds",
        ["campus_id", "next_try_at"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state IN ('requested', 'processing')"),
    )
    op.create_index(
        "ix_gateway_refunds_finished", "gateway_refunds", ["campus_id", "finished_at"], unique=False, schema="payments"
    )
    op.create_index(
        "ix_gateway_refunds_unfinished",
        "gateway_refunds",
        ["campus_id", "channel_refund_id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state IN ('requested', 'processing', 'abnormal')"),
    )
    op.create_index("uq_gateway_refunds_refund_no", "gateway_refunds", ["refund_no"], unique=True, schema="payments")
    for statement in [
        *campus_table("payments.merchants"),
        *campus_table("payments.merchant_keys"),
        *campus_table("payments.channel_health"),
        *campus_table("payments.gateway_payments"),
        *campus_table("payments.gateway_attempts", update=False),
        *campus_table("payments.gateway_notifications"),
        *campus_table("payments.gateway_refunds"),
        *campus_table("payments.terminal_batches", update=False),
        PAID_STAYS,
        PAID_STAYS_TRIGGER,
        *search_table("payments.merchants"),
        MERCHANT_CAMPUS,
        *search_function("payments.merchant_campus(uuid)"),
    ]:
        op.execute(statement)
