"""Posts and secondments."""

from sqlalchemy import and_, bindparam, func, or_, select, update

from functions.organisation.structure.models import PostAssignment, Secondment, SecondmentApproval
from shared.database.periods import ended_by, holds, lasts
from shared.database.query import Query, among, constant, one_of

_AT = bindparam("at", type_=PostAssignment.valid_from.type)

# -- posts

_LASTS = lasts(PostAssignment, _AT)

ASSIGNMENT = Query(
    PostAssignment, select(PostAssignment).where(PostAssignment.assignment_id == bindparam("assignment_id"))
)
ASSIGNMENTS_SINCE = Query(
    PostAssignment,
    select(PostAssignment)
    .where(PostAssignment.staff_id == bindparam("staff_id"), _LASTS)
    .order_by(PostAssignment.valid_from, PostAssignment.assignment_id),
)
"""What a person holds at a moment or will hold after it."""
ASSIGNMENTS_AT = Query(
    PostAssignment,
    select(PostAssignment)
    .where(
        PostAssignment.campus_id == bindparam("campus"),
        PostAssignment.post == bindparam("post"),
        holds(PostAssignment, _AT),
    )
    .order_by(PostAssignment.assignment_id),
)
ALL_ASSIGNMENTS_AT = Query(PostAssignment, select(PostAssignment).where(holds(PostAssignment, _AT)))
ENDING_POSTS = Query(
    PostAssignment,
    select(PostAssignment)
    .where(
        PostAssignment.valid_to > bindparam("now"),
        PostAssignment.valid_to <= bindparam("until"),
        PostAssignment.campus_id == bindparam("campus"),
    )
    .order_by(PostAssignment.valid_to, PostAssignment.assignment_id)
    .limit(200),
)
POST_OF_UNIT = Query(
    PostAssignment,
    select(PostAssignment)
    .where(PostAssignment.unit_id == bindparam("unit_id"), PostAssignment.post == bindparam("post"))
    .limit(1),
)
"""Somebody holds or held the post in the unit: it is one of its posts."""
ASSIGNMENTS_IN_UNIT = Query(
    PostAssignment,
    select(PostAssignment)
    .where(
        PostAssignment.unit_id == bindparam("unit_id"),
        _LASTS,
    )
    .order_by(PostAssignment.is_main.desc(), PostAssignment.assignment_id),
)
SECONDMENT_IN_UNIT = Query(
    Secondment,
    select(Secondment)
    .where(
        Secondment.unit_id == bindparam("unit_id"),
        one_of(Secondment.status, "proposed", "approved", "active"),
        Secondment.valid_to > _AT,
    )
    .limit(1),
)
END_POST = Query(
    PostAssignment,
    ended_by(PostAssignment, PostAssignment.assignment_id == bindparam("id_")).returning(PostAssignment),
)
END_POSTS_OF_STAFF = Query(
    PostAssignment,
    ended_by(
        PostAssignment, PostAssignment.staff_id == bindparam("id_"), PostAssignment.campus_id == bindparam("campus")
    ).returning(PostAssignment),
)


# -- secondments

IN_FORCE = ("approved", "active", "ended")
"""States whose period counts; whether it holds a moment, the period itself says."""

SECONDMENT = Query(Secondment, select(Secondment).where(Secondment.secondment_id == bindparam("secondment_id")))
LOCK_SECONDMENT = Query(
    Secondment,
    select(Secondment).where(Secondment.secondment_id == bindparam("secondment_id")).with_for_update(),
)
LOCK_SECONDMENTS_OF = Query(
    Secondment,
    select(Secondment)
    .where(Secondment.staff_id == bindparam("staff_id"), one_of(Secondment.status, "proposed", *IN_FORCE))
    .order_by(Secondment.secondment_id)
    .with_for_update(),
)
"""Held while a person's posts change at any campus."""
SECONDMENTS_OF = Query(
    Secondment,
    select(Secondment)
    .where(Secondment.staff_id == bindparam("staff_id"), one_of(Secondment.status, *IN_FORCE))
    .order_by(Secondment.secondment_id),
)
_IN_FORCE_AT = and_(one_of(Secondment.status, *IN_FORCE), Secondment.valid_from <= _AT, Secondment.valid_to > _AT)
ALL_SECONDMENTS_AT = Query(Secondment, select(Secondment).where(_IN_FORCE_AT))
SECONDMENTS_TO_AT = Query(
    Secondment, select(Secondment).where(Secondment.receiving_campus == bindparam("campus"), _IN_FORCE_AT)
)
SECONDMENTS_OF_CAMPUS = Query(
    Secondment,
    select(Secondment)
    .where(
        or_(Secondment.receiving_campus == bindparam("campus"), Secondment.home_campus == bindparam("campus")),
        Secondment.secondment_id < bindparam("before"),
    )
    .order_by(Secondment.secondment_id.desc())
    .limit(bindparam("limit")),
)
APPROVALS = Query(
    SecondmentApproval,
    select(SecondmentApproval)
    .where(among(SecondmentApproval.secondment_id, "secondment_ids"))
    .order_by(SecondmentApproval.side),
)
STEP_SECONDMENT = Query(
    Secondment,
    update(Secondment)
    .where(
        Secondment.secondment_id == bindparam("id_"),
        Secondment.version == bindparam("seen"),
        Secondment.status == bindparam("from_"),
    )
    .values(
        status=bindparam("to"),
        practice_filed=or_(Secondment.practice_filed, bindparam("filed", type_=Secondment.practice_filed.type)),
        valid_to=func.greatest(
            Secondment.valid_from, func.least(Secondment.valid_to, bindparam("until", type_=Secondment.valid_to.type))
        ),
        version=Secondment.version + 1,
    )
    .returning(Secondment),
)
"""One step of a secondment's life; a null `until` leaves its end alone (LEAST ignores nulls)."""
SECONDMENTS_TO_START = Query(
    Secondment,
    select(Secondment)
    .where(Secondment.status == constant("approved"), Secondment.valid_from <= bindparam("now"))
    .order_by(Secondment.secondment_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True),
)
SECONDMENTS_TO_END = Query(
    Secondment,
    select(Secondment)
    .where(Secondment.status == constant("active"), Secondment.valid_to <= bindparam("now"))
    .order_by(Secondment.secondment_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True),
)
