"""Rows that hold from `valid_from` until just before `valid_to` (null: for ever), as conditions of statements.

A row put right afterwards is kept and `superseded_at`; where a table has that column, only rows without it count.
"""

from typing import Any

from sqlalchemy import ColumnElement, Update, and_, bindparam, func, null, or_, update


def lasts(table: Any, at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Rows that have not ended at this moment or day, begun or not."""
    return or_(table.valid_to.is_(null()), table.valid_to > at)


def holds(table: Any, at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Rows whose period holds this moment or day."""
    return and_(table.valid_from <= at, lasts(table, at))


def in_force(table: Any, at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Live rows whose period holds this moment or day."""
    return and_(table.superseded_at.is_(null()), holds(table, at))


def ended(table: Any, *which: ColumnElement[bool], until: str = "until") -> Update:
    """End what still lasts at the parameter `until`, though not before it began."""
    moment = bindparam(until, type_=table.valid_from.type)
    return update(table).where(*which, lasts(table, moment)).values(valid_to=func.greatest(table.valid_from, moment))


def ended_by(table: Any, *which: ColumnElement[bool], until: str = "until") -> Update:
    """The same, and who did it (`by`) when (`now`) and why (`why`)."""
    return ended(table, *which, until=until).values(
        ended_at=bindparam("now"), ended_by=bindparam("by"), end_reason=bindparam("why")
    )
