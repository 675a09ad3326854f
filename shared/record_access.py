"""Record access (调阅授权): who may read a patient's clinical record of another campus, and for how long.

A grant is a row; the database compares its time at each read, so an expiry needs no job (spec P-patient-index
"Access grants"). A treatment relationship grants to the campus, break-glass (紧急调阅) to one person for 4 hours.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Double, bindparam, cast, func, null, or_, select, update

from shared.database.query import Query
from shared.identity.denied import DenyEntry
from shared.ids import new_id
from shared.tables import AccessGrant, DeniedSubject
from shared.tx import Tx

Basis = Literal["registration", "admission", "referral", "teleconsultation", "reading_task", "break_glass"]

BREAK_GLASS = timedelta(hours=4)
AFTER_VISIT = timedelta(days=7)
AFTER_DISCHARGE = timedelta(days=30)

DENIED_SUBJECTS = Query(
    DenyEntry,
    select(
        DeniedSubject.subject,
        DeniedSubject.login_session,
        cast(func.extract("epoch", DeniedSubject.issued_before), Double),
    ).where(DeniedSubject.expires_at > bindparam("now")),
)
"""The deny list as the token verifier wants it."""

_END = Query(
    AccessGrant,
    update(AccessGrant)
    .where(
        AccessGrant.basis == bindparam("basis"),
        AccessGrant.basis_id == bindparam("basis_id"),
        AccessGrant.ended_at.is_(null()),
    )
    .values(valid_to=bindparam("at"), ended_at=bindparam("now"))
    .returning(AccessGrant),
)

_IN_FORCE = Query(
    UUID,
    select(AccessGrant.grant_id)
    .where(
        AccessGrant.patient_id == bindparam("patient_id"),
        AccessGrant.reader_campus_id == bindparam("campus"),
        or_(AccessGrant.reader_subject.is_(null()), AccessGrant.reader_subject == bindparam("subject")),
        AccessGrant.valid_from <= bindparam("now"),
        AccessGrant.valid_to > bindparam("now"),
    )
    .limit(1),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """A granted access."""

    grant_id: UUID
    valid_to: datetime


def grant_access(
    tx: Tx, patient_id: UUID, basis: Basis, basis_id: object, until: datetime, reason: str = "", personal: bool = False
) -> Grant:
    """Let the acting campus (or, `personal`, only the actor) read the patient's records everywhere until `until`."""
    grant = AccessGrant(
        grant_id=new_id(),
        patient_id=patient_id,
        reader_campus_id=tx.campus,
        reader_subject=tx.actor.subject if personal else None,
        basis=basis,
        basis_id=str(basis_id),
        reason=reason,
        valid_from=tx.now,
        valid_to=until,
        granted_by=tx.actor.subject,
    )
    tx.session.add(grant)
    return Grant(grant.grant_id, until)


def end_access(tx: Tx, basis: Basis, basis_id: object, at: datetime) -> list[AccessGrant]:
    """End the grants of one basis at a moment, which may lie ahead (a visit ends, access ends seven days later)."""
    return tx.session.all(_END, basis=basis, basis_id=str(basis_id), at=at, now=tx.now)


def has_access(tx: Tx, patient_id: UUID) -> bool:
    """Whether a grant for the patient is in force for this actor at the acting campus."""
    return (
        tx.session.first(_IN_FORCE, patient_id=patient_id, campus=tx.campus, subject=tx.actor.subject, now=tx.now)
        is not None
    )
