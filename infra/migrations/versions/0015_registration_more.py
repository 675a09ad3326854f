"""Visits in full: payer, emergency, follow-up, booking, their states; bracelets, releases, transfers, articles."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table, record_table

revision = "0015"
down_revision = "0014"

VALID = "status <> 'cancelled'"
GREEN_REASONS = (
    "reason_code IN ('chest_pain', 'stroke', 'trauma', 'obstetric', 'newborn', 'poisoning', 'sepsis',"
    " 'mass_casualty', 'other')"
)


def upgrade() -> None:
    _visits()
    _reports()
    _decisions()
    _bracelets()
    for statement in [
        *record_table("outpatient.expected_reports"),
        *record_table("outpatient.green_channels", update=False),
        *campus_table("outpatient.visit_releases"),
        *record_table("outpatient.visit_transfers", update=False),
        *campus_table("outpatient.bracelet_batches"),
        *campus_table("outpatient.bracelets"),
        *campus_table("outpatient.visit_articles", update=False),
    ]:
        op.execute(statement)


def _visits() -> None:
    for name in (
        "slot_label",
        "fee_item_code",
        "fee_module",
        "fee_source",
        "insutype",
        "med_type",
        "special_disease",
        "insurance_mdtrt_id",
        "ended_by",
    ):
        op.add_column("visits", sa.Column(name, sa.Text(), nullable=True), schema="outpatient")
    # The defaults stay: the release before this one inserts without these columns.
    for name in ("work_injury", "trauma", "third_party"):
        column = sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column("visits", column, schema="outpatient")
    for name in ("referral_id", "booking_id", "follow_up_of", "batch_id"):
        op.add_column("visits", sa.Column(name, sa.Uuid(), nullable=True), schema="outpatient")
    for name in ("checked_in_at", "started_at", "finished_at"):
        op.add_column("visits", sa.Column(name, sa.DateTime(timezone=True), nullable=True), schema="outpatient")
    op.add_column("visits", sa.Column("triage_level", sa.SmallInteger(), nullable=True), schema="outpatient")
    _fill_fees()
    for name, rule in (
        ("status", "status IN ('registered', 'waiting', 'in_consultation', 'finished', 'cancelled', 'no_show')"),
        ("triage_level", "triage_level BETWEEN 1 AND 4"),
        ("follow_up", "(kind = 'follow_up') = (follow_up_of IS NOT NULL)"),
    ):
        op.create_check_constraint(op.f(f"ck_visits_{name}"), "visits", rule, schema="outpatient")
    for column, name in (("follow_up_of", "uq_visits_follow_up_of"), ("booking_id", "uq_visits_booking")):
        op.create_index(
            name,
            "visits",
            [column],
            unique=True,
            schema="outpatient",
            postgresql_where=sa.text(f"{column} IS NOT NULL AND {VALID}"),
        )
    op.create_index(
        "uq_visits_emergency",
        "visits",
        ["patient_id", "unit_id"],
        unique=True,
        schema="outpatient",
        postgresql_where=sa.text("kind = 'emergency' AND status IN ('registered', 'waiting', 'in_consultation')"),
    )
    op.create_index(
        op.f("ix_visits_campus_id_registered_at_encounter_id"),
        "visits",
        ["campus_id", "registered_at", "encounter_id"],
        schema="outpatient",
    )
    op.create_index(
        "ix_visits_ending",
        "visits",
        ["campus_id", "valid_until"],
        schema="outpatient",
        postgresql_where=sa.text("status IN ('registered', 'waiting', 'in_consultation')"),
    )
    op.drop_index(op.f("ix_visits_campus_id_encounter_id"), table_name="visits", schema="outpatient")


def _fill_fees() -> None:
    """Where the fees of older visits stand. The walls hold the owner too, so they open for this one statement."""
    walled = ("outpatient.visits", "payments.charges")
    for table in walled:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "UPDATE outpatient.visits v SET fee_module = c.source_module, fee_source = c.source_id,"
        " fee_item_code = c.item_code FROM payments.charges c WHERE c.source_module = 'outpatient/registration'"
        " AND c.source_id = v.encounter_id::text AND c.source_line = 'fee'"
    )
    for table in walled:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _reports() -> None:
    op.create_table(
        "expected_reports",
        sa.Column("encounter_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("expected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        _visit("expected_reports"),
        sa.PrimaryKeyConstraint("encounter_id", "reference", name=op.f("pk_expected_reports")),
        schema="outpatient",
    )


def _decisions() -> None:
    op.create_table(
        "green_channels",
        sa.Column("encounter_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint(GREEN_REASONS, name=op.f("ck_green_channels_reason_code")),
        _visit("green_channels"),
        sa.PrimaryKeyConstraint("encounter_id", name=op.f("pk_green_channels")),
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_green_channels_campus_id_opened_at"),
        "green_channels",
        ["campus_id", "opened_at"],
        schema="outpatient",
    )
    op.create_table(
        "visit_releases",
        sa.Column("encounter_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_by", sa.Text(), nullable=False),
        sa.Column("released_by_name", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_by_name", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name=op.f("ck_visit_releases_approved")),
        sa.CheckConstraint("approved_by <> released_by", name=op.f("ck_visit_releases_separated")),
        _visit("visit_releases"),
        sa.PrimaryKeyConstraint("encounter_id", name=op.f("pk_visit_releases")),
        schema="outpatient",
    )
    op.create_index(
        "ix_visit_releases_waiting",
        "visit_releases",
        ["campus_id", "encounter_id"],
        schema="outpatient",
        postgresql_where=sa.text("approved_at IS NULL"),
    )
    op.create_table(
        "visit_transfers",
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("from_session_id", sa.Uuid(), nullable=True),
        sa.Column("from_slot_id", sa.Uuid(), nullable=True),
        sa.Column("from_unit_id", sa.Uuid(), nullable=False),
        sa.Column("to_session_id", sa.Uuid(), nullable=False),
        sa.Column("to_slot_id", sa.Uuid(), nullable=False),
        sa.Column("to_unit_id", sa.Uuid(), nullable=False),
        sa.Column("fee_before", sa.Numeric(14, 2), nullable=False),
        sa.Column("fee_after", sa.Numeric(14, 2), nullable=False),
        sa.Column("refunded", sa.Numeric(14, 2), nullable=False),
        sa.Column("transferred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("transferred_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        _visit("visit_transfers"),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_visit_transfers")),
        schema="outpatient",
    )
    op.create_index(op.f("ix_visit_transfers_encounter_id"), "visit_transfers", ["encounter_id"], schema="outpatient")
    op.create_table(
        "visit_articles",
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("card_no", sa.Text(), nullable=True),
        sa.Column("item_code", sa.Text(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('visit_card', 'record_booklet')", name=op.f("ck_visit_articles_kind")),
        sa.CheckConstraint("(kind = 'visit_card') = (card_no IS NOT NULL)", name=op.f("ck_visit_articles_card_no")),
        sa.PrimaryKeyConstraint("article_id", name=op.f("pk_visit_articles")),
        schema="outpatient",
    )
    op.create_index(op.f("ix_visit_articles_patient_id"), "visit_articles", ["patient_id"], schema="outpatient")


def _bracelets() -> None:
    op.create_table(
        "bracelet_batches",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("size", sa.SmallInteger(), nullable=False),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prepared_by", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('accident', 'outbreak', 'disaster')", name=op.f("ck_bracelet_batches_kind")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_bracelet_batches")),
        schema="outpatient",
    )
    op.create_index(
        op.f("ix_bracelet_batches_campus_id_prepared_at"),
        "bracelet_batches",
        ["campus_id", "prepared_at"],
        schema="outpatient",
    )
    op.create_table(
        "bracelets",
        sa.Column("visit_no", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("encounter_id", sa.Uuid(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('free', 'used', 'void')", name=op.f("ck_bracelets_status")),
        sa.CheckConstraint("(status = 'used') = (encounter_id IS NOT NULL)", name=op.f("ck_bracelets_used")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["outpatient.bracelet_batches.batch_id"], name=op.f("fk_bracelets_batch_id")
        ),
        sa.PrimaryKeyConstraint("campus_id", "visit_no", name=op.f("pk_bracelets")),
        schema="outpatient",
    )
    op.create_index(op.f("ix_bracelets_batch_id"), "bracelets", ["batch_id"], schema="outpatient")
    op.create_index(op.f("ix_bracelets_encounter_id"), "bracelets", ["encounter_id"], unique=True, schema="outpatient")


def _visit(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["encounter_id"], ["outpatient.visits.encounter_id"], name=op.f(f"fk_{table}_encounter_id")
    )
