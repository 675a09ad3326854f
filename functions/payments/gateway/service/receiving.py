"""What the channels send by themselves (支付通知): believed by signature only, stored before answered, applied once.

A notification is stored in the transaction that applies it. One that can't be applied yet (our row is not visible, or
the payment has its end already) waits for the minute's sweep, which asks the channel; the channel hears success as soon
as the notification is stored. What must not be believed is kept with its reason and answered 401.
"""

import hashlib
import json
from uuid import UUID

from functions.payments.gateway import client, rules
from functions.payments.gateway.channels import Notice, open_channel
from functions.payments.gateway.models import Notification
from functions.payments.gateway.problems import KeyMissing, NotConfirmed, SerialUnknown
from functions.payments.gateway.queries import merchants as queries
from functions.payments.gateway.queries import payments as payment_queries
from functions.payments.gateway.queries import refunds as refund_queries
from functions.payments.gateway.service import booking, forgeries, messages
from functions.payments.gateway.service.asking import contact_of, credentials
from functions.payments.gateway.service.certificates import ask_soon
from functions.payments.gateway.service.ordering import settle_by_asking
from functions.payments.gateway.service.refunding import DONE, book_refund, carry_out_refund
from shared.callback import Message, Reply
from shared.database.session import Session
from shared.ids import new_id
from shared.problems import NotFound, Problem
from shared.steps import Steps
from shared.tx import Tx

GIVEN_UP = 200

_ACCEPTED = {
    "wechat": Reply(200, b'{"code":"SUCCESS"}', "application/json"),
    "alipay": Reply(200, b"success", "text/plain"),
    "ecny": Reply(200, b'{"code":"OK"}', "application/json"),
}
_REFUSED = {
    "wechat": Reply(401, '{"code":"FAIL","message":"签名错误"}'.encode(), "application/json"),
    "alipay": Reply(401, b"fail", "text/plain"),
    "ecny": Reply(401, b'{"code":"REFUSED"}', "application/json"),
}


def campus_of(session: Session, channel: str, merchant_id: UUID) -> str | None:
    """The campus whose merchant a notification address names."""
    if channel not in rules.ASKED:
        return None
    return session.first(queries.CAMPUS_OF, merchant=merchant_id)


def receive(tx: Tx, message: Message, channel: str, merchant_id: UUID) -> Reply:
    """Verify, store, apply, answer. Five times the same message is one message.

    Raises ColumnKeysMissing where it can't be kept sealed: the channel hears no success and sends it again.
    """
    contact = contact_of(tx, merchant_id)
    if contact.merchant.channel != channel:
        raise NotFound("没有这个通知地址。")
    try:
        outside = client.outside()
        notice = open_channel(credentials(contact, outside), outside, lambda: tx.now).read(
            message.headers, message.body
        )
    except (NotConfirmed, KeyMissing) as refusal:
        if isinstance(refusal, SerialUnknown):
            ask_soon(tx, merchant_id)
        _keep_refused(tx, channel, merchant_id, message, refusal)
        return _REFUSED[channel]
    stored = tx.session.one(queries.STORE, **_arrived(tx, channel, merchant_id, notice))
    if stored.state == "waiting" and stored.times == 1:
        _apply(tx, stored, notice)
    return _ACCEPTED[channel]


def _arrived(tx: Tx, channel: str, merchant_id: UUID, notice: Notice) -> dict[str, object]:
    notification_id = new_id()
    row = Notification(
        notification_id=notification_id,
        campus_id=tx.campus,
        merchant_id=merchant_id,
        channel=channel,
        kind=None if notice.kind == "other" else notice.kind,
        message_id=notice.message_id[:100],
        content={"order_no": notice.order_no, "refund_no": notice.refund_no},
        state="waiting",
        reason=None,
        payment_id=None,
        received_at=tx.now,
        **messages.sealed(tx, messages.NOTIFICATIONS, notification_id, {"says": rules.masked(notice.content)}),
    )
    return {name: getattr(row, name) for name in queries.NOTIFICATION_COLUMNS}


def _apply(tx: Tx, stored: Notification, notice: Notice) -> None:
    """Book what a believed notification says, if it can be booked now."""
    if notice.kind == "other":
        _applied(tx, stored, None, "与支付、退款无关的通知")
    elif notice.kind == "payment":
        row = tx.session.first(payment_queries.BY_ORDER, order_no=notice.order_no, merchant_id=stored.merchant_id)
        if row is None or row.state == "closed":
            return  # not visible yet, or money after the end: the sweep asks the channel
        booked = booking.book(tx, row, notice.told, asked_at=tx.now, operation="notification")
        if booked.state in booking.FINAL or notice.told.outcome != "succeeded":
            _applied(tx, stored, row.payment_id, booked.trouble)
    else:
        refund = tx.session.first(refund_queries.BY_NUMBER, refund_no=notice.refund_no, merchant_id=stored.merchant_id)
        if refund is None:
            return
        book_refund(tx, refund.channel_refund_id, notice.told)
        _applied(tx, stored, refund.payment_id, None)


def _applied(tx: Tx, stored: Notification, payment_id: UUID | None, reason: str | None) -> None:
    tx.session.execute(queries.APPLY, id_=stored.notification_id, why=reason, at=tx.now, payment=payment_id)


def _keep_refused(tx: Tx, channel: str, merchant_id: UUID, message: Message, refusal: Problem) -> None:
    forged = isinstance(refusal, NotConfirmed)
    if forgeries.is_flooded(tx, channel, merchant_id, forged=forged):
        return
    notification_id = new_id()
    came = {
        "headers": {
            name: value[:200]
            for name, value in message.headers.items()
            if name.startswith(("wechatpay-", "x-s", "x-timestamp", "user-agent")) and "signature" not in name
        },
        "body": _shown(message.body),
    }
    tx.session.add(
        Notification(
            notification_id=notification_id,
            campus_id=tx.campus,
            merchant_id=merchant_id,
            channel=channel,
            kind=None,
            message_id=hashlib.sha256(message.body).hexdigest(),
            content={"bytes": len(message.body)},
            state="refused",
            reason=refusal.detail,
            payment_id=None,
            received_at=tx.now,
            forged=forged,
            **messages.sealed(tx, messages.NOTIFICATIONS, notification_id, came),
        )
    )
    if forged:
        forgeries.raise_alarms(tx)


def _shown(body: bytes) -> object:
    """As much of a disbelieved body as helps to see what was tried; masked, and never the whole of a large one."""
    try:
        return rules.masked(json.loads(body[:4096]))
    except ValueError:
        return body[:500].decode(errors="replace").replace("\x00", "")


def take_up(steps: Steps, waiting: Notification) -> None:
    """The sweep's second look at a notification that could not be applied: ask the channel what is true."""
    order_no, refund_no = str(waiting.content.get("order_no")), str(waiting.content.get("refund_no"))

    def find(tx: Tx) -> tuple[UUID | None, UUID | None]:
        if waiting.kind == "refund":
            refund = tx.session.first(refund_queries.BY_NUMBER, refund_no=refund_no, merchant_id=waiting.merchant_id)
            return (refund.payment_id, refund.channel_refund_id) if refund else (None, None)
        row = tx.session.first(payment_queries.BY_ORDER, order_no=order_no, merchant_id=waiting.merchant_id)
        return (row.payment_id, None) if row else (None, None)

    payment_id, refund_id = steps.step(find)
    settled = False
    if refund_id is not None:
        settled = carry_out_refund(steps, refund_id).state in DONE
    elif payment_id is not None:
        settled = settle_by_asking(steps, payment_id).state in booking.FINAL

    def note(tx: Tx) -> None:
        if settled or waiting.tries >= GIVEN_UP:
            reason = None if settled else "没有对应的支付单或退款单"
            _applied(tx, waiting, payment_id, reason)
        else:
            tx.session.execute(queries.TRY_LATER, id_=waiting.notification_id, why="等待支付单或渠道查询结果")

    steps.step(note)
