"""Rules of certificates: what an X.509 file says, and which certificate a person may sign with. No I/O, no clock.

电子签名法 art. 13: the signing data belong to the signer alone. GB/T 20518 gives staff two certificates, one to sign
and one to encrypt; only the first is bound here. GM/T 0015: SM2 is an EC key on the curve 1.2.156.10197.1.301, which
the library does not compute with but whose certificates it reads.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from functions.platform.sso.problems_certificates import CertificateUnfit, CertificateUnreadable, PrivateKeyShown

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

WARNED_BEFORE = timedelta(days=30)
"""A new certificate takes the authority about two weeks; the holder hears of it in time (spec 42)."""
LEAST_RSA_BITS = 2048
ALGORITHMS: Mapping[str, str] = {"rsa": "RSA", "sm2": "SM2"}
KEY_PLACES: Mapping[str, str] = {"usb_key": "USB Key", "mobile": "手机（移动 CA）"}
STATES: Mapping[str, str] = {"bound": "在用", "revoked": "已吊销", "expired": "已到期"}
END_REASONS: Mapping[str, str] = {
    "lost": "介质遗失",
    "compromised": "口令或密钥泄露",
    "left": "离职",
    "changed": "更换证书",
    "wrong": "登记有误",
    "authority": "CA 机构已吊销",
}

_SM2_CURVE = "1.2.156.10197.1.301"
_EC_KEY_ON_SM2 = bytes.fromhex("06072a8648ce3d020106082a811ccf5501822d")
"""The algorithm of the public key as DER has it: id-ecPublicKey on the SM2 curve."""
BROKEN_HASHES = frozenset({"1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5"})
"""MD5 and SHA-1 with RSA: such a certificate can be forged."""


class Parsed(NamedTuple):
    """What a certificate says of itself."""

    serial: str
    issuer: str
    subject: str
    names: tuple[str, ...]
    """Every value of the subject, in which the holder's name must be found."""
    algorithm: str
    key_bits: int
    valid_from: datetime
    valid_to: datetime
    content: bytes


def serial_of(text: str) -> str:
    """A serial number as we keep it, from however a vendor writes it (`0a:1b`, `0A1B`, ` a1b`)."""
    digits = re.sub(r"[\s:]", "", text).upper().lstrip("0") or "0"
    return digits.zfill(len(digits) + len(digits) % 2)


def parse(text: str) -> Parsed:
    """Read an uploaded certificate: PEM, or DER in base64 as the vendors' controls give it.

    Raises CertificateUnreadable, PrivateKeyShown, CertificateUnfit (algorithm, purpose).
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if "PRIVATE KEY" in text:
        raise PrivateKeyShown("文件中含有私钥。私钥不得离开介质：请停用这张证书，向 CA 机构重新申领。")
    try:
        if "-----BEGIN" in text:
            found = x509.load_pem_x509_certificates(text.encode())
            if len(found) > 1:
                raise CertificateUnreadable("文件里有多张证书，请只上传职工本人的签名证书，不带 CA 证书。")
            one = found[0]
        else:
            one = x509.load_der_x509_certificate(base64.b64decode("".join(text.split()), validate=True))
        algorithm, bits = key_of(one)
        _check_purpose(one)
        return Parsed(
            serial=serial_of(f"{one.serial_number:X}"),
            issuer=one.issuer.rfc4514_string(),
            subject=one.subject.rfc4514_string(),
            names=tuple(str(part.value) for part in one.subject),
            algorithm=algorithm,
            key_bits=bits,
            valid_from=one.not_valid_before_utc,
            valid_to=one.not_valid_after_utc,
            content=one.public_bytes(Encoding.DER),
        )
    except (ValueError, binascii.Error, x509.DuplicateExtension) as error:
        raise CertificateUnreadable(
            "文件不是有效的 X.509 证书，请从 CA 控件导出签名证书（PEM 或 Base64）后重新上传。"
        ) from error


def names_holder(parsed: Parsed, name: str) -> bool:
    """Whether the subject names this person; authorities add an ID or a number to the name, never leave it out."""
    wanted = "".join(name.split())
    return bool(wanted) and any(wanted in "".join(value.split()) for value in parsed.names)


def key_of(one: "Certificate") -> tuple[str, int]:
    """Algorithm and length of the key. Raises CertificateUnfit."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if one.signature_algorithm_oid.dotted_string in BROKEN_HASHES:
        raise CertificateUnfit("证书由已被破解的算法（MD5、SHA-1）签发，请向 CA 机构换发。")
    kind = one.public_key_algorithm_oid.dotted_string
    if kind == _SM2_CURVE or _EC_KEY_ON_SM2 in one.tbs_certificate_bytes:
        return "sm2", 256
    try:
        key = one.public_key()
    except UnsupportedAlgorithm as error:
        raise CertificateUnfit(f"不支持的证书算法（{kind}），只能登记 RSA 或 SM2 证书。") from error
    if not isinstance(key, RSAPublicKey):
        raise CertificateUnfit(f"不支持的证书算法（{kind}），只能登记 RSA 或 SM2 证书。")
    if key.key_size < LEAST_RSA_BITS:
        raise CertificateUnfit(f"RSA 密钥只有 {key.key_size} 位，至少须 {LEAST_RSA_BITS} 位，请向 CA 机构换发。")
    return "rsa", key.key_size


def _check_purpose(one: "Certificate") -> None:
    from cryptography.x509 import BasicConstraints, ExtensionNotFound, KeyUsage

    try:
        if one.extensions.get_extension_for_class(BasicConstraints).value.ca:
            raise CertificateUnfit("这是 CA 机构的证书，请上传职工本人的签名证书。")
    except ExtensionNotFound:
        pass
    try:
        usage = one.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment):
        raise CertificateUnfit("这是加密证书，不能签名，请上传介质中的签名证书。")
