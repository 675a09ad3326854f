"""Staff, their units, posts and secondments."""

from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, bindparam, func, null, select, union, update
from sqlalchemy.orm import aliased

from functions.organisation.structure.models import (
    PostAssignment,
    StaffContact,
    StaffMember,
    StaffUnit,
    UnitVersion,
)
from functions.organisation.structure.queries.structure import Rows
from functions.organisation.structure.rules import TITLES, title_rank
from shared.database.periods import holds, in_force, lasts
from shared.database.query import Query, among, constant
from shared.tables import DeniedSubject

_AT = bindparam("at", type_=PostAssignment.valid_from.type)
_DAY = bindparam("day", type_=StaffUnit.valid_from.type)


class StaffInfo(NamedTuple):
    """A person as other modules see them."""

    staff_id: UUID
    staff_no: str
    name: str
    campus_id: str
    category: str
    title_code: str | None
    office_phone: str | None
    status: str

    @property
    def title(self) -> str:
        """Professional title in words, empty without one."""
        return TITLES[self.title_code].name if self.title_code is not None and self.title_code in TITLES else ""

    @property
    def title_rank(self) -> str:
        """senior, associate_senior, intermediate, junior, assistant or none."""
        return title_rank(self.title_code)


_INFO = select(
    StaffMember.staff_id,
    StaffMember.staff_no,
    StaffMember.name,
    StaffMember.campus_id,
    StaffMember.category,
    StaffMember.title_code,
    StaffMember.office_phone,
    StaffMember.status,
)
STAFF_INFO = Query(StaffInfo, _INFO.where(StaffMember.staff_id == bindparam("staff_id")))
STAFF_INFOS = Query(StaffInfo, _INFO.where(among(StaffMember.staff_id, "staff_ids")))
STAFF_BY_NO = Query(StaffInfo, _INFO.where(StaffMember.sign_on_name == bindparam("staff_no")))

STAFF = Query(StaffMember, select(StaffMember).where(StaffMember.staff_id == bindparam("staff_id")))
ALL_STAFF = Query(StaffMember, select(StaffMember).order_by(StaffMember.staff_id))
LOCK_STAFF = Query(
    StaffMember, select(StaffMember).where(StaffMember.staff_id == bindparam("staff_id")).with_for_update()
)
"""Held while a person's posts change; only the home campus can take it."""
CONTACT = Query(StaffContact, select(StaffContact).where(StaffContact.staff_id == bindparam("staff_id")))
STAFF_OF_CAMPUS = Query(
    StaffMember,
    select(StaffMember)
    .where(
        StaffMember.campus_id == bindparam("campus"),
        StaffMember.staff_no > bindparam("after"),
        StaffMember.status != constant("left"),
    )
    .order_by(StaffMember.staff_no)
    .limit(bindparam("limit")),
)
LEAVERS_DUE = Query(
    StaffMember,
    select(StaffMember)
    .where(
        StaffMember.campus_id == bindparam("campus"),
        StaffMember.leaves_at <= bindparam("now"),
        StaffMember.status != constant("left"),
    )
    .order_by(StaffMember.staff_id)
    .limit(bindparam("limit"))
    .with_for_update(),
)

CHANGE_STAFF = Query(
    int,
    update(StaffMember)
    .where(StaffMember.staff_id == bindparam("id_"), StaffMember.version == bindparam("seen"))
    .values(
        name=bindparam("name_"),
        initials=bindparam("initials_"),
        category=bindparam("category_"),
        title_code=bindparam("title_code_"),
        employment=bindparam("employment_"),
        office_phone=bindparam("office_phone_"),
        version=StaffMember.version + 1,
    )
    .returning(StaffMember.version),
)
CHANGE_CONTACT = Query(
    UUID,
    update(StaffContact)
    .where(StaffContact.staff_id == bindparam("id_"))
    .values(mobile=bindparam("mobile_"))
    .returning(StaffContact.staff_id),
)
SET_STATUS = Query(
    int,
    update(StaffMember)
    .where(
        StaffMember.staff_id == bindparam("id_"),
        StaffMember.version == bindparam("seen"),
        StaffMember.status == bindparam("from_"),
    )
    .values(
        status=bindparam("to"),
        leaves_at=func.coalesce(bindparam("leaves", type_=StaffMember.leaves_at.type), StaffMember.leaves_at),
        version=StaffMember.version + 1,
    )
    .returning(StaffMember.version),
)
BUMP_STAFF = Query(
    int,
    update(StaffMember)
    .where(StaffMember.staff_id == bindparam("id_"), StaffMember.version == bindparam("seen"))
    .values(version=StaffMember.version + 1)
    .returning(StaffMember.version),
)
LIFT_SUSPENSION = Query(
    UUID,
    update(DeniedSubject)
    .where(
        DeniedSubject.subject == bindparam("subject_"),
        DeniedSubject.reason == bindparam("reason_"),
        DeniedSubject.expires_at > bindparam("now"),
    )
    .values(expires_at=bindparam("now"))
    .returning(DeniedSubject.denial_id),
)


class Found(NamedTuple):
    """A line of the directory. The mobile number is there only for readers of the home campus: the wall sees to it."""

    staff_id: UUID
    staff_no: str
    name: str
    campus_id: str
    title_code: str | None
    office_phone: str | None
    unit_name: str | None
    mobile: str | None
    unit_phone: str | None
    together: bool
    """Whether the reader belongs to the person's primary unit."""


_READER = aliased(StaffUnit)


def _shared(unit_id: Any) -> ColumnElement[bool]:
    """Whether the reader belongs to a unit on the day."""
    return (
        select(_READER.row_id)
        .where(
            _READER.staff_id == bindparam("reader", type_=StaffUnit.staff_id.type),
            _READER.unit_id == unit_id,
            in_force(_READER, _DAY),
        )
        .exists()
    )


def _directory() -> Rows:
    def beginning(column: Any) -> Rows:
        return select(StaffMember.staff_id).where(
            column >= bindparam("prefix", type_=Text), column < bindparam("beyond", type_=Text)
        )

    matched = union(
        beginning(StaffMember.initials), beginning(StaffMember.name), beginning(StaffMember.sign_on_name)
    ).subquery()
    lines: Rows = (
        select(
            StaffMember.staff_id,
            StaffMember.staff_no,
            StaffMember.name,
            StaffMember.campus_id,
            StaffMember.title_code,
            StaffMember.office_phone,
            UnitVersion.name,
            StaffContact.mobile,
            UnitVersion.phone,
            _shared(StaffUnit.unit_id),
        )
        .join_from(matched, StaffMember, StaffMember.staff_id == matched.c.staff_id)
        .outerjoin(
            StaffUnit,
            and_(StaffUnit.staff_id == StaffMember.staff_id, StaffUnit.is_primary, in_force(StaffUnit, _DAY)),
        )
        .outerjoin(UnitVersion, and_(UnitVersion.unit_id == StaffUnit.unit_id, in_force(UnitVersion, _DAY)))
        .outerjoin(StaffContact, StaffContact.staff_id == StaffMember.staff_id)
        .where(StaffMember.status != constant("left"))
        .order_by(StaffMember.staff_no)
        .limit(bindparam("limit"))
    )
    return lines


DIRECTORY = Query(Found, _directory())
"""People whose pinyin initials, name or staff number begin with a text. `beyond` is the end of that range."""


TOGETHER = Query(
    bool,
    select(_shared(StaffUnit.unit_id)).where(
        StaffUnit.staff_id == bindparam("staff_id"), StaffUnit.is_primary, in_force(StaffUnit, _DAY)
    ),
)
"""Whether the reader belongs to a person's primary unit on a day."""


class Idle(NamedTuple):
    """A person without a post."""

    staff_id: UUID
    staff_no: str
    name: str


WITHOUT_POST = Query(
    Idle,
    select(StaffMember.staff_id, StaffMember.staff_no, StaffMember.name)
    .where(
        StaffMember.campus_id == bindparam("campus"),
        StaffMember.status == constant("active"),
        StaffMember.staff_no > bindparam("after"),
        ~select(PostAssignment.assignment_id)
        .where(
            PostAssignment.staff_id == StaffMember.staff_id,
            holds(PostAssignment, _AT),
        )
        .exists(),
    )
    .order_by(StaffMember.staff_no)
    .limit(bindparam("limit")),
)
POSTS_HELD = Query(
    str,
    select(PostAssignment.post)
    .where(
        PostAssignment.campus_id == bindparam("campus"),
        holds(PostAssignment, _AT),
    )
    .distinct(),
)


# -- units of people


class Member(NamedTuple):
    """A person in a unit."""

    staff_id: UUID
    staff_no: str
    name: str
    title_code: str | None
    unit_id: UUID
    is_primary: bool
    valid_from: date
    valid_to: date | None


STAFF_OF_UNIT = Query(
    Member,
    select(
        StaffMember.staff_id,
        StaffMember.staff_no,
        StaffMember.name,
        StaffMember.title_code,
        StaffUnit.unit_id,
        StaffUnit.is_primary,
        StaffUnit.valid_from,
        StaffUnit.valid_to,
    )
    .join_from(StaffUnit, StaffMember, StaffMember.staff_id == StaffUnit.staff_id)
    .where(
        StaffUnit.unit_id == bindparam("unit_id"),
        in_force(StaffUnit, _DAY),
        StaffMember.staff_no > bindparam("after"),
    )
    .order_by(StaffMember.staff_no)
    .limit(bindparam("limit")),
)
UNITS_OF_STAFF = Query(
    StaffUnit,
    select(StaffUnit)
    .where(StaffUnit.staff_id == bindparam("staff_id"), StaffUnit.superseded_at.is_(null()))
    .order_by(StaffUnit.valid_from),
)
UNITS_OF_SOME = Query(
    StaffUnit,
    select(StaffUnit)
    .where(among(StaffUnit.staff_id, "staff_ids"), StaffUnit.superseded_at.is_(null()))
    .order_by(StaffUnit.staff_id, StaffUnit.valid_from),
)
MEMBERS_SINCE = Query(
    StaffUnit,
    select(StaffUnit)
    .where(
        StaffUnit.unit_id == bindparam("unit_id"),
        StaffUnit.superseded_at.is_(null()),
        lasts(StaffUnit, bindparam("day")),
    )
    .order_by(StaffUnit.is_primary.desc(), StaffUnit.row_id),
)
UNIT_STILL_STAFFED = Query(
    UUID,
    select(StaffUnit.staff_id)
    .where(
        StaffUnit.unit_id == bindparam("unit_id"),
        StaffUnit.superseded_at.is_(null()),
        lasts(StaffUnit, bindparam("day")),
    )
    .limit(1),
)
POST_STILL_HELD = Query(
    UUID,
    select(PostAssignment.staff_id)
    .where(
        PostAssignment.unit_id == bindparam("unit_id"),
        lasts(PostAssignment, bindparam("at")),
    )
    .limit(1),
)
CAMPUS_STILL_STAFFED = Query(
    UUID,
    select(StaffMember.staff_id)
    .where(StaffMember.campus_id == bindparam("campus"), StaffMember.status != constant("left"))
    .limit(1),
)
SHORTEN_MEMBERSHIP = Query(
    UUID,
    update(StaffUnit)
    .where(StaffUnit.row_id == bindparam("row"))
    .values(valid_to=bindparam("until"))
    .returning(StaffUnit.row_id),
)
SUPERSEDE_MEMBERSHIP = Query(
    UUID,
    update(StaffUnit)
    .where(StaffUnit.row_id == bindparam("row"))
    .values(superseded_at=bindparam("now"))
    .returning(StaffUnit.row_id),
)
