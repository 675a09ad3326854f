"""The patient index: people, their numbers, safety facts, likeness, merges; its searches; access by merge group."""

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from infra.migrations import patient_searches as searches
from shared.database.isolation import consortium_table, schema, search_function, search_table

revision = "0004"
down_revision = "0003"

ONE_INDEX = "one index of people for all campuses"
TREATMENT_SAFETY = "what protects a patient is known wherever the patient is treated"

POINTS_VERSION_1 = {
    "name_equal": "6",
    "name_same_pinyin": "3",
    "name_one_character": "1",
    "name_different": "-4",
    "birth_equal": "5",
    "birth_near": "1",
    "birth_different": "-5",
    "sex_equal": "0.5",
    "sex_different": "-4",
    "phone_equal": "4",
    "village_equal": "2",
    "guardian_equal": "3",
    "insurance_equal": "8",
    "high_from": "12",
    "likely_from": "8",
}


def upgrade() -> None:
    for statement in schema("patients"):
        op.execute(statement)
    op.create_table(
        "match_points",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("points", postgresql.JSONB(), nullable=False),
        sa.Column("in_force_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_match_points")),
        schema="patients",
    )
    _index("ix_match_points_in_force_from", "match_points", ["in_force_from"])
    op.create_table(
        "patients",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("empi_no", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_pinyin", sa.Text(), nullable=False),
        sa.Column("name_initials", sa.Text(), nullable=False),
        sa.Column("name_keys", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("former_names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("birth_datetime", sa.DateTime(timezone=True), nullable=True),
        sa.Column("birth_precision", sa.Text(), nullable=False),
        sa.Column("ethnic_group", sa.Text(), nullable=True),
        sa.Column("nationality", sa.Text(), nullable=True),
        sa.Column("marital_status", sa.Text(), nullable=True),
        sa.Column("occupation", sa.Text(), nullable=True),
        sa.Column("education", sa.Text(), nullable=True),
        sa.Column("native_place", sa.Text(), nullable=True),
        sa.Column("registered_address", postgresql.JSONB(), nullable=True),
        sa.Column("current_address", postgresql.JSONB(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column(
            "phone_reversed", sa.Text(collation="C"), sa.Computed("reverse(phone)", persisted=True), nullable=True
        ),
        sa.Column("phone_missing_reason", sa.Text(), nullable=True),
        sa.Column("employer", sa.Text(), nullable=True),
        sa.Column("payer_kind", sa.Text(), nullable=True),
        sa.Column("abo", sa.Text(), nullable=True),
        sa.Column("rh", sa.Text(), nullable=True),
        sa.Column("blood_group_status", sa.Text(), nullable=True),
        sa.Column("identity_level", sa.Text(), nullable=False),
        sa.Column("confidentiality", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("photo_file_id", sa.Uuid(), nullable=True),
        sa.Column("mother_id", sa.Uuid(), nullable=True),
        sa.Column("birth_order", sa.SmallInteger(), nullable=True),
        sa.Column("births", sa.SmallInteger(), nullable=True),
        sa.Column("arrival", postgresql.JSONB(), nullable=True),
        sa.Column("deceased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("death_certificate_no", sa.Text(), nullable=True),
        sa.Column("created_campus_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(birth_precision = 'minute') = (birth_datetime IS NOT NULL)", name=op.f("ck_patients_birth_datetime")
        ),
        sa.CheckConstraint("(status = 'merged') = (survivor_id <> patient_id)", name=op.f("ck_patients_survivor")),
        sa.CheckConstraint(
            "birth_precision IN ('minute', 'day', 'month', 'year')", name=op.f("ck_patients_birth_precision")
        ),
        sa.CheckConstraint("confidentiality IN ('normal', 'restricted')", name=op.f("ck_patients_confidentiality")),
        sa.CheckConstraint("empi_no ~ '^[0-9]{10}$'", name=op.f("ck_patients_empi_no")),
        sa.CheckConstraint(
            "identity_level IN ('unverified', 'document_seen', 'chip_read', 'police_verified')",
            name=op.f("ck_patients_identity_level"),
        ),
        sa.CheckConstraint("sex IN ('0', '1', '2', '9')", name=op.f("ck_patients_sex")),
        sa.CheckConstraint("status IN ('active', 'merged', 'deceased')", name=op.f("ck_patients_status")),
        sa.ForeignKeyConstraint(["mother_id"], ["patients.patients.patient_id"], name=op.f("fk_patients_mother_id")),
        sa.ForeignKeyConstraint(
            ["survivor_id"], ["patients.patients.patient_id"], name=op.f("fk_patients_survivor_id")
        ),
        sa.PrimaryKeyConstraint("patient_id", name=op.f("pk_patients")),
        sa.UniqueConstraint("empi_no", name=op.f("uq_patients_empi_no")),
        schema="patients",
    )
    _index("ix_patients_birth_date", "patients", ["birth_date"])
    _index("ix_patients_name_birth_date", "patients", ["name", "birth_date"])
    _index("ix_patients_name_initials_birth_date", "patients", ["name_initials", "birth_date"])
    _index(
        "ix_patients_name_keys",
        "patients",
        ["name_keys"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    _index("ix_patients_name_pinyin_birth_date", "patients", ["name_pinyin", "birth_date"])
    _index("ix_patients_phone", "patients", ["phone"], where="phone IS NOT NULL")
    _index("ix_patients_phone_reversed", "patients", ["phone_reversed"], where="phone_reversed IS NOT NULL")
    _index("ix_patients_survivor_id", "patients", ["survivor_id"])
    _index(
        "uq_patients_newborn",
        "patients",
        ["mother_id", "birth_date", "birth_order"],
        unique=True,
        where="mother_id IS NOT NULL",
    )
    op.create_table(
        "identifiers",
        sa.Column("identifier_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column(
            "value_reversed", sa.Text(collation="C"), sa.Computed("reverse(value)", persisted=True), nullable=False
        ),
        sa.Column("issuer_campus_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=True),
        sa.Column("document_valid_to", sa.Date(), nullable=True),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bound_by", sa.Text(), nullable=False),
        sa.Column("bound_campus_id", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(status = 'active') = (ended_at IS NULL)", name=op.f("ck_identifiers_ended_at")),
        sa.CheckConstraint("status IN ('active', 'lost', 'replaced', 'revoked')", name=op.f("ck_identifiers_status")),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patients.patients.patient_id"],
            name=op.f("fk_identifiers_patient_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("identifier_id", name=op.f("pk_identifiers")),
        schema="patients",
    )
    _index("ix_identifiers_patient_id", "identifiers", ["patient_id"])
    _index("ix_identifiers_stopped", "identifiers", ["value"], where="status <> 'active'")
    _index(
        "ix_identifiers_tail",
        "identifiers",
        ["value_reversed"],
        where="status = 'active' AND type IN ('resident_id', 'hmt_residence', 'foreign_pr')",
    )
    _index(
        "uq_identifiers_active",
        "identifiers",
        ["value", "type", "issuer_campus_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        where="status = 'active'",
    )
    _index(
        "uq_identifiers_single",
        "identifiers",
        ["patient_id", "type"],
        unique=True,
        where="status = 'active' AND type IN ('resident_id', 'birth_certificate', 'insurance_person_no')",
    )
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("expected_date", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("recorded_campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(status = 'active') = (ended_at IS NULL)", name=op.f("ck_alerts_ended_at")),
        sa.CheckConstraint("status IN ('active', 'ended')", name=op.f("ck_alerts_status")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.patients.patient_id"], name=op.f("fk_alerts_patient_id")),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
        schema="patients",
    )
    _index("ix_alerts_patient_id", "alerts", ["patient_id"])
    op.create_table(
        "allergies",
        sa.Column("allergy_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("substance", sa.Text(), nullable=True),
        sa.Column("substance_code", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("reaction", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("certainty", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("onset", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("recorded_campus_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(statement = 'allergy') = (substance IS NOT NULL)", name=op.f("ck_allergies_substance")),
        sa.CheckConstraint("(status = 'active') = (ended_at IS NULL)", name=op.f("ck_allergies_ended_at")),
        sa.CheckConstraint("statement IN ('allergy', 'none_known', 'unknown')", name=op.f("ck_allergies_statement")),
        sa.CheckConstraint("status IN ('active', 'refuted', 'superseded')", name=op.f("ck_allergies_status")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.patients.patient_id"], name=op.f("fk_allergies_patient_id")),
        sa.PrimaryKeyConstraint("allergy_id", name=op.f("pk_allergies")),
        schema="patients",
    )
    _index("ix_allergies_patient_id", "allergies", ["patient_id"])
    _index(
        "uq_allergies_statement",
        "allergies",
        ["patient_id"],
        unique=True,
        where="status = 'active' AND statement <> 'allergy'",
    )
    op.create_table(
        "break_glass_openings",
        sa.Column("opening_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("reader_campus_id", sa.Text(), nullable=False),
        sa.Column("reader_subject", sa.Text(), nullable=False),
        sa.Column("reader_name", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("review_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.CheckConstraint("verdict IN ('justified', 'not_justified')", name=op.f("ck_break_glass_openings_verdict")),
        sa.CheckConstraint(
            "(verdict IS NULL) = (reviewed_at IS NULL)", name=op.f("ck_break_glass_openings_reviewed_at")
        ),
        sa.CheckConstraint("char_length(reason) >= 10", name=op.f("ck_break_glass_openings_reason")),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.patients.patient_id"], name=op.f("fk_break_glass_openings_patient_id")
        ),
        sa.PrimaryKeyConstraint("opening_id", name=op.f("pk_break_glass_openings")),
        schema="patients",
    )
    _index("ix_break_glass_openings_patient_id", "break_glass_openings", ["patient_id"])
    _index(
        "ix_break_glass_openings_reader_campus_id_opening_id",
        "break_glass_openings",
        ["reader_campus_id", "opening_id"],
    )
    op.create_table(
        "consents",
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Text(), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_recorded_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.patients.patient_id"], name=op.f("fk_consents_patient_id")),
        sa.PrimaryKeyConstraint("consent_id", name=op.f("pk_consents")),
        schema="patients",
    )
    _index("ix_consents_patient_id", "consents", ["patient_id"])
    _index("uq_consents_in_force", "consents", ["patient_id", "kind"], unique=True, where="withdrawn_at IS NULL")
    op.create_table(
        "corrections",
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("seen_version", sa.Integer(), nullable=False),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("evidence_file_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("acting_campus_id", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'applied', 'rejected')", name=op.f("ck_corrections_status")),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.patients.patient_id"], name=op.f("fk_corrections_patient_id")
        ),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_corrections")),
        schema="patients",
    )
    _index("ix_corrections_status_correction_id", "corrections", ["status", "correction_id"])
    _index("uq_corrections_pending", "corrections", ["patient_id"], unique=True, where="status = 'pending'")
    op.create_table(
        "identity_changes",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("old_value", postgresql.JSONB(), nullable=True),
        sa.Column("new_value", postgresql.JSONB(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("evidence_file_id", sa.Uuid(), nullable=True),
        sa.Column("acting_campus_id", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("patient_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.patients.patient_id"], name=op.f("fk_identity_changes_patient_id")
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_identity_changes")),
        schema="patients",
    )
    _index("ix_identity_changes_patient_id_changed_at", "identity_changes", ["patient_id", "changed_at"])
    op.create_table(
        "match_candidates",
        sa.Column("candidate_id", sa.Uuid(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Numeric(precision=6, scale=2), nullable=False),
        sa.Column("suspicion", sa.Text(), nullable=False),
        sa.Column("points", postgresql.JSONB(), nullable=False),
        sa.Column("weights_version", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'merged', 'not_same', 'dissolved')", name=op.f("ck_match_candidates_status")
        ),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_match_candidates_order")),
        sa.ForeignKeyConstraint(
            ["first_id"], ["patients.patients.patient_id"], name=op.f("fk_match_candidates_first_id")
        ),
        sa.ForeignKeyConstraint(
            ["second_id"], ["patients.patients.patient_id"], name=op.f("fk_match_candidates_second_id")
        ),
        sa.PrimaryKeyConstraint("candidate_id", name=op.f("pk_match_candidates")),
        schema="patients",
    )
    _index("ix_match_candidates_second_id", "match_candidates", ["second_id"])
    _index("ix_match_candidates_status_due_at_candidate_id", "match_candidates", ["status", "due_at", "candidate_id"])
    _index("uq_match_candidates_pair", "match_candidates", ["first_id", "second_id"], unique=True)
    op.create_table(
        "merges",
        sa.Column("merge_id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("retired_id", sa.Uuid(), nullable=False),
        sa.Column("survivor_version", sa.Integer(), nullable=False),
        sa.Column("retired_version", sa.Integer(), nullable=False),
        sa.Column("chosen_fields", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("members", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("taken", postgresql.JSONB(), nullable=False),
        sa.Column("retired_status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence_file_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("acting_campus_id", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("assignments", postgresql.JSONB(), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'done', 'undone', 'rejected')", name=op.f("ck_merges_status")),
        sa.CheckConstraint("survivor_id <> retired_id", name=op.f("ck_merges_two_records")),
        sa.ForeignKeyConstraint(["retired_id"], ["patients.patients.patient_id"], name=op.f("fk_merges_retired_id")),
        sa.ForeignKeyConstraint(["survivor_id"], ["patients.patients.patient_id"], name=op.f("fk_merges_survivor_id")),
        sa.PrimaryKeyConstraint("merge_id", name=op.f("pk_merges")),
        schema="patients",
    )
    _index("ix_merges_retired_id", "merges", ["retired_id"])
    _index("ix_merges_status_merge_id", "merges", ["status", "merge_id"])
    _index("ix_merges_survivor_id", "merges", ["survivor_id"])
    _index("uq_merges_pending", "merges", ["survivor_id", "retired_id"], unique=True, where="status = 'pending'")
    _index("uq_merges_retired", "merges", ["retired_id"], unique=True, where="status = 'done'")
    op.create_table(
        "relations",
        sa.Column("relation_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("related_patient_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("document_type", sa.Text(), nullable=True),
        sa.Column("document_no", sa.Text(), nullable=True),
        sa.Column("is_guardian", sa.Boolean(), nullable=False),
        sa.Column("is_emergency_contact", sa.Boolean(), nullable=False),
        sa.Column("shares_account", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patients.patients.patient_id"],
            name=op.f("fk_relations_patient_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["related_patient_id"], ["patients.patients.patient_id"], name=op.f("fk_relations_related_patient_id")
        ),
        sa.PrimaryKeyConstraint("relation_id", name=op.f("pk_relations")),
        schema="patients",
    )
    _index("ix_relations_patient_id", "relations", ["patient_id"])
    _index(
        "ix_relations_related_patient_id", "relations", ["related_patient_id"], where="related_patient_id IS NOT NULL"
    )
    op.create_table(
        "disputes",
        sa.Column("dispute_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("identifier_id", sa.Uuid(), nullable=True),
        sa.Column("claimed_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("acting_campus_id", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("settlement", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('open', 'settled')", name=op.f("ck_disputes_status")),
        sa.ForeignKeyConstraint(
            ["identifier_id"], ["patients.identifiers.identifier_id"], name=op.f("fk_disputes_identifier_id")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.patients.patient_id"], name=op.f("fk_disputes_patient_id")),
        sa.PrimaryKeyConstraint("dispute_id", name=op.f("pk_disputes")),
        schema="patients",
    )
    _index("ix_disputes_open", "disputes", ["patient_id"], where="status = 'open'")
    _index("ix_disputes_status_dispute_id", "disputes", ["status", "dispute_id"])
    op.execute(
        sa.text(
            "INSERT INTO patients.match_points (version, points, in_force_from, made_by)"
            " VALUES ('1', CAST(:points AS jsonb), '2026-01-01 00:00+08', 'specification')"
        ).bindparams(points=json.dumps(POINTS_VERSION_1))
    )
    for statement in [
        "CREATE SEQUENCE patients.empi_numbers MAXVALUE 999999999",
        "GRANT USAGE ON SEQUENCE patients.empi_numbers TO his_app",
        *consortium_table("patients.patients", ONE_INDEX),
        *consortium_table("patients.identifiers", ONE_INDEX),
        *consortium_table("patients.relations", ONE_INDEX),
        *consortium_table("patients.consents", ONE_INDEX),
        *consortium_table("patients.identity_changes", ONE_INDEX, update=False),
        *consortium_table("patients.corrections", ONE_INDEX),
        *consortium_table("patients.allergies", TREATMENT_SAFETY),
        *consortium_table("patients.alerts", TREATMENT_SAFETY),
        *consortium_table("patients.match_points", ONE_INDEX, update=False),
        *consortium_table("patients.match_candidates", ONE_INDEX),
        *consortium_table("patients.merges", ONE_INDEX),
        *consortium_table("patients.disputes", ONE_INDEX),
        *consortium_table("patients.break_glass_openings", "an opening concerns the record of any campus"),
        searches.GROUP_OF,
        searches.MAY_READ_RECORD,
        searches.VISIBLE_HERE,
        searches.ONE_CHARACTER_APART,
        searches.SEARCH_BY_NAME,
        searches.SEARCH_BY_PINYIN,
        searches.SEARCH_BY_PHONE,
        searches.SEARCH_BY_TAIL,
        searches.LIKELY_DUPLICATES,
        searches.ACCESS_LOG,
        *search_table("patients.patients"),
        *search_table("patients.identifiers"),
        *search_table("kernel.access_grants"),
        *search_table("kernel.audit_entries"),
        *search_function("patients.search_by_name(text, text, text[], date, text)"),
        *search_function("patients.search_by_pinyin(text, date, text)"),
        *search_function("patients.search_by_phone(text)"),
        *search_function("patients.search_by_tail(text)"),
        *search_function("patients.likely_duplicates(text, text, text[], date, date[], text, uuid)"),
        *search_function("patients.access_log(uuid[], timestamptz, uuid, int)"),
    ]:
        op.execute(statement)


def _index(name: str, table: str, columns: list[str], *, where: str | None = None, **options: object) -> None:
    if where is not None:
        options["postgresql_where"] = sa.text(where)
    op.create_index(name, table, columns, schema="patients", **options)
