"""Sealed ID numbers, pictures, scans, hand-over."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, and_, bindparam, column, func, null, select, update
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from functions.organisation.structure.models import (
    HandoverItem,
    PostAssignment,
    StaffFile,
    StaffIdentity,
    UnitVersion,
)
from shared.database.periods import holds, in_force
from shared.database.query import Query, among, constant

# -- ID numbers

IDENTITY = Query(StaffIdentity, select(StaffIdentity).where(StaffIdentity.staff_id == bindparam("staff_id")))


class NumberHolder(NamedTuple):
    """Whose an ID number is, among those who have not left."""

    number_index: bytes
    staff_id: UUID


_found = func.organisation.staff_by_number_index(bindparam("indexes", type_=ARRAY(LargeBinary))).table_valued(
    column("number_index", LargeBinary), column("staff_id", PgUUID(as_uuid=True))
)
NUMBER_HOLDERS = Query(NumberHolder, select(_found.c.number_index, _found.c.staff_id))
"""At whatever campus: the function looks behind the wall and tells ids only."""
_new = insert(StaffIdentity).values(
    staff_id=bindparam("staff_id"),
    campus_id=bindparam("campus"),
    number_sealed=bindparam("sealed"),
    number_index=bindparam("index", type_=LargeBinary),
    key_id=bindparam("key_id"),
    sealed_at=bindparam("now"),
    recorded_at=bindparam("now"),
    recorded_by=bindparam("by"),
)
KEEP_NUMBER = Query(
    object,
    _new.on_conflict_do_update(
        index_elements=["staff_id"],
        set_={
            name: _new.excluded[name]
            for name in ("number_sealed", "number_index", "key_id", "sealed_at", "recorded_at", "recorded_by")
        },
    ),
)
END_IDENTITY = Query(
    object,
    update(StaffIdentity)
    .where(StaffIdentity.staff_id == bindparam("id_"), StaffIdentity.ended_at.is_(null()))
    .values(ended_at=bindparam("at")),
)
TO_RESEAL = Query(
    StaffIdentity,
    select(StaffIdentity)
    .where(StaffIdentity.campus_id == bindparam("campus"), among(StaffIdentity.key_id, "older"))
    .order_by(StaffIdentity.staff_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True),
)
RESEAL = Query(
    object,
    update(StaffIdentity)
    .where(StaffIdentity.staff_id == bindparam("id_"), StaffIdentity.key_id == bindparam("before"))
    .values(
        number_sealed=bindparam("sealed"),
        number_index=bindparam("index", type_=LargeBinary),
        key_id=bindparam("after"),
        sealed_at=bindparam("now"),
    ),
)

# -- pictures and scans

PHOTO = Query(
    StaffFile,
    select(StaffFile).where(
        StaffFile.staff_id == bindparam("staff_id"),
        StaffFile.kind == constant("photo"),
        StaffFile.retired_at.is_(null()),
    ),
)
SCANS = Query(
    StaffFile,
    select(StaffFile)
    .where(StaffFile.licence_id == bindparam("licence_id"))
    .order_by(StaffFile.staff_file_id)
    .limit(100),
)
STAFF_FILE = Query(StaffFile, select(StaffFile).where(StaffFile.staff_file_id == bindparam("staff_file_id")))
_RETIRED: dict[str, Any] = {
    "retired_at": bindparam("now"),
    "retired_by": bindparam("by"),
    "retire_reason": bindparam("why"),
}
RETIRE_PHOTO = Query(
    object,
    update(StaffFile)
    .where(
        StaffFile.staff_id == bindparam("id_"),
        StaffFile.kind == constant("photo"),
        StaffFile.retired_at.is_(null()),
    )
    .values(**_RETIRED),
)
RETIRE_FILE = Query(
    StaffFile,
    update(StaffFile)
    .where(StaffFile.staff_file_id == bindparam("id_"), StaffFile.retired_at.is_(null()))
    .values(**_RETIRED)
    .returning(StaffFile),
)

# -- hand-over


class SolePost(NamedTuple):
    """A post nobody else holds in its unit."""

    post: str
    unit_name: str


_AT = bindparam("at", type_=PostAssignment.valid_from.type)
_other = aliased(PostAssignment)

SOLE_POSTS = Query(
    SolePost,
    select(PostAssignment.post, UnitVersion.name)
    .join(
        UnitVersion,
        and_(
            UnitVersion.unit_id == PostAssignment.unit_id,
            in_force(UnitVersion, bindparam("day", type_=UnitVersion.valid_from.type)),
        ),
    )
    .where(
        PostAssignment.staff_id == bindparam("staff_id"),
        PostAssignment.campus_id == bindparam("campus"),
        holds(PostAssignment, _AT),
        ~select(_other.assignment_id)
        .where(
            _other.unit_id == PostAssignment.unit_id,
            _other.post == PostAssignment.post,
            _other.staff_id != PostAssignment.staff_id,
            holds(_other, _AT),
        )
        .exists(),
    )
    .order_by(PostAssignment.post, UnitVersion.name),
)
LIST_HANDOVER = Query(
    object,
    insert(HandoverItem)
    .values(
        item_id=bindparam("item_id"),
        campus_id=bindparam("campus"),
        staff_id=bindparam("staff_id"),
        source=bindparam("source"),
        message=bindparam("message"),
        way_out=bindparam("way_out"),
        listed_at=bindparam("now"),
        note="",
        version=1,
    )
    .on_conflict_do_nothing(constraint="uq_handover_items_staff_id_source_message"),
)
"""The same line stays one, however often leaving is decided anew."""
HANDOVER_OF = Query(
    HandoverItem,
    select(HandoverItem)
    .where(HandoverItem.staff_id == bindparam("staff_id"))
    .order_by(HandoverItem.item_id)
    .limit(200),
)
OPEN_HANDOVER = Query(
    HandoverItem,
    select(HandoverItem)
    .where(
        HandoverItem.campus_id == bindparam("campus"),
        HandoverItem.settled_at.is_(null()),
        HandoverItem.item_id > bindparam("after"),
    )
    .order_by(HandoverItem.item_id)
    .limit(bindparam("limit")),
)
HANDOVER_ITEM = Query(HandoverItem, select(HandoverItem).where(HandoverItem.item_id == bindparam("item_id")))
SETTLE_HANDOVER = Query(
    HandoverItem,
    update(HandoverItem)
    .where(
        HandoverItem.item_id == bindparam("id_"),
        HandoverItem.version == bindparam("seen"),
        HandoverItem.settled_at.is_(null()),
    )
    .values(
        taken_by=bindparam("successor", type_=PgUUID(as_uuid=True)),
        note=bindparam("note_"),
        settled_at=bindparam("now"),
        settled_by=bindparam("by"),
        version=HandoverItem.version + 1,
    )
    .returning(HandoverItem),
)
