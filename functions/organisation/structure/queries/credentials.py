"""Licences, privileges, delegations, codes and signatures of people."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, bindparam, case, func, null, or_, select, update

from functions.organisation.structure.models import (
    Delegation,
    Licence,
    LicenceNotice,
    LicencePlace,
    Privilege,
    PrivilegeSuspension,
    StaffMember,
    StaffSuspension,
)
from functions.organisation.structure.rules.credentials import WARNING_DAYS
from shared.database.periods import ended, ended_by, holds, in_force
from shared.database.query import Query, among, constant, one_of

_AT = bindparam("at", type_=Privilege.valid_from.type)
_DAY = bindparam("day", type_=Licence.valid_from.type)

# -- licences

LICENCE = Query(Licence, select(Licence).where(Licence.licence_id == bindparam("licence_id")))
LICENCES_OF = Query(
    Licence,
    select(Licence)
    .where(Licence.staff_id == bindparam("staff_id"), Licence.superseded_at.is_(null()))
    .order_by(Licence.valid_from, Licence.licence_id),
)
PLACES_OF = Query(
    LicencePlace,
    select(LicencePlace)
    .where(LicencePlace.staff_id == bindparam("staff_id"), LicencePlace.superseded_at.is_(null()))
    .order_by(LicencePlace.valid_from, LicencePlace.row_id),
)


class NumberHolder(NamedTuple):
    """Who holds a licence number."""

    staff_id: UUID
    name: str


NUMBER_HOLDER = Query(
    NumberHolder,
    select(StaffMember.staff_id, StaffMember.name)
    .join_from(Licence, StaffMember, StaffMember.staff_id == Licence.staff_id)
    .where(
        Licence.kind == bindparam("kind"),
        Licence.number == bindparam("number"),
        Licence.superseded_at.is_(null()),
    )
    .limit(1),
)


class KnownLicence(NamedTuple):
    """A licence by number, with its period."""

    staff_id: UUID
    kind: str
    number: str
    valid_from: date
    valid_to: date | None


KNOWN_LICENCES = Query(
    KnownLicence,
    select(Licence.staff_id, Licence.kind, Licence.number, Licence.valid_from, Licence.valid_to).where(
        among(Licence.kind, "kinds"), among(Licence.number, "numbers"), Licence.superseded_at.is_(null())
    ),
)
"""Licences of several numbers at once."""
LICENCE_NUMBERS = Query(
    KnownLicence,
    select(Licence.staff_id, Licence.kind, Licence.number, Licence.valid_from, Licence.valid_to).where(
        among(Licence.staff_id, "staff_ids"), among(Licence.kind, "kinds"), in_force(Licence, _DAY)
    ),
)
PRIVILEGED_AMONG = Query(UUID, select(Privilege.staff_id).where(among(Privilege.staff_id, "staff_ids")).distinct())
END_LICENCE = Query(
    Licence,
    ended_by(Licence, Licence.licence_id == bindparam("id_"), Licence.superseded_at.is_(null())).returning(Licence),
)
SUPERSEDE_LICENCE = Query(
    UUID,
    update(Licence)
    .where(Licence.licence_id == bindparam("id_"), Licence.superseded_at.is_(null()))
    .values(superseded_at=bindparam("now"))
    .returning(Licence.licence_id),
)
SUPERSEDE_PLACES = Query(
    UUID,
    update(LicencePlace)
    .where(LicencePlace.licence_id == bindparam("id_"), LicencePlace.superseded_at.is_(null()))
    .values(superseded_at=bindparam("now"))
    .returning(LicencePlace.row_id),
)


class Expiring(NamedTuple):
    """A licence near its end; `valid_to` is the first day without it."""

    licence_id: UUID
    staff_id: UUID
    staff_no: str
    name: str
    kind: str
    number: str
    valid_to: date


_EXPIRING = select(
    Licence.licence_id,
    Licence.staff_id,
    StaffMember.staff_no,
    StaffMember.name,
    Licence.kind,
    Licence.number,
    Licence.valid_to,
).join_from(Licence, StaffMember, StaffMember.staff_id == Licence.staff_id)
EXPIRING = Query(
    Expiring,
    _EXPIRING.where(
        Licence.campus_id == bindparam("campus"),
        Licence.superseded_at.is_(null()),
        Licence.valid_to > bindparam("since"),
        Licence.valid_to <= bindparam("until"),
        StaffMember.status != constant("left"),
        or_(
            Licence.valid_to > bindparam("after_day", type_=Licence.valid_from.type),
            and_(
                Licence.valid_to == bindparam("after_day", type_=Licence.valid_from.type),
                Licence.licence_id > bindparam("after_id", type_=Licence.licence_id.type),
            ),
        ),
    )
    .order_by(Licence.valid_to, Licence.licence_id)
    .limit(bindparam("limit")),
)
_LAST_DAY = Licence.valid_to - _DAY
"""Days from a day to the first one without the licence: 1 on its last day."""
_DUE = case(
    (_LAST_DAY <= 0, 0),
    *((days + 1 >= _LAST_DAY, days) for days in sorted(WARNING_DAYS)),
)
TO_WARN = Query(
    Expiring,
    _EXPIRING.where(
        Licence.campus_id == bindparam("campus"),
        Licence.superseded_at.is_(null()),
        Licence.ended_at.is_(null()),
        Licence.valid_to > bindparam("since", type_=Licence.valid_from.type),
        Licence.valid_to <= bindparam("until", type_=Licence.valid_from.type),
        StaffMember.status != constant("left"),
        ~select(LicenceNotice.licence_id)
        .where(LicenceNotice.licence_id == Licence.licence_id, LicenceNotice.days <= _DUE)
        .exists(),
    )
    .order_by(Licence.valid_to, Licence.licence_id)
    .limit(bindparam("limit")),
)
"""Licences of a campus for whose nearness to the end nobody has been warned yet."""

# -- privileges

PRIVILEGE = Query(Privilege, select(Privilege).where(Privilege.privilege_id == bindparam("privilege_id")))
PRIVILEGES_OF = Query(
    Privilege,
    select(Privilege)
    .where(Privilege.staff_id == bindparam("staff_id"))
    .order_by(Privilege.valid_from, Privilege.privilege_id),
)
SUSPENSIONS_OF = Query(
    PrivilegeSuspension,
    select(PrivilegeSuspension)
    .where(PrivilegeSuspension.staff_id == bindparam("staff_id"))
    .order_by(PrivilegeSuspension.valid_from, PrivilegeSuspension.suspension_id),
)
HOLDERS_OF = Query(
    Privilege,
    select(Privilege)
    .where(
        Privilege.campus_id == bindparam("campus"),
        Privilege.kind == bindparam("kind"),
        holds(Privilege, _AT),
        Privilege.privilege_id > bindparam("after", type_=Privilege.privilege_id.type),
    )
    .order_by(Privilege.privilege_id)
    .limit(bindparam("limit")),
)
END_PRIVILEGE = Query(
    Privilege,
    ended_by(Privilege, Privilege.privilege_id == bindparam("id_")).returning(Privilege),
)
END_PRIVILEGES_OF_STAFF = Query(
    Privilege,
    ended_by(Privilege, Privilege.staff_id == bindparam("id_"), Privilege.campus_id == bindparam("campus")).returning(
        Privilege
    ),
)
LIFT_SUSPENSION = Query(
    PrivilegeSuspension,
    ended_by(PrivilegeSuspension, PrivilegeSuspension.privilege_id == bindparam("id_"), until="now").returning(
        PrivilegeSuspension
    ),
)

# -- suspended people

STAFF_SUSPENSIONS_OF = Query(
    StaffSuspension,
    select(StaffSuspension)
    .where(StaffSuspension.staff_id == bindparam("staff_id"))
    .order_by(StaffSuspension.valid_from),
)
END_STAFF_SUSPENSION = Query(
    UUID,
    ended(StaffSuspension, StaffSuspension.staff_id == bindparam("id_"), until="now")
    .values(ended_at=bindparam("now"), ended_by=bindparam("by"))
    .returning(StaffSuspension.suspension_id),
)

# -- delegations

DELEGATION = Query(Delegation, select(Delegation).where(Delegation.delegation_id == bindparam("delegation_id")))
_COUNTS = one_of(Delegation.status, "planned", "active", "ended")
DELEGATIONS_SINCE = Query(
    Delegation,
    select(Delegation)
    .where(Delegation.staff_id == bindparam("staff_id"), _COUNTS, Delegation.valid_to > _AT)
    .order_by(Delegation.delegation_id),
)
ALL_DELEGATIONS_AT = Query(
    Delegation, select(Delegation).where(_COUNTS, Delegation.valid_from <= _AT, Delegation.valid_to > _AT)
)
DELEGATIONS_TO_AT = Query(
    Delegation,
    select(Delegation).where(
        Delegation.campus_id == bindparam("campus"), _COUNTS, Delegation.valid_from <= _AT, Delegation.valid_to > _AT
    ),
)
DELEGATIONS_OF_CAMPUS = Query(
    Delegation,
    select(Delegation)
    .where(
        Delegation.campus_id == bindparam("campus"),
        Delegation.delegation_id < bindparam("before", type_=Delegation.delegation_id.type),
    )
    .order_by(Delegation.delegation_id.desc())
    .limit(bindparam("limit")),
)
STEP_DELEGATION = Query(
    Delegation,
    update(Delegation)
    .where(
        Delegation.delegation_id == bindparam("id_"),
        Delegation.version == bindparam("seen"),
        Delegation.status == bindparam("from_"),
    )
    .values(
        status=bindparam("to"),
        valid_to=func.greatest(
            Delegation.valid_from, func.least(Delegation.valid_to, bindparam("until", type_=Delegation.valid_to.type))
        ),
        ended_at=func.coalesce(bindparam("ended", type_=Delegation.ended_at.type), Delegation.ended_at),
        ended_by=func.coalesce(bindparam("by", type_=Delegation.ended_by.type), Delegation.ended_by),
        end_reason=func.coalesce(bindparam("why", type_=Delegation.end_reason.type), Delegation.end_reason),
        version=Delegation.version + 1,
    )
    .returning(Delegation),
)
DELEGATIONS_DUE = Query(
    Delegation,
    select(Delegation)
    .where(
        Delegation.campus_id == bindparam("campus"),
        or_(
            and_(Delegation.status == constant("planned"), Delegation.valid_from <= bindparam("now")),
            and_(Delegation.status == constant("active"), Delegation.valid_to <= bindparam("now")),
        ),
    )
    .order_by(Delegation.delegation_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True),
)
DELEGATION_IN_UNIT = Query(
    UUID,
    select(Delegation.delegation_id)
    .where(
        Delegation.unit_id == bindparam("unit_id"),
        one_of(Delegation.status, "planned", "active"),
        Delegation.valid_to > bindparam("at", type_=Delegation.valid_to.type),
    )
    .limit(1),
)
