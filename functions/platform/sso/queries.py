"""What is read, locked and changed of accounts, sessions and devices."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Text, Uuid, and_, bindparam, case, cast, exists, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import aliased

from functions.platform.sso.models import (
    AccountLink,
    AppliedAccount,
    Badge,
    Device,
    EmergencyAccess,
    IdentityChange,
    LoginEvent,
    Partner,
    PatientAccount,
    WorkstationSession,
)
from functions.platform.sso.rules import Failure
from shared.database.query import Query, among, constant

_MOMENT = IdentityChange.asked_at.type
_NOW = bindparam("now", type_=_MOMENT)

# -- what the realm must be told

NOTE = Query(
    object,
    insert(IdentityChange)
    .values(
        change_id=bindparam("change_id"),
        kind=bindparam("kind"),
        subject_id=bindparam("subject_id"),
        cause=bindparam("cause"),
        asked_at=_NOW,
        due_at=_NOW,
        attempts=0,
        last_error="",
    )
    .on_conflict_do_nothing(),
)
"""A change that waits already covers this one too: what is told is the state at the telling."""
_WAITING = (
    select(IdentityChange.change_id)
    .where(
        IdentityChange.done_at.is_(null()),
        IdentityChange.due_at <= _NOW,
        or_(IdentityChange.taken_until.is_(null()), IdentityChange.taken_until < _NOW),
    )
    .order_by(IdentityChange.due_at, IdentityChange.change_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
TAKE = Query(
    IdentityChange,
    update(IdentityChange)
    .where(IdentityChange.change_id.in_(_WAITING))
    .values(taken_until=bindparam("until", type_=_MOMENT), attempts=IdentityChange.attempts + 1)
    .returning(IdentityChange),
)
"""Changes that are due, for one process to tell; one that died in the middle leaves them to the next."""
DONE = Query(object, update(IdentityChange).where(among(IdentityChange.change_id, "ids")).values(done_at=_NOW))
_OTHER = aliased(IdentityChange)
_ANOTHER_WAITS = exists(
    select(literal(1)).where(
        _OTHER.kind == IdentityChange.kind,
        _OTHER.subject_id == IdentityChange.subject_id,
        _OTHER.done_at.is_(null()),
        _OTHER.taken_until.is_(null()),
    )
)
GIVE_UP = Query(
    object,
    update(IdentityChange)
    .where(among(IdentityChange.change_id, "ids"), _ANOTHER_WAITS)
    .values(done_at=_NOW, last_error=bindparam("error")),
)
"""The same has been asked for again meanwhile: that one remains."""
PUT_BACK = Query(
    object,
    update(IdentityChange)
    .where(among(IdentityChange.change_id, "ids"), IdentityChange.done_at.is_(null()))
    .values(taken_until=null(), due_at=bindparam("due", type_=_MOMENT), last_error=bindparam("error")),
)


class Waiting(NamedTuple):
    """Changes the realm has not been told."""

    changes: int
    since: datetime | None


WAITING = Query(
    Waiting,
    select(func.count(), func.min(IdentityChange.asked_at)).where(IdentityChange.done_at.is_(null())),
)
APPLIED = Query(AppliedAccount, select(AppliedAccount))
APPLY = Query(
    object,
    (
        _apply := insert(AppliedAccount).values(
            staff_id=bindparam("staff_id"), fingerprint=bindparam("fingerprint"), applied_at=_NOW
        )
    ).on_conflict_do_update(
        index_elements=[AppliedAccount.staff_id],
        set_={"fingerprint": _apply.excluded.fingerprint, "applied_at": _apply.excluded.applied_at},
    ),
)

# -- devices and partners

DEVICES_NOW = Query(
    Device,
    select(Device)
    .where(Device.state == constant("active"), Device.valid_to > _NOW)
    .order_by(Device.campus_id, Device.code),
)
DEVICES_HERE = Query(
    Device,
    select(Device)
    .where(Device.campus_id == bindparam("campus"), Device.device_id < bindparam("before"))
    .order_by(Device.device_id.desc())
    .limit(bindparam("limit")),
)
DEVICE = Query(Device, select(Device).where(Device.device_id == bindparam("device_id")))
ROTATE = Query(
    Device,
    update(Device)
    .where(
        Device.device_id == bindparam("id_"), Device.version == bindparam("seen"), Device.state == constant("active")
    )
    .values(
        generation=Device.generation + 1,
        secret_since=_NOW,
        valid_to=bindparam("until", type_=_MOMENT),
        former_until=bindparam("former", type_=_MOMENT),
        version=Device.version + 1,
    )
    .returning(Device),
)
END_DEVICE = Query(
    Device,
    update(Device)
    .where(Device.device_id == bindparam("id_"), Device.state == constant("active"))
    .values(state="ended", ended_at=_NOW, version=Device.version + 1)
    .returning(Device),
)
DEVICES_TURNING = Query(
    UUID,
    select(Device.device_id)
    .where(
        Device.state == constant("active"),
        or_(
            and_(Device.valid_to > bindparam("since", type_=_MOMENT), Device.valid_to <= _NOW),
            and_(Device.former_until > bindparam("since", type_=_MOMENT), Device.former_until <= _NOW),
        ),
    )
    .limit(1),
)
PARTNERS_NOW = Query(
    Partner, select(Partner).where(Partner.state == constant("active"), Partner.valid_to > _NOW).order_by(Partner.code)
)
PARTNERS = Query(Partner, select(Partner).order_by(Partner.code).limit(200))
PARTNER = Query(Partner, select(Partner).where(Partner.partner_id == bindparam("partner_id")))
END_PARTNER = Query(
    Partner,
    update(Partner)
    .where(Partner.partner_id == bindparam("id_"), Partner.state == constant("active"))
    .values(state="ended", ended_at=_NOW, version=Partner.version + 1)
    .returning(Partner),
)

# -- patients

OPEN_ACCOUNT = Query(
    UUID,
    insert(PatientAccount)
    .values(
        account_id=bindparam("account_id"), openid_hash=bindparam("openid_hash"), opened_at=_NOW, last_login_at=_NOW
    )
    .on_conflict_do_update(index_elements=[PatientAccount.openid_hash], set_={"last_login_at": _NOW})
    .returning(PatientAccount.account_id),
)
"""The account of a WeChat user, made at the first sign-on."""
LINKS = Query(
    AccountLink,
    select(AccountLink)
    .where(
        AccountLink.account_id == bindparam("account_id"),
        AccountLink.ended_at.is_(null()),
        or_(AccountLink.until.is_(null()), AccountLink.until > _NOW),
    )
    .order_by(AccountLink.link_id),
)
LOCK_ACCOUNT = Query(
    PatientAccount,
    select(PatientAccount).where(PatientAccount.account_id == bindparam("account_id")).with_for_update(),
)
"""Held while persons are bound, so that two bindings at once don't pass the limit together."""
END_LINK = Query(
    AccountLink,
    update(AccountLink)
    .where(
        AccountLink.link_id == bindparam("id_"),
        AccountLink.account_id == bindparam("account"),
        AccountLink.ended_at.is_(null()),
    )
    .values(ended_at=_NOW, end_reason=bindparam("why"))
    .returning(AccountLink),
)
ACCOUNTS_OF = Query(
    UUID,
    select(AccountLink.account_id)
    .where(among(AccountLink.patient_id, "patient_ids"), AccountLink.ended_at.is_(null()))
    .distinct(),
)
END_GROWN_UP = Query(
    AccountLink,
    update(AccountLink)
    .where(AccountLink.ended_at.is_(null()), AccountLink.until <= _NOW)
    .values(
        ended_at=_NOW,
        end_reason=case((AccountLink.proof == constant("guardian"), literal("满18周岁")), else_=literal("绑定到期")),
    )
    .returning(AccountLink),
)

# -- badges and workstations

BADGE_OF_CARD = Query(Badge, select(Badge).where(Badge.card_hash == bindparam("card_hash"), Badge.ended_at.is_(null())))
BADGE_OF = Query(Badge, select(Badge).where(Badge.staff_id == bindparam("staff_id"), Badge.ended_at.is_(null())))
PIN_FAILED = Query(
    Badge,
    update(Badge)
    .where(Badge.badge_id == bindparam("id_"))
    .values(failures=Badge.failures + 1, locked_until=bindparam("until", type_=_MOMENT))
    .returning(Badge),
)
PIN_FITTED = Query(
    object,
    update(Badge).where(Badge.badge_id == bindparam("id_")).values(failures=0, locked_until=null()),
)
END_BADGE = Query(
    Badge,
    update(Badge)
    .where(Badge.staff_id == bindparam("id_"), Badge.ended_at.is_(null()))
    .values(ended_at=_NOW, ended_by=bindparam("by"))
    .returning(Badge),
)
END_WORKSTATION_SESSION = Query(
    WorkstationSession,
    update(WorkstationSession)
    .where(WorkstationSession.workstation == bindparam("station"), WorkstationSession.ended_at.is_(null()))
    .values(ended_at=_NOW, end_reason=bindparam("why"))
    .returning(WorkstationSession),
)
OPENED_AT_REALM = Query(
    object,
    update(WorkstationSession)
    .where(WorkstationSession.session_id == bindparam("id_"))
    .values(realm_session=bindparam("realm")),
)
WORKSTATION_SESSIONS = Query(
    WorkstationSession,
    select(WorkstationSession)
    .where(WorkstationSession.campus_id == bindparam("campus"), WorkstationSession.session_id < bindparam("before"))
    .order_by(WorkstationSession.session_id.desc())
    .limit(bindparam("limit")),
)

# -- sign-ons as the realm reports them


class LastSeen(NamedTuple):
    """When somebody last signed on to an account."""

    account_id: str
    at: datetime | None


LAST_EVENT = Query(datetime, select(LoginEvent.at).order_by(LoginEvent.at.desc(), LoginEvent.event_id.desc()).limit(1))
KEEP_EVENT = Query(
    UUID,
    insert(LoginEvent)
    .values(
        event_id=bindparam("event_id"),
        realm_event_id=bindparam("realm_event_id"),
        at=bindparam("at"),
        kind=bindparam("kind"),
        account_id=bindparam("account_id"),
        client=bindparam("client"),
        address=bindparam("address"),
        realm_session=bindparam("realm_session"),
        error=bindparam("error"),
    )
    .on_conflict_do_nothing()
    .returning(LoginEvent.event_id),
)
EVENTS_OF = Query(
    LoginEvent,
    select(LoginEvent)
    .where(LoginEvent.account_id == bindparam("account_id"), LoginEvent.at < bindparam("before"))
    .order_by(LoginEvent.at.desc())
    .limit(bindparam("limit")),
)
_ASKED = select(func.unnest(bindparam("accounts", type_=ARRAY(Text))).label("account_id")).subquery("asked")
LAST_SEEN = Query(
    LastSeen,
    select(
        _ASKED.c.account_id,
        func.greatest(
            select(LoginEvent.at)
            .where(LoginEvent.account_id == _ASKED.c.account_id, LoginEvent.kind == constant("LOGIN"))
            .order_by(LoginEvent.at.desc())
            .limit(1)
            .scalar_subquery(),
            select(WorkstationSession.opened_at)
            .where(WorkstationSession.staff_id == cast(_ASKED.c.account_id, Uuid))
            .order_by(WorkstationSession.opened_at.desc())
            .limit(1)
            .scalar_subquery(),
        ),
    ),
)
"""When somebody last signed on to each of these accounts, at the login page or by badge."""
FAILURES_SINCE = Query(
    Failure,
    select(LoginEvent.at, LoginEvent.address).where(
        LoginEvent.error.is_not(null()), LoginEvent.address.is_not(null()), LoginEvent.at > bindparam("since")
    ),
)

# -- emergency accounts

EMERGENCY = Query(EmergencyAccess, select(EmergencyAccess).where(EmergencyAccess.access_id == bindparam("id_")))
EMERGENCIES = Query(
    EmergencyAccess,
    select(EmergencyAccess)
    .where(EmergencyAccess.campus_id == bindparam("campus"), EmergencyAccess.access_id < bindparam("before"))
    .order_by(EmergencyAccess.access_id.desc())
    .limit(bindparam("limit")),
)
OPEN_EMERGENCY = Query(
    EmergencyAccess,
    update(EmergencyAccess)
    .where(
        EmergencyAccess.access_id == bindparam("id_"),
        EmergencyAccess.version == bindparam("seen"),
        EmergencyAccess.state == constant("asked"),
    )
    .values(
        state="open",
        opened_at=_NOW,
        opened_by=bindparam("by"),
        until=bindparam("until_", type_=_MOMENT),
        version=EmergencyAccess.version + 1,
    )
    .returning(EmergencyAccess),
)
SEAL_EMERGENCY = Query(
    EmergencyAccess,
    update(EmergencyAccess)
    .where(EmergencyAccess.access_id == bindparam("id_"), EmergencyAccess.state != constant("sealed"))
    .values(state="sealed", sealed_at=_NOW, version=EmergencyAccess.version + 1)
    .returning(EmergencyAccess),
)
EMERGENCIES_OVER = Query(
    EmergencyAccess,
    select(EmergencyAccess).where(
        EmergencyAccess.campus_id == bindparam("campus"),
        EmergencyAccess.state == constant("open"),
        EmergencyAccess.until <= _NOW,
    ),
)
