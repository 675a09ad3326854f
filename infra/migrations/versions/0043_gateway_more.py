"""Nothing yet."""

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    """Nothing yet."""
