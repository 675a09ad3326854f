"""Entries, links and heads: what is hashed, and how."""

import hashlib
import json
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from shared.database.engine import Scope
from shared.database.query import Query

GENESIS = bytes(32)
"""What stands before the first link of every campus."""
NOBODY = UUID(int=0)
"""Comes before every entry."""
AUDIT = Scope(campus="", readable=(), subject="system:audit")


class Entry(NamedTuple):
    """An audit entry as it is hashed; `detail` is PostgreSQL's own text of the JSONB value, which is canonical."""

    entry_id: UUID
    campus_id: str
    at: datetime
    actor: str
    actor_name: str
    action: str
    subject_kind: str
    subject_id: str
    patient_id: UUID | None
    detail: str
    trace_id: str
    transaction: int

    def canonical(self) -> bytes:
        """One JSON text per entry for all time: named fields in alphabetical order, UTC, no blanks."""
        fields = self._asdict() | {
            "entry_id": str(self.entry_id),
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "patient_id": None if self.patient_id is None else str(self.patient_id),
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def link(self, before: bytes) -> bytes:
        """The hash of this entry's link over the hash before it."""
        return hashlib.sha256(before + self.canonical()).digest()


ENTRY_COLUMNS = ", ".join("entry.detail::text" if name == "detail" else f"entry.{name}" for name in Entry._fields)


class Head(NamedTuple):
    """Where a campus's chain ended at a moment."""

    campus_id: str
    position: int
    hash: bytes
    published_at: datetime


HEADS = Query(
    Head, text("SELECT campus_id, position, hash, published_at FROM kernel.audit_heads ORDER BY campus_id, day")
)
