"""RSA keys of merchants and channels, read once a process: parsing a key takes longer than signing with it."""

import base64
import binascii
from datetime import date
from functools import lru_cache
from typing import Any

from shared.schemas import SHANGHAI

CIPHER_BYTES = 32
"""Length of WeChat's APIv3 key (AES-256)."""


@lru_cache(maxsize=64)
def private_key(text: str) -> Any:
    """An RSA private key from PEM or bare base64."""
    from wechatpayv3.utils import load_private_key  # type: ignore[import-untyped]

    return load_private_key(text)


@lru_cache(maxsize=128)
def public_key(text: str) -> Any:
    """An RSA public key from a certificate or a public key in PEM."""
    from wechatpayv3.utils import load_certificate, load_public_key

    if "BEGIN CERTIFICATE" in text:
        return load_certificate(text).public_key()
    return load_public_key(text)


def is_readable(role: str, text: str) -> bool:
    """Whether a key file holds what its role needs: a private key, a public key or certificate, 32 characters."""
    try:
        if role == "cipher":
            return len(text.encode()) == CIPHER_BYTES
        return (private_key if role == "sign" else public_key)(text) is not None
    except Exception:
        return False  # the library raises bare exceptions for what it cannot read


def ends_on(role: str, text: str) -> date | None:
    """The last day of a certificate, by its own date; None for what has none."""
    from wechatpayv3.utils import load_certificate

    certificate = load_certificate(text) if role == "verify" and "BEGIN CERTIFICATE" in text else None
    return certificate.not_valid_after_utc.astimezone(SHANGHAI).date() if certificate is not None else None


def sign(key_text: str, message: str) -> str:
    """SHA256-RSA2048 over a text, base64."""
    from wechatpayv3.utils import rsa_sign

    signature: str = rsa_sign(private_key(key_text), message)
    return signature


def holds(key_text: str, message: bytes, signature: str) -> bool:
    """Whether a SHA256-RSA2048 signature is that of this key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        public_key(key_text).verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error):
        return False
    return True
