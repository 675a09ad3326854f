"""A person as HL7 FHIR R4 says it, for the patient identifier cross-reference and demographics query of IHE.

Numbers travel with the system that gave them: the object identifiers of WS/T 500 where they name one, names of our own
for the rest; a number a campus gives by itself carries the campus. What answers a question is not masked: the wire is
no screen.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from functions.patients.index.rules.names import split_name

EMPI_SYSTEM = "urn:his:empi"
RENDERED = "http://hl7.org/fhir/StructureDefinition/rendered-value"
_OWN = "urn:his:identifier:"
_BY_STANDARD = {
    "resident_id": "urn:oid:2.16.156.10011.1.3",
    "health_record_no": "urn:oid:2.16.156.10011.1.2",
    "health_card": "urn:oid:2.16.156.10011.1.19",
}
"""Identifier type -> object identifier of WS/T 500-2016."""
_TYPES = {system: kind for kind, system in _BY_STANDARD.items()}
GENDERS = {"0": "unknown", "1": "male", "2": "female", "9": "other"}
"""GB/T 2261.1 -> administrative gender; 未说明 (9) has no other word there."""
SEXES = {gender: sex for sex, gender in GENDERS.items()}


class Token(NamedTuple):
    """A number as it is asked for: `kind` None for any kind, `empi` for our own, `issuer` a campus or None."""

    kind: str | None
    value: str
    issuer: str | None


class Domain(NamedTuple):
    """Who gives numbers of a kind; `issuer` None for the whole country or consortium."""

    kind: str
    issuer: str | None


class Number(Protocol):
    """A row of patients.identifiers."""

    @property
    def type(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def issuer_campus_id(self) -> str | None: ...


class Person(Protocol):
    """A row of patients.patients."""

    @property
    def patient_id(self) -> UUID: ...
    @property
    def empi_no(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def former_names(self) -> list[str]: ...
    @property
    def sex(self) -> str: ...
    @property
    def birth_date(self) -> date: ...
    @property
    def birth_precision(self) -> str: ...
    @property
    def phone(self) -> str | None: ...
    @property
    def current_address(self) -> dict[str, Any] | None: ...
    @property
    def status(self) -> str: ...
    @property
    def deceased_at(self) -> datetime | None: ...
    @property
    def version(self) -> int: ...


def system_of(kind: str, issuer: str | None) -> str:
    """The system of a kind of number."""
    if issuer is not None:
        return f"{_OWN}{kind}:{issuer}"
    return _BY_STANDARD.get(kind, f"{_OWN}{kind}")


def domain_of(system: str, kinds: Iterable[str], campus_issued: Iterable[str]) -> Domain | None:
    """Who gives the numbers of a system; None for one nobody here knows."""
    if system == EMPI_SYSTEM:
        return Domain("empi", None)
    if system in _TYPES:
        return Domain(_TYPES[system], None)
    kind, _, issuer = system.removeprefix(_OWN).partition(":")
    if not system.startswith(_OWN) or kind not in set(kinds) or kind in _BY_STANDARD:
        return None
    return Domain(kind, issuer or None) if bool(issuer) == (kind in set(campus_issued)) else None


def identifier(kind: str, value: str, issuer: str | None) -> dict[str, Any]:
    """An Identifier; documents are official, cards are usual."""
    return {"use": "official" if kind == "resident_id" else "usual", "system": system_of(kind, issuer), "value": value}


def empi_identifier(empi_no: str) -> dict[str, Any]:
    return {"use": "usual", "system": EMPI_SYSTEM, "value": empi_no}


def human_name(name: str, use: str) -> dict[str, Any]:
    """A name with its parts; one without a surname (a foreigner's, 无名氏) stands as text."""
    surname, given = split_name(name)
    parts = {"family": surname, "given": [given]} if surname and given else {}
    return {"use": use, "text": name, **parts}


def birth_date_text(day: date, precision: str) -> str:
    """As much of a birth date as is known."""
    return {"year": f"{day:%Y}", "month": f"{day:%Y-%m}"}.get(precision, day.isoformat())


def masked_identifier(kind: str, shown: str, issuer: str | None) -> dict[str, Any]:
    """An Identifier whose value is held back: what may be shown of it stands beside it, as FHIR has it."""
    whole = identifier(kind, "", issuer)
    del whole["value"]
    return whole | {"_value": {"extension": [{"url": RENDERED, "valueString": shown}]}}


def patient_resource(person: Person, numbers: Iterable[Number], masked: Collection[str] = ()) -> dict[str, Any]:
    """A Patient. What is not known is left out, as FHIR demands. The values of `masked` kinds of number are masked."""
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": str(person.patient_id),
        "meta": {"versionId": str(person.version)},
        "identifier": [
            empi_identifier(person.empi_no),
            *(
                (masked_identifier if one.type in masked else identifier)(one.type, one.value, one.issuer_campus_id)
                for one in numbers
            ),
        ],
        "active": person.status == "active",
        "name": [human_name(person.name, "official"), *(human_name(name, "old") for name in person.former_names)],
        "gender": GENDERS[person.sex],
        "birthDate": birth_date_text(person.birth_date, person.birth_precision),
    }
    if person.phone:
        resource["telecom"] = [{"system": "phone", "value": person.phone}]
    if person.current_address and person.current_address.get("text"):
        resource["address"] = [_address(person.current_address)]
    if person.status == "deceased":
        moment = person.deceased_at.isoformat() if person.deceased_at else None
        resource |= {"deceasedDateTime": moment} if moment else {"deceasedBoolean": True}
    return resource


def _address(stored: Mapping[str, Any]) -> dict[str, Any]:
    parts = {"text": stored["text"], "district": stored.get("region"), "city": stored.get("township")}
    return {"use": "home", **{name: value for name, value in parts.items() if value}}


def bundle(resources: Iterable[dict[str, Any]], more: bool) -> dict[str, Any]:
    """A search set; `more` says that further people match and the question should be narrowed."""
    entries: list[dict[str, Any]] = [
        {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource, "search": {"mode": "match"}}
        for resource in resources
    ]
    found: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if more:
        issue = outcome("warning", "too-costly", "符合条件的人数过多，请补充出生日期或证件号。")
        return found | {"entry": [*entries, {"resource": issue, "search": {"mode": "outcome"}}]}
    return found | {"total": len(entries), "entry": entries}


def cross_references(targets: Iterable[dict[str, Any]], patient_id: UUID) -> dict[str, Any]:
    """The answer of `$ihe-pix`: every other number of the person, and the record that speaks for them."""
    numbers = [{"name": "targetIdentifier", "valueIdentifier": one} for one in targets]
    speaks = {"name": "targetId", "valueReference": {"reference": f"Patient/{patient_id}"}}
    return {"resourceType": "Parameters", "parameter": [*numbers, speaks]}


def outcome(severity: str, code: str, text: str) -> dict[str, Any]:
    """An OperationOutcome of one issue."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "details": {"text": text}}],
    }
