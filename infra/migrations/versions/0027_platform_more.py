"""A sign-on that ended while the realm was out of reach waits to be told, too; who last worked by badge, by index."""

from alembic import op

revision = "0027"
down_revision = "0026"

KINDS = "kind IN ('person', 'realm', 'patient', 'session', 'sessions')"


def upgrade() -> None:
    """Wider than before: the version running beside writes nothing it refuses."""
    op.drop_constraint(op.f("ck_identity_changes_kind"), "identity_changes", schema="platform", type_="check")
    op.create_check_constraint(op.f("ck_identity_changes_kind"), "identity_changes", KINDS, schema="platform")
    op.create_index(
        op.f("ix_workstation_sessions_staff_id_opened_at"),
        "workstation_sessions",
        ["staff_id", "opened_at"],
        schema="platform",
    )
