"""What is read and changed of session policies, sign-on rules, entries and notices."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, bindparam, null, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.platform.sso.models import LoginEvent, PatientAccount
from functions.platform.sso.models_limits import SessionEntry, SessionNotice, SessionPolicy, SignOnRule
from shared.database.query import Query, among, constant

_NOW = bindparam("now", type_=DateTime(timezone=True))

POLICIES = Query(
    SessionPolicy, select(SessionPolicy).where(SessionPolicy.ended_at.is_(null())).order_by(SessionPolicy.subject)
)
END_POLICY_OF = Query(
    object,
    update(SessionPolicy)
    .where(SessionPolicy.subject == bindparam("whose"), SessionPolicy.ended_at.is_(null()))
    .values(ended_at=_NOW, ended_by=bindparam("by")),
)
END_POLICY = Query(
    SessionPolicy,
    update(SessionPolicy)
    .where(SessionPolicy.policy_id == bindparam("id_"), SessionPolicy.ended_at.is_(null()))
    .values(ended_at=_NOW, ended_by=bindparam("by"))
    .returning(SessionPolicy),
)
RULES = Query(SignOnRule, select(SignOnRule).where(SignOnRule.ended_at.is_(null())).order_by(SignOnRule.rule_id))
"""Of every campus: a post's bounds follow its holder."""
RULES_HERE = Query(
    SignOnRule,
    select(SignOnRule)
    .where(SignOnRule.campus_id == bindparam("campus"), SignOnRule.rule_id < bindparam("before"))
    .order_by(SignOnRule.rule_id.desc())
    .limit(bindparam("limit")),
)
END_RULE = Query(
    SignOnRule,
    update(SignOnRule)
    .where(
        SignOnRule.rule_id == bindparam("id_"),
        SignOnRule.campus_id == bindparam("campus"),
        SignOnRule.ended_at.is_(null()),
    )
    .values(ended_at=_NOW, ended_by=bindparam("by"))
    .returning(SignOnRule),
)

ENTER = Query(
    object,
    (
        _enter := insert(SessionEntry).values(
            realm_session=bindparam("realm_session"),
            account_id=bindparam("account_id"),
            entered_at=_NOW,
            address=bindparam("address"),
            strong=bindparam("strong"),
            opened_here=bindparam("opened_here"),
        )
    ).on_conflict_do_update(
        index_elements=[SessionEntry.realm_session], set_={"strong": SessionEntry.strong | _enter.excluded.strong}
    ),
)
ENTRIES = Query(SessionEntry, select(SessionEntry).where(among(SessionEntry.realm_session, "sessions")))
NOTICES = Query(SessionNotice, select(SessionNotice).where(among(SessionNotice.realm_session, "sessions")))
NOTICE_OF = Query(SessionNotice, select(SessionNotice).where(SessionNotice.realm_session == bindparam("realm_session")))
NOTICES_LATEST = Query(
    SessionNotice,
    select(SessionNotice)
    .where(SessionNotice.notice_id < bindparam("before"))
    .order_by(SessionNotice.notice_id.desc())
    .limit(bindparam("limit")),
)
RAISE_NOTICE = Query(
    SessionNotice,
    insert(SessionNotice)
    .values(
        notice_id=bindparam("notice_id"),
        realm_session=bindparam("realm_session"),
        account_id=bindparam("account_id"),
        cause=bindparam("cause"),
        message=bindparam("message"),
        address=bindparam("address"),
        raised_at=_NOW,
        ends_at=bindparam("ends_at"),
    )
    .on_conflict_do_nothing()
    .returning(SessionNotice),
)
"""A session ends once: the first cause stays."""
NOTICES_DUE = Query(
    SessionNotice,
    select(SessionNotice)
    .where(SessionNotice.ended_at.is_(null()), SessionNotice.ends_at <= _NOW)
    .order_by(SessionNotice.ends_at)
    .limit(bindparam("limit")),
)
CARRY_OUT = Query(
    SessionNotice,
    update(SessionNotice)
    .where(SessionNotice.notice_id == bindparam("id_"), SessionNotice.ended_at.is_(null()))
    .values(ended_at=_NOW)
    .returning(SessionNotice),
)


class Login(NamedTuple):
    """A sign-on the realm reported."""

    account_id: str
    realm_session: str
    at: datetime
    address: str | None


RECENT_LOGINS = Query(
    Login,
    select(LoginEvent.account_id, LoginEvent.realm_session, LoginEvent.at, LoginEvent.address)
    .where(
        LoginEvent.event_id > bindparam("collected_after"),
        LoginEvent.at > bindparam("since"),
        LoginEvent.kind == constant("LOGIN"),
        LoginEvent.error.is_(null()),
        LoginEvent.account_id.is_not(null()),
        LoginEvent.realm_session.is_not(null()),
    )
    .order_by(LoginEvent.at)
    .limit(bindparam("limit")),
)
"""By when they were collected: those of an hour without the realm are judged as well."""
PATIENTS_AMONG = Query(UUID, select(PatientAccount.account_id).where(among(PatientAccount.account_id, "accounts")))
