"""What is read and changed of authorities, revocation lists, challenges and proofs."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, null, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from functions.platform.sso.models_certificates import CaCertificate
from functions.platform.sso.models_trust import (
    CertificateChallenge,
    RevocationList,
    RevokedCertificate,
    SessionProof,
    TrustAnchor,
)
from shared.database.query import Query, among, constant

_MOMENT = DateTime(timezone=True)
_NOW = bindparam("now", type_=_MOMENT)
_IN_FORCE = TrustAnchor.state == constant("in_force")

ANCHOR = Query(TrustAnchor, select(TrustAnchor).where(TrustAnchor.anchor_id == bindparam("id_")))
LOCK_ANCHOR = Query(TrustAnchor, select(TrustAnchor).where(TrustAnchor.anchor_id == bindparam("id_")).with_for_update())
"""Two lists of one authority are taken over one after the other."""
ANCHORS = Query(
    TrustAnchor,
    select(TrustAnchor)
    .where(TrustAnchor.anchor_id < bindparam("before"))
    .order_by(TrustAnchor.anchor_id.desc())
    .limit(bindparam("limit")),
)
ANCHORS_EVER = Query(
    TrustAnchor, select(TrustAnchor).where(TrustAnchor.confirmed_at.is_not(null())).order_by(TrustAnchor.anchor_id)
)
"""The ended ones too: where an authority was ever trusted, certificates are judged from then on. A dozen rows."""
CONFIRM = Query(
    TrustAnchor,
    update(TrustAnchor)
    .where(
        TrustAnchor.anchor_id == bindparam("id_"),
        TrustAnchor.version == bindparam("seen"),
        TrustAnchor.state == constant("registered"),
    )
    .values(
        state="in_force",
        confirmed_at=_NOW,
        confirmed_by=bindparam("by"),
        confirmed_name=bindparam("name"),
        fetch_due_at=_NOW,
        version=TrustAnchor.version + 1,
    )
    .returning(TrustAnchor),
)
END = Query(
    TrustAnchor,
    update(TrustAnchor)
    .where(
        TrustAnchor.anchor_id == bindparam("id_"),
        TrustAnchor.version == bindparam("seen"),
        TrustAnchor.state != constant("ended"),
    )
    .values(
        state="ended",
        ended_at=_NOW,
        ended_by=bindparam("by"),
        end_reason=bindparam("why"),
        version=TrustAnchor.version + 1,
    )
    .returning(TrustAnchor),
)
POINT_AT = Query(
    TrustAnchor,
    update(TrustAnchor)
    .where(
        TrustAnchor.anchor_id == bindparam("id_"),
        TrustAnchor.version == bindparam("seen"),
        TrustAnchor.state != constant("ended"),
    )
    .values(crl_url=bindparam("url"), fetch_due_at=_NOW, fetch_error=null(), version=TrustAnchor.version + 1)
    .returning(TrustAnchor),
)

LISTS_NOW = Query(
    RevocationList,
    select(RevocationList)
    .where(among(RevocationList.anchor_id, "anchors"))
    .ext(distinct_on(RevocationList.anchor_id))
    .order_by(RevocationList.anchor_id, RevocationList.list_id.desc()),
)
LISTS_OF = Query(
    RevocationList,
    select(RevocationList)
    .where(RevocationList.anchor_id == bindparam("id_"), RevocationList.list_id < bindparam("before"))
    .order_by(RevocationList.list_id.desc())
    .limit(bindparam("limit")),
)


class Listed(NamedTuple):
    """A serial number on a list."""

    serial: str
    suspended: bool


LISTED_SERIALS = Query(
    Listed,
    select(RevokedCertificate.serial, RevokedCertificate.suspended).where(
        RevokedCertificate.anchor_id == bindparam("id_"), RevokedCertificate.gone_at.is_(null())
    ),
)
NO_LONGER_LISTED = Query(
    object,
    update(RevokedCertificate)
    .where(RevokedCertificate.anchor_id == bindparam("id_"), among(RevokedCertificate.serial, "serials"))
    .values(gone_at=_NOW),
)


class Line(NamedTuple):
    """A certificate its authority has taken back."""

    anchor_id: UUID
    serial: str
    revoked_at: datetime
    suspended: bool


LISTED_AMONG = Query(
    Line,
    select(
        RevokedCertificate.anchor_id,
        RevokedCertificate.serial,
        RevokedCertificate.revoked_at,
        RevokedCertificate.suspended,
    ).where(
        among(RevokedCertificate.anchor_id, "anchors"),
        among(RevokedCertificate.serial, "serials"),
        RevokedCertificate.gone_at.is_(null()),
    ),
)
_DUE = (
    select(TrustAnchor.anchor_id)
    .where(_IN_FORCE, TrustAnchor.crl_url.is_not(null()), TrustAnchor.fetch_due_at <= _NOW)
    .order_by(TrustAnchor.fetch_due_at)
    .limit(2)
    .with_for_update(skip_locked=True)
)
TAKE_FETCH = Query(
    TrustAnchor,
    update(TrustAnchor)
    .where(TrustAnchor.anchor_id.in_(_DUE))
    .values(fetch_due_at=bindparam("again", type_=_MOMENT))
    .returning(TrustAnchor),
)
FETCHED = Query(
    object,
    update(TrustAnchor)
    .where(TrustAnchor.anchor_id == bindparam("id_"))
    .values(fetched_at=_NOW, fetch_error=null(), fetch_due_at=bindparam("again", type_=_MOMENT)),
)
FETCH_FAILED = Query(
    object,
    update(TrustAnchor).where(TrustAnchor.anchor_id == bindparam("id_")).values(fetch_error=bindparam("why")),
)
FRESH_AGAIN = Query(
    object,
    update(TrustAnchor)
    .where(TrustAnchor.anchor_id == bindparam("id_"), TrustAnchor.stale_told_at.is_not(null()))
    .values(stale_told_at=null()),
)
_runs_out = (
    select(RevocationList.next_update)
    .where(RevocationList.anchor_id == TrustAnchor.anchor_id)
    .order_by(RevocationList.list_id.desc())
    .limit(1)
    .scalar_subquery()
)
TELL_STALE = Query(
    TrustAnchor,
    update(TrustAnchor)
    .where(
        _IN_FORCE,
        TrustAnchor.stale_told_at.is_(null()),
        TrustAnchor.confirmed_at <= bindparam("confirmed_before", type_=_MOMENT),
        or_(_runs_out.is_(null()), _runs_out <= bindparam("run_out", type_=_MOMENT)),
    )
    .values(stale_told_at=_NOW)
    .returning(TrustAnchor),
)
"""Authorities whose list has run out, or who never had one; each is told of once."""

_LISTED = (
    select(CaCertificate.certificate_id)
    .join(RevokedCertificate, RevokedCertificate.serial == CaCertificate.serial)
    .join(TrustAnchor, TrustAnchor.anchor_id == RevokedCertificate.anchor_id)
    .where(
        CaCertificate.campus_id == bindparam("campus"),
        CaCertificate.state == constant("bound"),
        TrustAnchor.subject == CaCertificate.issuer,
        _IN_FORCE,
        RevokedCertificate.gone_at.is_(null()),
        RevokedCertificate.suspended.is_(False),
    )
    .limit(200)
)
REVOKE_LISTED = Query(
    CaCertificate,
    update(CaCertificate)
    .where(CaCertificate.certificate_id.in_(_LISTED))
    .values(
        state="revoked",
        ended_at=_NOW,
        ended_by=bindparam("by"),
        end_reason="authority",
        version=CaCertificate.version + 1,
    )
    .returning(CaCertificate),
)

_ask = insert(CertificateChallenge).values(
    challenge_id=bindparam("challenge_id"),
    campus_id=bindparam("campus"),
    workstation=bindparam("workstation"),
    nonce=bindparam("nonce"),
    asked_at=_NOW,
    expires_at=bindparam("expires_at", type_=_MOMENT),
)
ASK = Query(
    UUID,
    _ask.on_conflict_do_update(
        index_elements=[CertificateChallenge.workstation],
        index_where=CertificateChallenge.used_at.is_(null()),
        set_={name: getattr(_ask.excluded, name) for name in ("challenge_id", "nonce", "asked_at", "expires_at")},
    ).returning(CertificateChallenge.challenge_id),
)
USE_CHALLENGE = Query(
    CertificateChallenge,
    update(CertificateChallenge)
    .where(
        CertificateChallenge.challenge_id == bindparam("id_"),
        CertificateChallenge.campus_id == bindparam("campus"),
        CertificateChallenge.workstation == bindparam("station"),
        CertificateChallenge.used_at.is_(null()),
        CertificateChallenge.expires_at > _NOW,
    )
    .values(used_at=_NOW)
    .returning(CertificateChallenge),
)

PROOFS_NOW = Query(
    SessionProof, select(SessionProof).where(SessionProof.until > _NOW).order_by(SessionProof.proved_at.desc())
)
PROOFS_OF = Query(
    SessionProof,
    select(SessionProof)
    .where(SessionProof.staff_id == bindparam("whose", type_=Uuid()), SessionProof.until > _NOW)
    .order_by(SessionProof.proved_at.desc())
    .limit(bindparam("limit")),
)
END_PROOFS = Query(
    SessionProof,
    update(SessionProof)
    .where(among(SessionProof.certificate_id, "certificates"), SessionProof.until > _NOW)
    .values(until=_NOW)
    .returning(SessionProof),
)
