"""Finding people, and those who may be the same person.

The searches by name, sound, phone and last digits are functions of the database (infra/migrations/patient_searches.py),
because LIKE and array operators lose their indexes under row-level security.
"""

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Date,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    column,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.orm import aliased

from functions.patients.index.models import Identifier, MatchPoints, Patient, Relation
from functions.patients.index.queries.people import IN_USE, group_of
from functions.patients.index.schemas.values import DOCUMENT_CODES
from shared.database.query import Query, among


class Hit(NamedTuple):
    """One person a search found; `closeness` 0 exact, 1 same sound, 2 initials or one character apart."""

    patient_id: UUID
    empi_no: str
    name: str
    sex: str
    birth_date: date
    birth_datetime: datetime | None
    birth_precision: str
    phone: str | None
    current_address: dict[str, Any] | None
    identity_level: str
    status: str
    confidentiality: str
    document: str | None
    """`identifier_id/number`, the number sealed, or in clear where it isn't yet (service.numbers)."""
    closeness: int


class Comparable(NamedTuple):
    """What the match score compares of a record."""

    patient_id: UUID
    name: str
    name_pinyin: str
    birth_date: date
    birth_precision: str
    sex: str
    phone: str | None
    current_address: dict[str, Any] | None
    guardian_document: str | None
    """`relation_id/number` likewise, or a number that was just read."""
    insurance_no: str | None
    mother_id: UUID | None
    birth_order: int | None


def _number(types: list[str]) -> Any:
    return (
        select(func.concat(Identifier.identifier_id, "/", func.coalesce(Identifier.sealed, Identifier.value)))
        .where(Identifier.patient_id == Patient.patient_id, IN_USE, Identifier.type == any_(array(types)))
        .order_by(Identifier.identifier_id)
        .limit(1)
        .correlate(Patient)
        .scalar_subquery()
    )


_document = _number([kind.value for kind in DOCUMENT_CODES])
_insurance_no = (
    select(Identifier.value)
    .where(
        Identifier.patient_id == Patient.patient_id, IN_USE, Identifier.type == literal_column("'insurance_person_no'")
    )
    .limit(1)
    .correlate(Patient)
    .scalar_subquery()
)
"""A person has one at a time: written so that the unique index of single numbers answers, statistics or not."""
_guardian_document = (
    select(func.concat(Relation.relation_id, "/", Relation.document_no))
    .where(
        Relation.patient_id == Patient.patient_id,
        Relation.is_guardian,
        Relation.ended_at.is_(None),
        Relation.document_no.is_not(None),
    )
    .order_by(Relation.relation_id)
    .limit(1)
    .correlate(Patient)
    .scalar_subquery()
)


def _hits(closeness: Any) -> Any:
    return select(
        Patient.patient_id,
        Patient.empi_no,
        Patient.name,
        Patient.sex,
        Patient.birth_date,
        Patient.birth_datetime,
        Patient.birth_precision,
        Patient.phone,
        Patient.current_address,
        Patient.identity_level,
        Patient.status,
        Patient.confidentiality,
        _document,
        closeness,
    )


def _search(function: Any, *parameters: Any) -> Query[Hit]:
    found = function(*parameters).table_valued(column("found_id", Uuid), column("closeness", Integer)).alias("found")
    return Query(Hit, _hits(found.c.closeness).join(found, found.c.found_id == Patient.patient_id))


_text = bindparam("text", type_=Text)
_born = bindparam("born", type_=Date)
_sex = bindparam("sex", type_=Text)

BY_NAME = _search(
    func.patients.search_by_name,
    _text,
    bindparam("pinyin", type_=Text),
    bindparam("keys", type_=ARRAY(Text)),
    _born,
    _sex,
)
BY_PINYIN = _search(func.patients.search_by_pinyin, _text, _born, _sex)
BY_PHONE = _search(func.patients.search_by_phone, _text)
BY_TAIL = _search(
    func.patients.search_by_tail,
    _text,
    bindparam("tails", type_=ARRAY(BigInteger)),
    bindparam("birthday", type_=Text),
)
"""Last digits: read backwards of a telephone, of an ID number as the marks of its last four with those of the birthday
before them."""

_matched = aliased(Patient)
BY_IDENTIFIER = Query(
    Hit,
    _hits(literal(0))
    .join(_matched, _matched.survivor_id == Patient.patient_id)
    .join(Identifier, Identifier.patient_id == _matched.patient_id)
    .where(among(Identifier.value, "values"), IN_USE)
    .limit(51),
)
"""By any active number, whatever its kind. A scan finds a restricted person too, who then stands at the counter."""

BY_EMPI = Query(
    Hit,
    _hits(literal(0))
    .join(_matched, _matched.survivor_id == Patient.patient_id)
    .where(_matched.empi_no == bindparam("text")),
)

BY_MOTHER = Query(
    Hit,
    _hits(literal(0))
    .join(_matched, _matched.survivor_id == Patient.patient_id)
    .where(
        _matched.mother_id.in_(group_of(bindparam("mother_id", type_=Uuid))),
        func.patients.visible_here(Patient.confidentiality, Patient.patient_id),
    )
    .order_by(Patient.birth_date.desc())
    .limit(51),
)

POINTS = Query(
    MatchPoints,
    select(MatchPoints)
    .where(MatchPoints.in_force_from <= bindparam("now", type_=MatchPoints.in_force_from.type))
    .order_by(MatchPoints.in_force_from.desc())
    .limit(1),
)
"""The points in force now."""

_comparable = select(
    Patient.patient_id,
    Patient.name,
    Patient.name_pinyin,
    Patient.birth_date,
    Patient.birth_precision,
    Patient.sex,
    Patient.phone,
    Patient.current_address,
    _guardian_document,
    _insurance_no,
    Patient.mother_id,
    Patient.birth_order,
)
_likely = (
    func.patients.likely_duplicates(
        bindparam("name", type_=Text),
        bindparam("pinyin", type_=Text),
        bindparam("keys", type_=ARRAY(Text)),
        bindparam("born", type_=Date),
        bindparam("near", type_=ARRAY(Date)),
        bindparam("phone", type_=Text),
        bindparam("known_id", type_=Uuid),
    )
    .table_valued(column("found_id", Uuid))
    .alias("likely")
)
LIKELY_DUPLICATES = Query(Comparable, _comparable.join(_likely, _likely.c.found_id == Patient.patient_id))
"""Records that may reach the lower limit of the match score against one person."""

COMPARABLES = Query(Comparable, _comparable.where(among(Patient.patient_id, "ids")))
