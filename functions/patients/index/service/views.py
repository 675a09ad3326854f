"""What screens see of a person: masked by one rule, ages by one rule."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Protocol

from functions.patients.index import rules
from functions.patients.index.models import Identifier, Patient, Relation
from functions.patients.index.schemas.people import IdentifierView, PatientView, RelationView
from functions.patients.index.service.numbers import masked, number_of
from shared.schemas import SHANGHAI


class Born(Protocol):
    """Whoever has a birth: a patient's row, its information for other modules, a search hit."""

    @property
    def birth_date(self) -> date: ...
    @property
    def birth_datetime(self) -> datetime | None: ...
    @property
    def birth_precision(self) -> str: ...


def age_text(person: Born, at: datetime) -> str:
    """Age at the moment of care as it is printed (rules.age_text); empty before birth, which a wrong clock may ask."""
    precision = rules.BirthPrecision(person.birth_precision)
    birth = person.birth_datetime or datetime.combine(person.birth_date, time(), tzinfo=SHANGHAI).astimezone(UTC)
    try:
        return rules.age_text(birth, at, precision)
    except ValueError:
        return ""


def masked_phone(phone: str | None) -> str | None:
    return None if phone is None else rules.mask_phone(phone)


def masked_address(address: object) -> str | None:
    """The text of a stored address down to the township."""
    text = address.get("text") if isinstance(address, dict) else None
    return None if not text else rules.mask_address(str(text))


def identifier_view(identifier: Identifier, *, full: bool = False) -> IdentifierView:
    return IdentifierView(
        identifier_id=identifier.identifier_id,
        type=identifier.type,
        value=number_of(identifier) if full else masked(identifier),
        issuer_campus_id=identifier.issuer_campus_id,
        status=identifier.status,
    )


def patient_view(patient: Patient, identifiers: Iterable[Identifier], at: datetime, *, disputed: bool) -> PatientView:
    """A person for the counter, the same whether just written or read."""
    return PatientView(
        patient_id=patient.patient_id,
        empi_no=patient.empi_no,
        name=patient.name,
        sex=patient.sex,
        birth_date=patient.birth_date,
        birth_precision=patient.birth_precision,
        age=age_text(patient, at),
        phone=masked_phone(patient.phone),
        identity_level=patient.identity_level,
        status=patient.status,
        confidentiality=patient.confidentiality,
        disputed=disputed,
        identifiers=[
            identifier_view(one) for one in sorted(identifiers, key=lambda one: (one.type, one.identifier_id))
        ],
        version=patient.version,
    )


def relation_view(relation: Relation, patient: Patient, on: date) -> RelationView:
    """A relation, and whether it still counts today."""
    grown_up = relation.is_guardian and not rules.guardian_has_authority(patient.birth_date, on)
    return RelationView(
        relation_id=relation.relation_id,
        kind=relation.kind,
        name=relation.name,
        phone=relation.phone,
        related_patient_id=relation.related_patient_id,
        is_guardian=relation.is_guardian,
        is_emergency_contact=relation.is_emergency_contact,
        shares_account=relation.shares_account,
        in_force=relation.ended_at is None and not grown_up,
    )
