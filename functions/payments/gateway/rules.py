"""What holds of electronic payments, without a database: amounts in fen, order numbers, payment codes, back-off."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from functions.payments.gateway.problems import AmountInvalid, PaymentCodeUnknown
from shared.schemas import SHANGHAI

CHANNELS: Mapping[str, str] = {
    "wechat": "微信支付",
    "alipay": "支付宝",
    "bank_card": "银行卡",
    "ecny": "数字人民币",
    "transfer": "银行转账",
}
"""Channels (支付渠道) with their Chinese names; the first four are means of payment of a settlement."""

PRODUCTS: Mapping[str, tuple[str, ...]] = {
    "wechat": ("payment_code", "qr", "jsapi", "h5"),
    "alipay": ("payment_code", "qr", "jsapi", "h5"),
    "ecny": ("payment_code", "qr"),
    "bank_card": ("pos",),
    "transfer": ("transfer",),
}
"""Products of each channel: 付款码, 二维码, 小程序支付, 手机网页支付 (H5, wap), 银行 POS, 银行转账."""

PRODUCT_NAMES: Mapping[str, str] = {
    "payment_code": "付款码",
    "qr": "二维码",
    "jsapi": "小程序",
    "h5": "手机网页",
    "pos": "刷卡",
    "transfer": "转账",
}

ASKED = frozenset({"wechat", "alipay", "ecny"})
"""Channels with an interface of their own; a bank card's answer is entered from the terminal."""

PURPOSES: Mapping[str, str] = {
    "registration": "挂号费用",
    "outpatient": "门诊费用",
    "deposit": "住院预交金",
    "discharge": "住院结算费用",
    "checkup": "体检费用",
    "records": "病历复印邮寄费用",
    "other": "其他费用",
}
"""What is paid for, in the words the payer reads at the channel: never a diagnosis, never a department."""

PAYMENT_STATES: Mapping[str, str] = {
    "paying": "待支付",
    "unknown": "支付结果确认中",
    "succeeded": "支付成功",
    "closed": "已关闭",
    "part_refunded": "部分退款",
    "refunded": "已全部退款",
}
REFUND_STATES: Mapping[str, str] = {
    "requested": "待提交退款",
    "processing": "退款处理中",
    "succeeded": "退款成功",
    "abnormal": "退款异常待转账",
    "resolved": "已转账退还",
    "rejected": "退款被拒绝",
}
BY_TRANSFER = "by_transfer"
"""Why a refund waits for finance though nothing went wrong: the money came by bank transfer."""

EXPIRES: Mapping[str, timedelta] = {
    "payment_code": timedelta(minutes=5),
    "pos": timedelta(minutes=5),
    "qr": timedelta(minutes=3),
    "jsapi": timedelta(minutes=15),
    "h5": timedelta(minutes=15),
    "transfer": timedelta(minutes=5),
}
"""Spec 56: window 5 min, mini-program 15 min, QR at a machine 3 min."""
LONGEST = timedelta(hours=2)

ASK_FIRST, ASK_LAST = timedelta(seconds=5), timedelta(minutes=10)
AFTER_EXPIRY = timedelta(minutes=2)
POLL_SECONDS = 5
LARGEST = Decimal(10) ** 12
PATIENCE = timedelta(seconds=60)
"""A payment code is asked about every 5 s for 60 s, then taken back (撤销)."""
REVERSE_AFTER = timedelta(seconds=15)
"""WeChat asks for at least 15 s between order and reversal."""
ABSENT_IS_FINAL = timedelta(minutes=5)
"""So long after its expiry an order the channel does not know can no longer reach it: the order carries its expiry."""
ABSENT_AFTER_ANSWER = timedelta(minutes=1)
"""The same where the channel answered the order: nothing of it is on its way, only the payer could still have opened it
(Alipay's QR codes and pages), and not after its expiry."""
CODE_IS_FINAL = timedelta(minutes=3)
"""The same of a payment code, from when it was sent: a code lives for a minute and is charged once, and WeChat itself
takes back what is not paid within 45 s."""
LATE_GRACE = timedelta(minutes=5)
"""Money that came too late goes back after five minutes unless its bill takes it."""
CLOCK_SKEW = timedelta(minutes=5)
"""How far the time of a notification may be off ours."""
REFUND_SPACING = timedelta(minutes=1)
"""WeChat: part refunds of one order at least a minute apart, at most 50, within a year."""
REFUNDS_AN_ORDER = 50
REFUND_WITHIN = timedelta(days=365)

LIST_EVERY = timedelta(hours=12)
"""WeChat asks for its certificates to be looked up at least every twelve hours."""
LIST_VOUCHES = timedelta(hours=24)
"""WeChat brings a new certificate a day before it signs with it: an older list vouches for nothing any more."""
LIST_AGAIN = timedelta(minutes=5)
"""Between two downloads that answers with an unknown serial ask for: anybody can send those."""
LIST_BY_HAND = timedelta(minutes=1)
LONGEST_LIST_RETRY = timedelta(hours=1)

_CAMPUS_WIDTH = 10
_PAYMENT_CODES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("wechat", re.compile(r"^1[0-5]\d{16}$")),
    ("alipay", re.compile(r"^(?:2[5-9]|30)\d{14,22}$")),
    ("ecny", re.compile(r"^01\d{17}$")),
)
_CARD = re.compile(r"^\d{6}\*{3,9}\d{4}$")


def fen(amount: Decimal) -> int:
    """An amount of yuan in fen, exactly. AmountInvalid for a third decimal, for nothing and for less than nothing."""
    if not amount.is_finite() or abs(amount) >= LARGEST:
        raise AmountInvalid("支付金额有误，请核对费用后重新下单。")
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise AmountInvalid(f"金额 {amount} 元含有不足一分的部分，请核对费用后重新下单。")
    if cents <= 0:
        raise AmountInvalid("支付金额须大于零，请核对费用。")
    return int(cents)


def yuan(cents: int) -> Decimal:
    """Fen as yuan with two decimals."""
    return Decimal(cents).scaleb(-2).quantize(Decimal("0.01"))


def channel_of_code(code: str) -> str:
    """The channel of a scanned payment code (付款码) by its prefix and length.

    WeChat 18 digits from 10-15, Alipay 16 to 24 digits from 25-30, e-CNY 19 digits from 01. PaymentCodeUnknown.
    """
    for channel, pattern in _PAYMENT_CODES:
        if pattern.match(code):
            return channel
    raise PaymentCodeUnknown("扫到的不是微信、支付宝或数字人民币付款码，请患者打开付款码后重新扫描。")


def order_number(campus: str, at: datetime, payment_id: UUID) -> str:
    """Our order number, 31 characters: campus padded with _, yyMMddHHmmss in Shanghai, 8 digits, check digit.

    Letters, digits and _ only, which every channel takes. The 8 digits come from the random part of the payment's id.
    """
    return _numbered(campus.ljust(_CAMPUS_WIDTH, "_"), at, payment_id)


def refund_number(campus: str, at: datetime, refund_id: UUID) -> str:
    """Our refund number, 32 characters: like an order number with an R after the campus."""
    return _numbered(campus.ljust(_CAMPUS_WIDTH, "_") + "R", at, refund_id)


def _numbered(prefix: str, at: datetime, identity: UUID) -> str:
    digits = at.astimezone(SHANGHAI).strftime("%y%m%d%H%M%S") + f"{identity.int % 10**8:08d}"
    return f"{prefix}{digits}{check_digit(digits)}"


def check_digit(digits: str) -> str:
    """Luhn's check digit (ISO/IEC 7812-1): finds every single wrong digit and nearly every swap."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def is_number(number: str) -> bool:
    """Whether a typed order or refund number can be one of ours."""
    tail = number[_CAMPUS_WIDTH:].removeprefix("R")
    return len(tail) == 21 and tail.isdigit() and check_digit(tail[:-1]) == tail[-1]


def payer_hash(payer: str | None) -> str | None:
    """A payer's id at the channel as it may be kept: tells whether two are one, not who it is."""
    return sha256(payer.encode()).hexdigest() if payer else None


def backoff(waited: timedelta) -> timedelta:
    """How long to wait before asking again: as long as was waited so far, from 5 s to 10 minutes (so it doubles)."""
    return min(max(waited, ASK_FIRST), ASK_LAST)


def unreachable_from(product: str, sent_at: datetime | None, expires_at: datetime, *, answered: bool) -> datetime:
    """From when an order that its channel does not know can charge nobody any more; `answered`: it took the order."""
    if product == "payment_code" and sent_at is not None:
        return sent_at + CODE_IS_FINAL
    return expires_at + (ABSENT_AFTER_ANSWER if answered else ABSENT_IS_FINAL)


def next_check(now: datetime, begun: datetime, expires_at: datetime) -> datetime:
    """When to ask about an open payment again: by back-off, at its expiry, and every two minutes for ten after it."""
    later = now + backoff(now - begun)
    if now < expires_at:
        return min(later, expires_at)
    if now < expires_at + ASK_LAST:
        return min(later, now + AFTER_EXPIRY)
    return later


def list_again(failures: int) -> timedelta:
    """How long to wait after a download of certificates failed: five minutes, doubling, at most an hour."""
    return min(LIST_AGAIN * (1 << min(failures, 5)), LONGEST_LIST_RETRY)


def is_address(text: str) -> bool:
    """Whether a text is an IP address, by which a channel knows where a browser stands (手机网页支付)."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_masked_card(text: str) -> bool:
    """Whether a card number shows its first 6 and last 4 digits only."""
    return _CARD.match(text) is not None


_SECRET = frozenset({"auth_code", "sign", "signature", "authorization", "paysign", "private_key"})
_PERSONAL = frozenset(
    {
        "openid",
        "sub_openid",
        "buyer_id",
        "buyer_user_id",
        "buyer_logon_id",
        "buyer_open_id",
        "op_buyer_open_id",
        "open_id",
        "user_received_account",
        "payer_account",
        "wallet",
        "payer_client_ip",
    }
)


def masked(document: Any) -> Any:
    """A message of a channel as it may be kept: no payment code, no signature, payers by their last four characters."""
    if isinstance(document, dict):
        return {key: _masked_value(key.lower(), value) for key, value in document.items()}
    if isinstance(document, list):
        return [masked(item) for item in document]
    return document


def _masked_value(key: str, value: Any) -> Any:
    if key in _SECRET:
        return "***"
    if key in _PERSONAL and isinstance(value, str):
        return f"***{value[-4:]}"
    return masked(value)


# -- health of a channel

WINDOW = timedelta(minutes=2)
FEWEST_CALLS = 5
"""Below so many calls in the window no rate is judged."""
PROBE_AFTER = timedelta(minutes=1)
LONGEST_PROBE = timedelta(minutes=15)


def is_failing(calls: int, errors: int) -> bool:
    """More than 20 % of the calls of two minutes failed (spec 56, 10)."""
    return calls >= FEWEST_CALLS and errors * 5 > calls


def probe_after(probes: int) -> timedelta:
    """How long a channel rests before it is tried again: a minute, doubling, at most 15."""
    return min(PROBE_AFTER * (1 << min(probes, 5)), LONGEST_PROBE)
