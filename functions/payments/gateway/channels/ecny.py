"""Digital yuan (数字人民币) through the campus's operating bank.

There is no national wire format; each operating bank gives its own by contract. This is the one asked of them, and the
one the simulator speaks: JSON over HTTPS, amounts in fen, both sides signed by RSA.

    request headers   X-Merchant, X-Serial, X-Timestamp (Unix seconds), X-Nonce, X-Signature
    signature         SHA256-RSA2048, base64, over METHOD \\n PATH \\n TIMESTAMP \\n NONCE \\n BODY \\n
    answer headers    X-Serial, X-Timestamp, X-Nonce, X-Signature over TIMESTAMP \\n NONCE \\n BODY \\n
    notification      POST with the answer's headers; body {id, kind: order|refund, data}; answered {"code": "OK"}

    POST /ecny/v1/orders {order_no, product: qr|code, amount, description, auth_code?, expires_at, notify_url}
    GET  /ecny/v1/orders/{order_no}          POST /ecny/v1/orders/{order_no}/close      .../reverse
    POST /ecny/v1/refunds {order_no, refund_no, amount, reason, notify_url}
    GET  /ecny/v1/refunds/{refund_no}

    order   {order_no, state: WAITING|PAID|CLOSED|REVERSED|FAILED, amount, serial_no, paid_at, wallet, code_url?}
    refund  {refund_no, order_no, state: PROCESSING|DONE|RETURNED|REJECTED, amount, serial_no, done_at}
    error   {code, message}: NOT_FOUND, PAYER_BUSY, SYSTEM_BUSY, or a refusal for good
"""

import json
import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.payments.gateway.channels import Clock, Credentials, Exchange, Notice, Order, Outcome, RefundOrder, Told
from functions.payments.gateway.channels.signing import holds, sign
from functions.payments.gateway.client import Answer, NoAnswer, Outside, Request
from functions.payments.gateway.problems import NotConfirmed
from functions.payments.gateway.rules import CLOCK_SKEW
from shared.schemas import SHANGHAI

_ORDERS: dict[str, Outcome] = {
    "WAITING": "paying",
    "PAID": "succeeded",
    "CLOSED": "closed",
    "REVERSED": "closed",
    "FAILED": "refused",
}
_REFUNDS: dict[str, Outcome] = {
    "PROCESSING": "paying",
    "DONE": "succeeded",
    "RETURNED": "abnormal",
    "REJECTED": "refused",
}
_PREFIX = "/ecny/v1"
_ANOTHER = Told("unknown", code="another_order", healthy=False)
"""A signature covers an answer, not the question: one about another number is no answer to ours."""


class Ecny:
    """One merchant at an operating bank."""

    def __init__(self, credentials: Credentials, outside: Outside, clock: Clock) -> None:
        self.credentials = credentials
        self._outside = outside
        self._clock = clock
        self._notify_url = outside.notify_url("ecny", credentials.merchant_id)

    def order(self, order: Order) -> tuple[Told, Exchange]:
        """Place an order: a QR code to scan, or a scanned wallet code charged at once."""
        data = {
            "order_no": order.order_no,
            "product": "code" if order.product == "payment_code" else "qr",
            "amount": order.fen,
            "description": order.description,
            "expires_at": order.expires_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
            "terminal": order.terminal or "his",
            "notify_url": self._notify_url,
        }
        if order.product == "payment_code":
            data["auth_code"] = order.one_time
        answer, exchange = self._send("order", "POST", f"{_PREFIX}/orders", data)
        told = _order(answer, order.order_no)
        if told.outcome == "paying" and answer is not None and (url := answer.json().get("code_url")):
            told = told._replace(parameters={"code_url": url})
        return told, exchange

    def query(self, order: Order) -> tuple[Told, Exchange]:
        """Ask for an order by our number."""
        answer, exchange = self._send("query", "GET", f"{_PREFIX}/orders/{order.order_no}")
        return _careful(_order(answer, order.order_no), answer), exchange

    def close(self, order: Order) -> tuple[Told, Exchange]:
        """Close an unpaid order."""
        answer, exchange = self._send("close", "POST", f"{_PREFIX}/orders/{order.order_no}/close", {})
        return _careful(_order(answer, order.order_no), answer), exchange

    def reverse(self, order: Order) -> tuple[Told, Exchange]:
        """Take an order back."""
        answer, exchange = self._send("reverse", "POST", f"{_PREFIX}/orders/{order.order_no}/reverse", {})
        return _careful(_order(answer, order.order_no), answer), exchange

    def refund(self, refund: RefundOrder) -> tuple[Told, Exchange]:
        """Give back under our refund number."""
        data = {
            "order_no": refund.order_no,
            "refund_no": refund.refund_no,
            "amount": refund.fen,
            "reason": refund.reason,
            "notify_url": self._notify_url,
        }
        answer, exchange = self._send("refund", "POST", f"{_PREFIX}/refunds", data)
        return _refund(answer, refund.refund_no), exchange

    def query_refund(self, refund: RefundOrder) -> tuple[Told, Exchange]:
        """Ask for a refund by our refund number."""
        answer, exchange = self._send("query_refund", "GET", f"{_PREFIX}/refunds/{refund.refund_no}")
        return _careful(_refund(answer, refund.refund_no), answer), exchange

    def read(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify signature, serial and time (± 5 min) of a notification."""
        if reason := self._disbelief(headers, body):
            raise NotConfirmed(reason)
        try:
            message = json.loads(body)
            data, kind, message_id = dict(message["data"]), str(message["kind"]), str(message["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise NotConfirmed("通知内容无法读取。") from error
        if data.get("merchant") != self.credentials.merchant_no:
            raise NotConfirmed("通知的商户号与接收地址不符。")
        if kind == "order":
            return Notice(message_id, "payment", str(data.get("order_no")), "", _order_told(data), data)
        if kind == "refund":
            return Notice(
                message_id, "refund", str(data.get("order_no")), str(data.get("refund_no")), _refund_told(data), data
            )
        return Notice(message_id, "other", "", "", Told("unknown"), data)

    def _send(
        self, operation: str, method: str, path: str, data: dict[str, Any] | None = None
    ) -> tuple[Answer | None, Exchange]:
        body = json.dumps(data, ensure_ascii=False).encode() if data is not None else b""
        started = self._clock()
        tick = time.monotonic_ns()
        stamp, nonce = str(int(started.timestamp())), secrets.token_hex(16)
        headers = {
            "Content-Type": "application/json",
            "X-Merchant": self.credentials.merchant_no,
            "X-Serial": self.credentials.sign_serial,
            "X-Timestamp": stamp,
            "X-Nonce": nonce,
            "X-Signature": sign(self.credentials.sign_key, f"{method}\n{path}\n{stamp}\n{nonce}\n{body.decode()}\n"),
        }
        asked = {"method": method, "path": path, **({"body": data} if data else {})}
        try:
            answer = self._outside.transport(Request(method, self._outside.settings.ecny_url + path, headers, body))
        except NoAnswer as error:
            return None, Exchange(operation, asked, {"no_answer": str(error)}, None, started, _since(tick))
        if reason := self._disbelief(answer.headers, answer.body):
            return None, Exchange(operation, asked, {"not_believed": reason}, answer.status, started, _since(tick))
        return answer, Exchange(operation, asked, answer.json(), answer.status, started, _since(tick))

    def _disbelief(self, headers: Mapping[str, str], body: bytes) -> str:
        stamp, serial = headers.get("x-timestamp", ""), headers.get("x-serial", "")
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
            return "缺少时间戳。"
        if abs(int(self._clock().timestamp()) - int(stamp)) > CLOCK_SKEW.total_seconds():
            return "时间戳超出允许范围。"
        message = f"{stamp}\n{headers.get('x-nonce', '')}\n".encode() + body + b"\n"
        keys = [key for known, key in self.credentials.verify_keys if known == serial]
        if not keys:
            return "签名证书序列号不在有效期内。"
        return "" if any(holds(key, message, headers.get("x-signature", "")) for key in keys) else "签名不符。"


def _since(tick: int) -> int:
    return (time.monotonic_ns() - tick) // 1_000_000


def _careful(told: Told, answer: Answer | None) -> Told:
    """A question that was refused says nothing about the money."""
    if told.outcome == "refused" and (answer is None or answer.status >= 300):
        return told._replace(outcome="unknown")
    return told


def _refusal(answer: Answer) -> Told:
    document = answer.json()
    code, message = str(document.get("code", "")), str(document.get("message", ""))[:200]
    if code == "NOT_FOUND":
        return Told("absent", code=code, message=message)
    if code == "PAYER_BUSY":
        return Told("paying", code=code, message=message)
    if code == "BALANCE_SHORT":
        return Told("later", code=code, message=message)
    if code in ("SYSTEM_BUSY", "") or answer.status >= 500:
        return Told("unknown", code=code, message=message, healthy=False)
    if code == "ORDER_EXISTS":
        return Told("unknown", code=code, message=message)
    return Told("refused", code=code, message=message)


def _order(answer: Answer | None, order_no: str) -> Told:
    if answer is None:
        return Told("unknown", healthy=False)
    if answer.status >= 300:
        return _refusal(answer)
    data = answer.json()
    return _order_told(data) if data.get("order_no", order_no) == order_no else _ANOTHER


def _order_told(data: Mapping[str, Any]) -> Told:
    outcome = _ORDERS.get(str(data.get("state")), "unknown")
    return Told(
        outcome,
        fen=data.get("amount"),
        channel_no=data.get("serial_no"),
        at=_moment(data.get("paid_at")),
        payer=data.get("wallet"),
        code=str(data.get("state")) if outcome == "refused" else None,
    )


def _refund(answer: Answer | None, refund_no: str) -> Told:
    if answer is None:
        return Told("unknown", healthy=False)
    if answer.status >= 300:
        return _refusal(answer)
    data = answer.json()
    return _refund_told(data) if data.get("refund_no", refund_no) == refund_no else _ANOTHER


def _refund_told(data: Mapping[str, Any]) -> Told:
    return Told(
        _REFUNDS.get(str(data.get("state")), "unknown"),
        fen=data.get("amount"),
        channel_no=data.get("serial_no"),
        at=_moment(data.get("done_at")),
        code=str(data.get("state")),
    )


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
