"""WeChat Pay's platform certificates (微信支付平台证书): the list, sealed with the merchant's APIv3 key.

The list itself is signed like any answer. Whoever trusts something already believes it by that signature. The first
time there is nothing to believe it by: WeChat's rule is to open the certificates with the APIv3 key, which nobody else
has, and to hold the signature against the one of them that the answer names.

Two certificates stand in the list during an exchange; WeChat brings the new one a day before it signs with it.
"""

from datetime import datetime
from typing import Any

from functions.payments.gateway.channels import Exchange, PlatformCertificate, Told
from functions.payments.gateway.channels.wechat import WeChat
from shared.schemas import SHANGHAI

PATH = "/v3/certificates"


def fetch(channel: WeChat, *, first: bool) -> tuple[tuple[PlatformCertificate, ...], Told, Exchange]:
    """WeChat's certificates now; none with the reason when there is no list that can be believed."""
    answer, exchange = channel.transmit("certificates", "GET", PATH, None)
    if answer is None:
        return (), Told("unknown", message="微信支付没有应答", healthy=False), exchange
    if answer.status != 200:
        told = answer.json()
        return (), Told("unknown", code=str(told.get("code", "")), message=_words(told)), exchange
    certificates = tuple(filter(None, (_open(item, channel.credentials.cipher_keys) for item in _items(answer.json()))))
    shown = exchange._replace(answer={"serials": [item.serial for item in certificates]})
    if not certificates:
        return (), Told("unknown", message="列表中没有能用 APIv3 密钥解密的证书，请核对密钥"), shown
    if first:
        keys = tuple((item.serial, item.pem) for item in certificates)
        channel.credentials = channel.credentials._replace(verify_keys=keys)
    if reason := channel.disbelief(answer.headers, answer.body):
        return (), Told("unknown", message=f"证书列表不可信：{reason}", healthy=False), shown
    return certificates, Told("succeeded"), shown


def _items(document: dict[str, Any]) -> list[dict[str, Any]]:
    data = document.get("data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _words(document: dict[str, Any]) -> str:
    return str(document.get("message") or "微信支付拒绝了下载")[:200]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


def _open(item: dict[str, Any], cipher_keys: tuple[str, ...]) -> PlatformCertificate | None:
    """One certificate of the list; None for what cannot be opened, is no RSA certificate or bears another serial."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from wechatpayv3.utils import aes_decrypt, load_certificate  # type: ignore[import-untyped]

    try:
        sealed = item["encrypt_certificate"]
        if sealed["algorithm"] != "AEAD_AES_256_GCM":
            return None
        given = (sealed["nonce"], sealed["ciphertext"], sealed.get("associated_data", ""))
        pem = next(filter(None, (aes_decrypt(*given, key) for key in cipher_keys)), None)
        certificate = load_certificate(pem) if pem else None
        serial = str(item["serial_no"])
        if certificate is None or certificate.serial_number != int(serial, 16):
            return None
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
            return None
        return PlatformCertificate(
            serial,
            str(pem),
            _moment(item["effective_time"]),
            _moment(item["expire_time"]),
            certificate.not_valid_after_utc,
        )
    except (KeyError, TypeError, ValueError):
        return None
