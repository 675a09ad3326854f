"""Numbers of people: whom one names, taking one for a person, ending its use."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Date, Text, Uuid, bindparam, exists, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import aliased

from functions.patients.index.models import Dispute, Identifier, Patient
from functions.patients.index.models.people import ACTIVE
from functions.patients.index.queries.people import DISPUTE_OPEN, IN_USE, RecordNames, group_of, survivor_of
from shared.database.query import Query, among


class NumberHolder(NamedTuple):
    """An active number and the person it names."""

    type: str
    value: str
    patient_id: UUID


class StoppedNumber(NamedTuple):
    """A number that must not be used any more."""

    type: str
    status: str
    ended_at: datetime


IDENTIFIER = Query(Identifier, select(Identifier).where(Identifier.identifier_id == bindparam("identifier_id")))

_holder = (
    select(Identifier.patient_id)
    .where(
        among(Identifier.value, "forms"),
        Identifier.type == bindparam("type", type_=Text),
        Identifier.issuer_campus_id.is_not_distinct_from(bindparam("issuer", type_=Text)),
        IN_USE,
    )
    .limit(1)
    .correlate(None)
    .scalar_subquery()
)
HOLDER = Query(Patient, select(Patient).where(Patient.patient_id == survivor_of(_holder)))
"""The person an active number names, in whatever form the number stands there (service.numbers)."""
HOLDER_NAMES = Query(
    RecordNames, select(Patient.name, Patient.former_names).where(Patient.patient_id.in_(group_of(_holder)))
)
HOLDER_IDENTIFIERS = Query(
    Identifier,
    select(Identifier)
    .where(Identifier.patient_id.in_(group_of(_holder)), IN_USE)
    .order_by(Identifier.type, Identifier.identifier_id),
)
HOLDER_DISPUTED = Query(bool, select(exists().where(Dispute.patient_id.in_(group_of(_holder)), DISPUTE_OPEN)))

_CLAIMED: dict[str, Any] = {
    "identifier_id": Uuid(),
    "patient_id": Uuid(),
    "type": Text(),
    "value": Text(),
    "sealed": Text(),
    "key_id": Text(),
    "tail": BigInteger(),
    "issuer_campus_id": Text(),
    "issued_by": Text(),
    "document_valid_to": Date(),
}
_wanted = select(
    *(func.unnest(bindparam(f"{name}s", type_=ARRAY(kind))).label(name) for name, kind in _CLAIMED.items())
).subquery()
_stands = aliased(Identifier)
_claim = insert(Identifier).from_select(
    [*_CLAIMED, "status", "bound_at", "bound_by", "bound_campus_id"],
    select(
        *_wanted.c,
        literal_column("'active'"),
        bindparam("at", type_=Patient.created_at.type),
        bindparam("by", type_=Text),
        bindparam("campus", type_=Text),
    ).where(
        ~exists().where(
            among(_stands.value, "otherwise"),
            _stands.type == _wanted.c.type,
            _stands.issuer_campus_id.is_not_distinct_from(_wanted.c.issuer_campus_id),
            _stands.status == literal_column("'active'"),
        )
    ),
)
CLAIM = Query(
    Identifier,
    _claim.on_conflict_do_nothing(
        index_elements=["value", "type", "issuer_campus_id"], index_where=text(ACTIVE)
    ).returning(Identifier),
)
"""Take numbers for a person; those another person holds are left out of the answer, and all when one is held in one of
the forms it isn't written in any more (`otherwise`).

Waits for a window that is just claiming the same number, so that the second sees what the first made.
"""

STOPPED = Query(
    StoppedNumber,
    select(Identifier.type, Identifier.status, Identifier.ended_at)
    .where(among(Identifier.value, "values"), ~IN_USE)
    .order_by(Identifier.ended_at.desc())
    .limit(1),
)

_pairs = select(
    func.unnest(bindparam("types", type_=ARRAY(Text))).label("type"),
    func.unnest(bindparam("values", type_=ARRAY(Text))).label("value"),
).subquery()
RESOLVE_NUMBERS = Query(
    NumberHolder,
    select(Identifier.type, Identifier.value, Patient.survivor_id)
    .join(_pairs, (_pairs.c.value == Identifier.value) & (_pairs.c.type == Identifier.type))
    .join(Patient, Patient.patient_id == Identifier.patient_id)
    .where(
        IN_USE,
        func.coalesce(Identifier.issuer_campus_id, bindparam("campus", type_=Text)) == bindparam("campus", type_=Text),
    ),
)
"""Holders of active numbers; of numbers a campus gives, those of the acting campus."""

STOP_IDENTIFIER = Query(
    Identifier,
    update(Identifier)
    .where(Identifier.identifier_id == bindparam("id_"), among(Identifier.status, "from_statuses"))
    .values(
        status=bindparam("to"),
        ended_at=func.coalesce(Identifier.ended_at, bindparam("at", type_=Patient.created_at.type)),
        ended_by=bindparam("by"),
        end_reason=bindparam("reason"),
    )
    .returning(Identifier),
)
"""End the use of a number; None when it was ended before."""

SET_SUCCESSOR = Query(
    object,
    update(Identifier)
    .where(Identifier.identifier_id == bindparam("id_"))
    .values(replaced_by=bindparam("successor", type_=Uuid)),
)
