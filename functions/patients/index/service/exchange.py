"""The index for other systems, as IHE has them ask and tell: demographics query (ITI-78), identifier cross-reference
(ITI-83), identity feed (ITI-104). These carry the regional services 个人信息注册、更新、合并、查询 too.

Nobody is told more by machine than at a counter: each person handed out is traced, a restricted one is found by number
only, and what contradicts somebody's documents is refused for people to look at. Two records are never joined by a
message; it puts the pair before the steward.
"""

import logging
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from functions.patients.index import problems, rules
from functions.patients.index.models import Identifier, Patient
from functions.patients.index.queries import exchange, holding, people, search
from functions.patients.index.rules import fhir
from functions.patients.index.schemas.exchange import (
    DemographicsQuestion,
    FhirAnswer,
    FhirIdentifier,
    FhirPatient,
    FhirReference,
)
from functions.patients.index.schemas.people import (
    CorrectedFields,
    CorrectPatient,
    DocumentRead,
    FindPatients,
    IdentifierRead,
    RegisterPatient,
)
from functions.patients.index.schemas.stewardship import ProposePair
from functions.patients.index.schemas.values import (
    CAMPUS_ISSUED,
    REGISTERED_BY,
    Address,
    Evidence,
    IdentifierType,
    ReadBy,
)
from functions.patients.index.service.correct import correct_patient
from functions.patients.index.service.duplicates import propose_pair
from functions.patients.index.service.facts import checked_number
from functions.patients.index.service.finding import hits_of
from functions.patients.index.service.identifiers import announce, bind
from functions.patients.index.service.numbers import SEALED, forms_of, masked, number_of
from functions.patients.index.service.read import survivor
from functions.patients.index.service.register import register_patient
from shared.problems import NotFound
from shared.resident_id import normalise_id_number
from shared.tx import Tx

log = logging.getLogger("his.patients")
REASON = "外部系统上报"
NO_PHONE = "外部系统未提供"
_KINDS = frozenset(kind.value for kind in IdentifierType)
_CAMPUS_ISSUED = frozenset(kind.value for kind in CAMPUS_ISSUED)


def query_demographics(tx: Tx, question: DemographicsQuestion) -> FhirAnswer:
    """People who match every parameter (ITI-78), at most 50. Raises ExchangeQuery, UnknownDomain."""
    ids = _candidates(tx, question)
    found = [one for one in _people(tx, ids) if _fits(one, question)]
    shown = found[: question.count]
    return fhir.bundle(_resources(tx, shown), more=len(found) > question.count)


def demographics_of(tx: Tx, patient_id: UUID) -> FhirAnswer:
    """One person by the id of any of their records; what comes back is the record that speaks. Raises NotFound."""
    return _resources(tx, [survivor(tx, patient_id)])[0]


def cross_reference(tx: Tx, source: str, targets: Sequence[str]) -> FhirAnswer:
    """The other numbers of whom a number names (ITI-83), of the target systems when such are given.

    Raises ExchangeQuery, UnknownDomain, UnknownTargetDomain, NumberUnknown.
    """
    token = _token(source)
    if token.kind is None:
        raise _question("sourceIdentifier 须写成“编号体系|号码”。")
    for target in targets:
        if fhir.domain_of(target, _KINDS, _CAMPUS_ISSUED) is None:
            raise problems.UnknownTargetDomain(
                f"没有编号体系“{target}”，请核对 targetSystem。",
                **fhir.outcome("error", "code-invalid", "targetSystem not found"),
            )
    person = _holder(tx, token)
    if person is None:
        raise problems.NumberUnknown(
            "该编号体系中没有人持有这个号码，请核对。",
            **fhir.outcome("error", "not-found", "sourceIdentifier Patient Identifier not found"),
        )
    (resource,) = _resources(tx, [person])
    asked = (fhir.system_of(token.kind, token.issuer) if token.kind != "empi" else fhir.EMPI_SYSTEM, token.value)
    others = [
        one
        for one in resource["identifier"]
        if (one["system"], one["value"]) != asked and (not targets or one["system"] in targets)
    ]
    return fhir.cross_references(others, person.patient_id)


def take_feed(tx: Tx, source: str, resource: FhirPatient) -> FhirAnswer:
    """Another system registers, revises or joins somebody it knows by a number (ITI-104).

    A new person is registered as unverified; of a known one phone, address and further numbers follow. The answer is
    kept for whoever asks again, so certificates stand in it masked. A link
    `replaced-by` is put before the steward. Raises FeedConflict for another name, sex or birth date, NumberUnknown,
    and whatever registration and binding refuse.
    """
    token = _token(source)
    given = [_number(tx, one) for one in resource.identifier]
    if token.kind is None or token not in given:
        raise _question("identifier 参数须是资源所带号码之一，写成“编号体系|号码”。")
    known = _holder(tx, token)
    replaced_by = resource.replaced_by()
    if replaced_by is not None:
        return _put_forward(tx, known, replaced_by)
    if not resource.active:
        raise _question("停用档案须注明由哪份档案取代（link.type = replaced-by）。")
    person = survivor(tx, _registered(tx, given, resource)) if known is None else _revised(tx, known, given, resource)
    return _resources(tx, [person], whole=False)[0]


# -- asking


def _candidates(tx: Tx, question: DemographicsQuestion) -> list[UUID]:
    """Ids of those the narrowest parameter names."""
    if question.id is not None:
        link = tx.session.first(people.RESOLVE, ids=[question.id])
        return [link.survivor_id] if link else []
    if question.identifier is not None:
        token = _token(question.identifier)
        if token.kind is not None:
            person = _holder(tx, token)
            return [person.patient_id] if person else []
        return _found(tx, token.value, question)
    if question.telecom is not None:
        return _found(tx, question.telecom.rpartition("|")[2], question)
    name = _asked_name(question)
    if name is None:
        raise _question("请至少给出 identifier、name、telecom 或 _id 之一。")
    return _found(tx, name, question)


def _found(tx: Tx, text: str, question: DemographicsQuestion) -> list[UUID]:
    wanted = FindPatients(text=text, birth_date=_birth_date(question), sex=fhir.SEXES.get(question.gender or ""))
    return [hit.patient_id for hit, _ in hits_of(tx, wanted)[0]]


def _asked_name(question: DemographicsQuestion) -> str | None:
    if question.name is not None:
        return question.name
    return f"{question.family or ''}{question.given or ''}" or None


def _birth_date(question: DemographicsQuestion) -> date | None:
    if question.birthdate is None:
        return None
    try:
        return date.fromisoformat(question.birthdate.removeprefix("eq"))
    except ValueError as error:
        raise _question("birthdate 不是有效日期。") from error


def _fits(person: Patient, question: DemographicsQuestion) -> bool:
    """Whether somebody matches the parameters that did not choose them. A name is met by an earlier one too."""
    name = _asked_name(question)
    names = {one.casefold() for one in (person.name, *person.former_names)}
    surname = rules.split_name(person.name)[0]
    phone = question.telecom.rpartition("|")[2] if question.telecom else None
    return (
        (name is None or rules.normalise_name(name).casefold() in names or (question.name is None and name == surname))
        and (question.telecom is None or person.phone == phone)
        and _birth_date(question) in (None, person.birth_date)
        and fhir.SEXES.get(question.gender or "") in (None, person.sex)
        and question.active in (None, person.status == "active")
    )


def _people(tx: Tx, ids: Sequence[UUID]) -> list[Patient]:
    """Rows in the order of the ids."""
    rows = {row.patient_id: row for row in tx.session.all(exchange.SURVIVORS, ids=list(ids))} if ids else {}
    return [rows[one] for one in dict.fromkeys(ids) if one in rows]


def _resources(tx: Tx, persons: Sequence[Patient], *, whole: bool = True) -> list[dict[str, Any]]:
    """What goes out of the house, each person traced."""
    if not persons:
        return []
    held = tx.session.all(exchange.NUMBERS_OF, ids=[person.patient_id for person in persons])
    for person in persons:
        tx.audit(
            "patient.exchanged",
            "patient",
            person.patient_id,
            patient_id=person.patient_id,
            restricted=person.confidentiality == "restricted",
            reason_code="exchange",
        )
    shown = [one._replace(value=number_of(one) if whole else masked(one)) for one in held]
    return [
        fhir.patient_resource(
            person,
            [one for one in shown if one.holder_id == person.patient_id],
            masked=frozenset() if whole else SEALED,
        )
        for person in persons
    ]


def _holder(tx: Tx, token: fhir.Token) -> Patient | None:
    if token.kind == "empi":
        hit = tx.session.first(search.BY_EMPI, text=token.value)
        return survivor(tx, hit.patient_id) if hit else None
    forms = forms_of(tx, token.kind or "", token.value)
    return tx.session.first(holding.HOLDER, forms=forms, type=token.kind, issuer=token.issuer)


def _token(text: str) -> fhir.Token:
    """`system|value`, or a value alone. Raises UnknownDomain, ExchangeQuery."""
    system, bar, value = text.strip().rpartition("|")
    value = value.strip()
    if not value:
        raise _question("缺少号码，请写成“编号体系|号码”。")
    if not bar or not system:
        return fhir.Token(None, value, None)
    domain = fhir.domain_of(system, _KINDS, _CAMPUS_ISSUED)
    if domain is None:
        raise problems.UnknownDomain(
            f"没有编号体系“{system}”，请核对。",
            **fhir.outcome("error", "code-invalid", "sourceIdentifier Assigning Authority not found"),
        )
    plain = value if domain.kind in ("wechat", "empi") else normalise_id_number(value)
    return fhir.Token(domain.kind, plain, domain.issuer)


def _question(text: str) -> problems.ExchangeQuery:
    return problems.ExchangeQuery(text, **fhir.outcome("error", "invalid", text))


# -- telling


def _number(tx: Tx, given: FhirIdentifier) -> fhir.Token:
    token = _token(f"{given.system}|{given.value}")
    if token.issuer not in (None, tx.campus):
        raise _question("院区自编号码须由该院区上报。")
    return token


def _put_forward(tx: Tx, known: Patient | None, other: FhirReference) -> FhirAnswer:
    """A message cannot join two records: the steward is shown the pair."""
    if known is None:
        raise problems.NumberUnknown("被取代的档案不在主索引中，请先注册。")
    second: UUID | None = None
    if other.identifier is not None:
        holder = _holder(tx, _token(f"{other.identifier.system}|{other.identifier.value}"))
        second = holder.patient_id if holder else None
    elif other.reference is not None:
        try:
            second = UUID(other.reference.removeprefix("Patient/"))
        except ValueError as error:
            raise _question("link.other.reference 须写成 Patient/编号。") from error
    if second is None:
        raise NotFound("取代它的档案不在主索引中，请先注册。")
    propose_pair(tx, ProposePair(first_id=known.patient_id, second_id=second))
    return fhir.outcome("information", "informational", "已提交主索引管理员核对，核对后合并。")


def _registered(tx: Tx, given: Sequence[fhir.Token], resource: FhirPatient) -> UUID:
    documents = [one for one in given if one.kind in {kind.value for kind in REGISTERED_BY}]
    name = resource.official_name()
    if not documents or name is None:
        raise problems.IdentityIncomplete("新建档案须有姓名和身份证件、健康卡或医保编号。")
    document = min(documents, key=lambda one: one.kind != IdentifierType.RESIDENT_ID.value)
    phone = resource.phone()
    home = resource.home()
    command = RegisterPatient(
        document=DocumentRead(type=_kind(document), number=document.value, read_by=ReadBy.STATED),
        name=name,
        sex=fhir.SEXES.get(resource.gender or ""),
        birth_date=resource.birthDate,
        phone=phone,
        phone_missing_reason=None if phone else NO_PHONE,
        current_address=Address(text=home.text) if home and home.text else None,
        identifiers=[
            IdentifierRead(type=_kind(one), value=one.value) for one in given if one != document and one.kind != "empi"
        ],
    )
    try:
        return register_patient(tx, command).patient_id
    except problems.IdentityDisputed as dispute:
        raise _conflict(tx, str(dispute.extra["patient_id"]), ["name"]) from None


def _conflict(tx: Tx, patient_id: str, fields: list[str]) -> problems.FeedConflict:
    log.warning(
        "another system contradicts the index",
        extra={
            "fields": {"patient_id": patient_id, "campus": tx.campus, "actor": tx.actor.subject, "differing": fields}
        },
    )
    return problems.FeedConflict(
        "上报的姓名、性别或出生日期与主索引不一致，须凭证件到窗口更正。",
        fields=fields,
        **fhir.outcome("error", "conflict", f"differs: {', '.join(fields)}"),
    )


def _kind(token: fhir.Token) -> IdentifierType:
    return IdentifierType(token.kind or "")


def _revised(tx: Tx, known: Patient, given: Sequence[fhir.Token], resource: FhirPatient) -> Patient:
    name = resource.official_name()
    sex = fhir.SEXES.get(resource.gender or "")
    names = {one.casefold() for one in (known.name, *known.former_names)}
    differing = [
        field
        for field, differs in (
            ("name", name is not None and rules.normalise_name(name).casefold() not in names),
            ("gender", {sex, known.sex} == {rules.Sex.MALE.value, rules.Sex.FEMALE.value}),
            ("birthDate", resource.birthDate not in (None, known.birth_date)),
        )
        if differs
    ]
    if differing:
        raise _conflict(tx, str(known.patient_id), differing)
    phone, home = resource.phone(), resource.home()
    changes: dict[str, Any] = {}
    if phone and phone != known.phone:
        changes["phone"] = phone
    if home and home.text and home.text != (known.current_address or {}).get("text"):
        changes["current_address"] = {"text": home.text}
    if changes:
        command = CorrectPatient(
            version=known.version,
            changes=CorrectedFields.model_validate(changes),
            evidence=Evidence.STATEMENT,
            reason=REASON,
        )
        correct_patient(tx, known.patient_id, command)
    held: list[Identifier] = tx.session.all(people.IDENTIFIERS, patient_id=known.patient_id)
    numbers = [checked_number(_kind(one), one.value) for one in given if one.kind != "empi"]
    for row in bind(tx, known.patient_id, held, numbers):
        announce(tx, row, known.patient_id)
    return survivor(tx, known.patient_id)
