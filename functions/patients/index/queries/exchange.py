"""Whole people at once, for other systems."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased

from functions.patients.index.models import Identifier, Patient
from functions.patients.index.queries.people import IN_USE
from shared.database.query import Query, among

_record = aliased(Patient)


class HeldNumber(NamedTuple):
    """An active number and the person it names, whichever of the person's records it stands on."""

    holder_id: UUID
    identifier_id: UUID
    type: str
    value: str
    sealed: str | None
    issuer_campus_id: str | None


SURVIVORS = Query(Patient, select(Patient).where(among(Patient.patient_id, "ids")).order_by(Patient.patient_id))
"""Rows of people by the ids that speak for them."""
NUMBERS_OF = Query(
    HeldNumber,
    select(
        _record.survivor_id,
        Identifier.identifier_id,
        Identifier.type,
        Identifier.value,
        Identifier.sealed,
        Identifier.issuer_campus_id,
    )
    .join(_record, _record.patient_id == Identifier.patient_id)
    .where(among(_record.survivor_id, "ids"), IN_USE)
    .order_by(Identifier.type, Identifier.identifier_id),
)
