"""Merchants, their keys, the health of their channels, notifications."""

from typing import Any

from sqlalchemy import (
    DateTime,
    Integer,
    Interval,
    Numeric,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from functions.payments.gateway.models import ChannelHealth, Merchant, MerchantKey, Notification
from functions.payments.gateway.rules import WINDOW
from shared.database.model import MONEY
from shared.database.query import Query, constant, one_of

_AT: Any = bindparam("at", type_=DateTime(timezone=True))
_LIMIT = bindparam("limit", type_=Integer)

CAMPUS_OF = Query(str, select(func.payments.merchant_campus(bindparam("merchant"))))
"""The campus of a merchant, found without acting anywhere: for notifications only."""

MERCHANT = Query(Merchant, select(Merchant).where(Merchant.merchant_id == bindparam("merchant_id")))
ACTIVE = Query(
    Merchant,
    select(Merchant).where(
        Merchant.campus_id == bindparam("campus"),
        Merchant.channel == bindparam("channel"),
        one_of(Merchant.state, "active"),
    ),
)
MERCHANTS = Query(
    Merchant,
    select(Merchant)
    .where(Merchant.merchant_id < bindparam("before"))
    .order_by(Merchant.merchant_id.desc())
    .limit(_LIMIT),
)
"""Every merchant the reader may see: the campus's own, or all for a consortium-wide post."""


def _step(*conditions: Any, **values: Any) -> Query[Merchant]:
    return Query(
        Merchant,
        update(Merchant)
        .where(Merchant.merchant_id == bindparam("id_"), Merchant.version == bindparam("seen"), *conditions)
        .values(**values, version=Merchant.version + 1)
        .returning(Merchant),
    )


RECORD_TEST = _step(
    one_of(Merchant.state, "draft", "tested", "active"),
    state=case(
        (one_of(Merchant.state, "active"), "active"),
        (bindparam("ok", type_=Text) == constant("yes"), "tested"),
        else_="draft",
    ),
    tested_at=_AT,
    test_result=bindparam("result"),
)
STOP_PREDECESSOR = Query(
    object,
    update(Merchant)
    .where(
        Merchant.campus_id == bindparam("campus"),
        Merchant.channel == bindparam("channel_"),
        one_of(Merchant.state, "active"),
    )
    .values(state="stopped", stopped_at=_AT, stopped_by=bindparam("who"), version=Merchant.version + 1),
)
ACTIVATE = _step(
    one_of(Merchant.state, "tested"),
    state="active",
    valid_from=_AT,
    activated_by=bindparam("who"),
    activated_by_name=bindparam("name"),
)
STOP = _step(
    one_of(Merchant.state, "draft", "tested", "active"), state="stopped", stopped_at=_AT, stopped_by=bindparam("who")
)

_NOT_STOPPED = one_of(Merchant.state, "draft", "tested", "active")
PROPOSE_CHANGE = _step(
    _NOT_STOPPED,
    change=bindparam("change_", type_=JSONB),
    change_by=bindparam("who"),
    change_by_name=bindparam("name"),
    change_at=_AT,
)
_NO_CHANGE: dict[str, Any] = {"change": None, "change_by": None, "change_by_name": None, "change_at": None}
APPLY_CHANGE = _step(
    _NOT_STOPPED,
    Merchant.change.is_not(None),
    **_NO_CHANGE,
    products=bindparam("products_", type_=Merchant.products.type),
    limit_per_payment=bindparam("limit_", type_=MONEY),
    fee_rate=bindparam("fee_", type_=Numeric),
    mini_app_id=bindparam("mini_", type_=Text),
    name=bindparam("name_"),
    bank_name=bindparam("bank_"),
    account_tail=bindparam("tail_"),
)
REFUSE_CHANGE = _step(Merchant.change.is_not(None), **_NO_CHANGE)

KEYS = Query(
    MerchantKey,
    select(MerchantKey)
    .where(MerchantKey.merchant_id == bindparam("merchant_id"))
    .order_by(MerchantKey.valid_from.desc(), MerchantKey.key_id.desc())
    .limit(100),
)
KEYS_IN_FORCE = Query(
    MerchantKey,
    select(MerchantKey)
    .where(
        MerchantKey.merchant_id == bindparam("merchant_id"),
        one_of(MerchantKey.state, "active"),
        MerchantKey.valid_from <= _AT,
        or_(MerchantKey.valid_to.is_(None), MerchantKey.valid_to > _AT),
    )
    .order_by(MerchantKey.valid_from.desc(), MerchantKey.key_id.desc()),
)
KEY = Query(MerchantKey, select(MerchantKey).where(MerchantKey.key_id == bindparam("key_id")))
APPROVE_KEY = Query(
    MerchantKey,
    update(MerchantKey)
    .where(
        MerchantKey.key_id == bindparam("id_"),
        MerchantKey.version == bindparam("seen"),
        one_of(MerchantKey.state, "proposed"),
    )
    .values(
        state="active",
        approved_by=bindparam("who"),
        approved_by_name=bindparam("name"),
        approved_at=_AT,
        version=MerchantKey.version + 1,
    )
    .returning(MerchantKey),
)
END_OTHER_KEYS = Query(
    object,
    update(MerchantKey)
    .where(
        MerchantKey.merchant_id == bindparam("merchant"),
        MerchantKey.role == bindparam("role_"),
        MerchantKey.key_id != bindparam("id_"),
        one_of(MerchantKey.state, "active"),
        or_(MerchantKey.valid_to.is_(None), MerchantKey.valid_to > bindparam("end", type_=DateTime(timezone=True))),
    )
    .values(valid_to=bindparam("end", type_=DateTime(timezone=True)), version=MerchantKey.version + 1),
)
"""Rotation: the keys before it end when the overlap is over."""

# -- health

HEALTH = Query(ChannelHealth, select(ChannelHealth).where(ChannelHealth.merchant_id == bindparam("merchant_id")))
HEALTH_OF_CAMPUS = Query(
    ChannelHealth,
    select(ChannelHealth)
    .join(Merchant, Merchant.merchant_id == ChannelHealth.merchant_id)
    .where(Merchant.campus_id == bindparam("campus"), one_of(Merchant.state, "active"))
    .order_by(ChannelHealth.channel)
    .limit(50),
)
ACTIVE_OF_CAMPUS = Query(
    Merchant,
    select(Merchant)
    .where(Merchant.campus_id == bindparam("campus"), one_of(Merchant.state, "active"))
    .order_by(Merchant.channel)
    .limit(50),
)
_STALE = ChannelHealth.window_at < _AT - cast(literal(WINDOW, Interval), Interval)
COUNT_CALL = Query(
    ChannelHealth,
    update(ChannelHealth)
    .where(ChannelHealth.merchant_id == bindparam("id_"))
    .values(
        window_at=case((_STALE, _AT), else_=ChannelHealth.window_at),
        calls=case((_STALE, 1), else_=ChannelHealth.calls + 1),
        errors=case((_STALE, bindparam("failed", type_=Integer)), else_=ChannelHealth.errors + bindparam("failed")),
    )
    .returning(ChannelHealth),
)
PAUSE = Query(
    ChannelHealth,
    update(ChannelHealth)
    .where(
        ChannelHealth.merchant_id == bindparam("id_"), or_(one_of(ChannelHealth.state, "open"), ChannelHealth.automatic)
    )
    .values(
        state="paused",
        automatic=bindparam("by_itself"),
        text=bindparam("says"),
        paused_at=func.coalesce(ChannelHealth.paused_at, _AT),
        paused_by=bindparam("who"),
        probe_at=bindparam("probe", type_=DateTime(timezone=True)),
        probes=0,
        version=ChannelHealth.version + 1,
    )
    .returning(ChannelHealth),
)
RESUME = Query(
    ChannelHealth,
    update(ChannelHealth)
    .where(ChannelHealth.merchant_id == bindparam("id_"), one_of(ChannelHealth.state, "paused"))
    .values(
        state="open",
        automatic=False,
        text="",
        paused_at=None,
        paused_by=None,
        probe_at=None,
        probes=0,
        window_at=_AT,
        calls=0,
        errors=0,
        version=ChannelHealth.version + 1,
    )
    .returning(ChannelHealth),
)
PROBE_LATER = Query(
    object,
    update(ChannelHealth)
    .where(ChannelHealth.merchant_id == bindparam("id_"), one_of(ChannelHealth.state, "paused"))
    .values(probe_at=bindparam("next", type_=DateTime(timezone=True)), probes=ChannelHealth.probes + 1),
)
PROBES_DUE = Query(
    ChannelHealth,
    select(ChannelHealth).where(
        ChannelHealth.campus_id == bindparam("campus"),
        one_of(ChannelHealth.state, "paused"),
        ChannelHealth.automatic,
        ChannelHealth.probe_at <= _AT,
    ),
)

# -- notifications

_arrived = insert(Notification).values(
    {column.key: bindparam(column.key, type_=column.type) for column in Notification.__table__.columns}
)
STORE = Query(
    Notification,
    _arrived.on_conflict_do_update(
        index_elements=["merchant_id", "message_id"],
        index_where=Notification.state != constant("refused"),
        set_={"times": Notification.times + 1},
    ).returning(Notification),
)
"""Keep a believed notification; one that came before is only counted."""
APPLY = Query(
    object,
    update(Notification)
    .where(Notification.notification_id == bindparam("id_"), one_of(Notification.state, "waiting"))
    .values(
        state="applied",
        reason=bindparam("why", type_=Text),
        applied_at=_AT,
        payment_id=bindparam("payment"),
    ),
)
TRY_LATER = Query(
    object,
    update(Notification)
    .where(Notification.notification_id == bindparam("id_"))
    .values(tries=Notification.tries + 1, reason=bindparam("why", type_=Text)),
)
WAITING = Query(
    Notification,
    select(Notification)
    .where(Notification.campus_id == bindparam("campus"), one_of(Notification.state, "waiting"))
    .order_by(Notification.tries, Notification.received_at)
    .limit(_LIMIT),
)
"""Those tried least come first: what belongs to nobody here must not stand before what does."""
REFUSED = Query(
    Notification,
    select(Notification)
    .where(
        Notification.merchant_id == bindparam("merchant_id"),
        one_of(Notification.state, "refused"),
        Notification.received_at < bindparam("before", type_=DateTime(timezone=True)),
    )
    .order_by(Notification.received_at.desc())
    .limit(_LIMIT),
)
NOTIFICATION_COLUMNS = tuple(column.key for column in Notification.__table__.columns)
