"""What is read and written of offline sign-ons."""

from uuid import UUID

from sqlalchemy import DateTime, bindparam, null, select, union
from sqlalchemy.dialects.postgresql import insert

from functions.platform.sso.models import Badge, WorkstationSession
from functions.platform.sso.models_offline import OfflineSession, OfflineVerifier, VerifierIssue
from shared.database.query import Query, among
from shared.identity.uses import PermissionUse

_MOMENT = DateTime(timezone=True)

BADGES_OF = Query(
    Badge,
    select(Badge).where(among(Badge.staff_id, "staff_ids"), Badge.ended_at.is_(null())).order_by(Badge.staff_id),
)
WORKED_HERE = Query(
    UUID,
    union(
        select(PermissionUse.staff_id).where(
            PermissionUse.campus_id == bindparam("campus"), PermissionUse.last_used >= bindparam("since")
        ),
        select(WorkstationSession.staff_id).where(
            WorkstationSession.campus_id == bindparam("campus"), WorkstationSession.session_id > bindparam("after")
        ),
    ),
)
"""Who has used the product at a campus of late, signed on by password or by card."""
VERIFIERS = Query(OfflineVerifier, select(OfflineVerifier).where(among(OfflineVerifier.badge_id, "badge_ids")))
_keep = insert(OfflineVerifier).values(
    badge_id=bindparam("badge_id"),
    source=bindparam("source"),
    verifier=bindparam("verifier"),
    made_at=bindparam("made_at"),
)
KEEP_VERIFIER = Query(
    object,
    _keep.on_conflict_do_update(
        index_elements=[OfflineVerifier.badge_id],
        set_={
            "source": _keep.excluded.source,
            "verifier": _keep.excluded.verifier,
            "made_at": _keep.excluded.made_at,
        },
    ),
)
ISSUES_HERE = Query(
    VerifierIssue,
    select(VerifierIssue)
    .where(VerifierIssue.campus_id == bindparam("campus"), VerifierIssue.issue_id < bindparam("before"))
    .order_by(VerifierIssue.issue_id.desc())
    .limit(bindparam("limit")),
)
ISSUES_BETWEEN = Query(
    VerifierIssue,
    select(VerifierIssue).where(
        VerifierIssue.campus_id == bindparam("campus"),
        VerifierIssue.valid_to > bindparam("first", type_=_MOMENT),
        VerifierIssue.issued_at <= bindparam("last", type_=_MOMENT),
    ),
)
SESSIONS_TOLD = Query(
    OfflineSession,
    select(OfflineSession).where(
        OfflineSession.campus_id == bindparam("campus"), among(OfflineSession.entry_id, "entry_ids")
    ),
)
SESSIONS_HERE = Query(
    OfflineSession,
    select(OfflineSession)
    .where(OfflineSession.campus_id == bindparam("campus"), OfflineSession.session_id < bindparam("before"))
    .order_by(OfflineSession.session_id.desc())
    .limit(bindparam("limit")),
)
