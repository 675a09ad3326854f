"""The clock: which function was last told of a minute at which campus."""

import sqlalchemy as sa
from alembic import op

from shared.database.isolation import campus_table, worker_table

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "minutes",
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("campus_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("function", "campus_id", name=op.f("pk_minutes")),
        schema="kernel",
    )
    for statement in [
        *campus_table("kernel.minutes", update=False),
        "REVOKE INSERT ON kernel.minutes FROM his_app",
        *worker_table("kernel.minutes", verbs="SELECT, INSERT, UPDATE"),
        "GRANT INSERT ON kernel.outbox TO his_worker",
        *worker_table("organisation.campuses", verbs="SELECT"),
    ]:
        op.execute(statement)
