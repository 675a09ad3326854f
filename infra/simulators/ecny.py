"""An operating bank's e-CNY interface, as `functions/payments/gateway/channels/ecny.py` describes it."""

import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from infra.simulators.ledger import Back, Sale
from infra.simulators.wire import Account, Fault, Key, Letter, Refused, Reply, Simulator, holds, key_pair

SKEW_SECONDS = 300
_ORDER = re.compile(r"^/ecny/v1/orders/(\w+)(/close|/reverse)?$")
_REFUND = re.compile(r"^/ecny/v1/refunds/(\w+)$")
_STATES = {
    "waiting": "WAITING",
    "typing": "WAITING",
    "paid": "PAID",
    "closed": "CLOSED",
    "reversed": "REVERSED",
    "failed": "FAILED",
}
_BACKS = {"processing": "PROCESSING", "done": "DONE", "returned": "RETURNED", "rejected": "REJECTED"}


class EcnyBank(Simulator):
    """An operating bank as a merchant's server meets it."""

    name = "ecny"
    system_error = "SYSTEM_BUSY"

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Check the caller's signature, carry out, sign the answer."""
        fault: Fault | None = None
        status = 200
        try:
            account = self._caller(method, path, {name.lower(): value for name, value in headers.items()}, body)
            document, fault = self._route(account, method, path, json.loads(body or b"{}"))
        except Refused as refusal:
            status, fault = refusal.status, refusal.fault
            document = {"code": refusal.code, "message": refusal.message}
        key = key_pair("ecny-impostor") if fault is Fault.WRONG_SIGNATURE else self.key
        answer = json.dumps(document, ensure_ascii=False).encode()
        return Reply(status, self.sign_letter(answer, key, self.key.serial), answer)

    def _caller(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Account:
        account = self.accounts.get(headers.get("x-merchant", ""))
        key = account.keys.get(headers.get("x-serial", "")) if account else None
        stamp = headers.get("x-timestamp", "0")
        message = f"{method}\n{path}\n{stamp}\n{headers.get('x-nonce', '')}\n".encode() + body + b"\n"
        if account is None or key is None or not holds(key, message, headers.get("x-signature", "")):
            raise Refused(401, "SIGNATURE", "签名不符")
        if abs(self.clock().timestamp() - int(stamp)) > SKEW_SECONDS:
            raise Refused(401, "TIMESTAMP", "时间戳超出范围")
        return account

    def _route(self, account: Account, method: str, path: str, data: dict[str, Any]) -> tuple[Any, Fault | None]:
        if (method, path) == ("POST", "/ecny/v1/orders"):
            return self.run("order", data["order_no"], lambda: self._order(account, data))
        if (method, path) == ("POST", "/ecny/v1/refunds"):
            return self.run("refund", data["refund_no"], lambda: self._refund(account, data))
        if method == "GET" and (found := _REFUND.match(path)):
            number = found.group(1)
            return self.run("query_refund", number, lambda: self._find_refund(account, number))
        if found := _ORDER.match(path):
            number, action = found.group(1), found.group(2)
            if method == "GET" and not action:
                return self.run("query", number, lambda: self._shown(self._sale(account, number)))
            if method == "POST" and action == "/close":
                return self.run("close", number, lambda: self._close(account, number))
            if method == "POST" and action == "/reverse":
                return self.run("reverse", number, lambda: self._reverse(account, number))
        raise Refused(404, "NO_SUCH_PATH", "没有这个接口")

    def _order(self, account: Account, data: dict[str, Any]) -> dict[str, Any]:
        number, fen = data["order_no"], int(data["amount"])
        if number in self.ledger.sales:
            known = self.ledger.sales[number]
            if data["product"] == "code" or known.fen != fen or known.state != "waiting":
                raise Refused(409, "ORDER_EXISTS", "订单号已存在")
            return {**self._shown(known), "code_url": f"ecny://pay/{number[-16:]}"}
        sale = Sale(
            number,
            account.merchant,
            fen,
            data["product"],
            "waiting",
            self.clock(),
            datetime.fromisoformat(data["expires_at"]),
            f"wallet-{uuid4().hex[:12]}",
            data.get("notify_url", ""),
        )
        self.place(sale, data.get("auth_code", ""))
        shown = self._shown(sale)
        return {**shown, "code_url": f"ecny://pay/{number[-16:]}"} if data["product"] == "qr" else shown

    def _close(self, account: Account, number: str) -> dict[str, Any]:
        sale = self._sale(account, number)
        if sale.state == "typing":
            raise Refused(409, "PAYER_BUSY", "用户支付中")
        if sale.state == "waiting":
            sale.state = "closed"
        return self._shown(sale)

    def _reverse(self, account: Account, number: str) -> dict[str, Any]:
        sale = self._sale(account, number)
        self.reverse_sale(sale)
        return self._shown(sale)

    def _refund(self, account: Account, data: dict[str, Any]) -> dict[str, Any]:
        sale = self._sale(account, data["order_no"])
        back = self.add_back(sale, data["refund_no"], int(data["amount"]), data.get("notify_url", ""))
        return self._shown_back(sale, back)

    def _find_refund(self, account: Account, number: str) -> dict[str, Any]:
        found = self.ledger.find_back(number)
        if found is None or found[0].merchant != account.merchant:
            raise Refused(404, "NOT_FOUND", "退款不存在")
        return self._shown_back(*found)

    def _sale(self, account: Account, number: str) -> Sale:
        sale = self.ledger.sales.get(number)
        if sale is None or sale.merchant != account.merchant:
            raise Refused(404, "NOT_FOUND", "订单不存在")
        return sale

    def _shown(self, sale: Sale) -> dict[str, Any]:
        document: dict[str, Any] = {
            "merchant": sale.merchant,
            "order_no": sale.order_no,
            "state": _STATES[sale.state],
            "amount": sale.fen,
        }
        if sale.paid_at is not None:
            document |= {"serial_no": sale.number, "paid_at": sale.paid_at.isoformat(), "wallet": sale.payer}
        return document

    def _shown_back(self, sale: Sale, back: Back) -> dict[str, Any]:
        document: dict[str, Any] = {
            "merchant": sale.merchant,
            "refund_no": back.refund_no,
            "order_no": sale.order_no,
            "state": _BACKS[back.state],
            "amount": back.fen,
            "serial_no": back.number,
        }
        if back.done_at is not None:
            document["done_at"] = back.done_at.isoformat()
        return document

    def write_payment(self, sale: Sale) -> Letter:
        """An order was paid."""
        return self._letter(sale.notify_url, "order", self._shown(sale))

    def write_refund(self, sale: Sale, back: Back) -> Letter:
        """A refund arrived, or came back."""
        return self._letter(back.notify_url, "refund", self._shown_back(sale, back))

    def _letter(self, url: str, kind: str, data: dict[str, Any]) -> Letter:
        body = json.dumps({"id": uuid4().hex, "kind": kind, "data": data}, ensure_ascii=False).encode()
        return Letter(url, self.sign_letter(body, self.key, self.key.serial), body)

    def sign_letter(self, body: bytes, key: Key, serial: str) -> dict[str, str]:
        """Headers of an answer or a notification, signed now."""
        stamp, nonce = str(int(self.clock().timestamp())), secrets.token_hex(16)
        return {
            "Content-Type": "application/json",
            "X-Serial": serial,
            "X-Timestamp": stamp,
            "X-Nonce": nonce,
            "X-Signature": key.sign(f"{stamp}\n{nonce}\n".encode() + body + b"\n"),
        }
