"""Codes other systems know people by, specimens of signatures, and where people act."""

from uuid import UUID

from sqlalchemy import bindparam, func, null, or_, select, update

from functions.organisation.structure.models import (
    ActingChoice,
    Licence,
    Privilege,
    SignatureSpecimen,
    SignOnLock,
    StaffCode,
)
from functions.organisation.structure.queries.structure import in_force
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
    update(StaffCode)
    .where(
        StaffCode.staff_id == bindparam("id_"),
        StaffCode.system == bindparam("system_"),
        StaffCode.superseded_at.is_(null()),
        or_(StaffCode.valid_to.is_(null()), StaffCode.valid_to > bindparam("until")),
    )
    .values(valid_to=func.greatest(StaffCode.valid_from, bindparam("until", type_=StaffCode.valid_from.type)))
    .returning(StaffCode.row_id),
)

# -- signatures

SIGNATURES_OF = Query(
    SignatureSpecimen,
    select(SignatureSpecimen).where(
        among(SignatureSpecimen.staff_id, "staff_ids"),
        SignatureSpecimen.campus_id == bindparam("campus"),
        SignatureSpecimen.valid_from <= _AT,
        or_(SignatureSpecimen.valid_to.is_(null()), SignatureSpecimen.valid_to > _AT),
    ),
)
SIGNATURE_AT = Query(
    SignatureSpecimen,
    select(SignatureSpecimen).where(
        SignatureSpecimen.staff_id == bindparam("staff_id"),
        SignatureSpecimen.campus_id == bindparam("campus"),
        SignatureSpecimen.valid_from <= _AT,
        or_(SignatureSpecimen.valid_to.is_(null()), SignatureSpecimen.valid_to > _AT),
    ),
)
END_SIGNATURE = Query(
    SignatureSpecimen,
    update(SignatureSpecimen)
    .where(
        SignatureSpecimen.staff_id == bindparam("id_"),
        SignatureSpecimen.campus_id == bindparam("campus"),
        or_(SignatureSpecimen.valid_to.is_(null()), SignatureSpecimen.valid_to > bindparam("until")),
    )
    .values(
        valid_to=func.greatest(
            SignatureSpecimen.valid_from, bindparam("until", type_=SignatureSpecimen.valid_from.type)
        ),
        ended_at=bindparam("now"),
        ended_by=bindparam("by"),
        end_reason=bindparam("why"),
    )
    .returning(SignatureSpecimen),
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
