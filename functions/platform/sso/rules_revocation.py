"""Rules of revocation lists: what a CRL must be to be taken over (RFC 5280 no. 5). No I/O, no clock."""

import binascii
import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from functions.platform.sso import sm2
from functions.platform.sso.problems_trust import ListUnfit
from functions.platform.sso.rules_certificates import BROKEN_HASHES, serial_of
from functions.platform.sso.rules_trust import der_of
from shared.schemas import SHANGHAI

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList, RevokedCertificate

LARGEST = 16 * 1024 * 1024
"""Bytes of a list; 100,000 revoked certificates take about 4 MB."""
MOST_ENTRIES = 500_000
ASKED_EVERY = timedelta(hours=1)
ASKED_AGAIN = timedelta(minutes=10)
"""After a failure, and as long as one process holds the work."""
_SM2_WITH_SM3 = "1.2.156.10197.1.501"
_LOOKED_AT = frozenset({"2.5.29.20", "2.5.29.28", "2.5.29.35"})
"""Number, issuing distribution point, key identifier. A delta list says by a critical extension that it is one."""
_ENTRY_LOOKED_AT = frozenset({"2.5.29.21", "2.5.29.24"})


class Line(NamedTuple):
    """A certificate that was taken back."""

    serial: str
    revoked_at: datetime
    suspended: bool


class ReadList(NamedTuple):
    """What a revocation list says. `scope`: all, users, authorities."""

    number: int | None
    this_update: datetime
    next_update: datetime
    scope: str
    lines: dict[str, Line]
    sha256: bytes


def read_list(content: bytes, authority: bytes, now: datetime) -> ReadList:
    """Read a list (DER, or the text of a PEM or base64 file) and make sure that this authority has signed it.

    Raises ListUnfit.
    """
    from cryptography import x509

    try:
        der = content if content[:1] == b"\x30" else der_of(content.decode("ascii"), "X509 CRL")
        found = x509.load_der_x509_crl(der)
        issuer = x509.load_der_x509_certificate(authority)
        _check_source(found, issuer, authority)
        number, scope = _extensions(found)
        if found.next_update_utc is None:
            raise ListUnfit("吊销列表没有注明下次更新时间，不能采用，请联系 CA 机构。")
        if found.last_update_utc > now + timedelta(minutes=5):
            raise ListUnfit(f"吊销列表的签发时间（{_moment(found.last_update_utc)}）在将来，请核对服务器时钟。")
        if len(found) > MOST_ENTRIES:
            raise ListUnfit(f"吊销列表有 {len(found)} 条，超过 {MOST_ENTRIES} 条，请向 CA 机构索取分区的列表。")
        lines = {line.serial: line for line in map(_line, found)}
    except (ValueError, binascii.Error, UnicodeDecodeError, x509.DuplicateExtension) as error:
        raise ListUnfit("文件不是有效的 X.509 吊销列表（CRL），请从 CA 机构重新取得（DER、PEM 或 Base64）。") from error
    return ReadList(
        number=number,
        this_update=found.last_update_utc,
        next_update=found.next_update_utc,
        scope=scope,
        lines=lines,
        sha256=hashlib.sha256(der).digest(),
    )


def check_newer(found: ReadList, number: int | None, this_update: datetime) -> None:
    """Refuse a list older than the one kept: somebody may want a revoked certificate back in use. Raises ListUnfit."""
    older = found.this_update < this_update or (number is not None and (found.number is None or found.number < number))
    if older:
        raise ListUnfit(
            f"吊销列表比现有的旧（编号 {_shown(found.number)}，签发于 {_moment(found.this_update)}；"
            f"现有编号 {_shown(number)}，签发于 {_moment(this_update)}），不能退回，请从 CA 机构取最新的。"
        )
    if number is not None and found.number == number:
        raise ListUnfit(f"吊销列表编号 {number} 与现有的相同而内容不同，不能采用，请联系 CA 机构核对。")


# -- inside


def _check_source(found: "CertificateRevocationList", issuer: "Certificate", authority: bytes) -> None:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if found.issuer.public_bytes() != issuer.subject.public_bytes():
        raise ListUnfit(f"吊销列表由“{found.issuer.rfc4514_string()}”签发，不属于这个 CA，请核对文件。")
    try:
        if not issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign:
            raise ListUnfit("这个 CA 证书的用途不含签发吊销列表，不能采用，请联系 CA 机构。")
    except x509.ExtensionNotFound:
        raise ListUnfit("这个 CA 证书没有注明用途，不能签发吊销列表，请联系 CA 机构。") from None
    algorithm = found.signature_algorithm_oid.dotted_string
    if algorithm in BROKEN_HASHES:
        raise ListUnfit("吊销列表由已被破解的算法（MD5、SHA-1）签发，不能采用，请联系 CA 机构。")
    try:
        if algorithm == _SM2_WITH_SM3:
            signed = sm2.verified(authority, found.tbs_certlist_bytes, found.signature)
        else:
            key = issuer.public_key()
            signed = isinstance(key, RSAPublicKey) and found.is_signature_valid(key)
    except sm2.Sm2Missing as error:
        raise ListUnfit("本系统所在的服务器不支持 SM2 验证，不能采用这份吊销列表，请联系信息科。") from error
    except (UnsupportedAlgorithm, TypeError):
        signed = False
    if not signed:
        raise ListUnfit("吊销列表的签名不正确，文件可能被改动，请从 CA 机构重新取得。")


def _extensions(found: "CertificateRevocationList") -> tuple[int | None, str]:
    from cryptography import x509

    number, scope = None, "all"
    for extension in found.extensions:
        oid, value = extension.oid.dotted_string, extension.value
        if oid == "2.5.29.27":
            raise ListUnfit("这是增量吊销列表，请提供完整的吊销列表（base CRL）。")
        if extension.critical and oid not in _LOOKED_AT:
            raise ListUnfit(f"吊销列表有本系统不认识的关键扩展（{oid}），不能采用，请联系 CA 机构。")
        if isinstance(value, x509.CRLNumber):
            number = value.crl_number
        if isinstance(value, x509.IssuingDistributionPoint):
            if value.indirect_crl or value.only_contains_attribute_certs or value.only_some_reasons:
                raise ListUnfit("吊销列表只含一部分原因或其他机构的证书，请提供完整的吊销列表。")
            if value.only_contains_user_certs:
                scope = "users"
            elif value.only_contains_ca_certs:
                scope = "authorities"
    return number, scope


def _line(entry: "RevokedCertificate") -> Line:
    from cryptography import x509

    suspended = False
    for extension in entry.extensions:
        if extension.critical and extension.oid.dotted_string not in _ENTRY_LOOKED_AT:
            raise ListUnfit(
                f"吊销列表的条目有不认识的关键扩展（{extension.oid.dotted_string}），不能采用，请联系 CA 机构。"
            )
        if isinstance(extension.value, x509.CRLReason):
            suspended = extension.value.reason is x509.ReasonFlags.certificate_hold
    return Line(serial_of(f"{entry.serial_number:X}"), entry.revocation_date_utc, suspended)


def _shown(number: int | None) -> str:
    return "无" if number is None else str(number)


def _moment(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y年%m月%d日 %H:%M")
