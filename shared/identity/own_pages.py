"""Our own page for another password, in the realm's own representation: what signs on there, and what leads to it.

The page's address is `page`; nothing of it exists in a realm that was told of none.
"""

from shared.identity.realm_policies import Representation
from shared.identity.representations import NO_SIDE_DOORS, client, mapper

PAGE_CLIENT, KEY_CLIENT = "his-own-page", "his-own-key"
"""Whoever comes to the page has just signed on, or has shown a security key. Only platform/sso has their secrets."""
PAGE_PROVIDER = "his-own-page"
"""What leads a browser from another maker's program to the page."""


def page_clients(page: str) -> list[Representation]:
    """Clients whose sign-on comes back to the page. They are told who it is, how and when it was proved."""
    when = {"user.session.note": "AUTH_TIME", "claim.name": "auth_time", "jsonType.label": "long"}
    shown = {"id.token.claim": "true"}
    mappers = [
        mapper("auth_time", "oidc-usersessionmodel-note-mapper", {**when, **shown}),
        mapper("amr", "oidc-amr-mapper", shown),
    ]
    titles = {PAGE_CLIENT: "设置新密码", KEY_CLIENT: "用安全密钥重置密码"} if page else {}
    return [
        client(
            client_id,
            title,
            standardFlowEnabled=True,
            redirectUris=[f"{page}/back"],
            defaultClientScopes=[],
            attributes={"pkce.code.challenge.method": "S256", **NO_SIDE_DOORS},
            protocolMappers=mappers,
        )
        for client_id, title in titles.items()
    ]


def page_provider(page: str) -> Representation:
    """The page, as the realm knows whom it may send a browser to. There is no token to be had from it."""
    return {
        "alias": PAGE_PROVIDER,
        "displayName": "设置新密码",
        "providerId": "oidc",
        "enabled": True,
        "hideOnLogin": True,
        "trustEmail": False,
        "storeToken": False,
        "config": {
            "authorizationUrl": page,
            "tokenUrl": page,
            "clientId": PAGE_PROVIDER,
            "clientAuthMethod": "client_secret_post",
        },
    }
