"""Rules of trust: which authority may vouch, what a revocation list must be, whether a chain holds. No I/O, no clock.

RFC 5280 no. 6.1, over registered authorities only: nothing a certificate brings along is believed. The library's own
verifier knows the servers and clients of the web, neither SM2 nor certificates without a host name, so the steps of the
path are here and every signature is left to the libraries. An extension marked critical that is not looked at refuses.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID

from functions.platform.sso import rules_certificates, sm2
from functions.platform.sso.models_trust import SessionProof
from functions.platform.sso.problems_certificates import CertificateUnreadable, PrivateKeyShown
from functions.platform.sso.problems_trust import AnchorUnfit, CertificateUntrusted
from functions.platform.sso.rules_certificates import serial_of
from shared.identity.rights import Proof
from shared.schemas import SHANGHAI

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

Purpose = Literal["signing", "sign_on"]
DEEPEST = 6
"""Certificates in a chain; national hierarchies have three."""
_SM2_WITH_SM3 = "1.2.156.10197.1.501"
_LOOKED_AT = frozenset({"2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.32", "2.5.29.35", "2.5.29.37"})
"""Key identifiers, key usage, alternative names, constraints of an authority, policies (any will do), purposes. Name
constraints and policy constraints are not looked at: an authority that has them is refused."""
_SIGN_ON_PURPOSES = frozenset({"1.3.6.1.5.5.7.3.2", "2.5.29.37.0", "1.3.6.1.4.1.311.20.2.2"})
"""Client authentication, any purpose, smart-card sign-on."""


class Authority(NamedTuple):
    """What an uploaded certificate of an authority says."""

    fingerprint: str
    subject: str
    issuer: str
    serial: str
    algorithm: str
    key_bits: int
    root: bool
    valid_from: datetime
    valid_to: datetime
    content: bytes


class Anchor(NamedTuple):
    """An authority in force, and the revocation list it has."""

    anchor_id: UUID
    content: bytes
    campuses: frozenset[str]
    next_update: datetime | None
    """Null: it never had a list."""
    scope: str


class Link(NamedTuple):
    """A certificate of a chain and the authority that issued it."""

    serial: str
    authority: bool
    anchor: Anchor
    issuer: str


def read_authority(text: str, now: datetime) -> Authority:
    """Read the certificate of an authority: PEM, or DER in base64.

    Raises CertificateUnreadable, PrivateKeyShown, CertificateUnfit (algorithm), AnchorUnfit.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    if "PRIVATE KEY" in text:
        raise PrivateKeyShown("文件中含有私钥。CA 机构只提供证书，请勿上传私钥，并核查文件来源。")
    try:
        der = der_of(text, "CERTIFICATE")
        one = x509.load_der_x509_certificate(der)
        algorithm, bits = rules_certificates.key_of(one)
        _check_authority(one)
        root = one.issuer.public_bytes() == one.subject.public_bytes()
        if root and not _signed_by(one, one):
            raise AnchorUnfit("根证书的自签名不正确，文件可能被改动，请从 CA 机构重新取得。")
    except (ValueError, binascii.Error, x509.DuplicateExtension) as error:
        raise CertificateUnreadable("文件不是有效的 X.509 证书，请从 CA 机构取得 CA 证书（PEM 或 Base64）。") from error
    except CertificateUntrusted as refusal:
        raise AnchorUnfit(refusal.detail) from refusal
    if not one.not_valid_before_utc <= now < one.not_valid_after_utc:
        raise AnchorUnfit(f"CA 证书不在有效期内（{_day(one.not_valid_before_utc)}至{_day(one.not_valid_after_utc)}）。")
    return Authority(
        fingerprint=one.fingerprint(SHA256()).hex().upper(),
        subject=one.subject.rfc4514_string(),
        issuer=one.issuer.rfc4514_string(),
        serial=serial_of(f"{one.serial_number:X}"),
        algorithm=algorithm,
        key_bits=bits,
        root=root,
        valid_from=one.not_valid_before_utc,
        valid_to=one.not_valid_after_utc,
        content=one.public_bytes(Encoding.DER),
    )


def fingerprint_of(text: str) -> str:
    """A fingerprint as we keep it, from however the authority prints it (`ab:cd`, `AB CD`)."""
    return "".join(one for one in text if one.isalnum()).upper()


def der_of(text: str, label: str) -> bytes:
    """The bytes of a PEM block, or of plain base64. Raises ValueError."""
    if "-----BEGIN" in text:
        _, _, rest = text.partition(f"-----BEGIN {label}-----")
        body, end, more = rest.partition(f"-----END {label}-----")
        if not end or "-----BEGIN" in more:
            raise ValueError("one PEM block is wanted")
        text = body
    return base64.b64decode("".join(text.split()), validate=True)


def chain_of(content: bytes, anchors: Sequence[Anchor], campus: str, now: datetime, purpose: Purpose) -> list[Link]:
    """The links from a certificate of a person to a root among the authorities of a campus.

    Raises CertificateUntrusted with `cause`: unknown_authority, campus, signature, algorithm, expired, usage,
    path_length, extension.
    """
    from cryptography import x509

    try:
        leaf = x509.load_der_x509_certificate(content)
        _check_person(leaf, now, purpose)
        return _climb(leaf, anchors, campus, now, first_is_authority=False)
    except (ValueError, x509.DuplicateExtension) as error:
        raise _untrusted("extension", "证书的内容不符合规范，请向 CA 机构换发。") from error


def chain_above(content: bytes, anchors: Sequence[Anchor], campus: str, now: datetime) -> list[Link]:
    """The links from an intermediate authority to a root. Raises CertificateUntrusted as `chain_of`."""
    from cryptography import x509

    return _climb(x509.load_der_x509_certificate(content), anchors, campus, now, first_is_authority=True)


def check_lists(links: Iterable[Link], now: datetime, grace: timedelta) -> None:
    """Refuse a chain one of whose authorities has no list, one that has run out, or one that leaves the link out.

    Raises CertificateUntrusted with `cause` list_missing or list_stale.
    """
    for link in links:
        if link.anchor.next_update is None:
            raise _untrusted("list_missing", f"还没有“{link.issuer}”的吊销列表，无法确认证书是否有效，请联系信息科。")
        if link.anchor.scope == ("users" if link.authority else "authorities"):
            raise _untrusted(
                "list_missing", f"“{link.issuer}”的吊销列表不包含这类证书，请联系信息科改用完整的吊销列表。"
            )
        if now >= link.anchor.next_update + grace:
            raise _untrusted(
                "list_stale",
                f"“{link.issuer}”的吊销列表已于 {_moment(link.anchor.next_update)} 过期且没有更新，"
                "暂不能使用其证书，请改用密码和动态口令登录，并联系信息科。",
            )


def revoked(link: Link, since: datetime, suspended: bool) -> CertificateUntrusted:
    """The refusal of a certificate its authority has taken back."""
    what = "签发该证书的 CA 证书" if link.authority else "该证书"
    done = "暂停使用" if suspended else "吊销"
    return _untrusted("revoked", f"{what}已于 {_moment(since)} 被 CA 机构{done}，不能使用，请联系信息科和 CA 机构。")


def proof_text(row: SessionProof) -> str:
    """How a session was proved, as the account and its tokens carry it."""
    return str(Proof(row.realm_session, frozenset(row.methods.split("+")), int(row.proved_at.timestamp())))


def signed_challenge(content: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key of a certificate has signed a message: RSA with SHA-256 (PKCS#1 v1.5), or SM2 with SM3.

    Raises CertificateUntrusted (algorithm) where the installation knows no SM2.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    one = x509.load_der_x509_certificate(content)
    if rules_certificates.key_of(one)[0] == "sm2":
        return _sm2(content, message, signature)
    key = one.public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


# -- inside


def _climb(
    first: "Certificate", anchors: Sequence[Anchor], campus: str, now: datetime, *, first_is_authority: bool
) -> list[Link]:
    from cryptography import x509

    known = [(x509.load_der_x509_certificate(one.content), one) for one in anchors]
    below, authority, links = first, first_is_authority, list[Link]()
    while len(links) < DEEPEST:
        paper, anchor = _issuer_of(below, known, campus)
        _check_term(paper, now, "签发该证书的 CA 证书")
        _check_authority(paper, beneath=len(links) + first_is_authority)
        links.append(Link(serial_of(f"{below.serial_number:X}"), authority, anchor, paper.subject.rfc4514_string()))
        if paper.issuer.public_bytes() == paper.subject.public_bytes():
            return links
        below, authority = paper, True
    raise _untrusted("path_length", "证书链过长，请联系信息科核对登记的 CA 证书。")


def _check_person(one: "Certificate", now: datetime, purpose: Purpose) -> None:
    from cryptography.x509 import BasicConstraints, ExtendedKeyUsage, ExtensionNotFound, KeyUsage

    _check_term(one, now, "证书")
    _check_extensions(one)
    _check_hash(one)
    try:
        if one.extensions.get_extension_for_class(BasicConstraints).value.ca:
            raise _untrusted("usage", "这是 CA 机构的证书，不能用于个人登录和签名。")
    except ExtensionNotFound:
        pass
    if purpose != "sign_on":
        return
    try:
        if not one.extensions.get_extension_for_class(KeyUsage).value.digital_signature:
            raise _untrusted("usage", "该证书的用途不含数字签名，不能用于登录，请使用介质中的签名证书。")
    except ExtensionNotFound:
        pass
    try:
        purposes = {use.dotted_string for use in one.extensions.get_extension_for_class(ExtendedKeyUsage).value}
    except ExtensionNotFound:
        return
    if purposes.isdisjoint(_SIGN_ON_PURPOSES):
        raise _untrusted("usage", "该证书的用途不含身份认证，不能用于登录，请使用介质中的签名证书。")


def _issuer_of(
    below: "Certificate", known: Sequence[tuple["Certificate", Anchor]], campus: str
) -> tuple["Certificate", Anchor]:
    named = [one for one in known if one[0].subject.public_bytes() == below.issuer.public_bytes()]
    name = below.issuer.rfc4514_string()
    if not named:
        raise _untrusted("unknown_authority", f"签发机构“{name}”没有登记为信任的 CA，请联系信息科核对。")
    signers = [one for one in named if _signed_by(below, one[0])]
    if not signers:
        raise _untrusted("signature", f"证书不是由登记的“{name}”签发，可能是伪造的，请联系信息科。")
    here = next((one for one in signers if campus in one[1].campuses), None)
    if here is None:
        raise _untrusted("campus", f"本院区没有启用“{name}”，不能使用其证书，请联系信息科。")
    return here


def _signed_by(below: "Certificate", above: "Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding

    _check_hash(below)
    if below.signature_algorithm_oid.dotted_string == _SM2_WITH_SM3:
        return _sm2(above.public_bytes(Encoding.DER), below.tbs_certificate_bytes, below.signature)
    try:
        below.verify_directly_issued_by(above)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def _sm2(certificate: bytes, message: bytes, signature: bytes) -> bool:
    try:
        return sm2.verified(certificate, message, signature)
    except sm2.Sm2Missing as error:
        raise _untrusted(
            "algorithm", "本系统所在的服务器不支持 SM2 验证，请改用密码和动态口令登录，并联系信息科。"
        ) from error


def _check_hash(one: "Certificate") -> None:
    if one.signature_algorithm_oid.dotted_string in rules_certificates.BROKEN_HASHES:
        raise _untrusted("algorithm", "证书由已被破解的算法（MD5、SHA-1）签发，请向 CA 机构换发。")


def _check_term(one: "Certificate", now: datetime, what: str) -> None:
    if now < one.not_valid_before_utc:
        raise _untrusted("expired", f"{what}自 {_day(one.not_valid_before_utc)} 起才有效。")
    if now >= one.not_valid_after_utc:
        raise _untrusted("expired", f"{what}已于 {_day(one.not_valid_after_utc)} 到期，请联系信息科和 CA 机构。")


def _check_authority(one: "Certificate", beneath: int = 0) -> None:
    """`beneath`: authorities between it and the person's certificate."""
    from cryptography.x509 import BasicConstraints, ExtensionNotFound, KeyUsage

    _check_extensions(one)
    _check_hash(one)
    name = one.subject.rfc4514_string()
    try:
        limits = one.extensions.get_extension_for_class(BasicConstraints).value
        usage = one.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        raise _untrusted("usage", f"“{name}”不是 CA 证书：没有注明签发证书的用途。") from None
    if not limits.ca or not usage.key_cert_sign:
        raise _untrusted("usage", f"“{name}”不是 CA 证书，不能签发证书。")
    if limits.path_length is not None and beneath > limits.path_length:
        raise _untrusted("path_length", f"“{name}”不得签发这么多级的下级 CA，证书链不成立，请联系信息科。")


def _check_extensions(one: "Certificate") -> None:
    for extension in one.extensions:
        oid = extension.oid.dotted_string
        if extension.critical and oid not in _LOOKED_AT:
            raise _untrusted("extension", f"证书有本系统不认识的关键扩展（{oid}），不能使用，请联系 CA 机构。")


def _untrusted(cause: str, detail: str) -> CertificateUntrusted:
    return CertificateUntrusted(detail, cause=cause)


def _day(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y年%m月%d日")


def _moment(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y年%m月%d日 %H:%M")
