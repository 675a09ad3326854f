"""What is read, locked and changed of adult relatives (成年家属)."""

from datetime import datetime

from sqlalchemy import DateTime, bindparam, null, or_, select, update

from functions.platform.sso.models import AccountLink
from functions.platform.sso.models_phones import FamilyRequest
from shared.database.query import Query, among, constant

_MOMENT = DateTime(timezone=True)
_NOW = bindparam("now", type_=_MOMENT)

ASKED_BY = Query(
    datetime,
    select(FamilyRequest.asked_at)
    .where(
        FamilyRequest.account_id == bindparam("account_id"), FamilyRequest.asked_at > bindparam("since", type_=_MOMENT)
    )
    .order_by(FamilyRequest.asked_at.desc())
    .limit(bindparam("limit")),
)
REQUEST = Query(
    FamilyRequest,
    select(FamilyRequest)
    .where(FamilyRequest.request_id == bindparam("request_id"), FamilyRequest.account_id == bindparam("account_id"))
    .with_for_update(),
)
OPEN_BETWEEN = Query(
    FamilyRequest,
    select(FamilyRequest)
    .where(
        among(FamilyRequest.patient_id, "relatives"),
        among(FamilyRequest.owner_id, "owners"),
        FamilyRequest.state == constant("asked"),
        FamilyRequest.expires_at > _NOW,
    )
    .order_by(FamilyRequest.asked_at.desc())
    .limit(1)
    .with_for_update(),
)
AGREED = Query(
    FamilyRequest,
    update(FamilyRequest)
    .where(FamilyRequest.request_id == bindparam("id_"), FamilyRequest.state == constant("asked"))
    .values(
        state="agreed",
        way=bindparam("way_"),
        agreed_at=_NOW,
        registrar=bindparam("registrar_"),
        evidence=bindparam("evidence_"),
        link_id=bindparam("link"),
    )
    .returning(FamilyRequest),
)
_LATE = (
    select(FamilyRequest.request_id)
    .where(FamilyRequest.state == constant("asked"), FamilyRequest.expires_at <= _NOW)
    .order_by(FamilyRequest.expires_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
LAPSE = Query(object, update(FamilyRequest).where(FamilyRequest.request_id.in_(_LATE)).values(state="lapsed"))

RELATIVES_OF = Query(
    AccountLink,
    select(AccountLink)
    .where(
        among(AccountLink.patient_id, "patients"),
        AccountLink.ended_at.is_(null()),
        AccountLink.proof == constant("consent"),
        or_(AccountLink.until.is_(null()), AccountLink.until > _NOW),
    )
    .order_by(AccountLink.link_id),
)
OWNERS = Query(
    AccountLink,
    select(AccountLink).where(
        among(AccountLink.account_id, "accounts"),
        AccountLink.relation == constant("self"),
        AccountLink.ended_at.is_(null()),
    ),
)
END_CONSENT = Query(
    AccountLink,
    update(AccountLink)
    .where(
        AccountLink.link_id == bindparam("id_"),
        among(AccountLink.patient_id, "patients"),
        AccountLink.proof == constant("consent"),
        AccountLink.ended_at.is_(null()),
    )
    .values(ended_at=_NOW, end_reason=bindparam("why"))
    .returning(AccountLink),
)
END_CONSENTS_ON = Query(
    AccountLink,
    update(AccountLink)
    .where(
        among(AccountLink.patient_id, "patients"),
        AccountLink.proof == constant("consent"),
        AccountLink.ended_at.is_(null()),
    )
    .values(ended_at=_NOW, end_reason=bindparam("why"))
    .returning(AccountLink),
)
END_CONSENTS_TO = Query(
    AccountLink,
    update(AccountLink)
    .where(
        AccountLink.account_id == bindparam("account"),
        AccountLink.proof == constant("consent"),
        AccountLink.ended_at.is_(null()),
    )
    .values(ended_at=_NOW, end_reason=bindparam("why"))
    .returning(AccountLink),
)
