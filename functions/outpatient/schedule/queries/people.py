"""Leave, swaps, introductions."""

from sqlalchemy import Text, Uuid, bindparam, exists, func, null, or_, select, update

from functions.outpatient.schedule.models import DoctorProfile, Leave, Session, SessionTask, Swap
from shared.database.query import Query, among, one_of

LEAVE = Query(Leave, select(Leave).where(Leave.leave_id == bindparam("leave_id")))
LEAVES = Query(
    Leave,
    select(Leave)
    .where(
        Leave.campus_id == bindparam("campus"),
        or_(bindparam("doctor", type_=Uuid).is_(null()), Leave.doctor_id == bindparam("doctor", type_=Uuid)),
        Leave.leave_id < bindparam("before"),
    )
    .order_by(Leave.leave_id.desc())
    .limit(bindparam("limit")),
)
STEP_LEAVE = Query(
    Leave,
    update(Leave)
    .where(
        Leave.leave_id == bindparam("id_"),
        Leave.version == bindparam("seen"),
        among(Leave.status, "from_"),
    )
    .values(status=bindparam("to"), decided_by=bindparam("who"), decided_at=bindparam("now"), version=Leave.version + 1)
    .returning(Leave),
)
LEAVES_OF = Query(
    Leave,
    select(Leave).where(
        among(Leave.doctor_id, "doctors"),
        one_of(Leave.status, "approved"),
        Leave.starts_at < bindparam("until"),
        Leave.ends_at > bindparam("since"),
    ),
)
SESSIONS_IN = Query(
    Session,
    select(Session)
    .where(
        Session.doctor_id == bindparam("doctor"),
        Session.campus_id == bindparam("campus"),
        one_of(Session.status, "published", "open"),
        Session.starts_at < bindparam("until"),
        Session.ends_at > bindparam("since"),
    )
    .order_by(Session.starts_at)
    .limit(200),
)
SESSIONS_OF_DAYS = Query(
    Session,
    select(Session)
    .where(
        Session.campus_id == bindparam("campus"),
        among(Session.day, "days"),
        one_of(Session.status, "published", "open"),
        ~exists().where(SessionTask.session_id == Session.session_id, SessionTask.kind == "holiday"),
    )
    .order_by(Session.session_id)
    .limit(bindparam("limit")),
)
"""Sessions on days that are closed now, not yet put before anybody."""
SWAP = Query(Swap, select(Swap).where(Swap.swap_id == bindparam("swap_id")))
SWAPS = Query(
    Swap,
    select(Swap)
    .where(Swap.campus_id == bindparam("campus"), Swap.swap_id < bindparam("before"))
    .order_by(Swap.swap_id.desc())
    .limit(bindparam("limit")),
)
STEP_SWAP = Query(
    Swap,
    update(Swap)
    .where(Swap.swap_id == bindparam("id_"), Swap.version == bindparam("seen"), Swap.status == bindparam("from_"))
    .values(
        status=bindparam("to"),
        agreed_by=func.coalesce(Swap.agreed_by, bindparam("agreed", type_=Text)),
        decided_by=func.coalesce(Swap.decided_by, bindparam("decided", type_=Text)),
        decided_at=func.coalesce(Swap.decided_at, bindparam("at", type_=Swap.decided_at.type)),
        version=Swap.version + 1,
    )
    .returning(Swap),
)

# -- introductions

PROFILE = Query(DoctorProfile, select(DoctorProfile).where(DoctorProfile.profile_id == bindparam("profile_id")))
PROFILE_OF = Query(
    DoctorProfile,
    select(DoctorProfile).where(
        DoctorProfile.doctor_id == bindparam("doctor_id"), one_of(DoctorProfile.status, "approved")
    ),
)
PROFILES_WAITING = Query(
    DoctorProfile,
    select(DoctorProfile)
    .where(
        DoctorProfile.campus_id == bindparam("campus"),
        one_of(DoctorProfile.status, "submitted"),
        DoctorProfile.profile_id > bindparam("after"),
    )
    .order_by(DoctorProfile.profile_id)
    .limit(bindparam("limit")),
)
SUPERSEDE_PROFILE = Query(
    object,
    update(DoctorProfile)
    .where(DoctorProfile.doctor_id == bindparam("doctor"), one_of(DoctorProfile.status, "approved"))
    .values(status="superseded", version=DoctorProfile.version + 1),
)
DECIDE_PROFILE = Query(
    DoctorProfile,
    update(DoctorProfile)
    .where(
        DoctorProfile.profile_id == bindparam("id_"),
        DoctorProfile.version == bindparam("seen"),
        one_of(DoctorProfile.status, "submitted"),
    )
    .values(
        status=bindparam("to"),
        approved_by=bindparam("who"),
        approved_at=bindparam("now"),
        version=DoctorProfile.version + 1,
    )
    .returning(DoctorProfile),
)
