"""The channels (支付渠道): each speaks its own wire format and answers in these words.

    channel = open_channel(credentials, outside, clock)
    told, exchange = channel.query(order)

A call never raises for what a channel may do: no answer, a broken signature or nonsense is `unknown`, because money may
have moved all the same.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

from functions.payments.gateway.client import Outside

Clock = Callable[[], datetime]

Outcome = Literal[
    "succeeded",  # paid, or given back
    "paying",  # the payer has still to act; of a refund: accepted, under way
    "refused",  # refused for good: no money moved and none will
    "closed",  # the order is closed unpaid, or was taken back
    "absent",  # the channel does not know the number
    "kept",  # of a reversal: it is too late for one, the order stays what it is and a query tells what
    "abnormal",  # of a refund: the payer's bank sent it back
    "later",  # not now (frequency, balance): nothing happened, ask again
    "unknown",  # no answer, or none that can be believed
]


class Credentials(NamedTuple):
    """A merchant with its keys in force now, as text of the secret store. Never stored, never logged."""

    merchant_id: UUID
    campus: str
    channel: str
    merchant_no: str
    app_id: str
    sign_serial: str
    sign_key: str
    verify_keys: tuple[tuple[str, str], ...]
    """(serial, public key or certificate) of the channel; two during a rotation."""
    cipher_keys: tuple[str, ...]
    mini_app_id: str = ""
    """Alipay: the mini-program that opens the till, where it is not the app that signs (op_app_id)."""


class Order(NamedTuple):
    """A payment as a channel needs it."""

    order_no: str
    fen: int
    product: str
    description: str
    one_time: str
    """Payment code, or the payer's id at the channel (jsapi), or the address of the payer's browser (h5)."""
    terminal: str
    expires_at: datetime
    channel_no: str = ""


class RefundOrder(NamedTuple):
    """A refund as a channel needs it."""

    order_no: str
    channel_no: str
    refund_no: str
    fen: int
    total_fen: int
    reason: str


class Told(NamedTuple):
    """What a channel said about an order or a refund."""

    outcome: Outcome
    fen: int | None = None
    channel_no: str | None = None
    at: datetime | None = None
    payer: str | None = None
    parameters: Mapping[str, Any] | None = None
    """code_url, jsapi or h5_url for the payer."""
    code: str | None = None
    message: str | None = None
    healthy: bool = True
    """False when the channel itself failed: no answer, an error of its own, a signature that does not hold."""


class Exchange(NamedTuple):
    """One request and its answer, for the record; masked before it is kept."""

    operation: str
    request: dict[str, Any]
    answer: dict[str, Any] | None
    status: int | None
    started_at: datetime
    milliseconds: int
    sent: bool = True
    """False when nothing was asked of the channel: a page the payer's browser opens is only signed here."""


class PlatformCertificate(NamedTuple):
    """A certificate the channel signs with (微信支付平台证书), as its list gives it."""

    serial: str
    pem: str
    effective_at: datetime
    expires_at: datetime
    """When the channel gives it up (弃用时间): brought forward a day before an exchange."""
    not_after: datetime
    """When the certificate itself ends."""


class Notice(NamedTuple):
    """What a channel sent by itself, believed: its signature holds and its time is ours."""

    message_id: str
    kind: Literal["payment", "refund", "other"]
    order_no: str
    refund_no: str
    told: Told
    content: dict[str, Any]


class Channel(Protocol):
    """What every channel with an interface can do."""

    def order(self, order: Order) -> tuple[Told, Exchange]:
        """Place an order; with a payment code it is charged at once."""
        ...

    def query(self, order: Order) -> tuple[Told, Exchange]:
        """Ask what became of an order."""
        ...

    def close(self, order: Order) -> tuple[Told, Exchange]:
        """Close an unpaid order (关单)."""
        ...

    def reverse(self, order: Order) -> tuple[Told, Exchange]:
        """Take back a payment-code order (撤销): unpaid it is closed, paid the money goes back."""
        ...

    def refund(self, refund: RefundOrder) -> tuple[Told, Exchange]:
        """Give money back by the original route; the same refund number moves money once."""
        ...

    def query_refund(self, refund: RefundOrder) -> tuple[Told, Exchange]:
        """Ask what became of a refund."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """A message of the channel, verified and decrypted. NotConfirmed when it must not be believed."""
        ...


Renew = Callable[[], tuple[tuple[str, str], ...]]
"""Fetches the channel's keys anew when an answer bears a serial we do not know, and gives all that are in force."""


def open_channel(credentials: Credentials, outside: Outside, clock: Clock, renew: Renew | None = None) -> Channel:
    """The channel of a merchant. Libraries load here, not before somebody pays."""
    match credentials.channel:
        case "wechat":
            from functions.payments.gateway.channels.wechat import WeChat

            return WeChat(credentials, outside, clock, renew)
        case "alipay":
            from functions.payments.gateway.channels.alipay import Alipay

            return Alipay(credentials, outside, clock)
        case "ecny":
            from functions.payments.gateway.channels.ecny import Ecny

            return Ecny(credentials, outside, clock)
    raise LookupError(f"channel {credentials.channel} has no interface")


def fen_of(text: object) -> int | None:
    """An amount a channel wrote in yuan, in fen; None where it is none."""
    try:
        cents = Decimal(str(text)) * 100
    except ArithmeticError:
        return None
    return int(cents) if cents.is_finite() and cents == cents.to_integral_value() else None
