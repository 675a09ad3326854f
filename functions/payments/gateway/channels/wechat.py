"""WeChat Pay APIv3 (微信支付): JSAPI, Native, 付款码; query, close, reverse, refund; notifications.

Requests are shaped by the kept library's product functions, signed and decrypted by its crypto. Its own `Core` is not
used: the address is fixed in it, it calls `requests` itself so that nothing can stand in for the network, checks no
time stamp, fetches certificates while it verifies a notification, inside our transaction, and believes their list
without looking at its signature. `_Merchant` gives the product functions what they ask for and sends through our
transport instead.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from functions.payments.gateway.channels import (
    Clock,
    Credentials,
    Exchange,
    Notice,
    Order,
    Outcome,
    RefundOrder,
    Renew,
    Told,
)
from functions.payments.gateway.channels.signing import holds, sign
from functions.payments.gateway.client import Answer, NoAnswer, Outside, Request
from functions.payments.gateway.problems import NotConfirmed, SerialUnknown
from functions.payments.gateway.rules import CLOCK_SKEW
from shared.schemas import SHANGHAI

_STATES: dict[str, Outcome] = {
    "SUCCESS": "succeeded",
    "REFUND": "succeeded",
    "NOTPAY": "paying",
    "USERPAYING": "paying",
    "ACCEPT": "paying",
    "CLOSED": "closed",
    "REVOKED": "closed",
    "PAYERROR": "refused",
}
"""trade_state: REFUND means that it was paid and something went back since."""
_REFUNDS: dict[str, Outcome] = {
    "SUCCESS": "succeeded",
    "PROCESSING": "paying",
    "CLOSED": "refused",
    "ABNORMAL": "abnormal",
}
_ABSENT = {"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"}
_UNSURE = {"SYSTEM_ERROR", "SYSTEMERROR", "BANK_ERROR", "BANKERROR", "FREQUENCY_LIMITED", "FREQUENCY_LIMIT_EXCEED"}
_EXISTS = {"ORDERPAID", "ORDER_PAID", "OUT_TRADE_NO_USED", "INVALID_REQUEST"}
"""Refusals of an order that may mean that it is there already: a query decides."""
_REFUND_LATER = {"NOT_ENOUGH", "FREQUENCY_LIMITED", "FREQUENCY_LIMIT_EXCEED", "RATELIMIT_EXCEEDED"}
_TOO_LATE_TO_REVERSE = {"REVERSE_EXPIRE", "REVERSEEXPIRE", "TRADE_OVERDUE"}
"""A payment code's order is reversed within seven days; afterwards it is refunded."""
_SIGNATURE = "WECHATPAY2-SHA256-RSA2048"
_BY_PUBLIC_KEY = "PUB_KEY_ID_"
"""Ids of WeChat's public keys begin so: naming one asks WeChat to sign its answer with it."""
UNKNOWN_SERIAL = "签名证书序列号不在有效期内。"


class _Merchant:
    """What the library's product functions read from `self`: who pays whom, and a `_core` that sends."""

    def __init__(self, channel: "WeChat", operation: str, pay_type: Any = None) -> None:
        self._mchid = channel.credentials.merchant_no
        self._appid = channel.credentials.app_id
        self._notify_url = channel.notify_url
        self._partner_mode = False
        self._type = pay_type
        self._core = self
        self._channel = channel
        self._operation = operation

    def request(self, path: str, method: Any = None, data: Any = None, **_: Any) -> tuple[Answer | None, Exchange]:
        return self._channel.send(self._operation, method.value if method else "GET", path, data)


class WeChat:
    """One merchant at WeChat Pay."""

    def __init__(self, credentials: Credentials, outside: Outside, clock: Clock, renew: Renew | None = None) -> None:
        self.credentials = credentials
        self.notify_url = outside.notify_url("wechat", credentials.merchant_id)
        self._renew = renew
        self._outside = outside
        self._clock = clock

    # -- orders

    def order(self, order: Order) -> tuple[Told, Exchange]:
        """Place an order. Native gives a code_url, JSAPI a prepay_id, H5 a page; a payment code is charged at once."""
        from wechatpayv3 import WeChatPayType, transaction  # type: ignore[import-untyped]

        pay_type = {
            "payment_code": WeChatPayType.CODEPAY,
            "qr": WeChatPayType.NATIVE,
            "jsapi": WeChatPayType.JSAPI,
            "h5": WeChatPayType.H5,
        }[order.product]
        more: dict[str, Any] = {}
        if order.product == "payment_code":
            more["payer"] = {"auth_code": order.one_time}
            more["scene_info"] = {"store_info": {"id": self.credentials.campus}, "device_id": order.terminal or "his"}
        else:
            more["time_expire"] = order.expires_at.astimezone(SHANGHAI).isoformat(timespec="seconds")
            if order.product == "jsapi":
                more["payer"] = {"openid": order.one_time}
            if order.product == "h5":
                more["scene_info"] = {"payer_client_ip": order.one_time, "h5_info": {"type": "Wap"}}
        answer, exchange = transaction.pay(
            _Merchant(self, "order", pay_type),
            description=order.description,
            out_trade_no=order.order_no,
            amount={"total": order.fen, "currency": "CNY"},
            **more,
        )
        if answer is None:
            return _nothing(exchange)
        document = answer.json()
        if answer.status >= 300 or "code" in document:
            return _refusal(answer), exchange
        if order.product == "payment_code":
            return self._own(document, "out_trade_no", order.order_no, _trade), exchange
        return Told("paying", parameters=self._parameters(document)), exchange

    def query(self, order: Order) -> tuple[Told, Exchange]:
        """Ask for an order by our number."""
        from wechatpayv3 import transaction

        answer, exchange = transaction.query(_Merchant(self, "query"), out_trade_no=order.order_no)
        if answer is None:
            return _nothing(exchange)
        if answer.status >= 300:
            told = _refusal(answer)
            return (told._replace(outcome="unknown") if told.outcome == "refused" else told), exchange
        return self._own(answer.json(), "out_trade_no", order.order_no, _trade), exchange

    def close(self, order: Order) -> tuple[Told, Exchange]:
        """Close an unpaid order: 204 without a body."""
        from wechatpayv3 import transaction

        answer, exchange = transaction.close(_Merchant(self, "close"), out_trade_no=order.order_no)
        return self._ended(answer, exchange)

    def reverse(self, order: Order) -> tuple[Told, Exchange]:
        """Take a payment-code order back; refused with USERPAYING while the payer types a password."""
        from wechatpayv3 import transaction

        answer, exchange = transaction.codepay_reverse(_Merchant(self, "reverse"), out_trade_no=order.order_no)
        told, exchange = self._ended(answer, exchange)
        return (told._replace(outcome="kept") if told.code in _TOO_LATE_TO_REVERSE else told), exchange

    def _ended(self, answer: Answer | None, exchange: Exchange) -> tuple[Told, Exchange]:
        if answer is None:
            return _nothing(exchange)
        if answer.status < 300 and "code" not in answer.json():
            return Told("closed"), exchange
        told = _refusal(answer)
        if told.code in {"ORDER_CLOSED", "ORDERCLOSED", "ORDER_REVERSED", "ORDERREVERSED"}:
            return Told("closed"), exchange
        return (told if told.outcome in ("absent", "paying") else told._replace(outcome="unknown")), exchange

    # -- refunds

    def refund(self, refund: RefundOrder) -> tuple[Told, Exchange]:
        """Ask for a refund; the same out_refund_no again gives the state of the first."""
        from wechatpayv3 import transaction

        answer, exchange = transaction.refund(
            _Merchant(self, "refund"),
            out_refund_no=refund.refund_no,
            amount={"refund": refund.fen, "total": refund.total_fen, "currency": "CNY"},
            out_trade_no=refund.order_no,
            reason=refund.reason,
        )
        if answer is None:
            return _nothing(exchange)
        if answer.status >= 300:
            told = _refusal(answer)
            return (told._replace(outcome="later") if told.code in _REFUND_LATER else told), exchange
        return self._own(answer.json(), "out_refund_no", refund.refund_no, _refunded), exchange

    def query_refund(self, refund: RefundOrder) -> tuple[Told, Exchange]:
        """Ask for a refund by our refund number."""
        from wechatpayv3 import transaction

        answer, exchange = transaction.query_refund(_Merchant(self, "query_refund"), out_refund_no=refund.refund_no)
        if answer is None:
            return _nothing(exchange)
        if answer.status >= 300:
            told = _refusal(answer)
            return (told._replace(outcome="unknown") if told.outcome == "refused" else told), exchange
        return self._own(answer.json(), "out_refund_no", refund.refund_no, _refunded), exchange

    def _own(self, document: dict[str, Any], name: str, number: str, told: Callable[[dict[str, Any]], Told]) -> Told:
        """A signature covers an answer, not the question: one about another number or merchant is no answer to ours."""
        merchant = self.credentials.merchant_no
        if document.get(name, number) != number or str(document.get("mchid", merchant)) != merchant:
            return Told("unknown", code="another_order", healthy=False)
        return told(document)

    # -- notifications

    def read(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify signature, serial and time (± 5 min), then decrypt the resource (AEAD_AES_256_GCM)."""
        from wechatpayv3.utils import aes_decrypt  # type: ignore[import-untyped]

        if reason := self.disbelief(headers, body):
            raise (SerialUnknown if reason == UNKNOWN_SERIAL else NotConfirmed)(reason)
        try:
            message = json.loads(body)
            resource = message["resource"]
            if resource["algorithm"] != "AEAD_AES_256_GCM":
                raise NotConfirmed("通知的加密算法不受支持。")
            text = next(
                filter(
                    None,
                    (
                        aes_decrypt(resource["nonce"], resource["ciphertext"], resource.get("associated_data", ""), key)
                        for key in self.credentials.cipher_keys
                    ),
                ),
                None,
            )
            if text is None:
                raise NotConfirmed("通知无法用现有密钥解密。")
            content = json.loads(text)
            kind, message_id = str(message["event_type"]), str(message["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise NotConfirmed("通知内容无法读取。") from error
        if str(content.get("mchid")) != self.credentials.merchant_no:
            raise NotConfirmed("通知的商户号与接收地址不符。")
        if kind.startswith("TRANSACTION."):
            return Notice(message_id, "payment", str(content.get("out_trade_no")), "", _trade(content), content)
        if kind.startswith("REFUND."):
            told = _refunded({**content, "status": content.get("refund_status")})
            return Notice(
                message_id,
                "refund",
                str(content.get("out_trade_no")),
                str(content.get("out_refund_no")),
                told,
                content,
            )
        return Notice(message_id, "other", "", "", Told("unknown"), content)

    # -- the wire

    def send(self, operation: str, method: str, path: str, data: Any) -> tuple[Answer | None, Exchange]:
        """Sign, send, believe. None for an answer that did not come or does not bear WeChat's signature.

        An answer with an unknown serial is looked at once more after WeChat's certificates were fetched anew; nothing
        is sent twice for it.
        """
        answer, exchange = self.transmit(operation, method, path, data)
        if answer is None:
            return None, exchange
        reason = self.disbelief(answer.headers, answer.body)
        if reason == UNKNOWN_SERIAL and self._renew is not None:
            self.credentials = self.credentials._replace(verify_keys=self._renew())
            reason = self.disbelief(answer.headers, answer.body)
        if reason:
            return None, exchange._replace(answer={"not_believed": reason})
        return answer, exchange

    def transmit(self, operation: str, method: str, path: str, data: Any) -> tuple[Answer | None, Exchange]:
        """Sign and send. Whether the answer is WeChat's is not looked at here."""
        body = json.dumps(data, ensure_ascii=False).encode() if data else b""
        started = self._clock()
        tick = time.monotonic_ns()
        stamp, nonce = str(int(started.timestamp())), secrets.token_hex(16).upper()
        signature = sign(self.credentials.sign_key, f"{method}\n{path}\n{stamp}\n{nonce}\n{body.decode()}\n")
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "his-payments/1",
            "Authorization": (
                f'{_SIGNATURE} mchid="{self.credentials.merchant_no}",nonce_str="{nonce}",signature="{signature}",'
                f'timestamp="{stamp}",serial_no="{self.credentials.sign_serial}"'
            ),
        }
        named = (serial for serial, _ in self.credentials.verify_keys if serial.startswith(_BY_PUBLIC_KEY))
        if public_key := next(named, ""):
            headers["Wechatpay-Serial"] = public_key
        asked = {"method": method, "path": path, **({"body": data} if data else {})}
        try:
            answer = self._outside.transport(
                Request(method, self._outside.settings.wechat_pay_url + path, headers, body)
            )
        except NoAnswer as error:
            return None, Exchange(operation, asked, {"no_answer": str(error)}, None, started, _since(tick))
        told = answer.json() or {"bytes": len(answer.body)}
        return answer, Exchange(operation, asked, told, answer.status, started, _since(tick))

    def disbelief(self, headers: Mapping[str, str], body: bytes) -> str:
        """Why a message must not be taken for WeChat's; empty when it must."""
        if headers.get("wechatpay-signature-type", _SIGNATURE) != _SIGNATURE:
            return "签名算法不受支持。"
        stamp, serial = headers.get("wechatpay-timestamp", ""), headers.get("wechatpay-serial", "")
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
            return "缺少时间戳。"
        if abs(int(self._clock().timestamp()) - int(stamp)) > CLOCK_SKEW.total_seconds():
            return "时间戳超出允许范围。"
        message = f"{stamp}\n{headers.get('wechatpay-nonce', '')}\n".encode() + body + b"\n"
        keys = [key for known, key in self.credentials.verify_keys if known.lower() == serial.lower()]
        if not keys:
            return UNKNOWN_SERIAL
        if not any(holds(key, message, headers.get("wechatpay-signature", "")) for key in keys):
            return "签名不符。"
        return ""

    def _parameters(self, document: dict[str, Any]) -> dict[str, Any]:
        if "code_url" in document:
            return {"code_url": document["code_url"]}
        if "h5_url" in document:
            return {"h5_url": document["h5_url"]}
        package = f"prepay_id={document.get('prepay_id', '')}"
        stamp, nonce = str(int(self._clock().timestamp())), secrets.token_hex(16)
        pay_sign = sign(self.credentials.sign_key, f"{self.credentials.app_id}\n{stamp}\n{nonce}\n{package}\n")
        return {
            "jsapi": {
                "appId": self.credentials.app_id,
                "timeStamp": stamp,
                "nonceStr": nonce,
                "package": package,
                "signType": "RSA",
                "paySign": pay_sign,
            }
        }


def _since(tick: int) -> int:
    return (time.monotonic_ns() - tick) // 1_000_000


def _nothing(exchange: Exchange) -> tuple[Told, Exchange]:
    return Told("unknown", healthy=False), exchange


def _refusal(answer: Answer) -> Told:
    document = answer.json()
    code, message = str(document.get("code", "")), str(document.get("message", ""))[:200]
    if code == "USERPAYING":
        return Told("paying", code=code, message=message)
    if code in _ABSENT:
        return Told("absent", code=code, message=message)
    if code in _UNSURE or answer.status >= 500 or answer.status == 429 or not code:
        return Told("unknown", code=code, message=message, healthy=answer.status == 429)
    if code in _EXISTS:
        return Told("unknown", code=code, message=message)
    return Told("refused", code=code, message=message)


def _trade(document: dict[str, Any]) -> Told:
    outcome = _STATES.get(str(document.get("trade_state")), "unknown")
    amount = document.get("amount") or {}
    return Told(
        outcome,
        fen=amount.get("total"),
        channel_no=document.get("transaction_id"),
        at=_moment(document.get("success_time")),
        payer=(document.get("payer") or {}).get("openid"),
        code=str(document.get("trade_state")) if outcome == "refused" else None,
        message=document.get("trade_state_desc"),
    )


def _refunded(document: dict[str, Any]) -> Told:
    return Told(
        _REFUNDS.get(str(document.get("status")), "unknown"),
        fen=(document.get("amount") or {}).get("refund"),
        channel_no=document.get("refund_id"),
        at=_moment(document.get("success_time")),
        code=str(document.get("status")),
    )


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
