"""Charge items, prices and import batches."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import CAMPUS, consortium_table, schema, shared_read_table

revision = "0003"
down_revision = "0002"

ONE_LIST = "one price list for the consortium: the level of a campus decides what an item costs there"

UNITS = """
次 日 天 小时 分钟 30分钟 45分钟/次 2小时 床日 项 例 人次 单侧 双侧 每侧 部位 每部位 每个部位 每个 个 只 组
套 包 对 副 根 条 支 片 粒 丸 袋 包装 瓶 盒 罐 3罐 张 本 份 块 卷 枚 把 台 台次 疗程 单位 毫升 ml 升 克 g
毫克 mg 千克 kg 公里 3公里 平方厘米 曝光次数 每种抗原 每种过敏原 每个肿物 每个皮损 每个照射区 每个穴位
2个穴位 5个穴位 每根血管 两根血管 每增加1个部位 每增加1次
"""
"""Units of charge to begin with: those of the national specification, of drugs and of consumables."""

KEEP_PRICES = """
CREATE FUNCTION catalogue.keep_prices() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_change CONSTANT text[] := '{valid_to,succeeded_by,status,cancelled_by}';
    reopened CONSTANT boolean := OLD.succeeded_by IS NOT NULL AND NEW.succeeded_by IS NULL;
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN NEW;
    END IF;
    IF OLD.status = 'cancelled' OR NEW.status = 'draft'
        OR to_jsonb(OLD) - may_change IS DISTINCT FROM to_jsonb(NEW) - may_change
        OR (NOT reopened AND coalesce(NEW.valid_to, 'infinity') > coalesce(OLD.valid_to, 'infinity')) THEN
        RAISE EXCEPTION 'a checked price is not edited' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""
"""Of a checked price only its end changes: a successor ends it, and it goes on when that one is cancelled."""

AT_HEAD = "(select organisation.acts_at_head())"
OWN_OR_HEAD = f"(campus_id = {CAMPUS} OR (campus_id IS NULL AND {AT_HEAD}))"


def kept_at_head(table: str) -> list[str]:
    """A list of the consortium that only the head hospital writes."""
    return [
        *consortium_table(table, ONE_LIST),
        f"ALTER POLICY signed_on_inserts ON {table} WITH CHECK ({AT_HEAD})",
        f"ALTER POLICY signed_on_updates ON {table} USING ({AT_HEAD}) WITH CHECK ({AT_HEAD})",
    ]


def upgrade() -> None:
    for statement in schema("catalogue"):
        op.execute(statement)
    op.create_table(
        "charge_units",
        sa.Column("unit", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("unit", name=op.f("pk_charge_units")),
        schema="catalogue",
    )
    op.create_table(
        "import_batches",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_import_batches")),
        schema="catalogue",
    )
    op.create_table(
        "charge_items",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("national_code", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("initials", sa.Text(collation="C"), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("excluded", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fee_class", sa.Text(), nullable=False),
        sa.Column("direct_entry", sa.Boolean(), nullable=False),
        sa.Column("market_priced", sa.Boolean(), nullable=False),
        sa.Column("max_quantity", sa.Numeric(precision=12, scale=4), nullable=True),
        sa.Column("max_per_day", sa.Numeric(precision=12, scale=4), nullable=True),
        sa.Column("quantity_step", sa.Numeric(precision=12, scale=4), nullable=True),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("stopped_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replacement_code", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["unit"], ["catalogue.charge_units.unit"], name=op.f("fk_charge_items_unit")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_charge_items")),
        sa.UniqueConstraint("code", name=op.f("uq_charge_items_code")),
        schema="catalogue",
    )
    op.create_index(op.f("ix_charge_items_initials"), "charge_items", ["initials"], unique=False, schema="catalogue")
    op.create_index(op.f("ix_charge_items_name"), "charge_items", ["name"], unique=False, schema="catalogue")
    op.create_table(
        "import_rows",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("row_no", sa.SmallInteger(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("faults", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("set_aside", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["catalogue.import_batches.batch_id"], name=op.f("fk_import_rows_batch_id")
        ),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_import_rows")),
        sa.UniqueConstraint("batch_id", "row_no", name=op.f("uq_import_rows_batch_id_row_no")),
        schema="catalogue",
    )
    op.create_table(
        "price_versions",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("basis_document", sa.Text(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payer_class", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ceiling", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("checker", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("succeeded_by", sa.Uuid(), nullable=True),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("item_id"), "="),
            (sa.column("level"), "="),
            (sa.column("payer_class"), "="),
            (sa.text("coalesce(campus_id, '*')"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("status = 'checked'"),
            using="gist",
            name="ex_price_versions_period",
        ),
        sa.CheckConstraint("level IN ('tertiary', 'secondary', 'primary')", name=op.f("ck_price_versions_level")),
        sa.CheckConstraint("checker IS NULL OR checker <> maker", name=op.f("ck_price_versions_two_people")),
        sa.CheckConstraint(
            "unit_price >= 0 AND (ceiling IS NULL OR unit_price <= ceiling)", name=op.f("ck_price_versions_price")
        ),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_price_versions_period")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["catalogue.import_batches.batch_id"], name=op.f("fk_price_versions_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["catalogue.charge_items.item_id"], name=op.f("fk_price_versions_item_id")
        ),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_price_versions")),
        schema="catalogue",
    )
    op.create_index(
        "ix_price_versions_checked",
        "price_versions",
        ["item_id", "level", "valid_from"],
        unique=False,
        schema="catalogue",
        postgresql_where=sa.text("status = 'checked'"),
    )
    op.create_index(
        "ix_price_versions_drafts",
        "price_versions",
        ["version_id"],
        unique=False,
        schema="catalogue",
        postgresql_where=sa.text("status = 'draft'"),
    )
    op.create_index(
        op.f("ix_price_versions_item_id_valid_from"),
        "price_versions",
        ["item_id", "valid_from"],
        unique=False,
        schema="catalogue",
    )
    units = sa.table("charge_units", sa.column("unit"), schema="catalogue")
    op.bulk_insert(units, [{"unit": unit} for unit in UNITS.split()])
    for statement in [
        *kept_at_head("catalogue.charge_units"),
        *kept_at_head("catalogue.charge_items"),
        *kept_at_head("catalogue.import_batches"),
        *kept_at_head("catalogue.import_rows"),
        *shared_read_table("catalogue.price_versions", ONE_LIST),
        f"ALTER POLICY campus_inserts ON catalogue.price_versions WITH CHECK ({OWN_OR_HEAD})",
        f"ALTER POLICY campus_updates ON catalogue.price_versions USING ({OWN_OR_HEAD}) WITH CHECK ({OWN_OR_HEAD})",
        KEEP_PRICES,
        "CREATE TRIGGER keep_prices BEFORE UPDATE ON catalogue.price_versions"
        " FOR EACH ROW EXECUTE FUNCTION catalogue.keep_prices()",
    ]:
        op.execute(statement)
