"""A program that speaks SAML 2.0, as another maker would build it: it asks, and believes signed answers only."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
import zlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from xml.dom import minidom

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from tests.platform.realm import PASSWORD, Browser, Refused, action_of, text_of

SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
NAMES = {"ds": SIGNATURE, "a": ASSERTION, "p": PROTOCOL}


class Forged(Exception):
    """What came was not signed by the realm as it stands."""


class Program:
    """One program: its entityID and the address assertions are sent to."""

    def __init__(self, issuer: str, entity_id: str, acs: str) -> None:
        self.issuer, self.entity_id, self.acs = issuer, entity_id, acs
        self.asked = ""

    def request(self, acs: str | None = None) -> str:
        """The address a browser is sent to (HTTP-Redirect binding)."""
        self.asked = f"_{uuid4().hex}"
        xml = (
            f'<samlp:AuthnRequest xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}" ID="{self.asked}" Version="2.0"'
            f' IssueInstant="{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" AssertionConsumerServiceURL="{acs or self.acs}"'
            f' Destination="{self.issuer}/protocol/saml"'
            ' ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST">'
            f"<saml:Issuer>{self.entity_id}</saml:Issuer></samlp:AuthnRequest>"
        )
        squeezed = zlib.compress(xml.encode())[2:-4]
        query = urlencode({"SAMLRequest": base64.b64encode(squeezed).decode(), "RelayState": "desk-3"})
        return f"{self.issuer}/protocol/saml?{query}"

    def sign_on(self, browser: Browser, username: str, password: str = PASSWORD, acs: str | None = None) -> bytes:
        """Sign on at the realm's page; gives the answer the browser posts to the program. Raises Refused."""
        page = browser.ask("GET", self.request(acs))
        if page.status_code != 200:
            raise Refused(text_of(page))
        if "SAMLResponse" not in page.text:
            page = browser.ask("POST", action_of(page), data={"username": username, "password": password})
        return self.posted(page)

    def posted(self, page: httpx.Response) -> bytes:
        found = re.search(r'name="SAMLResponse"\s+value="([^"]+)"', page.text, re.IGNORECASE)
        if found is None:
            raise Refused(text_of(page))
        assert action_of(page) == self.acs
        return base64.b64decode(found[1].replace("&#xa;", "").replace("&#xd;", ""))

    def certificates(self) -> list[RSAPublicKey]:
        """The realm's signing keys, from its metadata."""
        text = httpx.get(f"{self.issuer}/protocol/saml/descriptor", trust_env=False, timeout=30).text
        found = []
        for one in ET.fromstring(text).iter(f"{{{SIGNATURE}}}X509Certificate"):  # noqa: S314  our own realm's
            key = x509.load_der_x509_certificate(base64.b64decode(one.text or "")).public_key()
            assert isinstance(key, RSAPublicKey)
            found.append(key)
        return found

    def believe(self, answer: bytes) -> dict[str, Any]:
        """What an answer says once response and assertion have been found signed. Raises Forged."""
        document = minidom.parseString(answer)  # noqa: S318  our own realm's
        keys = self.certificates()
        for element in (document.documentElement, *document.getElementsByTagNameNS(ASSERTION, "Assertion")):
            _check(element, keys)
        root = ET.fromstring(answer)  # noqa: S314  our own realm's

        def one(path: str) -> ET.Element:
            found = root.findall(path, NAMES)
            assert len(found) == 1, path
            return found[0]

        def moment(value: str) -> datetime:
            return datetime.fromisoformat(value.replace("Z", "+00:00"))

        conditions = one("a:Assertion/a:Conditions")
        confirmed = one("a:Assertion/a:Subject/a:SubjectConfirmation/a:SubjectConfirmationData")
        return {
            "issuer": one("a:Assertion/a:Issuer").text,
            "status": one("p:Status/p:StatusCode").get("Value"),
            "destination": root.get("Destination"),
            "in_response_to": confirmed.get("InResponseTo"),
            "recipient": confirmed.get("Recipient"),
            "audience": one("a:Assertion/a:Conditions/a:AudienceRestriction/a:Audience").text,
            "once": len(conditions.findall("a:OneTimeUse", NAMES)) == 1,
            "lives": (moment(conditions.get("NotOnOrAfter", "")) - datetime.now(UTC)).total_seconds(),
            "name_id": one("a:Assertion/a:Subject/a:NameID").text,
            "session": one("a:Assertion/a:AuthnStatement").get("SessionIndex"),
            "attributes": {
                found.get("Name"): [value.text for value in found]
                for found in root.findall("a:Assertion/a:AttributeStatement/a:Attribute", NAMES)
            },
        }


def _check(element: minidom.Element, keys: list[RSAPublicKey]) -> None:
    """The signature that stands directly in an element: over exactly this element, by one of the keys."""
    signatures = [one for one in element.childNodes if one.nodeType == 1 and one.localName == "Signature"]
    if len(signatures) != 1:
        raise Forged("not signed")
    [info] = signatures[0].getElementsByTagNameNS(SIGNATURE, "SignedInfo")
    [reference] = info.getElementsByTagNameNS(SIGNATURE, "Reference")
    if reference.getAttribute("URI") != f"#{element.getAttribute('ID')}":
        raise Forged("signs something else")
    [method] = info.getElementsByTagNameNS(SIGNATURE, "SignatureMethod")
    if not method.getAttribute("Algorithm").endswith("#rsa-sha256"):
        raise Forged("weak algorithm")
    digest = _text(reference, "DigestValue")
    if base64.b64encode(hashlib.sha256(_canonical(element, signatures[0])).digest()).decode() != digest:
        raise Forged("changed after it was signed")
    value, signed = base64.b64decode(_text(signatures[0], "SignatureValue")), _canonical(info)
    for key in keys:
        try:
            key.verify(value, signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            continue
        return
    raise Forged("not by the realm")


def _text(element: minidom.Element, name: str) -> str:
    [found] = element.getElementsByTagNameNS(SIGNATURE, name)
    return "".join("".join(node.data for node in found.childNodes).split())


def _canonical(element: minidom.Element, without: minidom.Element | None = None) -> bytes:
    """Exclusive canonical form (xml-exc-c14n) of an element, but for one child."""
    return _rendered(element, {}, without).encode()


def _rendered(element: minidom.Element, shown: dict[str, str], without: minidom.Element | None) -> str:
    own = [one for one in element.attributes.values() if one.prefix != "xmlns" and one.name != "xmlns"]
    prefixes = sorted({element.prefix or "", *(one.prefix for one in own if one.prefix)})
    spaces = {prefix: space for prefix in prefixes if (space := _space(element, prefix)) != shown.get(prefix, "")}
    parts = [f"<{element.tagName}"]
    parts += [f' xmlns{":" if prefix else ""}{prefix}="{space}"' for prefix, space in spaces.items()]
    for one in sorted(own, key=lambda one: (one.namespaceURI or "", one.localName)):
        value = one.value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        parts.append(f' {one.name}="{value}"')
    parts.append(">")
    for child in element.childNodes:
        if child.nodeType == child.ELEMENT_NODE and child is not without:
            parts.append(_rendered(child, {**shown, **spaces}, without))
        elif child.nodeType == child.TEXT_NODE:
            parts.append(child.data.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return "".join([*parts, f"</{element.tagName}>"])


def _space(element: minidom.Element, prefix: str) -> str:
    name, one = f"xmlns:{prefix}" if prefix else "xmlns", element
    while one.nodeType == one.ELEMENT_NODE:
        if one.hasAttribute(name):
            return one.getAttribute(name)
        one = one.parentNode
    return ""
