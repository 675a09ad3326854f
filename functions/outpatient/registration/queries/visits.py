"""Visits: one, lists, the load of a day, what a registration asks about earlier ones."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, and_, bindparam, exists, func, literal, null, or_, select, true
from sqlalchemy.orm import aliased

from functions.outpatient.registration.models import ExpectedReport, Visit
from functions.outpatient.registration.rules import BEGUN, OPEN, SLIP
from shared.database.query import Query, among, constant, one_of

VISIT = Query(Visit, select(Visit).where(Visit.encounter_id == bindparam("encounter_id")))
VISIT_BY_NUMBER = Query(
    Visit, select(Visit).where(Visit.campus_id == bindparam("campus"), Visit.visit_no == bindparam("visit_no"))
)

VISIT_OF_BOOKING = Query(
    Visit, select(Visit).where(Visit.booking_id == bindparam("booking_id"), Visit.status != constant("cancelled"))
)

_OF_DAY = and_(
    Visit.campus_id == bindparam("campus"),
    Visit.registered_at >= bindparam("since"),
    Visit.registered_at < bindparam("until"),
)


def _asked(column: Any, name: str) -> ColumnElement[bool]:
    """A filter that counts only when it is given."""
    value = bindparam(name, type_=column.type)
    return or_(value.is_(None), column == value)


VISITS = Query(
    Visit,
    select(Visit)
    .where(
        _OF_DAY,
        _asked(Visit.status, "status"),
        _asked(Visit.unit_id, "unit_id"),
        _asked(Visit.kind, "kind"),
        Visit.encounter_id < bindparam("before"),
    )
    .order_by(Visit.encounter_id.desc())
    .limit(bindparam("limit")),
)
"""Visits of a day, newest first (encounter ids grow with time)."""

VISITS_OF_PATIENT = Query(
    Visit,
    select(Visit)
    .where(among(Visit.patient_id, "patients"), Visit.encounter_id < bindparam("before"))
    .order_by(Visit.encounter_id.desc())
    .limit(bindparam("limit")),
)

CURRENT = Query(
    Visit,
    select(Visit)
    .where(
        among(Visit.patient_id, "patients"),
        Visit.campus_id == bindparam("campus"),
        one_of(Visit.status, *SLIP),
        Visit.valid_until > bindparam("now"),
    )
    .order_by(Visit.encounter_id.desc())
    .limit(20),
)
"""Visits of a person that still count at a campus, newest first."""

OF_SESSION = Query(
    Visit,
    select(Visit)
    .where(
        Visit.session_id == bindparam("session_id"),
        Visit.campus_id == bindparam("campus"),
        _asked(Visit.status, "status"),
        Visit.encounter_id > bindparam("after"),
    )
    .order_by(Visit.encounter_id)
    .limit(bindparam("limit")),
)
"""Visits of a session in the order of their registration, cancelled ones too."""


class UnitLoad(NamedTuple):
    """How many visits of a unit are in a state."""

    unit_id: UUID
    status: str
    visits: int


LOAD = Query(
    UnitLoad,
    select(Visit.unit_id, Visit.status, func.count(type_=Integer))
    .where(_OF_DAY)
    .group_by(Visit.unit_id, Visit.status)
    .order_by(Visit.unit_id),
)

OPEN_VISIT_OF_UNIT = Query(
    str,
    select(Visit.visit_no)
    .where(
        Visit.unit_id == bindparam("unit_id"),
        one_of(Visit.status, *OPEN),
        Visit.valid_until > bindparam("since"),
    )
    .order_by(Visit.valid_until.desc())
    .limit(1),
)
"""A visit of a unit that may still be seen, or is being seen, at a moment or later."""

STOPPED_VISIT = Query(
    UUID,
    select(Visit.encounter_id)
    .where(
        among(Visit.patient_id, "patients"),
        Visit.session_id == bindparam("session_id"),
        Visit.cancel_reason == constant("session_stopped"),
    )
    .limit(1),
)
"""A visit of a person that ended because its session was stopped."""

# -- what a registration asks about earlier visits

_first = aliased(Visit, name="first")
_again = aliased(Visit, name="again")
_DAY_OF_FIRST = func.coalesce(_first.band_start, _first.registered_at)
_REPORT_PENDING = exists().where(
    ExpectedReport.encounter_id == _first.encounter_id,
    ExpectedReport.dropped_at.is_(null()),
    or_(ExpectedReport.ready_at.is_(null()), ExpectedReport.ready_at > _first.finished_at),
)
_USED = exists().where(_again.follow_up_of == _first.encounter_id, _again.status != constant("cancelled"))


class Earlier(NamedTuple):
    """Whether the patient was seen in a unit before, and the visit that gives a right to a follow-up, if any."""

    seen: bool
    first_id: UUID | None
    first_at: datetime | None


def _earlier() -> Query[Earlier]:
    in_unit = and_(Visit.patient_id == bindparam("patient_id"), Visit.unit_id == bindparam("unit_id"))
    candidate = (
        select(_first.encounter_id, _DAY_OF_FIRST.label("first_at"))
        .where(
            _first.patient_id == bindparam("patient_id"),
            _first.unit_id == bindparam("unit_id"),
            _first.campus_id == bindparam("campus"),
            _first.registered_at >= bindparam("since"),
            bindparam("today") > _DAY_OF_FIRST,
            _first.kind == constant("general"),
            one_of(_first.status, *BEGUN),
            _REPORT_PENDING,
            ~_USED,
        )
        .order_by(_first.registered_at.desc())
        .limit(1)
        .subquery("candidate")
    )
    one_row = select(literal(1).label("one")).subquery("one_row")
    seen = exists().where(in_unit, Visit.status != constant("cancelled"))
    return Query(
        Earlier,
        select(seen, candidate.c.encounter_id, candidate.c.first_at).select_from(one_row.outerjoin(candidate, true())),
    )


EARLIER = _earlier()
"""One row for the two questions of every registration: 初诊 or 复诊, and is a 续诊号 due?"""


class First(NamedTuple):
    """A visit whose right to a follow-up is asked for by name."""

    encounter_id: UUID
    campus_id: str
    unit_id: UUID
    patient_id: UUID
    kind: str
    status: str
    first_at: datetime
    report_pending: bool
    used: bool


FIRST = Query(
    First,
    select(
        _first.encounter_id,
        _first.campus_id,
        _first.unit_id,
        _first.patient_id,
        _first.kind,
        _first.status,
        _DAY_OF_FIRST,
        _REPORT_PENDING,
        _USED,
    ).where(_first.encounter_id == bindparam("encounter_id")),
)
