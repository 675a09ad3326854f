"""Reading and changing people, and reading their numbers."""

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    ScalarSelect,
    Text,
    Uuid,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.orm import aliased

from functions.patients.index.models import Dispute, Identifier, Patient
from shared.database.query import Query, among


class PatientInfo(NamedTuple):
    """A person as every other module sees them: always the survivor, whichever record was asked for."""

    patient_id: UUID
    empi_no: str
    name: str
    sex: str
    birth_date: date
    birth_datetime: datetime | None
    birth_precision: str
    phone: str | None
    payer_kind: str | None
    identity_level: str
    status: str
    confidentiality: str
    disputed: bool
    version: int


class Link(NamedTuple):
    """A record and the one that speaks for it."""

    patient_id: UUID
    survivor_id: UUID


class RecordNames(NamedTuple):
    """Names one record of a person goes or went by."""

    name: str
    former_names: list[str]


class WrittenName(NamedTuple):
    """What a person is called now, and what the record a row was written with is or was called."""

    name: str
    written: str
    former_names: list[str]


class Named(NamedTuple):
    """A person and their name today."""

    patient_id: UUID
    name: str


IN_USE = Identifier.status == literal_column("'active'")
"""Written as the partial indexes are, so that a prepared statement may use them."""
DISPUTE_OPEN = Dispute.status == literal_column("'open'")

_known = aliased(Patient)
_member = aliased(Patient)


def group_of(patient_id: ColumnElement[UUID]) -> ScalarSelect[UUID]:
    """Ids of all records of the person one record belongs to."""
    return (
        select(_member.patient_id)
        .join(_known, _known.survivor_id == _member.survivor_id)
        .where(_known.patient_id == patient_id)
        .correlate(None)
        .scalar_subquery()
    )


def survivor_of(patient_id: Any) -> ScalarSelect[UUID]:
    """Id of the record that speaks for the person one record belongs to."""
    return select(_known.survivor_id).where(_known.patient_id == patient_id).correlate(None).scalar_subquery()


_in_dispute = exists().where(Dispute.patient_id == Patient.patient_id, DISPUTE_OPEN)

ACCESS = Query(
    PatientInfo,
    select(
        Patient.patient_id,
        Patient.empi_no,
        Patient.name,
        Patient.sex,
        Patient.birth_date,
        Patient.birth_datetime,
        Patient.birth_precision,
        Patient.phone,
        Patient.payer_kind,
        Patient.identity_level,
        Patient.status,
        Patient.confidentiality,
        _in_dispute,
        Patient.version,
    ).where(Patient.patient_id == survivor_of(bindparam("patient_id", type_=Uuid))),
)
"""The survivor of any record, in one look."""

SURVIVOR = Query(Patient, select(Patient).where(Patient.patient_id == survivor_of(bindparam("patient_id", type_=Uuid))))

NAMES = Query(Named, select(Patient.patient_id, Patient.name).where(among(Patient.patient_id, "ids")))

RECORD = Query(Patient, select(Patient).where(Patient.patient_id == bindparam("patient_id", type_=Uuid)))
"""One record as it stands, merged or not."""

RESOLVE = Query(Link, select(Patient.patient_id, Patient.survivor_id).where(among(Patient.patient_id, "ids")))

GROUP = Query(
    UUID, select(Patient.patient_id).where(Patient.patient_id.in_(group_of(bindparam("patient_id", type_=Uuid))))
)

EARLIER_NAMES = Query(
    RecordNames,
    select(Patient.name, Patient.former_names).where(
        Patient.patient_id.in_(group_of(bindparam("patient_id", type_=Uuid)))
    ),
)

_written = aliased(Patient)
PRINTED_NAME = Query(
    WrittenName,
    select(Patient.name, _written.name, _written.former_names)
    .join(_written, _written.survivor_id == Patient.patient_id)
    .where(_written.patient_id == bindparam("patient_id", type_=Uuid)),
)

NEWBORN = Query(
    Patient,
    select(Patient).where(
        Patient.patient_id
        == select(_known.survivor_id)
        .where(
            _known.mother_id.in_(group_of(bindparam("mother_id", type_=Uuid))),
            _known.birth_date == bindparam("birth_date", type_=Date),
            _known.birth_order == bindparam("birth_order", type_=Patient.birth_order.type),
        )
        .limit(1)
        .correlate(None)
        .scalar_subquery()
    ),
)
"""The child a mother bore on a day in this order, if it is registered."""

DISPUTED = Query(
    bool,
    select(exists().where(Dispute.patient_id.in_(group_of(bindparam("patient_id", type_=Uuid))), DISPUTE_OPEN)),
)

# ---------------------------------------------------------------- a person's numbers

IDENTIFIERS = Query(
    Identifier,
    select(Identifier)
    .where(Identifier.patient_id.in_(group_of(bindparam("patient_id", type_=Uuid))), IN_USE)
    .order_by(Identifier.type, Identifier.identifier_id),
)
IDENTIFIERS_OF_RECORD = Query(
    Identifier,
    select(Identifier)
    .where(Identifier.patient_id == bindparam("patient_id", type_=Uuid), IN_USE)
    .order_by(Identifier.type, Identifier.identifier_id),
)
NEXT_EMPI = Query(int, select(func.nextval("patients.empi_numbers")))

# ---------------------------------------------------------------- changing a person

DEMOGRAPHIC = (
    "name",
    "name_pinyin",
    "name_initials",
    "name_keys",
    "former_names",
    "sex",
    "birth_date",
    "birth_datetime",
    "birth_precision",
    "ethnic_group",
    "nationality",
    "marital_status",
    "occupation",
    "education",
    "native_place",
    "registered_address",
    "current_address",
    "phone",
    "employer",
    "payer_kind",
    "abo",
    "rh",
    "blood_group_status",
    "photo_file_id",
    "identity_level",
    "confidentiality",
    "sensitivity",
    "status",
    "deceased_at",
    "death_certificate_no",
)
"""Columns a correction, merge or verification may change."""

UPDATE_PATIENT = Query(
    Patient,
    update(Patient)
    .where(Patient.patient_id == bindparam("id_"), Patient.version == bindparam("seen"))
    .values(
        {name: bindparam(f"new_{name}", type_=getattr(Patient, name).type) for name in DEMOGRAPHIC}
        | {"version": Patient.version + 1}
    )
    .returning(Patient),
)
"""Write a person as a whole; None when the version is no longer the one seen."""

LOCK = Query(
    Patient,
    select(Patient)
    .where(among(Patient.patient_id, "ids"))
    .order_by(Patient.patient_id)
    .with_for_update(key_share=True),
)
"""Hold records while they are merged or parted; references to them go on."""

RELINK = Query(
    Patient,
    update(Patient)
    .where(among(Patient.patient_id, "ids"))
    .values(
        survivor_id=bindparam("to", type_=Uuid),
        status=case(
            (Patient.patient_id == bindparam("head", type_=Uuid), bindparam("head_status", type_=Text)),
            else_=Patient.status,
        ),
        version=Patient.version + 1,
    )
    .returning(Patient),
)
"""Point records to a survivor; `head` is the record that is retired or restored by it."""

MEMBERS = Query(
    UUID,
    select(Patient.patient_id)
    .where(Patient.survivor_id == bindparam("survivor_id", type_=Uuid))
    .order_by(Patient.patient_id),
)
