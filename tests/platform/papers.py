"""Certificates as authorities issue them, made by the tests: RSA, SM2, and the ones nobody may sign with."""

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

P256, SM2 = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a811ccf5501822d")
ECDSA_SHA256, SM2_SM3 = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a811ccf55018375")
KEY = rsa.generate_private_key(65537, 2048)
KEY_PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def paper(
    name: str,
    *,
    kind: str = "rsa",
    valid_from: datetime | None = None,
    days: float = 365,
    ca: bool = False,
    signs: bool = True,
    serial: int | None = None,
) -> bytes:
    """A certificate (DER). kind: rsa, weak (RSA 1024), ec (P-256), sm2 (a relabelled P-256: the library makes none)."""
    start = valid_from or datetime.now(UTC) - timedelta(days=1)
    key = {
        "rsa": lambda: KEY,
        "weak": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  to be refused
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "sm2": lambda: ec.generate_private_key(ec.SECP256R1()),
    }[kind]()
    made = (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "安和县人民医院"),
                    x509.NameAttribute(NameOID.COMMON_NAME, name),
                ]
            )
        )
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "区域电子认证 CA")]))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=signs,
                content_commitment=signs,
                key_encipherment=not signs,
                data_encipherment=not signs,
                key_agreement=False,
                key_cert_sign=ca,
                crl_sign=ca,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    ).public_bytes(Encoding.DER)
    return made.replace(P256, SM2).replace(ECDSA_SHA256, SM2_SM3) if kind == "sm2" else made


def pem(der: bytes) -> str:
    lines = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n"


def base64_of(der: bytes) -> str:
    return base64.b64encode(der).decode()
