"""Building blocks of the realm's own representation: clients and claims."""

from typing import Any

from shared.identity.realm_policies import Representation

SCOPE = "his"
"""The one client scope that puts our claims into tokens; the stock scopes are left out to keep tokens small."""

NO_SIDE_DOORS = {
    "oauth2.device.authorization.grant.enabled": "false",
    "oidc.ciba.grant.enabled": "false",
    "standard.token.exchange.enabled": "false",
}


def client(client_id: str, title: str, **more: Any) -> Representation:
    """A client that may do nothing but what `more` says."""
    return {
        "clientId": client_id,
        "name": title,
        "enabled": True,
        "protocol": "openid-connect",
        "publicClient": False,
        "bearerOnly": False,
        "standardFlowEnabled": False,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": False,
        "fullScopeAllowed": False,
        "consentRequired": False,
        "redirectUris": [],
        "webOrigins": [],
        "attributes": NO_SIDE_DOORS,
        "protocolMappers": [],
        "defaultClientScopes": [SCOPE],
        "optionalClientScopes": [],
        **more,
    }


def hardcoded(claim: str, value: str, kind: str = "String") -> Representation:
    """A claim that is the same in every access token of a client."""
    config = {"claim.name": claim, "claim.value": value, "jsonType.label": kind, "access.token.claim": "true"}
    return mapper(claim, "oidc-hardcoded-claim-mapper", config)


def mapper(name: str, kind: str, config: Representation) -> Representation:
    """Something that puts a claim into tokens."""
    return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config}
