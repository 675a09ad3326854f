"""A certification authority as the tests make one: roots, intermediates, staff certificates, revocation lists; RSA by
the library, SM2 by the openssl program."""

import base64
import hashlib
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ID = "distid:1234567812345678"
STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5.6"), b"\x05\x00")


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, name)])


def usage(**on: bool) -> x509.KeyUsage:
    kinds = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{kind: on.get(kind, False) for kind in kinds})


@dataclass
class Key:
    """A USB key: a certificate and what signs with it."""

    der: bytes
    private: rsa.RSAPrivateKey

    def sign(self, text: str) -> str:
        return base64.b64encode(self.private.sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()

    @property
    def pem(self) -> str:
        return pem_of(self.der)

    @property
    def serial(self) -> int:
        return x509.load_der_x509_certificate(self.der).serial_number


@dataclass
class Authority:
    """A root, or an intermediate under another."""

    name: str
    above: "Authority | None" = None
    path_length: int | None = None
    days: float = 3650
    ca: bool = True
    crl_sign: bool = True
    strange: bool = False
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    certificate: x509.Certificate = field(init=False)
    number: int = 1

    def __post_init__(self) -> None:
        start = datetime.now(UTC) - timedelta(days=2)
        made = (
            x509.CertificateBuilder()
            .subject_name(named(self.name))
            .issuer_name(named((self.above or self).name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=self.days))
            .add_extension(x509.BasicConstraints(self.ca, self.path_length if self.ca else None), critical=True)
            .add_extension(usage(key_cert_sign=self.ca, crl_sign=self.crl_sign, digital_signature=True), critical=True)
        )
        if self.strange:
            made = made.add_extension(STRANGE, critical=True)
        self.certificate = made.sign((self.above or self).key, hashes.SHA256())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return pem_of(self.der)

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(self.der).hexdigest()
        return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))

    def issue(
        self,
        name: str,
        *,
        days: float = 365,
        start: datetime | None = None,
        signs: bool = True,
        commits: bool = True,
        purposes: list[x509.ObjectIdentifier] | None = None,
        strange: bool = False,
    ) -> Key:
        """A certificate for somebody, on a new key."""
        private, since = rsa.generate_private_key(65537, 2048), start or datetime.now(UTC) - timedelta(days=1)
        made = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(self.certificate.subject)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(since + timedelta(days=days))
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(usage(digital_signature=signs, content_commitment=commits), critical=True)
        )
        if purposes is not None:
            made = made.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if strange:
            made = made.add_extension(STRANGE, critical=True)
        return Key(made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER), private)

    def list(self, *revoked: int, held: tuple[int, ...] = (), **more: Any) -> bytes:
        """The next revocation list (DER). more: number, start, days, signer, delta, only_users."""
        start = more.get("start", datetime.now(UTC) - timedelta(hours=1))
        number = more.get("number", self.number)
        self.number = max(self.number, number + 1)
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(start)
            .next_update(start + timedelta(days=more.get("days", 7)))
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        if more.get("delta"):
            made = made.add_extension(x509.DeltaCRLIndicator(1), critical=True)
        if more.get("only_authorities"):
            point = x509.IssuingDistributionPoint(None, None, False, True, None, False, False)
            made = made.add_extension(point, critical=True)
        for serial, on_hold in [*((one, False) for one in revoked), *((one, True) for one in held)]:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start)
            if on_hold:
                entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.certificate_hold), critical=False)
            made = made.add_revoked_certificate(entry.build())
        return made.sign(more.get("signer", self.key), hashes.SHA256()).public_bytes(Encoding.DER)


class Sm2Authority:
    """A root of SM2 and staff certificates under it, by the openssl program in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ran("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", "ca.key")
        self._ran(
            *("req", "-x509", "-new", "-key", "ca.key", "-sm3", "-sigopt", ID, "-subj", "/C=CN/CN=SM2 根"),
            *("-utf8", "-days", "3650", "-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        (folder / "index.txt").touch()
        (folder / "crlnumber").write_text("01\n")
        (folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sm3\ndefault_crl_days=7\n"
        )

    def _ran(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    @property
    def der(self) -> bytes:
        pem = (self.folder / "ca.pem").read_bytes()
        return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)

    def issue(self, name: str) -> bytes:
        """The certificate of a new key `staff.key`."""
        self._ran("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", "staff.key")
        self._ran(
            *("req", "-new", "-key", "staff.key", "-sm3", "-sigopt", ID, "-utf8", "-subj", f"/C=CN/CN={name}"),
            *("-out", "staff.csr"),
        )
        (self.folder / "ext").write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n")
        self._ran(
            *("x509", "-req", "-in", "staff.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-sm3"),
            *("-sigopt", ID, "-vfyopt", ID, "-days", "365", "-extfile", "ext", "-out", "staff.pem"),
        )
        return x509.load_pem_x509_certificate((self.folder / "staff.pem").read_bytes()).public_bytes(Encoding.DER)

    def list(self) -> bytes:
        self._ran(
            *("ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.pem", "-sigopt", ID),
            *("-out", "ca.crl"),
        )
        return x509.load_pem_x509_crl((self.folder / "ca.crl").read_bytes()).public_bytes(Encoding.DER)

    def sign(self, text: str) -> bytes:
        """A signature by `staff.key` (DER)."""
        (self.folder / "message").write_text(text)
        self._ran("dgst", "-sm3", "-sign", "staff.key", "-sigopt", ID, "-out", "signature", "message")
        return (self.folder / "signature").read_bytes()


def pem_of(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
