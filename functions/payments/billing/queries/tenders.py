"""Tenders of settlements, and money on its way back through a channel."""

from typing import Any

from sqlalchemy import DateTime, Integer, bindparam, select, update

from functions.payments.billing.models import ChannelRefund, Settlement, Tender
from shared.database.model import MONEY
from shared.database.query import Query, among, constant, one_of


def _money(name: str) -> Any:
    return bindparam(name, type_=MONEY)


TENDERS = Query(
    Tender, select(Tender).where(Tender.settlement_id == bindparam("settlement_id")).order_by(Tender.tender_id)
)
LOCK_TENDERS = Query(
    Tender,
    select(Tender)
    .where(Tender.settlement_id == bindparam("settlement_id"), one_of(Tender.state, "received"))
    .order_by(Tender.tender_id)
    .with_for_update(),
)
LOCK_TENDER_OF_PAYMENT = Query(
    Tender, select(Tender).where(Tender.payment_id == bindparam("payment_id")).with_for_update()
)
SETTLEMENT_OF_PAYMENT = Query(
    Settlement,
    select(Settlement).where(
        Settlement.settlement_id
        == select(Tender.settlement_id).where(Tender.payment_id == bindparam("payment_id")).scalar_subquery()
    ),
)
RECEIVE_TENDER = Query(
    Tender,
    update(Tender)
    .where(Tender.tender_id == bindparam("id_"), one_of(Tender.state, "pending"))
    .values(state="received")
    .returning(Tender),
)
DROP_TENDER = Query(
    Tender,
    update(Tender)
    .where(Tender.tender_id == bindparam("id_"), one_of(Tender.state, "pending"))
    .values(state="cancelled")
    .returning(Tender),
)
ORIGINS = Query(Tender, select(Tender).where(among(Tender.tender_id, "ids")).order_by(Tender.tender_id))
RETURN_ON_TENDER = Query(
    object,
    update(Tender).where(Tender.tender_id == bindparam("id_")).values(returned=Tender.returned + _money("went")),
)
GIVE_UP_TENDER = Query(object, update(Tender).where(Tender.tender_id == bindparam("id_")).values(state="cancelled"))
RETURN_ALL = Query(object, update(Tender).where(Tender.tender_id == bindparam("id_")).values(returned=Tender.amount))
CANCEL_TENDERS = Query(
    object,
    update(Tender)
    .where(Tender.settlement_id == bindparam("settlement"), Tender.debt_id.is_(None))
    .values(state="cancelled"),
)

# -- money on its way back

CHANNEL_REFUNDS = Query(
    ChannelRefund,
    select(ChannelRefund)
    .where(ChannelRefund.settlement_id == bindparam("settlement_id"))
    .order_by(ChannelRefund.channel_refund_id),
)
CHANNEL_REFUNDS_OPEN = Query(
    ChannelRefund,
    select(ChannelRefund)
    .where(
        ChannelRefund.campus_id == bindparam("campus"),
        ChannelRefund.state != constant("succeeded"),
        ChannelRefund.state != constant("cash"),
        ChannelRefund.channel_refund_id < bindparam("before"),
    )
    .order_by(ChannelRefund.channel_refund_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
CHANNEL_REFUND = Query(
    ChannelRefund,
    select(ChannelRefund).where(ChannelRefund.channel_refund_id == bindparam("channel_refund_id")),
)
LOCK_CHANNEL_REFUND = Query(
    ChannelRefund,
    select(ChannelRefund)
    .where(
        ChannelRefund.channel_refund_id == bindparam("channel_refund_id"),
        ChannelRefund.campus_id == bindparam("campus"),
    )
    .with_for_update(),
)
ASK_AGAIN = Query(
    ChannelRefund,
    update(ChannelRefund)
    .where(ChannelRefund.channel_refund_id == bindparam("id_"), one_of(ChannelRefund.state, "failed"))
    .values(
        state="requested",
        gateway_refund_id=bindparam("gateway_id"),
        failure=None,
        cash_allowed_by=None,
        cash_allowed_by_name=None,
        cash_allowed_at=None,
        cash_note=None,
    )
    .returning(ChannelRefund),
)
ALLOW_CASH = Query(
    ChannelRefund,
    update(ChannelRefund)
    .where(
        ChannelRefund.channel_refund_id == bindparam("id_"),
        one_of(ChannelRefund.state, "failed"),
        ChannelRefund.cash_allowed_by.is_(None),
    )
    .values(
        cash_allowed_by=bindparam("who"),
        cash_allowed_by_name=bindparam("name"),
        cash_allowed_at=bindparam("at"),
        cash_note=bindparam("note"),
    )
    .returning(ChannelRefund),
)
PAY_CASH = Query(
    ChannelRefund,
    update(ChannelRefund)
    .where(
        ChannelRefund.channel_refund_id == bindparam("id_"),
        one_of(ChannelRefund.state, "failed"),
        ChannelRefund.cash_allowed_by.is_not(None),
    )
    .values(
        state="cash",
        finished_at=bindparam("at"),
        cash_paid_by=bindparam("who"),
        cash_paid_by_name=bindparam("name"),
        cash_shift_id=bindparam("shift"),
    )
    .returning(ChannelRefund),
)
CHANNEL_REFUND_ENDED = Query(
    ChannelRefund,
    update(ChannelRefund)
    .where(
        ChannelRefund.gateway_refund_id == bindparam("gateway_id"), one_of(ChannelRefund.state, "requested", "failed")
    )
    .values(state=bindparam("to"), finished_at=bindparam("at", type_=DateTime(timezone=True)), failure=bindparam("why"))
    .returning(ChannelRefund),
)
