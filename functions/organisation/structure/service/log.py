"""The change log: what was before, what is after, who, when, why."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

from functions.organisation.structure.models import ChangeLogEntry
from shared.ids import new_id
from shared.tx import Tx


def record(
    tx: Tx,
    kind: str,
    subject_id: object,
    change: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Leave a line in the change log and in the audit trail. Private contact data never goes in here."""
    tx.session.add(
        ChangeLogEntry(
            change_id=new_id(),
            campus_id=tx.campus,
            kind=kind,
            subject_id=str(subject_id),
            change=change,
            before=_plain(before or {}),
            after=_plain(after or {}),
            reason=reason or "",
            changed_at=tx.now,
            changed_by=tx.actor.subject,
        )
    )
    tx.audit(f"{kind}.{change}", kind, subject_id)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _json(value) for key, value in values.items()}


def _json(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case UUID():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case _:
            return value
