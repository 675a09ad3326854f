"""Figures of the index for the steward: duplicates, verified identities, people still without a name."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Integer, bindparam, func, literal_column, select

from functions.patients.index.models import MatchCandidate, Patient
from shared.database.query import Query

_MOMENT = DateTime(timezone=True)


class Size(NamedTuple):
    """How many people and how many records that were merged into them."""

    people: int
    merged: int


class Suspected(NamedTuple):
    """Open pairs of a suspicion, and those that should have been decided by now."""

    suspicion: str
    pairs: int
    overdue: int


class Registrations(NamedTuple):
    """What one registrar of a campus registered in a period, and how much of it is verified today."""

    campus_id: str
    registrar: str
    registered: int
    verified: int


class Nameless(NamedTuple):
    """A person who is still 无名氏."""

    patient_id: UUID
    empi_no: str
    name: str
    sex: str
    campus_id: str
    registered_at: datetime


_survives = Patient.status != literal_column("'merged'")

SIZE = Query(Size, select(func.count().filter(_survives), func.count().filter(~_survives)).select_from(Patient))

SUSPECTED = Query(
    Suspected,
    select(
        MatchCandidate.suspicion,
        func.count(),
        func.count().filter(MatchCandidate.due_at < bindparam("now", type_=_MOMENT)),
    )
    .where(MatchCandidate.status == literal_column("'open'"))
    .group_by(MatchCandidate.suspicion)
    .order_by(MatchCandidate.suspicion),
)

REGISTRATIONS = Query(
    Registrations,
    select(
        Patient.created_campus_id,
        Patient.created_by,
        func.count(),
        func.count().filter(Patient.identity_level != literal_column("'unverified'")),
    )
    .where(
        Patient.created_at >= bindparam("since", type_=_MOMENT),
        Patient.created_at < bindparam("until", type_=_MOMENT),
    )
    .group_by(Patient.created_campus_id, Patient.created_by)
    .order_by(Patient.created_campus_id, Patient.created_by),
)

NAMELESS = Query(
    Nameless,
    select(
        Patient.patient_id,
        Patient.empi_no,
        Patient.name,
        Patient.sex,
        Patient.created_campus_id,
        Patient.created_at,
    )
    .where(
        Patient.arrival.is_not(None),
        Patient.created_at < bindparam("before", type_=_MOMENT),
        _survives,
        Patient.arrival["why"].astext == literal_column("'unidentified'"),
        func.cardinality(Patient.former_names) == 0,
    )
    .order_by(Patient.created_at.desc(), Patient.patient_id)
    .limit(bindparam("limit", type_=Integer)),
)
"""Youngest first; who was named has a former name, who was merged another record. Few arrive without a document,
so the index of those is all that is read."""
