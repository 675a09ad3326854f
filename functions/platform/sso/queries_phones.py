"""What is read, locked and changed of phone codes, messages and outages."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, and_, bindparam, case, literal, null, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.platform.sso.models import AccountLink, PatientAccount
from functions.platform.sso.models_phones import AccountPhone, CodeCounter, PhoneCode, TextMessage, WayOutage
from shared.database.query import Query, constant

_MOMENT = DateTime(timezone=True)
_NOW = bindparam("now", type_=_MOMENT)

COUNT = Query(
    int,
    insert(CodeCounter)
    .values(counted=bindparam("counted"), since=bindparam("since", type_=_MOMENT), tries=1)
    .on_conflict_do_update(
        index_elements=[CodeCounter.counted, CodeCounter.since], set_={"tries": CodeCounter.tries + 1}
    )
    .returning(CodeCounter.tries),
)
"""One more; those at once wait for each other here."""
COUNTED = Query(
    int,
    select(CodeCounter.tries).where(
        CodeCounter.counted == bindparam("counted"), CodeCounter.since == bindparam("since", type_=_MOMENT)
    ),
)


class Owner(NamedTuple):
    """Whose phone it is: an account and the person it is bound to as its owner."""

    account_id: UUID
    patient_id: UUID


OWNER_OF_PHONE = Query(
    Owner,
    select(AccountPhone.account_id, AccountLink.patient_id)
    .join(AccountLink, AccountLink.account_id == AccountPhone.account_id)
    .where(
        AccountPhone.phone_hash == bindparam("phone_hash"),
        AccountPhone.ended_at.is_(null()),
        AccountLink.relation == constant("self"),
        AccountLink.ended_at.is_(null()),
    ),
)


class KnownPhone(NamedTuple):
    """The owner of an account, with the phone that signs on to it; None: none yet."""

    patient_id: UUID
    phone_hash: bytes | None


OWNER = Query(
    KnownPhone,
    select(AccountLink.patient_id, AccountPhone.phone_hash)
    .outerjoin(AccountPhone, and_(AccountPhone.account_id == AccountLink.account_id, AccountPhone.ended_at.is_(null())))
    .where(
        AccountLink.account_id == bindparam("account_id"),
        AccountLink.relation == constant("self"),
        AccountLink.ended_at.is_(null()),
    ),
)
END_PHONE = Query(
    AccountPhone,
    update(AccountPhone)
    .where(
        (AccountPhone.phone_hash == bindparam("of_phone")) | (AccountPhone.account_id == bindparam("of_account")),
        AccountPhone.ended_at.is_(null()),
    )
    .values(ended_at=_NOW, end_reason=bindparam("why"))
    .returning(AccountPhone),
)
ASKED = Query(
    datetime,
    select(PhoneCode.asked_at)
    .where(PhoneCode.phone_hash == bindparam("phone_hash"), PhoneCode.asked_at > bindparam("since", type_=_MOMENT))
    .order_by(PhoneCode.asked_at.desc())
    .limit(bindparam("limit")),
)
VOID = Query(
    object,
    update(PhoneCode)
    .where(
        PhoneCode.phone_hash == bindparam("of_phone"),
        PhoneCode.asked_at > bindparam("since", type_=_MOMENT),
        PhoneCode.state == constant("open"),
    )
    .values(state="void"),
)
"""The newest alone is good."""
OPEN_CODE = Query(
    PhoneCode,
    select(PhoneCode)
    .where(
        PhoneCode.phone_hash == bindparam("phone_hash"),
        PhoneCode.asked_at > bindparam("since", type_=_MOMENT),
        PhoneCode.purpose == constant("sign_on"),
        PhoneCode.state == constant("open"),
        PhoneCode.expires_at > _NOW,
    )
    .order_by(PhoneCode.asked_at.desc())
    .limit(1)
    .with_for_update(),
)
CODE = Query(
    PhoneCode,
    select(PhoneCode)
    .where(PhoneCode.code_id == bindparam("code_id"), PhoneCode.state == constant("open"), PhoneCode.expires_at > _NOW)
    .with_for_update(),
)
TRIED = Query(
    object,
    update(PhoneCode)
    .where(PhoneCode.code_id == bindparam("id_"), PhoneCode.state == constant("open"))
    .values(
        tries=PhoneCode.tries + 1,
        state=case((PhoneCode.tries + 1 >= bindparam("most"), literal("void")), else_=literal("open")),
    ),
)
USE_CODE = Query(
    PhoneCode,
    update(PhoneCode)
    .where(PhoneCode.code_id == bindparam("id_"), PhoneCode.state == constant("open"))
    .values(state="used", used_at=_NOW)
    .returning(PhoneCode),
)
SEEN = Query(
    object,
    update(PatientAccount).where(PatientAccount.account_id == bindparam("of_account")).values(last_login_at=_NOW),
)

# -- messages

_DUE = (
    select(TextMessage.message_id)
    .where(TextMessage.state == constant("due"), TextMessage.due_at <= _NOW)
    .order_by(TextMessage.due_at, TextMessage.message_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
TAKE = Query(
    TextMessage,
    update(TextMessage)
    .where(TextMessage.message_id.in_(_DUE))
    .values(due_at=bindparam("again", type_=_MOMENT), tries=TextMessage.tries + 1)
    .returning(TextMessage),
)
SENT = Query(
    object,
    update(TextMessage)
    .where(TextMessage.message_id == bindparam("id_"), TextMessage.state == constant("due"))
    .values(state="sent", sent_at=_NOW, receipt=bindparam("receipt_")),
)
NOT_SENT = Query(
    object,
    update(TextMessage)
    .where(TextMessage.message_id == bindparam("id_"), TextMessage.state == constant("due"))
    .values(state=bindparam("state_"), error=bindparam("error_")),
)
SENT_CODE = Query(
    UUID,
    select(TextMessage.message_id)
    .where(TextMessage.code_id == bindparam("code_id"), TextMessage.state == constant("sent"))
    .limit(1),
)
MESSAGES = Query(
    TextMessage,
    select(TextMessage)
    .where(TextMessage.message_id < bindparam("before"))
    .order_by(TextMessage.message_id.desc())
    .limit(bindparam("limit")),
)

# -- outages

FAILED = Query(
    WayOutage,
    insert(WayOutage)
    .values(outage_id=bindparam("outage_id"), way=bindparam("way"), since=_NOW, last_at=_NOW, failures=1)
    .on_conflict_do_update(
        index_elements=[WayOutage.way],
        index_where=WayOutage.ended_at.is_(null()),
        set_={"failures": WayOutage.failures + 1, "last_at": _NOW},
    )
    .returning(WayOutage),
)
ALARM = Query(
    WayOutage,
    update(WayOutage)
    .where(WayOutage.outage_id == bindparam("id_"), WayOutage.alarmed_at.is_(null()))
    .values(alarmed_at=_NOW)
    .returning(WayOutage),
)
WORKS = Query(
    WayOutage,
    update(WayOutage)
    .where(WayOutage.way == bindparam("of_way"), WayOutage.ended_at.is_(null()))
    .values(ended_at=_NOW)
    .returning(WayOutage),
)
OUTAGES = Query(
    WayOutage,
    select(WayOutage)
    .where(WayOutage.outage_id < bindparam("before"))
    .order_by(WayOutage.outage_id.desc())
    .limit(bindparam("limit")),
)
