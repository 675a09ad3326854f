"""What the realm must look like, in Keycloak's own representation. Pure data; provisioning.py makes it so."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.identity.posts import DEVICES, PERMISSIONS, POSTS, Post

Representation = dict[str, Any]

SCOPE = "his"
"""The one client scope that puts our claims into tokens; the stock scopes are left out to keep tokens small."""

POST_PREFIX = "post:"

# 3 of the 4 classes of characters; the identity server only knows minimum counts of each.
_THREE_CLASSES = (
    r"^(?:(?=.*[a-z])(?=.*[A-Z])(?=.*\d)|(?=.*[a-z])(?=.*[A-Z])(?=.*[^a-zA-Z\d])"
    r"|(?=.*[a-z])(?=.*\d)(?=.*[^a-zA-Z\d])|(?=.*[A-Z])(?=.*\d)(?=.*[^a-zA-Z\d])).*$"
)
PASSWORD_POLICY = " and ".join(
    (
        "length(10)",
        f"regexPattern({_THREE_CLASSES})",
        "notUsername(undefined)",
        "notContainsUsername(undefined)",
        "passwordHistory(5)",
        "forceExpiredPasswordChange(180)",
        "hashAlgorithm(argon2)",
    )
)


@dataclass(frozen=True, slots=True)
class DeviceDeclaration:
    """A device or bridge that signs on by itself: bound to one campus, of one kind of `posts.DEVICES`."""

    code: str
    campus: str
    kind: str
    title: str

    @property
    def client_id(self) -> str:
        return f"device-{self.campus}-{self.code}"


@dataclass(frozen=True, slots=True)
class RealmDeclaration:
    """The realm as the code declares it.

    campuses: codes of the open campuses; each becomes a group with one group per post beneath.
    web_redirect_uris: where the staff workstation may receive its sign-on.
    """

    campuses: tuple[str, ...]
    web_redirect_uris: tuple[str, ...]
    realm: str = "consortium"
    audience: str = "his"
    web_client: str = "his-web"
    title: str = "县域医共体信息系统"
    permissions: Mapping[str, str] = field(default_factory=lambda: PERMISSIONS)
    posts: Mapping[str, Post] = field(default_factory=lambda: POSTS)
    devices: tuple[DeviceDeclaration, ...] = ()

    def __post_init__(self) -> None:
        if not self.campuses:  # would take every post from everybody
            raise ValueError("a realm without a campus")
        if unknown := {device.kind for device in self.devices} - {code.removeprefix("device:") for code in DEVICES}:
            raise ValueError(f"unknown kinds of device: {sorted(unknown)}")
        if strangers := {device.campus for device in self.devices} - set(self.campuses):
            raise ValueError(f"devices of undeclared campuses: {sorted(strangers)}")
        asked = {permission for post in self.posts.values() for permission in post.permissions}
        if missing := asked - set(self.permissions):
            raise ValueError(f"posts with undeclared permissions: {sorted(missing)}")

    def fingerprint(self) -> str:
        """Changes when the declaration changes: tells a new release from something changed by hand."""
        everything = [settings(self), user_profile(), client_scope(self), clients(self), roles(self), groups(self)]
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def settings(declaration: RealmDeclaration) -> Representation:
    """Policies of the realm: tokens, sessions, lock-out, passwords, events (spec 42)."""
    return {
        "realm": declaration.realm,
        "enabled": True,
        "displayName": declaration.title,
        "sslRequired": "external",
        "registrationAllowed": False,
        "resetPasswordAllowed": False,
        "rememberMe": False,
        "editUsernameAllowed": False,
        "verifyEmail": False,
        "loginWithEmailAllowed": False,
        "duplicateEmailsAllowed": True,
        "internationalizationEnabled": True,
        "supportedLocales": ["en", "zh-CN"],
        "defaultLocale": "zh-CN",
        "defaultSignatureAlgorithm": "RS256",
        "accessTokenLifespan": 300,
        "ssoSessionIdleTimeout": 30 * 60,
        "ssoSessionMaxLifespan": 10 * 3600,
        "revokeRefreshToken": True,
        "refreshTokenMaxReuse": 0,
        "passwordPolicy": PASSWORD_POLICY,
        "bruteForceProtected": True,
        "bruteForceStrategy": "MULTIPLE",  # 15 min after 5 failures, 30 after 10, ... up to 4 hours
        "permanentLockout": False,
        "maxTemporaryLockouts": 0,
        "failureFactor": 5,
        "waitIncrementSeconds": 15 * 60,
        "maxFailureWaitSeconds": 4 * 3600,
        "maxDeltaTimeSeconds": 12 * 3600,
        # Off: a double click on a mistyped password is no attack, and the server refuses parallel guesses anyway.
        "quickLoginCheckMilliSeconds": 0,
        "minimumQuickLoginWaitSeconds": 60,
        "eventsEnabled": True,
        "eventsExpiration": 184 * 86400,  # 网络安全法: logs for at least six months
        "adminEventsEnabled": True,
        "adminEventsDetailsEnabled": True,
        "eventsListeners": ["jboss-logging"],
    }


def user_profile() -> Representation:
    """Attributes of an account. Only administrators set them; what is not listed can't be stored."""
    admin_only = {"view": ["admin"], "edit": ["admin"]}

    def attribute(name: str, title: str, validations: Representation, **more: Any) -> Representation:
        return {
            "name": name,
            "displayName": title,
            "validations": validations,
            "permissions": {"view": ["admin", "user"], "edit": ["admin"]},
            "multivalued": False,
            **more,
        }

    return {
        "attributes": [
            attribute(
                "username",
                "工号",
                {
                    "length": {"min": 2, "max": 255},
                    "username-prohibited-characters": {},
                    "up-username-not-idn-homograph": {},
                },
            ),
            attribute("email", "电子邮箱", {"email": {}, "length": {"max": 255}}),
            attribute(
                "firstName",
                "姓名",
                {"length": {"max": 255}, "person-name-prohibited-characters": {}},
                required={"roles": ["admin", "user"]},
            ),
            attribute("staff_id", "职工标识", {"length": {"min": 36, "max": 36}}, permissions=admin_only),
            attribute(
                "patient_ids", "患者标识", {"length": {"min": 36, "max": 36}}, permissions=admin_only, multivalued=True
            ),
        ],
        "groups": [
            {
                "name": "user-metadata",
                "displayHeader": "User metadata",
                "displayDescription": "Attributes, which refer to user metadata",
            }
        ],
    }


def client_scope(declaration: RealmDeclaration) -> Representation:
    """The claims of an access token: sub, aud, name, staff_id, posts, patient_ids, acr, auth_time. No role lists."""
    access = {"access.token.claim": "true", "introspection.token.claim": "true"}
    both = {**access, "id.token.claim": "true"}
    access_only = {**access, "id.token.claim": "false", "userinfo.token.claim": "false"}

    def attribute(name: str, claim: str, more: Representation) -> Representation:
        config = {"user.attribute": name, "claim.name": claim, "jsonType.label": "String", **more}
        return _mapper(claim, "oidc-usermodel-attribute-mapper", config)

    return {
        "name": SCOPE,
        "description": "Claims of the hospital information system",
        "protocol": "openid-connect",
        "attributes": {"include.in.token.scope": "false", "display.on.consent.screen": "false"},
        "protocolMappers": [
            _mapper("sub", "oidc-sub-mapper", access),
            _mapper("acr", "oidc-acr-mapper", both),
            _mapper(
                "auth_time",
                "oidc-usersessionmodel-note-mapper",
                {"user.session.note": "AUTH_TIME", "claim.name": "auth_time", "jsonType.label": "long", **both},
            ),
            _mapper(
                "audience",
                "oidc-audience-mapper",
                {"included.client.audience": declaration.audience, **access, "id.token.claim": "false"},
            ),
            attribute("username", "preferred_username", {**both, "userinfo.token.claim": "true"}),
            attribute("firstName", "name", {**both, "userinfo.token.claim": "true"}),
            attribute("staff_id", "staff_id", access_only),
            attribute("patient_ids", "patient_ids", {**access_only, "multivalued": "true"}),
            _mapper(
                "posts", "oidc-group-membership-mapper", {"claim.name": "posts", "full.path": "true", **access_only}
            ),
        ],
    }


def clients(declaration: RealmDeclaration) -> list[Representation]:
    """The audience (accepts tokens, asks for none), the staff workstation, the devices; no password grant anywhere."""
    audience = _client(declaration.audience, "业务函数", defaultClientScopes=[], bearerOnly=True)
    web = _client(
        declaration.web_client,
        "职工工作站",
        publicClient=True,
        standardFlowEnabled=True,
        redirectUris=sorted(declaration.web_redirect_uris),
        webOrigins=["+"],
        attributes={"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "+", **_NO_SIDE_DOORS},
    )
    devices = [
        _client(
            device.client_id,
            device.title,
            serviceAccountsEnabled=True,
            protocolMappers=[_hardcoded("campus", device.campus), _hardcoded("device", device.kind)],
        )
        for device in declaration.devices
    ]
    return [audience, web, *devices]


STOCK_CLIENTS: Mapping[str, Representation] = {
    "account": {},
    "account-console": {},
    "admin-cli": {"directAccessGrantsEnabled": False},  # else anybody could try passwords without the login page
    "broker": {},
    "realm-management": {},
    "security-admin-console": {},
}
"""Clients every realm is born with, and what is changed in them."""


def roles(declaration: RealmDeclaration) -> dict[str, Representation]:
    """Client roles of the audience: one per permission, one composite per post."""
    permissions = {code: {"name": code, "description": title} for code, title in declaration.permissions.items()}
    posts: dict[str, Representation] = {
        f"{POST_PREFIX}{post.code}": {
            "name": f"{POST_PREFIX}{post.code}",
            "description": post.title,
            "composite": True,
            "composites": {"client": {declaration.audience: sorted(post.permissions)}},
        }
        for post in declaration.posts.values()
    }
    return {**permissions, **posts}


STOCK_ROLES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "uma_authorization": {},
    "offline_access": {},
    "default-roles-{realm}": {
        "": frozenset({"offline_access", "uma_authorization"}),
        "account": frozenset({"view-profile", "manage-account"}),
    },
}
"""Realm roles every realm is born with, and what they may contain ('' for realm roles, else the client)."""


def groups(declaration: RealmDeclaration) -> dict[str, tuple[str, ...]]:
    """Campus -> posts: the groups `/<campus>/<post>` a person is put into."""
    return {campus: tuple(sorted(declaration.posts)) for campus in declaration.campuses}


_NO_SIDE_DOORS = {
    "oauth2.device.authorization.grant.enabled": "false",
    "oidc.ciba.grant.enabled": "false",
    "standard.token.exchange.enabled": "false",
}


def _client(client_id: str, title: str, **more: Any) -> Representation:
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
        "attributes": _NO_SIDE_DOORS,
        "protocolMappers": [],
        "defaultClientScopes": [SCOPE],
        "optionalClientScopes": [],
        **more,
    }


def _hardcoded(claim: str, value: str) -> Representation:
    config = {"claim.name": claim, "claim.value": value, "jsonType.label": "String", "access.token.claim": "true"}
    return _mapper(claim, "oidc-hardcoded-claim-mapper", config)


def _mapper(name: str, kind: str, config: Representation) -> Representation:
    return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config}
