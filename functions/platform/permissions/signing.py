"""Signatures of configuration packages: Ed25519, keys as files in the store of secrets, as PEM.

`package-signing.pem` is this installation's private key; `package-trusted.pem` holds the public keys of the
installations whose packages are let in, one after the other. What this installation signs it also trusts.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.platform.permissions.problems import PackageForged, PackageKeyMissing
from shared.settings import settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNING_KEY = "package-signing.pem"
TRUSTED_KEYS = "package-trusted.pem"


def canonical(content: Mapping[str, Any]) -> bytes:
    """The bytes that are signed: JSON with sorted keys and no blanks, without the signature itself."""
    signed = {name: value for name, value in content.items() if name != "signature"}
    return json.dumps(signed, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of what is signed: two packages with one digest are the same."""
    return hashlib.sha256(canonical(content)).hexdigest()


def signed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the name of our key and our signature. Raises PackageKeyMissing."""
    key = _own()
    if key is None:
        raise PackageKeyMissing(f"本系统没有配置包签名密钥，请信息科在密钥库中放置 {SIGNING_KEY}（Ed25519）。")
    whole = {**content, "key_id": key_id(key.public_key())}
    return {**whole, "signature": base64.b64encode(key.sign(canonical(whole))).decode()}


def check_signature(content: Mapping[str, Any]) -> None:
    """Refuse a package nobody trusted has signed, or somebody changed since. Raises PackageForged."""
    from cryptography.exceptions import InvalidSignature

    key = _trusted().get(content["key_id"])
    if key is None:
        raise PackageForged(
            f"签名密钥 {content['key_id']} 不在受信名单，请核对配置包来源；确认可信的，由信息科把其公钥加入受信名单。"
        )
    try:
        key.verify(base64.b64decode(content["signature"]), canonical(content))
    except InvalidSignature as error:
        raise PackageForged("配置包内容与签名不符，可能被改动，请在来源系统重新导出。") from error


def key_id(key: "Ed25519PublicKey") -> str:
    """Sixteen hex digits that name a public key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _own() -> "Ed25519PrivateKey | None":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    text = _read(SIGNING_KEY)
    if text is None:
        return None
    key = load_pem_private_key(text, None)
    if not isinstance(key, Ed25519PrivateKey):
        raise PackageKeyMissing(f"{SIGNING_KEY} 不是 Ed25519 私钥，请信息科核对。")
    return key


def _trusted() -> "dict[str, Ed25519PublicKey]":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    own = _own()
    found = {} if own is None else {key_id(own.public_key()): own.public_key()}
    for text in re.findall(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", _read(TRUSTED_KEYS) or b"", re.S):
        key = load_pem_public_key(text + b"\n")
        if isinstance(key, Ed25519PublicKey):
            found[key_id(key)] = key
    return found


def _read(name: str) -> bytes | None:
    try:
        return (Path(settings().secrets_dir) / name).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PackageKeyMissing(f"密钥库中的 {name} 无法读取，请信息科核对。") from error
