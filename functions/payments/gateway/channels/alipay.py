"""Alipay (支付宝) open API, RSA2: 付款码, 二维码, 小程序, 手机网站; query, cancel, close, refund; notifications.

The kept library builds, signs and verifies. Two things are put in its way: its answers come through our transport
instead of `urlopen`, and its time stamp is Beijing time from our clock instead of the machine's local time.
"""

import json
import re
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
_UNTIL_OPENED = ("qr", "h5")
"""Products of which Alipay knows no trade before the payer opens them."""
_EXISTS = {"ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE", "ACQ.CONTEXT_INCONSISTENT"}
_TOO_LATE_TO_CANCEL = {"ACQ.TRADE_CANCEL_TIME_OUT", "ACQ.CANCEL_NOT_ALLOWED", "ACQ.TRADE_HAS_FINISHED"}
"""A trade is cancelled on its own day; afterwards it is refunded."""
_REFUND_LATER = {"ACQ.SELLER_BALANCE_NOT_ENOUGH", "ACQ.REFUND_FREQUENCY_LIMIT"}
_TIME = "%Y-%m-%d %H:%M:%S"
_USER_ID = re.compile(r"^2088\d{12}$")


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
        """Charge a payment code (alipay.trade.pay), get a QR code (alipay.trade.precreate) or a trade for the
        mini-program's till (alipay.trade.create), or sign the page a browser opens (alipay.trade.wap.pay)."""
        content: dict[str, Any] = {
            "out_trade_no": order.order_no,
            "total_amount": str(yuan(order.fen)),
            "subject": order.description,
            "time_expire": order.expires_at.astimezone(SHANGHAI).strftime(_TIME),
        }
        match order.product:
            case "h5":
                return self._page(content)
            case "jsapi":
                method, more = "alipay.trade.create", self._buyer(order.one_time) | {"product_code": "JSAPI_PAY"}
            case "payment_code":
                method = "alipay.trade.pay"
                more = {"scene": "bar_code", "auth_code": order.one_time, "product_code": "FACE_TO_FACE_PAYMENT"}
                more["terminal_id"] = order.terminal or "his"
            case _:
                method, more = "alipay.trade.precreate", {"terminal_id": order.terminal or "his"}
        answer, exchange = self._ask("order", method, content | more, notify_url=self._notify_url)
        if answer is None:
            return Told("unknown", healthy=False), exchange
        code = answer.get("code")
        if code == _OK and order.product == "payment_code":
            return _paid(answer, order.order_no), exchange
        if code == _OK and order.product == "jsapi":
            trade = answer.get("trade_no")
            return Told("paying", parameters={"jsapi": {"tradeNO": str(trade)}} if trade else None), exchange
        if code == _OK:
            return Told("paying", parameters={"code_url": answer.get("qr_code")}), exchange
        if code == _WAITING:
            return Told("paying", code=_WAITING, message=_text(answer)), exchange
        return _refusal(answer), exchange

    def _buyer(self, payer: str) -> dict[str, Any]:
        """Who pays, in which mini-program: a user id (2088…) or an open id, which belongs to one app."""
        mini = self.credentials.mini_app_id or self.credentials.app_id
        if _USER_ID.match(payer):
            return {"op_app_id": mini, "buyer_id": payer}
        name = "buyer_open_id" if mini == self.credentials.app_id else "op_buyer_open_id"
        return {"op_app_id": mini, name: payer}

    def _page(self, content: dict[str, Any]) -> tuple[Told, Exchange]:
        """The address of Alipay's till for a phone's browser, signed here. What the browser brings back on
        `return_url` proves nothing and is not looked at."""
        started = self._clock()
        tick = time.monotonic_ns()
        back = self._outside.settings.public_url
        content = content | {"product_code": "QUICK_WAP_WAY", "quit_url": back}
        form = self._signed_form("alipay.trade.wap.pay", content, started, return_url=back, notify_url=self._notify_url)
        asked = {"method": "alipay.trade.wap.pay", "body": content}
        exchange = Exchange("order", asked, None, None, started, _since(tick), sent=False)
        return Told("paying", parameters={"h5_url": f"{self._outside.settings.alipay_url}?{form}"}), exchange

    def query(self, order: Order) -> tuple[Told, Exchange]:
        """Ask for a trade by our number. Before its time is over, a QR code or page is absent until it is opened."""
        answer, exchange = self._ask("query", "alipay.trade.query", {"out_trade_no": order.order_no})
        if answer is None:
            return Told("unknown", healthy=False), exchange
        if answer.get("code") != _OK:
            told = _refusal(answer)
            if told.outcome == "absent" and order.product in _UNTIL_OPENED and self._clock() < order.expires_at:
                return told._replace(outcome="paying"), exchange
            return (told._replace(outcome="unknown") if told.outcome == "refused" else told), exchange
        told = _paid(answer, order.order_no)
        if told.outcome == "succeeded":
            told = told._replace(outcome=_STATES.get(str(answer.get("trade_status")), "unknown"))
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
        told = self._ended(answer)
        if told.code in _TOO_LATE_TO_CANCEL:
            return told._replace(outcome="kept"), exchange
        if told.outcome == "closed" and not (answer or {}).get("action"):
            told = Told("absent", code="nothing_cancelled")  # a success without `action` cancelled nothing it knows
        return told, exchange

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
        if answer.get("out_request_no", refund.refund_no) != refund.refund_no:
            return Told("unknown", code="another_order", healthy=False), exchange
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
        if content.get("seller_id", self.credentials.merchant_no) != self.credentials.merchant_no:
            raise NotConfirmed("通知的收款商户与接收地址不符。")
        sent = _moment(content.get("notify_time"))
        if sent is None or abs(self._clock() - sent) > CLOCK_SKEW:
            raise NotConfirmed("时间戳超出允许范围。")
        message_id, order_no = str(content.get("notify_id")), str(content.get("out_trade_no"))
        if content.get("refund_fee") and content.get("out_biz_no"):
            refund_no = str(content["out_biz_no"])
            # The notification carries what has gone back of the whole trade, not this refund's amount.
            told = Told("succeeded", channel_no=refund_no, at=_moment(content.get("gmt_refund")))
            return Notice(message_id, "refund", order_no, refund_no, told, content)
        told = _paid(content, order_no)._replace(outcome=_STATES.get(str(content.get("trade_status")), "unknown"))
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

    def _signed_form(self, method: str, content: dict[str, Any], at: datetime, **more: str) -> str:
        stamp = at.astimezone(SHANGHAI).strftime(_TIME)
        library = self._library(self.credentials.verify_keys[0][1])
        form: str = library.client_api(method, biz_content=content, timestamp=stamp, **more)
        return form

    def _ask(
        self, operation: str, method: str, content: dict[str, Any], **more: str
    ) -> tuple[dict[str, Any] | None, Exchange]:
        """Sign, post, believe. None for an answer that did not come or does not bear Alipay's signature."""
        started = self._clock()
        tick = time.monotonic_ns()
        form = self._signed_form(method, content, started, **more)
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


def _paid(answer: Mapping[str, Any], order_no: str) -> Told:
    if answer.get("out_trade_no", order_no) != order_no:
        return Told("unknown", code="another_order", healthy=False)
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
