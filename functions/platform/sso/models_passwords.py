"""Table of what is known of a password: never the password itself."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import Model


class PasswordState(Model):
    """Under which rule and when somebody's password was set (密码规则). Without a row: one from before, set under the
    realm's rule at a time unknown."""

    __tablename__ = "password_states"
    __table_args__ = (
        Index("ix_password_states_due", "set_at", postgresql_where=text("due_told_at IS NULL")),
        CheckConstraint("least IN (0, 10, 14)", name="least"),
        {"schema": "platform"},
    )

    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    set_at: Mapped[datetime]
    least: Mapped[int]
    """Characters the rule of that moment asked for at least; 0: given by somebody else, to be replaced."""
    due_told_at: Mapped[datetime | None] = mapped_column(default=None)
    """The realm was told last that it is due by its age."""
