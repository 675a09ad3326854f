"""Family, guardians, contacts, and consents."""

from uuid import UUID

from events.patients import ConsentChanged
from functions.patients.index import problems, rules
from functions.patients.index.models import Consent, Relation
from functions.patients.index.queries import care, people
from functions.patients.index.schemas.care import ConsentKind, ConsentView, EndFact, GiveConsent, RelateInput
from functions.patients.index.schemas.people import RelationView
from functions.patients.index.schemas.values import OpeningReason
from functions.patients.index.service import masks
from functions.patients.index.service.facts import checked_number, checked_phone
from functions.patients.index.service.numbers import document_fields, number_of_relation
from functions.patients.index.service.read import opened, resolve_numbers, survivor
from functions.patients.index.service.views import relation_view
from shared.identity import data_rules
from shared.ids import new_id
from shared.problems import Conflict, Invalid, NotFound
from shared.tx import Tx


def relate(tx: Tx, patient_id: UUID, command: RelateInput) -> RelationView:
    """Record a family member, guardian or contact. Raises RelatedToSelf, Invalid for a guardian of an adult."""
    patient = survivor(tx, patient_id)
    related = survivor(tx, command.related_patient_id) if command.related_patient_id else None
    if related is not None and related.patient_id == patient.patient_id:
        raise problems.RelatedToSelf("亲属或联系人不能是患者本人，请重新选择。")
    if command.is_guardian and not rules.guardian_has_authority(patient.birth_date, tx.today):
        raise Invalid("患者已满18周岁，不再登记监护人；需要代办的请登记为联系人。")
    number = None
    if command.document_no is not None:
        if command.document_type is None:
            raise Invalid("请选择证件类型。", errors=[{"field": "document_type", "message": "必填"}])
        number = checked_number(command.document_type, command.document_no)
    relation_id = new_id()
    row = Relation(
        relation_id=relation_id,
        patient_id=patient.patient_id,
        kind=command.kind.value,
        related_patient_id=related.patient_id if related else None,
        name=rules.normalise_name(command.name),
        phone=checked_phone(command.phone),
        document_type=number.type.value if number else None,
        **document_fields(tx, relation_id, number.value if number else None),
        is_guardian=command.is_guardian,
        is_emergency_contact=command.is_emergency_contact,
        shares_account=command.shares_account,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("relation.recorded", "relation", row.relation_id, patient_id=patient.patient_id, kind=row.kind)
    return relation_view(row, patient, tx.today)


def end_relation(tx: Tx, relation_id: UUID, command: EndFact) -> RelationView:
    """A relation no longer counts. Raises FactEnded."""
    row = tx.session.first(care.END_RELATION, id_=relation_id, at=tx.now, by=tx.actor.subject, why=command.reason)
    if row is None:
        raise problems.FactEnded("该亲属关系不存在或已终止，请刷新后核对。")
    patient = survivor(tx, row.patient_id)
    tx.audit("relation.ended", "relation", relation_id, patient_id=patient.patient_id, kind=row.kind)
    return relation_view(row, patient, tx.today)


def relations(tx: Tx, patient_id: UUID, reason: OpeningReason | None = None) -> list[RelationView]:
    """Everybody related to a person; `in_force` says who counts today. Raises OpeningReasonRequired."""
    rows = tx.session.send(care.RELATIONS, patient_id=patient_id)
    treated = tx.session.send(care.TREATED_HERE, patient_id=patient_id)
    held_back = data_rules.ask_masks(tx)
    patient = survivor(tx, patient_id)
    opened(tx, patient, "relation.read", treated_here=treated.one(), reason=reason)
    return masks.of_relations(held_back(), [relation_view(row, patient, tx.today) for row in rows.all()])


def guardians(tx: Tx, patient_id: UUID) -> list[RelationView]:
    """Who may act for a person today; nobody from the 18th birthday on.

    A guardian whose document was read at the counter but whose record nobody chose is known by the number: whether
    the guardian has been registered before or since makes no difference to the mini-program.
    """
    rows = tx.session.send(care.RELATIONS, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    views = [(row, relation_view(row, patient, tx.today)) for row in rows.all()]
    standing = [(row, one) for row, one in views if one.is_guardian and one.in_force]
    unlinked = {
        row.relation_id: (row.document_type, number)
        for row, _ in standing
        if row.related_patient_id is None and row.document_type and (number := number_of_relation(row))
    }
    holders = {(one.type, one.value): one.patient_id for one in resolve_numbers(tx, sorted(set(unlinked.values())))}
    names = {one.patient_id: one.name for one in tx.session.all(people.NAMES, ids=sorted(set(holders.values())))}
    found = []
    for row, one in standing:
        holder = holders.get(unlinked.get(row.relation_id, ("", "")))
        if holder is not None and names[holder] == row.name:
            one = one.model_copy(update={"related_patient_id": holder})
        found.append(one)
    return found


def give_consent(tx: Tx, patient_id: UUID, command: GiveConsent) -> ConsentView:
    """Record a consent to a version of its text; under 14 the guardian gives it (个人信息保护法 art. 31).

    Raises ConsentInForce, Invalid.
    """
    patient = survivor(tx, patient_id)
    if command.given_by == "patient" and rules.needs_guardian(patient.birth_date, tx.today):
        raise Invalid("未满14周岁须由监护人同意。", errors=[{"field": "given_by", "message": "须为监护人"}])
    if tx.session.one(care.HAS_CONSENT, patient_id=patient_id, kind=command.kind.value):
        raise problems.ConsentInForce()
    row = Consent(
        consent_id=new_id(),
        patient_id=patient.patient_id,
        kind=command.kind.value,
        text_version=command.text_version,
        given_by=command.given_by,
        given_at=tx.now,
        recorded_by=tx.actor.subject,
    )
    tx.session.add(row)
    _tell(tx, row, patient.patient_id, given=True)
    return ConsentView.model_validate(row)


def withdraw_consent(tx: Tx, consent_id: UUID) -> ConsentView:
    """The person takes a consent back from this moment on, with those of the same kind merged records brought along.

    Raises Conflict when it was taken back before.
    """
    asked = tx.session.first(care.CONSENT, consent_id=consent_id)
    if asked is None or asked.withdrawn_at is not None:
        raise Conflict("该同意不存在或已撤回，请刷新后核对。")
    owner = survivor(tx, asked.patient_id).patient_id
    rows = tx.session.all(care.WITHDRAW_CONSENTS, patient_id=owner, of_kind=asked.kind, at=tx.now, by=tx.actor.subject)
    for row in rows:
        _tell(tx, row, owner, given=False)
    withdrawn = next((row for row in rows if row.consent_id == consent_id), None)
    if withdrawn is None:
        raise Conflict("该同意不存在或已撤回，请刷新后核对。")
    return ConsentView.model_validate(withdrawn)


def consents(tx: Tx, patient_id: UUID) -> list[ConsentView]:
    """Consents of a person with their withdrawals, newest first."""
    if not tx.session.all(people.GROUP, patient_id=patient_id):
        raise NotFound("没有这位患者，请重新查询后选择。")
    tx.audit("consent.read", "patient", patient_id, patient_id=patient_id)
    return [ConsentView.model_validate(row) for row in tx.session.all(care.CONSENTS, patient_id=patient_id)]


def has_consent(tx: Tx, patient_id: UUID, kind: ConsentKind) -> bool:
    """Whether a consent of this kind is in force now: asked before a message, an export, a study."""
    return tx.session.one(care.HAS_CONSENT, patient_id=patient_id, kind=kind.value)


def _tell(tx: Tx, row: Consent, owner: UUID, *, given: bool) -> None:
    tx.audit("consent.given" if given else "consent.withdrawn", "consent", row.consent_id, patient_id=owner)
    tx.emit(ConsentChanged(patient_id=owner, consent_id=row.consent_id, kind=row.kind, given=given))
