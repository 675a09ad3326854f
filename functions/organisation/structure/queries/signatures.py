"""Codes other systems know people by, specimens of signatures, and where people act."""

from uuid import UUID

from sqlalchemy import bindparam, null, select

from functions.organisation.structure.models import (
    ActingChoice,
    Licence,
    Privilege,
    SignatureSpecimen,
    SignOnLock,
    StaffCode,
)
from shared.database.periods import ended, ended_by, holds, in_force
from shared.database.query import Query, among

_AT = bindparam("at", type_=Privilege.valid_from.type)
_DAY = bindparam("day", type_=Licence.valid_from.type)

# -- codes

STAFF_CODES_OF = Query(
    StaffCode,
    select(StaffCode)
    .where(StaffCode.staff_id == bindparam("staff_id"), StaffCode.superseded_at.is_(null()))
    .order_by(StaffCode.system, StaffCode.valid_from),
)
STAFF_CODE_ON = Query(
    str,
    select(StaffCode.code).where(
        StaffCode.staff_id == bindparam("staff_id"),
        StaffCode.system == bindparam("system"),
        in_force(StaffCode, bindparam("day", type_=StaffCode.valid_from.type)),
    ),
)
END_STAFF_CODE = Query(
    UUID,
    ended(
        StaffCode,
        StaffCode.staff_id == bindparam("id_"),
        StaffCode.system == bindparam("system_"),
        StaffCode.superseded_at.is_(null()),
    ).returning(StaffCode.row_id),
)

# -- signatures

SIGNATURES_OF = Query(
    SignatureSpecimen,
    select(SignatureSpecimen).where(
        among(SignatureSpecimen.staff_id, "staff_ids"),
        SignatureSpecimen.campus_id == bindparam("campus"),
        holds(SignatureSpecimen, _AT),
    ),
)
SIGNATURE_AT = Query(
    SignatureSpecimen,
    select(SignatureSpecimen).where(
        SignatureSpecimen.staff_id == bindparam("staff_id"),
        SignatureSpecimen.campus_id == bindparam("campus"),
        holds(SignatureSpecimen, _AT),
    ),
)
END_SIGNATURE = Query(
    SignatureSpecimen,
    ended_by(
        SignatureSpecimen,
        SignatureSpecimen.staff_id == bindparam("id_"),
        SignatureSpecimen.campus_id == bindparam("campus"),
    ).returning(SignatureSpecimen),
)

# -- accounts shut for a while

LAST_LOCK = Query(
    SignOnLock,
    select(SignOnLock)
    .where(SignOnLock.staff_id == bindparam("staff_id"), SignOnLock.locked_at > bindparam("since"))
    .order_by(SignOnLock.locked_at.desc())
    .limit(1),
)

# -- acting

LAST_CHOICE = Query(
    ActingChoice,
    select(ActingChoice)
    .where(ActingChoice.staff_id == bindparam("staff_id"))
    .order_by(ActingChoice.choice_id.desc())
    .limit(1),
)
