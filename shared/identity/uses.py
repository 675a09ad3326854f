"""Which permission somebody used last, and when: what the list of unused rights (90 天未用权限清单) rests on.

A process notes each use in memory and writes it once a day and person, when an answer has been sent: no request waits
for it. What a process that dies has not written is noted again at the next use.
"""

import logging
import threading
import time
from datetime import date, datetime
from uuid import UUID

import orjson
from sqlalchemy import Date, Index, PrimaryKeyConstraint, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.engine import COUNTER, Database, Scope
from shared.database.model import CampusOwned, Model
from shared.database.query import Query
from shared.identity.actor import Actor
from shared.identity.posts import EVERY_POST
from shared.schemas import SHANGHAI
from shared.tables import KERNEL

log = logging.getLogger("his.uses")

MOST = 50_000
"""Uses a process remembers of one day; more are forgotten and noted anew."""
WRITE_SECONDS = 15.0
"""How long uses gather before they are written together."""


class PermissionUse(CampusOwned, Model):
    """The first and the last day a person used a permission at a campus."""

    __tablename__ = "permission_uses"
    __table_args__ = (
        PrimaryKeyConstraint("campus_id", "staff_id", "permission"),
        Index(None, "campus_id", "last_used"),
        {"schema": KERNEL},
    )

    staff_id: Mapped[UUID]
    permission: Mapped[str] = mapped_column(Text)
    first_used: Mapped[date] = mapped_column(Date)
    last_used: Mapped[date] = mapped_column(Date)


_NOTE = Query(
    object,
    text(
        "INSERT INTO kernel.permission_uses AS known (campus_id, staff_id, permission, first_used, last_used)"
        " SELECT campus_id, staff_id, permission, day, day FROM jsonb_to_recordset(CAST(:uses AS jsonb))"
        " AS used (campus_id text, staff_id uuid, permission text, day date)"
        " ORDER BY campus_id, staff_id, permission"
        " ON CONFLICT (campus_id, staff_id, permission) DO UPDATE SET last_used = excluded.last_used"
        " WHERE known.last_used < excluded.last_used"
    ),
)


class UseLog:
    """The uses one process has seen today."""

    def __init__(self) -> None:
        self._day = date.min
        self._seen: set[tuple[str, UUID, str]] = set()
        self._waiting: list[tuple[str, UUID, str, date]] = []
        self._written = -WRITE_SECONDS
        self._lock = threading.Lock()

    def note(self, actor: Actor, campus: str, permission: str, now: datetime) -> None:
        """A member of staff has used a permission."""
        if actor.staff_id is None or not permission or permission in EVERY_POST:
            return
        day, use = now.astimezone(SHANGHAI).date(), (campus, actor.staff_id, permission)
        if day == self._day and use in self._seen:
            return
        with self._lock:
            if day != self._day or len(self._seen) >= MOST:
                self._day, self._seen = day, set()
            if use not in self._seen:
                self._seen.add(use)
                self._waiting.append((*use, day))

    def claim(self) -> bool:
        """Whether the caller is to write what waits: somebody is every so often, and nobody beside them."""
        if not self._waiting or time.monotonic() - self._written < WRITE_SECONDS:
            return False
        with self._lock:
            due = time.monotonic() - self._written >= WRITE_SECONDS
            if due:
                self._written = time.monotonic()
        return due

    def write(self, database: Database) -> None:
        """Write what waits, a short transaction a campus. What cannot be written is kept for the next time."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for campus in sorted({use[0] for use in waiting}):
            lines = [use for use in waiting if use[0] == campus]
            uses = [
                {"campus_id": campus, "staff_id": str(staff_id), "permission": permission, "day": day.isoformat()}
                for _, staff_id, permission, day in lines
            ]
            try:
                with database.transaction(
                    Scope(campus=campus, readable=(campus,), subject="kernel"), COUNTER
                ) as session:
                    session.execute(_NOTE, uses=orjson.dumps(uses).decode())
            except Exception as error:  # bookkeeping never costs a request
                log.warning(
                    "uses of permissions wait", extra={"fields": {"campus": campus, "cause": type(error).__name__}}
                )
                with self._lock:
                    self._waiting += lines[: MOST - len(self._waiting)]
