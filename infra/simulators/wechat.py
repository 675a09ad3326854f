"""WeChat Pay APIv3: transactions (native, jsapi, h5, codepay), close, reverse, refunds, encrypted notifications, and
the platform certificates it signs with, sealed for each merchant.

An exchange of certificates: `announce` puts the next one into the list, `rotate_key` signs with it from then on, both
stay in the list until `retire`. As long as an old one is listed, the list itself is signed with it.
"""

import base64
import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.simulators.ledger import Back, Sale
from infra.simulators.wire import (
    Account,
    Fault,
    Key,
    Letter,
    Refused,
    Reply,
    Simulator,
    certificate_pem,
    holds,
    key_pair,
)

SCHEME = "WECHATPAY2-SHA256-RSA2048"
SKEW_SECONDS = 300
CERTIFICATES = "/v3/certificates"
_FIELD = re.compile(r'(\w+)="([^"]*)"')
_ORDER = re.compile(r"^/v3/pay/transactions/out-trade-no/([\w*|-]+)(/close|/reverse)?$")
_REFUND = re.compile(r"^/v3/refund/domestic/refunds/([\w*|-]+)$")
_STATES = {
    "waiting": "NOTPAY",
    "typing": "USERPAYING",
    "closed": "CLOSED",
    "reversed": "REVOKED",
    "failed": "PAYERROR",
}
_BACKS = {"processing": "PROCESSING", "done": "SUCCESS", "returned": "ABNORMAL", "rejected": "CLOSED"}
_ZONE = timezone(timedelta(hours=8))


class WeChatPay(Simulator):
    """WeChat Pay as a merchant's server meets it."""

    name = "wechat"
    _announced: Key | None = None
    _retiring: Key | None = None

    # -- certificates

    @property
    def listed(self) -> list[Key]:
        """The keys whose certificates are in the list, the oldest first."""
        return [key for key in (self._retiring, self.key, self._announced) if key is not None]

    def announce(self) -> Key:
        """Bring the next certificate into the list; answers are still signed with the present one."""
        self._announced = key_pair(f"{self.name}-channel-{next(self._generation)}")
        return self._announced

    def rotate_key(self) -> Key:
        """Sign with the announced certificate from now on, or with one nobody was told of."""
        self._retiring, known = self.key, self._announced
        self._announced = None
        self.key = known or super().rotate_key()
        return self.key

    def retire(self) -> None:
        """The old certificate leaves the list."""
        self._retiring = None

    def _certificates(self, account: Account) -> dict[str, Any]:
        now = self.clock()
        data = []
        for key in self.listed:
            ends = now + (timedelta(days=1) if key is self._retiring else timedelta(days=1800))
            sealed, nonce = self._seal(account, certificate_pem(key, now), "certificate")
            data.append(
                {
                    "serial_no": key.serial,
                    "effective_time": (now - timedelta(days=1)).astimezone(_ZONE).isoformat(timespec="seconds"),
                    "expire_time": ends.astimezone(_ZONE).isoformat(timespec="seconds"),
                    "encrypt_certificate": {
                        "algorithm": "AEAD_AES_256_GCM",
                        "nonce": nonce,
                        "associated_data": "certificate",
                        "ciphertext": sealed,
                    },
                }
            )
        return {"data": data}

    @staticmethod
    def _seal(account: Account, text: str, about: str) -> tuple[str, str]:
        nonce = secrets.token_hex(6)
        sealed = AESGCM(account.cipher_key.encode()).encrypt(nonce.encode(), text.encode(), about.encode())
        return base64.b64encode(sealed).decode(), nonce

    # -- the wire

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Check the Authorization header, carry out, sign the answer."""
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            account = self._caller(method, path, lower.get("authorization", ""), body)
        except Refused as refusal:
            return self._signed(refusal.status, _error(refusal), self.key)
        try:
            status, document, fault = self._route(account, method, urlsplit(path).path, json.loads(body or b"{}"))
        except Refused as refusal:
            status, document, fault = refusal.status, _error(refusal), refusal.fault
        own = self.listed[0] if urlsplit(path).path == CERTIFICATES else self.key
        key = key_pair("wechat-impostor") if fault is Fault.WRONG_SIGNATURE else own
        return self._signed(status, document, key, own.serial)

    def _caller(self, method: str, path: str, authorization: str, body: bytes) -> Account:
        scheme, _, rest = authorization.partition(" ")
        fields = dict(_FIELD.findall(rest))
        account = self.accounts.get(fields.get("mchid", ""))
        if scheme != SCHEME or account is None:
            raise Refused(401, "SIGN_ERROR", "签名错误")
        key = account.keys.get(fields.get("serial_no", ""))
        message = f"{method}\n{path}\n{fields.get('timestamp')}\n{fields.get('nonce_str')}\n".encode() + body + b"\n"
        if key is None or not holds(key, message, fields.get("signature", "")):
            raise Refused(401, "SIGN_ERROR", "签名错误")
        if abs(self.clock().timestamp() - int(fields["timestamp"])) > SKEW_SECONDS:
            raise Refused(401, "SIGN_ERROR", "时间戳超出范围")
        return account

    def _route(
        self, account: Account, method: str, path: str, data: dict[str, Any]
    ) -> tuple[int, dict[str, Any] | None, Fault | None]:
        if (
            method == "POST"
            and path.startswith("/v3/pay/transactions/")
            and (product := path.rsplit("/", 1)[1]) in ("native", "jsapi", "h5", "codepay")
        ):
            document, fault = self.run("order", data["out_trade_no"], lambda: self._order(account, product, data))
            return 200, document, fault
        if found := _ORDER.match(path):
            number, action = found.group(1), found.group(2)
            if method == "GET" and not action:
                document, fault = self.run("query", number, lambda: self._trade(account, self._sale(account, number)))
                return 200, document, fault
            if method == "POST" and action == "/close":
                _, fault = self.run("close", number, lambda: self._close(account, number))
                return 204, None, fault
            if method == "POST" and action == "/reverse":
                document, fault = self.run("reverse", number, lambda: self._reverse(account, number))
                return 200, document, fault
        if method == "POST" and path == "/v3/refund/domestic/refunds":
            document, fault = self.run("refund", data["out_refund_no"], lambda: self._refund(account, data))
            return 200, document, fault
        if method == "GET" and (found := _REFUND.match(path)):
            number = found.group(1)
            document, fault = self.run("query_refund", number, lambda: self._find_refund(account, number))
            return 200, document, fault
        if method == "GET" and path == CERTIFICATES:
            document, fault = self.run("certificates", account.merchant, lambda: self._certificates(account))
            return 200, document, fault
        raise Refused(404, "NOT_FOUND", "请求的资源不存在")

    # -- what it does

    def _order(self, account: Account, product: str, data: dict[str, Any]) -> dict[str, Any]:
        if data.get("appid") != account.app_id or data.get("mchid") != account.merchant:
            raise Refused(400, "APPID_MCHID_NOT_MATCH", "商户号与应用不匹配")
        scene = data.get("scene_info", {})
        if product == "h5" and not (scene.get("payer_client_ip") and scene.get("h5_info", {}).get("type")):
            raise Refused(400, "PARAM_ERROR", "缺少 H5 场景信息")
        number, fen = data["out_trade_no"], int(data["amount"]["total"])
        known = self.ledger.sales.get(number)
        if known is not None:
            return self._order_again(known, product, fen)
        expires = (
            datetime.fromisoformat(data["time_expire"])
            if "time_expire" in data
            else self.clock() + timedelta(minutes=5)
        )
        payer = data.get("payer", {}).get("openid") or f"openid-{uuid4().hex[:16]}"
        sale = Sale(
            number, account.merchant, fen, product, "waiting", self.clock(), expires, payer, data.get("notify_url", "")
        )
        self.place(sale, data.get("payer", {}).get("auth_code", "") if product == "codepay" else "")
        return self._ordered(account, sale)

    def _order_again(self, known: Sale, product: str, fen: int) -> dict[str, Any]:
        if (known.product, known.fen) != (product, fen):
            raise Refused(400, "INVALID_REQUEST", "商户订单号重复")
        if known.state == "paid":
            raise Refused(400, "ORDERPAID", "该订单已支付")
        if known.state in ("closed", "reversed"):
            raise Refused(400, "ORDER_CLOSED", "订单已关闭")
        if product == "codepay":
            raise Refused(403, "OUT_TRADE_NO_USED", "商户订单号重复")
        return self._ordered(self.accounts[known.merchant], known)

    def _ordered(self, account: Account, sale: Sale) -> dict[str, Any]:
        if sale.product == "native":
            return {"code_url": f"weixin://wxpay/bizpayurl?pr={sale.order_no[-12:]}"}
        if sale.product == "h5":
            return {"h5_url": f"https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx{sale.order_no[-20:]}"}
        if sale.product == "jsapi":
            return {"prepay_id": f"wx{sale.order_no[-20:]}"}
        if sale.state == "typing":
            raise Refused(202, "USERPAYING", "用户支付中，需要输入密码")
        return self._trade(account, sale)

    def _close(self, account: Account, number: str) -> None:
        sale = self._sale(account, number)
        if sale.state == "paid":
            raise Refused(400, "ORDERPAID", "该订单已支付")
        if sale.state == "typing":
            raise Refused(400, "USERPAYING", "用户支付中")
        sale.state = "closed"

    def _reverse(self, account: Account, number: str) -> dict[str, Any]:
        sale = self._sale(account, number)
        if sale.product != "codepay":
            raise Refused(400, "INVALID_REQUEST", "订单的支付场景不支持该请求")
        if self.clock() - sale.placed_at < timedelta(seconds=15):
            raise Refused(400, "USERPAYING", "正在支付中不能发起撤销")
        self.reverse_sale(sale)
        return {"appid": account.app_id, "mchid": account.merchant, "out_trade_no": number}

    def _refund(self, account: Account, data: dict[str, Any]) -> dict[str, Any]:
        sale = self._sale(account, data["out_trade_no"])
        amount = data["amount"]
        if int(amount["total"]) != sale.fen:
            raise Refused(400, "PARAM_ERROR", "订单金额不符")
        last = max(
            (back.asked_at for number, back in sale.backs.items() if number != data["out_refund_no"]), default=None
        )
        if last is not None and self.clock() - last < timedelta(minutes=1) and data["out_refund_no"] not in sale.backs:
            raise Refused(429, "FREQUENCY_LIMITED", "同一订单退款过于频繁")
        back = self.add_back(sale, data["out_refund_no"], int(amount["refund"]), data.get("notify_url", ""))
        return self._shown_back(sale, back)

    def _find_refund(self, account: Account, number: str) -> dict[str, Any]:
        found = self.ledger.find_back(number)
        if found is None or found[0].merchant != account.merchant:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        return self._shown_back(*found)

    def _sale(self, account: Account, number: str) -> Sale:
        sale = self.ledger.sales.get(number)
        if sale is None or sale.merchant != account.merchant:
            raise Refused(404, "ORDER_NOT_EXIST", "订单不存在")
        return sale

    # -- how it says it

    def _trade(self, account: Account, sale: Sale) -> dict[str, Any]:
        state = ("REFUND" if sale.asked_back else "SUCCESS") if sale.state == "paid" else _STATES[sale.state]
        document: dict[str, Any] = {
            "appid": account.app_id,
            "mchid": account.merchant,
            "out_trade_no": sale.order_no,
            "trade_type": "MICROPAY" if sale.product == "codepay" else sale.product.upper(),
            "trade_state": state,
            "trade_state_desc": {"SUCCESS": "支付成功", "PAYERROR": "支付失败，请撤销订单"}.get(state, state),
        }
        if sale.paid_at is not None:
            document |= {
                "transaction_id": sale.number,
                "success_time": sale.paid_at.astimezone(_ZONE).isoformat(timespec="seconds"),
                "payer": {"openid": sale.payer},
                "amount": {"total": sale.fen, "payer_total": sale.fen, "currency": "CNY"},
            }
        return document

    def _shown_back(self, sale: Sale, back: Back) -> dict[str, Any]:
        document: dict[str, Any] = {
            "refund_id": back.number,
            "out_refund_no": back.refund_no,
            "transaction_id": sale.number,
            "out_trade_no": sale.order_no,
            "channel": "ORIGINAL",
            "status": _BACKS[back.state],
            "amount": {"refund": back.fen, "total": sale.fen, "currency": "CNY"},
        }
        if back.done_at is not None:
            document["success_time"] = back.done_at.astimezone(_ZONE).isoformat(timespec="seconds")
        return document

    def write_payment(self, sale: Sale) -> Letter:
        """TRANSACTION.SUCCESS, its resource encrypted with the merchant's APIv3 key."""
        account = self.accounts[sale.merchant]
        return self._letter(account, sale.notify_url, "TRANSACTION.SUCCESS", "transaction", self._trade(account, sale))

    def write_refund(self, sale: Sale, back: Back) -> Letter:
        """REFUND.SUCCESS, REFUND.ABNORMAL or REFUND.CLOSED."""
        account = self.accounts[sale.merchant]
        content = self._shown_back(sale, back)
        content |= {"mchid": account.merchant, "refund_status": content.pop("status")}
        return self._letter(account, back.notify_url, f"REFUND.{content['refund_status']}", "refund", content)

    def _letter(self, account: Account, url: str, kind: str, original: str, content: dict[str, Any]) -> Letter:
        sealed, nonce = self._seal(account, json.dumps(content, ensure_ascii=False), original)
        document = {
            "id": str(uuid4()),
            "create_time": self.clock().astimezone(_ZONE).isoformat(timespec="seconds"),
            "resource_type": "encrypt-resource",
            "event_type": kind,
            "summary": "支付成功" if original == "transaction" else "退款结果",
            "resource": {
                "original_type": original,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": sealed,
                "associated_data": original,
                "nonce": nonce,
            },
        }
        body = json.dumps(document, ensure_ascii=False).encode()
        return Letter(url, self.sign_letter(body, self.key), body)

    def sign_letter(self, body: bytes, key: Key, serial: str = "") -> dict[str, str]:
        """Headers of a notification, signed now."""
        stamp, nonce = str(int(self.clock().timestamp())), secrets.token_hex(16)
        return {
            "Content-Type": "application/json",
            "Wechatpay-Serial": serial or key.serial,
            "Wechatpay-Timestamp": stamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature-Type": SCHEME,
            "Wechatpay-Signature": key.sign(f"{stamp}\n{nonce}\n".encode() + body + b"\n"),
        }

    def _signed(self, status: int, document: dict[str, Any] | None, key: Key, serial: str = "") -> Reply:
        body = b"" if document is None else json.dumps(document, ensure_ascii=False).encode()
        return Reply(status, self.sign_letter(body, key, serial), body)


def _error(refusal: Refused) -> dict[str, Any]:
    return {"code": refusal.code, "message": refusal.message}
