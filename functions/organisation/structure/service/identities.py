"""Staff ID numbers (公民身份号码): sealed in the database, whole for personnel of the home campus only, on record."""

import logging
from collections.abc import Collection
from functools import partial
from uuid import UUID

from events.organisation import StaffChanged
from functions.organisation.structure.models import StaffIdentity, StaffMember
from functions.organisation.structure.problems import StaffNotActive, StaffNotFound
from functions.organisation.structure.problems.personal import IdNumberNotFound, IdNumberTaken
from functions.organisation.structure.queries import people
from functions.organisation.structure.queries import personal as queries
from functions.organisation.structure.queries.people import StaffInfo
from functions.organisation.structure.rules.personal import mask_id_number
from functions.organisation.structure.schemas.personal import RecordIdNumber
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.whose import own_staff
from shared.column_cipher import ColumnKeysMissing, SealBroken, available, cipher
from shared.locks import WAIT_LOCK, LockKind, lock_key
from shared.printing.filters import mask_name
from shared.problems import Invalid
from shared.sealing import opened
from shared.tx import Tx

log = logging.getLogger("his.organisation")

COLUMN = "organisation.staff_identities.number"
A_MINUTES_WORK = 100
"""Numbers sealed anew in one minute at most."""
UNREADABLE = "******"


def record_id_number(tx: Tx, staff_id: UUID, command: RecordIdNumber) -> str:
    """Record the ID number of a person of the acting campus, or correct it with a reason. Answers it masked.

    Raises StaffNotFound, StaffNotActive, IdNumberTaken, Invalid for a correction without a reason, ColumnKeysMissing.
    """
    person = own_staff(tx, staff_id)
    if person.status == "left":
        raise StaffNotActive("该职工已离职，不能再登记身份证号。")
    before = tx.session.first(queries.IDENTITY, staff_id=staff_id)
    if before is not None and command.reason is None:
        raise Invalid("更正身份证号须写明原因。")
    require_free(tx, command.number, staff_id)
    seal_number(tx, staff_id, command.number)
    change = "id_number_recorded" if before is None else "id_number_corrected"
    record(tx, "staff", staff_id, change, reason=command.reason)
    tx.emit(StaffChanged(staff_id=staff_id, campus_code=person.campus_id, fields=["id_number"], status=person.status))
    return mask_id_number(command.number)


def require_free(tx: Tx, number: str, staff_id: UUID | None = None) -> None:
    """Raises IdNumberTaken when a number is another person's, whatever key it was sealed with. Two who enter one number
    at once come one after the other."""
    tx.session.execute(WAIT_LOCK, key=lock_key(LockKind.IDENTITY_NUMBER, f"staff:{number}"))
    holder = holders_of(tx, [number]).get(number)
    if holder is not None and holder != staff_id:
        other = tx.session.one(people.STAFF_INFO, staff_id=holder)
        raise IdNumberTaken(f"该身份证号已登记在“{mask_name(other.name)}”名下，请核对证件原件。")


def seal_number(tx: Tx, staff_id: UUID, number: str) -> None:
    """Write a number nobody else has."""
    seals = cipher()
    tx.session.execute(
        queries.KEEP_NUMBER,
        staff_id=staff_id,
        campus=tx.campus,
        sealed=seals.seal(number, _about(staff_id)),
        index=seals.index(number, COLUMN),
        key_id=seals.newest,
        now=tx.now,
        by=tx.actor.subject,
    )


def holders_of(tx: Tx, numbers: Collection[str]) -> dict[str, UUID]:
    """Whose these numbers are at any campus, among people who have not left. One round trip."""
    seals = cipher()
    by_index = {index: number for number in numbers for index in seals.indexes(number, COLUMN)}
    found = tx.session.all(queries.NUMBER_HOLDERS, indexes=list(by_index)) if by_index else []
    return {by_index[bytes(one.number_index)]: one.staff_id for one in found}


def id_number_of(tx: Tx, staff_id: UUID) -> str:
    """The whole number of a person of the acting campus. Raises StaffNotFound, IdNumberNotFound, ColumnKeysMissing."""
    own_staff(tx, staff_id)
    row = tx.session.first(queries.IDENTITY, staff_id=staff_id)
    if row is None:
        raise IdNumberNotFound("该职工还没有登记身份证号，请先登记。")
    tx.audit("staff.id_number_read", "staff", staff_id)
    return cipher().open(row.number_sealed, _about(staff_id))


def masked_id_number(tx: Tx, staff_id: UUID) -> str | None:
    """What the card shows: to personnel of the home campus and to the person, with the middle hidden; else nothing.

    Without the key the card stays readable and says that there is a number.
    """
    if tx.actor.staff_id != staff_id and not tx.actor.may("organisation.structure.write_staff", tx.campus):
        return None
    row = tx.session.first(queries.IDENTITY, staff_id=staff_id)
    if row is None or row.campus_id != tx.campus:
        return None
    try:
        return mask_id_number(cipher().open(row.number_sealed, _about(staff_id)))
    except (ColumnKeysMissing, SealBroken):
        return UNREADABLE


def staff_by_id_number(tx: Tx, number: str) -> StaffInfo:
    """Who has an ID number, at any campus, leavers left out: before somebody is engaged a second time.

    Raises StaffNotFound.
    """
    holder = holders_of(tx, [number]).get(number)
    tx.audit("staff.found_by_id_number", "staff", holder or "none")
    if holder is None:
        raise StaffNotFound("没有登记此身份证号的在职职工。")
    return tx.session.one(people.STAFF_INFO, staff_id=holder)


def end_identity(tx: Tx, person: StaffMember) -> None:
    """The person left: the number may be brought again."""
    tx.session.execute(queries.END_IDENTITY, id_=person.staff_id, at=tx.now)


def reseal(tx: Tx) -> int:
    """Seal the acting campus's numbers anew that an older key sealed (密钥轮换), minute by minute; returns how many."""
    if not available() or not (older := cipher().older):
        return 0
    due = tx.session.all(queries.TO_RESEAL, campus=tx.campus, older=list(older), limit=A_MINUTES_WORK)
    seals = cipher()
    whole = [
        (row, number)
        for row in due
        if (number := opened(partial(_number_of, row), log, "staff_identity", row.staff_id)) is not None
    ]
    for row, number in whole:
        tx.session.execute(
            queries.RESEAL,
            id_=row.staff_id,
            before=row.key_id,
            after=seals.newest,
            sealed=seals.seal(number, _about(row.staff_id)),
            index=seals.index(number, COLUMN),
            now=tx.now,
        )
    if whole:
        tx.audit("staff.id_numbers_resealed", "key", seals.newest, rows=len(whole))
    return len(whole)


def _number_of(row: StaffIdentity) -> str:
    return cipher().open(row.number_sealed, _about(row.staff_id))


def _about(staff_id: UUID) -> str:
    return f"{COLUMN}:{staff_id}"
