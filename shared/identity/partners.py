"""Programs of other makers that speak SAML 2.0, in the realm's own representation.

They learn who somebody is (工号, name) and nothing more: no posts, no roles, no patients. Response and assertion are
signed, a sign-on comes back to registered addresses only and by POST, an assertion is good for a minute and once.
"""

from dataclasses import dataclass
from typing import Any

Representation = dict[str, Any]

ASSERTION_SECONDS = 60
"""How long an assertion may be shown to the program; the accepted skew of clocks is the program's."""


@dataclass(frozen=True, slots=True)
class SamlDeclaration:
    """A SAML program: what it calls itself, where assertions are sent (ACS), where it hears of a sign-out."""

    entity_id: str
    title: str
    acs_urls: tuple[str, ...]
    logout_url: str = ""


def saml_client(program: SamlDeclaration) -> Representation:
    """The realm's client of a SAML program. Its name in the realm is its entityID: SAML knows no other."""
    logout = {"saml_single_logout_service_url_post": program.logout_url} if program.logout_url else {}
    return {
        "clientId": program.entity_id,
        "name": program.title,
        "enabled": True,
        "protocol": "saml",
        "publicClient": False,
        "bearerOnly": False,
        "standardFlowEnabled": True,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": False,
        "fullScopeAllowed": False,
        "consentRequired": False,
        "frontchannelLogout": bool(program.logout_url),
        "redirectUris": sorted(program.acs_urls),
        "webOrigins": [],
        "attributes": {
            "saml.server.signature": "true",
            "saml.assertion.signature": "true",
            "saml.signature.algorithm": "RSA_SHA256",
            "saml_signature_canonicalization_method": "http://www.w3.org/2001/10/xml-exc-c14n#",
            "saml.client.signature": "false",  # whoever asks, the answer goes to a registered address only
            "saml.encrypt": "false",
            "saml.authnstatement": "true",
            "saml.onetimeuse.condition": "true",
            "saml.force.post.binding": "true",
            "saml.allow.ecp.flow": "false",
            "saml.artifact.binding": "false",
            "saml.assertion.lifespan": str(ASSERTION_SECONDS),
            "saml_force_name_id_format": "true",
            "saml_name_id_format": "username",
            "saml_assertion_consumer_url_post": sorted(program.acs_urls)[0],
            **logout,
        },
        "protocolMappers": [_attribute("username", "工号"), _attribute("firstName", "姓名")],
        "defaultClientScopes": [],
        "optionalClientScopes": [],
    }


def _attribute(name: str, title: str) -> Representation:
    shown = {"username": "username", "firstName": "name"}[name]
    return {
        "name": shown,
        "protocol": "saml",
        "protocolMapper": "saml-user-property-mapper",
        "config": {
            "user.attribute": name,
            "attribute.name": shown,
            "attribute.nameformat": "Basic",
            "friendly.name": title,
        },
    }
