"""A security key as its maker would build it (WebAuthn, FIDO2): keys by site, a PIN, answers the realm's own pages."""

import base64
import hashlib
import json
import re
import secrets
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.platform.realm import Browser, Refused, action_of, text_of

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def cbor(value: Any) -> bytes:
    """CBOR (RFC 8949) as far as an attestation needs it."""

    def head(kind: int, size: int) -> bytes:
        if size < 24:
            return bytes([kind << 5 | size])
        return bytes([kind << 5 | 24, size]) if size < 256 else bytes([kind << 5 | 25]) + size.to_bytes(2, "big")

    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(5, len(value)) + b"".join(cbor(key) + cbor(one) for key, one in value.items())


class SecurityKey:
    """One key on somebody's ring."""

    def __init__(self) -> None:
        self._secret = ec.generate_private_key(ec.SECP256R1())
        self._id = secrets.token_bytes(32)
        self._owner = ""
        self._count = 0
        self.flags = PRESENT | VERIFIED
        """Without VERIFIED it was touched, and nobody asked for its PIN."""

    def bind(self, browser: Browser, page: httpx.Response) -> httpx.Response:
        """Answer the page that binds a key."""
        challenge, origin = _said(page, "challenge"), _origin(page)
        self._owner = _said(page, "userid")
        point = self._secret.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        credential = bytes(16) + len(self._id).to_bytes(2, "big") + self._id + cbor(public)
        data = self._data(_site(page), self.flags | ATTESTED) + credential
        form = {
            "clientDataJSON": text(_client_data("webauthn.create", challenge, origin)),
            "attestationObject": text(cbor({"fmt": "none", "attStmt": {}, "authData": data})),
            "publicKeyCredentialId": text(self._id),
            "authenticatorLabel": "key ring",
            "transports": "usb",
        }
        return browser.ask("POST", action_of(page), data=form)

    def show(self, browser: Browser, page: httpx.Response, owner: str = "") -> httpx.Response:
        """Answer the page that asks for a key."""
        challenge, origin = _said(page, "challenge"), _origin(page)
        self._count += 1
        data, told = self._data(_site(page), self.flags), _client_data("webauthn.get", challenge, origin)
        signature = self._secret.sign(data + hashlib.sha256(told).digest(), ec.ECDSA(hashes.SHA256()))
        form = {
            "clientDataJSON": text(told),
            "authenticatorData": text(data),
            "signature": text(signature),
            "credentialId": text(self._id),
            "userHandle": owner or self._owner,
        }
        return browser.ask("POST", action_of(page), data=form)

    def _data(self, site: str, flags: int) -> bytes:
        return hashlib.sha256(site.encode()).digest() + bytes([flags]) + self._count.to_bytes(4, "big")


def _client_data(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()


def _said(page: httpx.Response, name: str) -> str:
    found = re.search(rf"\b{name}\s*:\s*['\"]([^'\"]*)['\"]", page.text)
    if found is None:
        raise Refused(text_of(page))
    return found[1]


def _origin(page: httpx.Response) -> str:
    parts = urlsplit(str(page.request.url))
    return f"{parts.scheme}://{parts.netloc}"


def _site(page: httpx.Response) -> str:
    return _said(page, "rpId") or str(urlsplit(str(page.request.url)).hostname)
