"""Identity checks with the police."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam, literal_column, select, update
from sqlalchemy.orm import aliased

from functions.patients.index.models import Identifier, PoliceCheck
from functions.patients.index.queries.people import IN_USE, group_of
from shared.database.query import Query

_MOMENT = DateTime(timezone=True)
_WAITING = PoliceCheck.status == literal_column("'waiting'")
_due = aliased(PoliceCheck)

TAKE_DUE = Query(
    PoliceCheck,
    update(PoliceCheck)
    .where(
        PoliceCheck.check_id.in_(
            select(_due.check_id)
            .where(
                _due.campus_id == bindparam("campus", type_=Text),
                _due.status == literal_column("'waiting'"),
                _due.next_at <= bindparam("now", type_=_MOMENT),
            )
            .order_by(_due.next_at)
            .limit(bindparam("limit", type_=Integer))
            .with_for_update(skip_locked=True)
        )
    )
    .values(next_at=bindparam("lost_at", type_=_MOMENT), attempts=PoliceCheck.attempts + 1)
    .returning(PoliceCheck),
)
"""Questions that are due, taken for as long as an answer may need; two rounds at once share them."""


class ResidentNumber(NamedTuple):
    """The resident number of a person as it stands there (service.numbers)."""

    identifier_id: UUID
    value: str
    sealed: str | None


NUMBER = Query(
    ResidentNumber,
    select(Identifier.identifier_id, Identifier.value, Identifier.sealed).where(
        Identifier.patient_id.in_(group_of(bindparam("patient_id", type_=Uuid))),
        Identifier.type == literal_column("'resident_id'"),
        IN_USE,
    ),
)
"""The resident number of a person; merged records have the same one or none."""

OF_PERSON = Query(
    UUID,
    select(PoliceCheck.check_id).where(
        PoliceCheck.patient_id.in_(group_of(bindparam("patient_id", type_=Uuid))), _WAITING
    ),
)
CHECK = Query(PoliceCheck, select(PoliceCheck).where(PoliceCheck.check_id == bindparam("check_id", type_=Uuid)))
ANSWER = Query(
    PoliceCheck,
    update(PoliceCheck)
    .where(PoliceCheck.check_id == bindparam("id_", type_=Uuid), _WAITING)
    .values(
        status=bindparam("to"),
        answered_at=bindparam("at", type_=_MOMENT),
        serial=bindparam("reference", type_=Text),
        asked_version=bindparam("version", type_=Integer),
    )
    .returning(PoliceCheck),
)
"""Book an answer; None when another round booked it."""
DEFER = Query(
    object,
    update(PoliceCheck)
    .where(PoliceCheck.check_id == bindparam("id_", type_=Uuid), _WAITING)
    .values(next_at=bindparam("at", type_=_MOMENT)),
)
LIST = Query(
    PoliceCheck,
    select(PoliceCheck)
    .where(
        PoliceCheck.campus_id == bindparam("campus", type_=Text),
        PoliceCheck.status == bindparam("status", type_=Text),
        PoliceCheck.check_id < bindparam("before", type_=Uuid),
    )
    .order_by(PoliceCheck.check_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
