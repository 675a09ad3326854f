"""Alipay open API, RSA2: pay, precreate, create, the till's page, query, close, cancel, refund; form notifications.

A QR code or a page is no trade before the payer opens it: till then nobody can ask about it or close it. The page
(alipay.trade.wap.pay) is what a phone's browser opens, so a fault planned for `page` meets the payer, not the hospital.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from infra.simulators.ledger import Back, Sale
from infra.simulators.wire import Account, Fault, Key, Letter, Refused, Reply, Simulator, beijing, holds, key_pair

_TIME = "%Y-%m-%d %H:%M:%S"
SKEW = timedelta(minutes=10)
_OPERATIONS = {
    "alipay.trade.pay": "order",
    "alipay.trade.precreate": "order",
    "alipay.trade.create": "order",
    "alipay.trade.wap.pay": "page",
    "alipay.trade.query": "query",
    "alipay.trade.close": "close",
    "alipay.trade.cancel": "reverse",
    "alipay.trade.refund": "refund",
    "alipay.trade.fastpay.refund.query": "query_refund",
}
_STATES = {"waiting": "WAIT_BUYER_PAY", "typing": "WAIT_BUYER_PAY", "paid": "TRADE_SUCCESS"}
_OK = {"code": "10000", "msg": "Success"}


class AlipayGateway(Simulator):
    """Alipay as a merchant's server meets it: one address, the method in a field."""

    name = "alipay"
    system_error = "ACQ.SYSTEM_ERROR"

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Check the signature over the sorted fields, carry out, sign the answer's node."""
        fields = dict(parse_qsl(body.decode() or path.partition("?")[2], keep_blank_values=True))
        name = fields.get("method", "")
        kind = f"{name.replace('.', '_')}_response"
        fault: Fault | None = None
        try:
            account = self._caller(fields)
            content = json.loads(fields.get("biz_content", "{}"))
            if name not in _OPERATIONS:
                raise Refused(200, "isv.invalid-method", "不存在的方法名")
            number = str(content.get("out_request_no") or content.get("out_trade_no"))
            answer, fault = self.run(
                _OPERATIONS[name], number, lambda: self._do(account, name, content, fields.get("notify_url", ""))
            )
        except Refused as refusal:
            answer, fault = _refusal(refusal), refusal.fault
        key = key_pair("alipay-impostor") if fault is Fault.WRONG_SIGNATURE else self.key
        if name == "alipay.trade.wap.pay":
            return _page(answer, fields.get("return_url", ""))
        node = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        text = f'{{"{kind}":{node},"sign":"{key.sign(node.encode())}"}}'
        return Reply(200, {"Content-Type": "application/json;charset=utf-8"}, text.encode())

    def _caller(self, fields: dict[str, str]) -> Account:
        account = next((item for item in self.accounts.values() if item.app_id == fields.get("app_id")), None)
        if account is None:
            raise Refused(200, "isv.invalid-app-id", "无效的AppID参数")
        message = _joined({name: value for name, value in fields.items() if name != "sign"})
        if not any(holds(key, message, fields.get("sign", "")) for key in account.keys.values()):
            raise Refused(200, "isv.invalid-signature", "无效签名")
        if fields.get("method") == "alipay.trade.wap.pay":
            return account  # the payer opens it when they like; `time_expire` is what ends it
        sent = datetime.strptime(fields["timestamp"], _TIME)  # noqa: DTZ007  Beijing time by the interface
        here = beijing(self.clock())
        if here is None or abs(here - sent) > SKEW:
            raise Refused(200, "isv.invalid-timestamp", "非法的时间戳参数")
        return account

    def _do(self, account: Account, name: str, content: dict[str, Any], notify_url: str) -> dict[str, Any]:
        match name:
            case "alipay.trade.pay" | "alipay.trade.precreate" | "alipay.trade.create" | "alipay.trade.wap.pay":
                return self._order(account, name, content, notify_url)
            case "alipay.trade.query":
                return self._trade(self._sale(account, content))
            case "alipay.trade.close":
                return self._close(self._sale(account, content))
            case "alipay.trade.cancel":
                return self._cancel(account, content)
            case "alipay.trade.refund":
                return self._refund(self._sale(account, content), content)
        return self._find_refund(self._sale(account, content), content)

    def _order(self, account: Account, name: str, content: dict[str, Any], notify_url: str) -> dict[str, Any]:
        number, fen = content["out_trade_no"], _fen(content["total_amount"])
        scanned = name in ("alipay.trade.precreate", "alipay.trade.wap.pay")
        payer = _buyer(account, content) if name == "alipay.trade.create" else f"2088{uuid4().int % 10**12:012d}"
        if name == "alipay.trade.wap.pay" and content.get("product_code") != "QUICK_WAP_WAY":
            raise Refused(200, "ACQ.INVALID_PARAMETER", "参数无效")
        known = self.ledger.sales.get(number)
        if known is None:
            here = beijing(self.clock())
            ends = datetime.strptime(content["time_expire"], _TIME)  # noqa: DTZ007  Beijing time by the interface
            sale = Sale(
                number,
                account.merchant,
                fen,
                name,
                "waiting",
                self.clock(),
                self.clock() + (ends - (here or ends)),
                payer,
                notify_url,
                hidden=scanned,
            )
            if name == "alipay.trade.create":
                sale.number = self.number("T")  # what my.tradePay opens is there before it is paid
            known = self.place(sale, content.get("auth_code", ""))
        elif known.fen != fen or known.product != name or (name == "alipay.trade.create" and known.payer != payer):
            raise Refused(200, "ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
        elif name != "alipay.trade.precreate" and known.state == "paid":
            raise Refused(200, "ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
        elif known.state in ("closed", "reversed", "failed"):
            raise Refused(200, "ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
        if name == "alipay.trade.wap.pay":
            return {**_OK, "out_trade_no": number, "total_amount": _yuan(fen)}
        if name == "alipay.trade.create":
            return {**_OK, "out_trade_no": number, "trade_no": known.number}
        if scanned:
            return {**_OK, "out_trade_no": number, "qr_code": f"https://qr.alipay.com/{number[-16:]}"}
        if known.state == "typing":
            return {"code": "10003", "msg": "order success pay inprocess", "out_trade_no": number}
        return {**_OK, **self._paid(known)}

    def _trade(self, sale: Sale) -> dict[str, Any]:
        state = _STATES.get(sale.state, "TRADE_CLOSED")
        if sale.state == "paid" and sale.given_back == sale.fen:
            state = "TRADE_CLOSED"
        return {**_OK, **self._paid(sale), "trade_status": state}

    def _paid(self, sale: Sale) -> dict[str, Any]:
        shown = {
            "out_trade_no": sale.order_no,
            "trade_no": sale.number or f"W{sale.order_no[-20:]}",
            "buyer_user_id": sale.payer,
            "buyer_logon_id": "158***@sandbox",
            "total_amount": _yuan(sale.fen),
        }
        if sale.paid_at is not None:
            shown |= {"gmt_payment": _time(sale.paid_at), "send_pay_date": _time(sale.paid_at)}
        return shown

    def _close(self, sale: Sale) -> dict[str, Any]:
        if sale.state != "waiting":
            raise Refused(200, "ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        sale.state = "closed"
        return {**_OK, "out_trade_no": sale.order_no}

    def _cancel(self, account: Account, content: dict[str, Any]) -> dict[str, Any]:
        """A trade it does not know is no error here: a success without `action`, which cancelled nothing."""
        try:
            sale = self._sale(account, content)
        except Refused:
            return {**_OK, "out_trade_no": content.get("out_trade_no", ""), "retry_flag": "N"}
        if beijing(sale.placed_at).date() != beijing(self.clock()).date():  # type: ignore[union-attr]
            raise Refused(200, "ACQ.TRADE_CANCEL_TIME_OUT", "超过撤销时间范围")
        action = "refund" if sale.paid_at is not None else "close"
        self.reverse_sale(sale)
        return {**_OK, "out_trade_no": sale.order_no, "retry_flag": "N", "action": action}

    def _refund(self, sale: Sale, content: dict[str, Any]) -> dict[str, Any]:
        number = content["out_request_no"]
        again = number in sale.backs
        back = self.add_back(sale, number, _fen(content["refund_amount"]), sale.notify_url)
        if back.state == "processing" and self.refund_seconds == 0:
            self._settle_back(sale, back)
        moved = back.state == "done" and not again
        return {
            **_OK,
            "out_trade_no": sale.order_no,
            "trade_no": sale.number,
            "buyer_user_id": sale.payer,
            "fund_change": "Y" if moved else "N",
            "refund_fee": _yuan(sale.given_back),
            "gmt_refund_pay": _time(back.done_at or self.clock()),
        }

    def _find_refund(self, sale: Sale, content: dict[str, Any]) -> dict[str, Any]:
        back = sale.backs.get(content["out_request_no"])
        if back is None or back.state != "done":
            return {**_OK}
        return {
            **_OK,
            "out_trade_no": sale.order_no,
            "out_request_no": back.refund_no,
            "refund_amount": _yuan(back.fen),
            "refund_status": "REFUND_SUCCESS",
            "gmt_refund_pay": _time(back.done_at or self.clock()),
        }

    def _sale(self, account: Account, content: dict[str, Any]) -> Sale:
        sale = self.ledger.sales.get(content.get("out_trade_no", ""))
        if sale is None or sale.merchant != account.merchant or sale.hidden:
            raise Refused(200, "ACQ.TRADE_NOT_EXIST", "交易不存在")
        return sale

    # -- letters

    def write_payment(self, sale: Sale) -> Letter:
        """trade_status_sync of a payment."""
        return self.sign_letter(sale, {"gmt_payment": _time(sale.paid_at or self.clock())}, self.key)

    def write_refund(self, sale: Sale, back: Back) -> Letter:
        """trade_status_sync of a refund: what went back of the trade so far, and this refund's number."""
        more = {
            "refund_fee": _yuan(sale.given_back),
            "out_biz_no": back.refund_no,
            "gmt_refund": _time(back.done_at or self.clock()),
        }
        return self.sign_letter(sale, more, self.key)

    def sign_letter(self, sale: Sale, more: dict[str, str], key: Key) -> Letter:
        """A form of a sale, signed now."""
        account = self.accounts[sale.merchant]
        fields = {
            "notify_id": uuid4().hex,
            "notify_type": "trade_status_sync",
            "notify_time": _time(self.clock()),
            "app_id": account.app_id,
            "seller_id": account.merchant,
            "charset": "utf-8",
            "version": "1.0",
            "out_trade_no": sale.order_no,
            "trade_no": sale.number,
            "trade_status": "TRADE_CLOSED" if sale.given_back == sale.fen else "TRADE_SUCCESS",
            "total_amount": _yuan(sale.fen),
            "buyer_id": sale.payer,
            **more,
        }
        signed = {**fields, "sign_type": "RSA2", "sign": key.sign(_joined(fields))}
        body = urlencode(signed).encode()
        return Letter(sale.notify_url, {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, body)


def _joined(fields: Mapping[str, str]) -> bytes:
    return "&".join(f"{name}={value}" for name, value in sorted(fields.items())).encode()


def _buyer(account: Account, content: dict[str, Any]) -> str:
    """Who is to pay in the mini-program: exactly one of three names, in a mini-program bound to the merchant."""
    mini = account.mini_app_id or account.app_id
    own = "buyer_open_id" if mini == account.app_id else "op_buyer_open_id"
    given = [content[name] for name in ("buyer_id", "buyer_open_id", "op_buyer_open_id") if content.get(name)]
    if content.get("product_code") != "JSAPI_PAY":
        raise Refused(200, "ACQ.PRODUCT_NOT_SUPPORT_IN_TINY_APP", "产品码不支持小程序支付")
    if content.get("op_app_id") != mini:
        raise Refused(200, "ACQ.OPEN_ID_NOT_TINY_APP", "小程序未与商户绑定")
    if len(given) != 1 or not (content.get("buyer_id") or content.get(own)):
        raise Refused(200, "ACQ.INVALID_PARAMETER", "买家标识无效")
    return str(given[0])


def _page(answer: Mapping[str, Any], back: str) -> Reply:
    """The till in the payer's browser. What it sends back to `return_url` proves nothing to anybody."""
    if answer["code"] != "10000":
        shown = f"<p>{escape(str(answer.get('sub_msg') or answer['msg']))}</p>"
        status = 500 if answer["code"] == "20000" else 200
    else:
        number, status = escape(str(answer["out_trade_no"])), 200
        paying = json.dumps({"order_no": number})
        click = (
            f"fetch('/control/alipay/pay', {{method: 'POST', body: '{paying}'}}).then(() => location.href = '{back}')"
        )
        shown = (
            f"<p>订单 {number}</p><p>{escape(str(answer['total_amount']))} 元</p>"
            f'<button onclick="{escape(click, quote=True)}">确认付款</button>'
        )
    page = f"<!doctype html><meta charset=utf-8><title>支付宝模拟收银台</title>{shown}"
    return Reply(status, {"Content-Type": "text/html;charset=utf-8"}, page.encode())


def _refusal(refusal: Refused) -> dict[str, str]:
    if refusal.code == AlipayGateway.system_error:
        return {"code": "20000", "msg": "Service Currently Unavailable", "sub_code": "aop.unknow-error"}
    if refusal.code.startswith("isv."):
        return {"code": "40002", "msg": "Invalid Arguments", "sub_code": refusal.code, "sub_msg": refusal.message}
    code = refusal.code if refusal.code.startswith("ACQ.") else f"ACQ.{refusal.code}"
    return {"code": "40004", "msg": "Business Failed", "sub_code": code, "sub_msg": refusal.message}


def _fen(text: object) -> int:
    whole, _, part = str(text).partition(".")
    return int(whole) * 100 + int((part + "00")[:2])


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _time(moment: datetime) -> str:
    here = beijing(moment)
    return "" if here is None else here.strftime(_TIME)
