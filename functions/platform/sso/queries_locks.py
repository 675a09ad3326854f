"""What is read and changed of locked screens and of sign-ons by scanning."""

from uuid import UUID

from sqlalchemy import DateTime, bindparam, exists, null, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.platform.sso.models import Device, WorkstationSession
from functions.platform.sso.models_limits import SessionNotice
from functions.platform.sso.models_locks import ScannedSignOn, ScreenLock
from shared.database.query import Query, among, constant
from shared.tables import DeniedSubject

_MOMENT = DateTime(timezone=True)
_NOW = bindparam("now", type_=_MOMENT)

# -- locked screens

_OPEN = (ScreenLock.unlocked_at.is_(null()), ScreenLock.ended_at.is_(null()))

LOCK_OF = Query(ScreenLock, select(ScreenLock).where(ScreenLock.realm_session == bindparam("realm_session"), *_OPEN))
LOCKS_OF = Query(ScreenLock, select(ScreenLock).where(among(ScreenLock.realm_session, "sessions"), *_OPEN))
LOCK_AT = Query(ScreenLock, select(ScreenLock).where(ScreenLock.workstation == bindparam("workstation"), *_OPEN))
LOCK_TO_OPEN = Query(
    ScreenLock,
    select(ScreenLock).where(ScreenLock.workstation == bindparam("workstation"), *_OPEN).with_for_update(),
)
"""Held while an answer is judged, so that two guesses at once count twice."""
OWN_LOCK = Query(
    ScreenLock,
    select(ScreenLock)
    .where(ScreenLock.lock_id == bindparam("lock_id"), ScreenLock.staff_id == bindparam("staff_id"), *_OPEN)
    .with_for_update(),
)
UNLOCK = Query(
    ScreenLock,
    update(ScreenLock)
    .where(ScreenLock.lock_id == bindparam("id_"), *_OPEN)
    .values(unlocked_at=_NOW, way=bindparam("how"))
    .returning(ScreenLock),
)
UNLOCK_FAILED = Query(
    ScreenLock,
    update(ScreenLock)
    .where(ScreenLock.lock_id == bindparam("id_"), *_OPEN)
    .values(failures=ScreenLock.failures + 1)
    .returning(ScreenLock),
)
LEAVE_WORKSTATION = Query(
    object,
    update(ScreenLock).where(ScreenLock.workstation == bindparam("station"), *_OPEN).values(workstation=null()),
)
"""Somebody else locks the workstation: whoever was locked there before unlocks by password only."""
END_LOCK = Query(
    ScreenLock,
    update(ScreenLock)
    .where(ScreenLock.realm_session == bindparam("session_"), *_OPEN)
    .values(ended_at=_NOW)
    .returning(ScreenLock),
)
END_LOCK_AT = Query(
    ScreenLock,
    update(ScreenLock)
    .where(ScreenLock.workstation == bindparam("station"), *_OPEN)
    .values(ended_at=_NOW)
    .returning(ScreenLock),
)
ABANDONED_LOCKS = Query(
    ScreenLock,
    select(ScreenLock)
    .where(ScreenLock.locked_at <= bindparam("before", type_=_MOMENT), *_OPEN)
    .order_by(ScreenLock.locked_at)
    .limit(bindparam("limit")),
)
EASE_HOLD = Query(
    object,
    update(DeniedSubject)
    .where(DeniedSubject.denial_id == bindparam("id_"), DeniedSubject.expires_at > bindparam("until", type_=_MOMENT))
    .values(expires_at=bindparam("until", type_=_MOMENT)),
)
"""A hold lasts as long as the lock; afterwards as long as a token of the session could still be shown."""

# -- workstations

WORKSTATION = Query(
    Device,
    select(Device).where(
        Device.campus_id == bindparam("campus"),
        Device.code == bindparam("code"),
        Device.kind == constant("workstation"),
        Device.state == constant("active"),
    ),
)
WORKS_HERE = Query(
    WorkstationSession,
    select(WorkstationSession).where(
        WorkstationSession.workstation == bindparam("workstation"), WorkstationSession.ended_at.is_(null())
    ),
)
WORKS_IN = Query(
    str,
    select(WorkstationSession.workstation).where(
        WorkstationSession.staff_id == bindparam("staff_id"),
        WorkstationSession.realm_session == bindparam("realm_session"),
        WorkstationSession.ended_at.is_(null()),
    ),
)
GOES_ON_IN = Query(
    object,
    update(WorkstationSession)
    .where(
        WorkstationSession.staff_id == bindparam("who"),
        WorkstationSession.realm_session == bindparam("former"),
        WorkstationSession.ended_at.is_(null()),
    )
    .values(realm_session=bindparam("realm")),
)
_SESSION_OVER = exists(
    select(SessionNotice.notice_id).where(
        SessionNotice.realm_session == WorkstationSession.realm_session, SessionNotice.ended_at.is_not(null())
    )
)
LOCKABLE = Query(
    WorkstationSession,
    select(WorkstationSession).where(
        WorkstationSession.workstation == bindparam("workstation"),
        WorkstationSession.ended_at.is_(null()),
        WorkstationSession.realm_session.is_not(null()),
        ~_SESSION_OVER,
    ),
)
LEAVE_ENDED = Query(
    object,
    update(WorkstationSession)
    .where(WorkstationSession.campus_id == bindparam("campus"), WorkstationSession.ended_at.is_(null()), _SESSION_OVER)
    .values(ended_at=_NOW, end_reason="session_ended"),
)

# -- scanning

SHOW = Query(
    UUID,
    (
        _show := insert(ScannedSignOn).values(
            scan_id=bindparam("scan_id"),
            campus_id=bindparam("campus"),
            workstation=bindparam("workstation"),
            title=bindparam("title"),
            code_hash=bindparam("code_hash"),
            state="shown",
            shown_at=_NOW,
            expires_at=bindparam("expires_at", type_=_MOMENT),
        )
    )
    .on_conflict_do_update(
        index_elements=[ScannedSignOn.workstation],
        index_where=ScannedSignOn.state == constant("shown"),
        set_={
            name: getattr(_show.excluded, name) for name in ("scan_id", "title", "code_hash", "shown_at", "expires_at")
        },
    )
    .returning(ScannedSignOn.scan_id),
)
"""The code before that nobody scanned is gone with it."""
SCAN = Query(
    ScannedSignOn,
    select(ScannedSignOn).where(
        ScannedSignOn.scan_id == bindparam("scan_id"), ScannedSignOn.campus_id == bindparam("campus")
    ),
)
SCANNED = Query(
    ScannedSignOn,
    update(ScannedSignOn)
    .where(
        ScannedSignOn.scan_id == bindparam("id_"),
        ScannedSignOn.state == constant("shown"),
        ScannedSignOn.expires_at > _NOW,
    )
    .values(state="scanned", staff_id=bindparam("who"))
    .returning(ScannedSignOn),
)
DECIDE = Query(
    ScannedSignOn,
    update(ScannedSignOn)
    .where(
        ScannedSignOn.scan_id == bindparam("id_"),
        ScannedSignOn.staff_id == bindparam("who"),
        ScannedSignOn.state == constant("scanned"),
        ScannedSignOn.expires_at > _NOW,
    )
    .values(state=bindparam("decision"), decided_at=_NOW)
    .returning(ScannedSignOn),
)
USE_SCAN = Query(
    UUID,
    update(ScannedSignOn)
    .where(
        ScannedSignOn.scan_id == bindparam("id_"),
        ScannedSignOn.state == constant("agreed"),
        ScannedSignOn.expires_at > _NOW,
    )
    .values(state="used", used_at=_NOW)
    .returning(ScannedSignOn.staff_id),
)
"""Once: a second collector of the same code gets nothing."""
