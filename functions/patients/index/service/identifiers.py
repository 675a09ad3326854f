"""Cards and numbers of a person: bind, lose, revoke, replace."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from events.patients import IdentifierBound, IdentifierRevoked
from functions.patients.index import problems
from functions.patients.index.models import Identifier, Patient
from functions.patients.index.queries import holding, people
from functions.patients.index.schemas.people import BindIdentifier, IdentifierView, ReplaceIdentifier, StopIdentifier
from functions.patients.index.schemas.values import CAMPUS_ISSUED, DOCUMENT_CODES, SINGLE_VALUED, IdentifierType
from functions.patients.index.service.facts import CheckedNumber, checked_number
from functions.patients.index.service.numbers import SEALED, forms, forms_of, keys, written
from functions.patients.index.service.read import survivor
from functions.patients.index.service.views import identifier_view
from shared.database.session import Pending
from shared.ids import new_id
from shared.locks import WAIT_LOCK, LockKind, lock_key
from shared.problems import NotFound
from shared.tx import Tx


def claim(
    tx: Tx,
    patient_id: UUID,
    numbers: Sequence[CheckedNumber],
    *,
    issued_by: str | None = None,
    valid_to: date | None = None,
) -> Pending[Identifier]:
    """Take numbers for a person; the answer leaves out those that name somebody else.

    Waits for another window that is just taking the same number. A number that a campus gives is the acting one's.
    """
    ordered = sorted(numbers, key=lambda number: (number.type.value, number.value))
    sealed = [number.value for number in ordered if number.type.value in SEALED]
    seals = keys(tx, writing=True) if sealed else None
    ids = [new_id() for _ in ordered]
    rows = [written(seals, one.type.value, one.value, row_id) for one, row_id in zip(ordered, ids, strict=True)]
    if seals is not None and seals.older:
        # While keys are turned over one number has several marks, and the unique index sees each for itself.
        for number in sealed:
            tx.session.execute(WAIT_LOCK, key=lock_key(LockKind.IDENTITY_NUMBER, f"patient:{number}"))
    return tx.session.send(
        holding.CLAIM,
        identifier_ids=ids,
        patient_ids=[patient_id for _ in ordered],
        types=[number.type.value for number in ordered],
        values=[row.value for row in rows],
        sealeds=[row.sealed for row in rows],
        key_ids=[row.key_id for row in rows],
        tails=[row.tail for row in rows],
        otherwise=[] if seals is None else [form for number in sealed for form in forms(seals, number)[1:]],
        issuer_campus_ids=[tx.campus if number.type in CAMPUS_ISSUED else None for number in ordered],
        issued_bys=[issued_by for _ in ordered],
        document_valid_tos=[valid_to for _ in ordered],
        at=tx.now,
        by=tx.actor.subject,
        campus=tx.campus,
    )


def bind(
    tx: Tx,
    patient_id: UUID,
    held: Sequence[Identifier],
    numbers: Sequence[CheckedNumber],
    *,
    issued_by: str | None = None,
    valid_to: date | None = None,
) -> list[Identifier]:
    """Bind the numbers the person does not hold yet. Raises IdentifierInUse, IdentifierKindTaken."""
    kinds = {one.type for one in held}
    wanted = {(one.type.value, one.value): one for one in numbers if _held(tx, held, one) is None}
    if not wanted:
        return []
    for number in wanted.values():
        if number.type in SINGLE_VALUED and number.type.value in kinds:
            raise problems.IdentifierKindTaken()
    rows = claim(tx, patient_id, list(wanted.values()), issued_by=issued_by, valid_to=valid_to).all()
    if len(rows) < len(wanted):
        raise problems.IdentifierInUse()
    return rows


def _held(tx: Tx, held: Sequence[Identifier], number: CheckedNumber) -> Identifier | None:
    """The row a person has a number by already."""
    found = [one for one in held if one.type == number.type.value]
    known = forms_of(tx, number.type.value, number.value) if found else []
    return next((one for one in found if one.value in known), None)


def announce(tx: Tx, row: Identifier, survivor_id: UUID) -> None:
    """Trace and tell that a number names a person now."""
    tx.audit("identifier.bound", "identifier", row.identifier_id, patient_id=survivor_id, type=row.type)
    tx.emit(IdentifierBound(patient_id=survivor_id, identifier_id=row.identifier_id, identifier_type=row.type))


def bind_identifier(tx: Tx, patient_id: UUID, command: BindIdentifier) -> IdentifierView:
    """Bind a card or number (绑定). Raises IdentifierInUse when it names somebody else, IdentifierKindTaken."""
    number = checked_number(command.type, command.value)
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    held = identifiers.all()
    for row in bind(tx, patient.patient_id, held, [number], issued_by=command.issued_by, valid_to=command.valid_to):
        announce(tx, row, patient.patient_id)
        return identifier_view(row)
    standing = _held(tx, held, number)
    if standing is None:
        raise problems.IdentifierInUse()
    return identifier_view(standing)


def report_lost(tx: Tx, identifier_id: UUID, command: StopIdentifier) -> IdentifierView:
    """Report a card lost (挂失): from the commit on no campus accepts it. Raises IdentifierNotActive."""
    return _stop(tx, identifier_id, "lost", ["active"], command.reason)


def revoke_identifier(tx: Tx, identifier_id: UUID, command: StopIdentifier) -> IdentifierView:
    """End the use of a card or number for good (注销). An identity document is corrected, not revoked."""
    _refuse_document(tx, identifier_id)
    return _stop(tx, identifier_id, "revoked", ["active", "lost"], command.reason)


def replace_identifier(tx: Tx, identifier_id: UUID, command: ReplaceIdentifier) -> IdentifierView:
    """Give a new card for an old or lost one (换卡, 补卡); the old one stays in the history."""
    old = _refuse_document(tx, identifier_id)
    number = checked_number(IdentifierType(old.type), command.value)
    owner = survivor(tx, old.patient_id).patient_id
    _stop(tx, identifier_id, "replaced", ["active", "lost"], "replaced")
    successor = bind(tx, old.patient_id, [], [number])
    if not successor:
        raise problems.IdentifierInUse()
    tx.session.execute(holding.SET_SUCCESSOR, id_=identifier_id, successor=successor[0].identifier_id)
    announce(tx, successor[0], owner)
    return identifier_view(successor[0])


def replace_document(tx: Tx, patient: Patient, held: list[Identifier], number: CheckedNumber) -> Identifier:
    """Put a corrected document number in the place of the wrong one, as part of a correction."""
    for old in held:
        if old.type == number.type.value:
            _stop(tx, old.identifier_id, "replaced", ["active"], "corrected")
    (row,) = bind(tx, patient.patient_id, [one for one in held if one.type != number.type.value], [number])
    announce(tx, row, patient.patient_id)
    return row


def revoke_disputed(tx: Tx, identifier_id: UUID, reason: str) -> None:
    """Take a number from the person it does not belong to, by the settlement of a dispute."""
    _stop(tx, identifier_id, "revoked", ["active"], reason)


def _refuse_document(tx: Tx, identifier_id: UUID) -> Identifier:
    found = tx.session.first(holding.IDENTIFIER, identifier_id=identifier_id)
    if found is None:
        raise NotFound("没有这个号码，请刷新后重新选择。")
    if IdentifierType(found.type) in DOCUMENT_CODES:
        raise problems.EvidenceRequired("身份证件号码请通过更正办理，须附证件扫描件或读卡。")
    return found


def _stop(tx: Tx, identifier_id: UUID, status: str, from_statuses: list[str], reason: str) -> IdentifierView:
    row = tx.session.first(
        holding.STOP_IDENTIFIER,
        id_=identifier_id,
        from_statuses=from_statuses,
        to=status,
        at=tx.now,
        by=tx.actor.subject,
        reason=reason,
    )
    if row is None:
        if tx.session.first(holding.IDENTIFIER, identifier_id=identifier_id) is None:
            raise NotFound("没有这个号码，请刷新后重新选择。")
        raise problems.IdentifierNotActive("该号码已挂失、更换或注销，请刷新后核对。")
    owner = survivor(tx, row.patient_id).patient_id
    tx.audit(f"identifier.{status}", "identifier", row.identifier_id, patient_id=owner, type=row.type)
    tx.emit(
        IdentifierRevoked(patient_id=owner, identifier_id=row.identifier_id, identifier_type=row.type, status=status)
    )
    return identifier_view(row)
