"""Operations: orders about dead letters, runs of jobs, results of the integrity checks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database.isolation import campus_table, consortium_table, schema, worker_table

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    for statement in schema("operations"):
        op.execute(statement)
    op.create_table(
        "dead_letter_actions",
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("letter_event_id", sa.Uuid(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_by_name", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.CheckConstraint("action IN ('replay')", name=op.f("ck_dead_letter_actions_action")),
        sa.CheckConstraint(
            "outcome IN ('replayed', 'gone', 'failed')", name=op.f("ck_dead_letter_actions_outcome_code")
        ),
        sa.CheckConstraint("(done_at IS NULL) = (outcome IS NULL)", name=op.f("ck_dead_letter_actions_outcome")),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_dead_letter_actions")),
        schema="operations",
    )
    op.create_index(
        op.f("ix_dead_letter_actions_letter_event_id_subscriber_asked_at"),
        "dead_letter_actions",
        ["letter_event_id", "subscriber", "asked_at"],
        unique=False,
        schema="operations",
    )
    op.create_index(
        "ix_dead_letter_actions_waiting",
        "dead_letter_actions",
        ["asked_at"],
        unique=False,
        schema="operations",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "uq_dead_letter_actions_open",
        "dead_letter_actions",
        ["letter_event_id", "subscriber"],
        unique=True,
        schema="operations",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "job_runs",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome IN ('passed', 'failed', 'broken')", name=op.f("ck_job_runs_outcome_code")),
        sa.CheckConstraint("(finished_at IS NULL) = (outcome IS NULL)", name=op.f("ck_job_runs_outcome")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_job_runs")),
        sa.UniqueConstraint("job", "planned_at", name=op.f("uq_job_runs_job_planned_at")),
        schema="operations",
    )
    op.create_index(
        op.f("ix_job_runs_job_finished_at"), "job_runs", ["job", "finished_at"], unique=False, schema="operations"
    )
    op.create_index(
        "uq_job_runs_open",
        "job_runs",
        ["job"],
        unique=True,
        schema="operations",
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "integrity_results",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("examples", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("what_to_do", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["operations.job_runs.run_id"], name=op.f("fk_integrity_results_run_id")),
        sa.PrimaryKeyConstraint("run_id", "check_name", name=op.f("pk_integrity_results")),
        schema="operations",
    )
    for statement in [
        *campus_table("operations.dead_letter_actions", update=False),
        *worker_table("operations.dead_letter_actions", verbs="SELECT, UPDATE"),
        *consortium_table(
            "operations.job_runs", "a job runs once for all campuses, and any operator may see it", update=False
        ),
        *worker_table("operations.job_runs", verbs="SELECT, INSERT, UPDATE"),
        *consortium_table(
            "operations.integrity_results",
            "checks add up over all campuses; they are read whole or not at all",
            update=False,
        ),
        "REVOKE INSERT ON operations.integrity_results FROM his_app",
        *worker_table("operations.integrity_results", verbs="SELECT, INSERT"),
    ]:
        op.execute(statement)
