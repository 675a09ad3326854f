"""Alipay (支付宝) open API, RSA2: 付款码, 预下单二维码; query, cancel, close, refund; notifications.

The kept library builds, signs and verifies. Two things are put in its way: its answers come through our transport
instead of `urlopen`, and its time stamp is Beijing time from our clock instead of the machine's local time.
"""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from starlette.datastructures import QueryParams

from functions.payments.gateway.channels import (
    Clock,
    Credentials,
    Exchange,
    Notice,
    Order,
    Outcome,
    RefundOrder,
    Told,
    fen_of,
)
from functions.payments.gateway.client import NoAnswer, Outside, Request
from functions.payments.gateway.problems import NotConfirmed
from functions.payments.gateway.rules import CLOCK_SKEW, yuan
from shared.schemas import SHANGHAI

_STATES: dict[str, Outcome] = {
    "WAIT_BUYER_PAY": "paying",
    "TRADE_SUCCESS": "succeeded",
    "TRADE_FINISHED": "succeeded",
    "TRADE_CLOSED": "closed",
}
_OK, _WAITING, _UNSURE = "10000", "10003", "20000"
_EXISTS = {"ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE", "ACQ.CONTEXT_INCONSISTENT"}
_REFUND_LATER = {"ACQ.SELLER_BALANCE_NOT_ENOUGH", "ACQ.REFUND_FREQUENCY_LIMIT"}
_TIME = "%Y-%m-%d %H:%M:%S"


@lru_cache(maxsize=64)
def _library(app_id: str, sign_key: str, verify_key: str) -> Any:
    """The kept library with a pair of keys. It keeps nothing of a call; reading the keys takes longer than a call."""
    from alipay import AliPay  # type: ignore[import-untyped]

    return AliPay(appid=app_id, app_private_key_string=sign_key, alipay_public_key_string=verify_key, sign_type="RSA2")


class Alipay:
    """One merchant at Alipay."""

    def __init__(self, credentials: Credentials, outside: Outside, clock: Clock) -> None:
        self.credentials = credentials
        self._outside = outside
        self._clock = clock
        self._notify_url = outside.notify_url("alipay", credentials.merchant_id)

    # -- orders

    def order(self, order: Order) -> tuple[Told, Exchange]:
        """Charge a payment code (alipay.trade.pay), or get a QR code (alipay.trade.precreate)."""
        content: dict[str, Any] = {
            "out_trade_no": order.order_no,
            "total_amount": str(yuan(order.fen)),
            "subject": order.description,
            "time_expire": order.expires_at.astimezone(SHANGHAI).strftime(_TIME),
            "terminal_id": order.terminal or "his",
        }
        if order.product == "payment_code":
            content |= {"scene": "bar_code", "auth_code": order.one_time, "product_code": "FACE_TO_FACE_PAYMENT"}
            answer, exchange = self._ask("order", "alipay.trade.pay", content)
        else:
            answer, exchange = self._ask("order", "alipay.trade.precreate", content, notify_url=self._notify_url)
        if answer is None:
            return Told("unknown", healthy=False), exchange
        code = answer.get("code")
        if code == _OK and order.product == "payment_code":
            return _paid(answer), exchange
        if code == _OK:
            return Told("paying", parameters={"code_url": answer.get("qr_code")}), exchange
        if code == _WAITING:
            return Told("paying", code=_WAITING, message=_text(answer)), exchange
        return _refusal(answer), exchange

    def query(self, order: Order) -> tuple[Told, Exchange]:
        """Ask for a trade by our number. A QR order is absent until somebody scans it."""
        answer, exchange = self._ask("query", "alipay.trade.query", {"out_trade_no": order.order_no})
        if answer is None:
            return Told("unknown", healthy=False), exchange
        if answer.get("code") != _OK:
            told = _refusal(answer)
            return (told._replace(outcome="unknown") if told.outcome == "refused" else told), exchange
        told = _paid(answer)._replace(outcome=_STATES.get(str(answer.get("trade_status")), "unknown"))
        if told.outcome == "closed" and order.channel_no:
            told = told._replace(outcome="succeeded")  # a paid trade closes when all of it went back
        return told, exchange

    def close(self, order: Order) -> tuple[Told, Exchange]:
        """Close an unpaid trade."""
        answer, exchange = self._ask("close", "alipay.trade.close", {"out_trade_no": order.order_no})
        return self._ended(answer), exchange

    def reverse(self, order: Order) -> tuple[Told, Exchange]:
        """Take back a trade: unpaid it is closed, paid the money goes back."""
        answer, exchange = self._ask("reverse", "alipay.trade.cancel", {"out_trade_no": order.order_no})
        return self._ended(answer), exchange

    @staticmethod
    def _ended(answer: dict[str, Any] | None) -> Told:
        if answer is None:
            return Told("unknown", healthy=False)
        if answer.get("code") == _OK and answer.get("retry_flag", "N") == "N":
            return Told("closed")
        told = _refusal(answer)
        return told if told.outcome == "absent" else told._replace(outcome="unknown")

    # -- refunds

    def refund(self, refund: RefundOrder) -> tuple[Told, Exchange]:
        """Give back under our refund number; `fund_change` N says that nothing moved this time, a query says why."""
        content = {
            "out_trade_no": refund.order_no,
            "refund_amount": str(yuan(refund.fen)),
            "out_request_no": refund.refund_no,
            "refund_reason": refund.reason,
        }
        answer, exchange = self._ask("refund", "alipay.trade.refund", content)
        if answer is None:
            return Told("unknown", healthy=False), exchange
        if answer.get("code") != _OK:
            told = _refusal(answer)
            return (told._replace(outcome="later") if told.code in _REFUND_LATER else told), exchange
        if answer.get("fund_change") != "Y":
            return Told("paying", code="fund_change_n"), exchange
        at = _moment(answer.get("gmt_refund_pay"))
        return Told("succeeded", fen=refund.fen, channel_no=refund.refund_no, at=at), exchange

    def query_refund(self, refund: RefundOrder) -> tuple[Told, Exchange]:
        """Ask for a refund by our refund number; an answer without a status knows none."""
        content = {
            "out_trade_no": refund.order_no,
            "out_request_no": refund.refund_no,
            "query_options": ["gmt_refund_pay"],
        }
        answer, exchange = self._ask("query_refund", "alipay.trade.fastpay.refund.query", content)
        if answer is None:
            return Told("unknown", healthy=False), exchange
        if answer.get("code") != _OK:
            told = _refusal(answer)
            return (told._replace(outcome="unknown") if told.outcome == "refused" else told), exchange
        if answer.get("refund_status") != "REFUND_SUCCESS":
            return Told("absent"), exchange
        at = _moment(answer.get("gmt_refund_pay"))
        fen = fen_of(answer.get("refund_amount"))
        return Told("succeeded", fen=fen, channel_no=refund.refund_no, at=at), exchange

    # -- notifications

    def read(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify a form post: signature over the sorted fields, our app, and sent within five minutes."""
        try:
            fields = dict(QueryParams(body.decode()).multi_items())
        except ValueError as error:
            raise NotConfirmed("通知内容无法读取。") from error
        signature = fields.pop("sign", "")
        content = {name: value for name, value in fields.items() if name != "sign_type"}
        if fields.get("sign_type") != "RSA2" or not self._signed(content, signature):
            raise NotConfirmed("签名不符。")
        if content.get("app_id") != self.credentials.app_id:
            raise NotConfirmed("通知的应用与接收地址不符。")
        sent = _moment(content.get("notify_time"))
        if sent is None or abs(self._clock() - sent) > CLOCK_SKEW:
            raise NotConfirmed("时间戳超出允许范围。")
        message_id, order_no = str(content.get("notify_id")), str(content.get("out_trade_no"))
        if content.get("refund_fee") and content.get("out_biz_no"):
            refund_no = str(content["out_biz_no"])
            # The notification carries what has gone back of the whole trade, not this refund's amount.
            told = Told("succeeded", channel_no=refund_no, at=_moment(content.get("gmt_refund")))
            return Notice(message_id, "refund", order_no, refund_no, told, content)
        told = _paid(content)._replace(outcome=_STATES.get(str(content.get("trade_status")), "unknown"))
        return Notice(message_id, "payment", order_no, "", told, content)

    def _signed(self, content: dict[str, str], signature: str) -> bool:
        for _, key in self.credentials.verify_keys:
            try:
                if self._library(key).verify(dict(content), signature):
                    return True
            except (ValueError, TypeError):
                continue
        return False

    # -- the wire

    def _library(self, verify_key: str) -> Any:
        return _library(self.credentials.app_id, self.credentials.sign_key, verify_key)

    def _ask(
        self, operation: str, method: str, content: dict[str, Any], **more: str
    ) -> tuple[dict[str, Any] | None, Exchange]:
        """Sign, post, believe. None for an answer that did not come or does not bear Alipay's signature."""
        started = self._clock()
        tick = time.monotonic_ns()
        stamp = started.astimezone(SHANGHAI).strftime(_TIME)
        library = self._library(self.credentials.verify_keys[0][1])
        form = library.client_api(method, biz_content=content, timestamp=stamp, **more)
        asked = {"method": method, "body": content}
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
        try:
            answer = self._outside.transport(Request("POST", self._outside.settings.alipay_url, headers, form.encode()))
        except NoAnswer as error:
            return None, Exchange(operation, asked, {"no_answer": str(error)}, None, started, _since(tick))
        told, reason = self._believed(answer.body, method.replace(".", "_") + "_response")
        shown = told if told is not None else {"not_believed": reason}
        return told, Exchange(operation, asked, shown, answer.status, started, _since(tick))

    def _believed(self, body: bytes, kind: str) -> tuple[dict[str, Any] | None, str]:
        for _, key in self.credentials.verify_keys:
            library = self._library(key)
            try:
                text = body.decode()
                signature = json.loads(text)["sign"]
                plain = library._get_string_to_be_signed(text, kind)
                if library._verify(plain, signature):
                    answer = json.loads(plain)
                    return (answer, "") if isinstance(answer, dict) else (None, "应答内容无法读取。")
            except (ValueError, KeyError, TypeError):
                return None, "应答内容无法读取。"
        return None, "签名不符。"


def _since(tick: int) -> int:
    return (time.monotonic_ns() - tick) // 1_000_000


def _text(answer: Mapping[str, Any]) -> str:
    return str(answer.get("sub_msg") or answer.get("msg") or "")[:200]


def _refusal(answer: Mapping[str, Any]) -> Told:
    code, sub = str(answer.get("code")), str(answer.get("sub_code", ""))
    if sub == "ACQ.TRADE_NOT_EXIST":
        return Told("absent", code=sub, message=_text(answer))
    if code == _UNSURE or sub.endswith("SYSTEM_ERROR") or answer.get("retry_flag") == "Y":
        return Told("unknown", code=sub or code, message=_text(answer), healthy=False)
    if sub in _EXISTS:
        return Told("unknown", code=sub, message=_text(answer))
    return Told("refused", code=sub or code, message=_text(answer))


def _paid(answer: Mapping[str, Any]) -> Told:
    return Told(
        "succeeded",
        fen=fen_of(answer.get("total_amount")),
        channel_no=str(answer["trade_no"]) if answer.get("trade_no") else None,
        at=_moment(answer.get("gmt_payment") or answer.get("send_pay_date")),
        payer=answer.get("buyer_open_id") or answer.get("open_id") or answer.get("buyer_user_id"),
    )


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.strptime(str(text), _TIME).replace(tzinfo=SHANGHAI)
    except ValueError:
        return None
