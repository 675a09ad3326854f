"""What the realm must look like, in Keycloak's own representation. Pure data; provisioning.py makes it so."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.identity.own_pages import page_clients
from shared.identity.partners import SamlDeclaration, saml_client
from shared.identity.posts import DEVICES, PERMISSIONS, POSTS, Post
from shared.identity.realm_policies import METHODS, PASSWORD_POLICY, SIGN_ON_STEPS, Representation, user_profile
from shared.identity.representations import NO_SIDE_DOORS, SCOPE, client, hardcoded, mapper
from shared.identity.rights import claim_of

POST_PREFIX = "post:"

DIRECTORY_CLIENT = "his-directory"
DIRECTORY_ROLES = frozenset({"impersonation", "view-events"}) | frozenset(
    f"manage-{what}" for what in ("clients", "identity-providers", "realm", "users")
)
"""What platform/sso signs on as, and all it may do: keep this one realm. It opens nothing in `master` or another realm,
and its tokens name no audience of ours, so no function takes them."""

RESET_CLIENT = "his-reset"
"""Asks for a dynamic password instead of a password (second_factor.py); only platform/sso has its secret."""

PASSWORD_CLIENT = "his-password"  # noqa: S105  the name of a client
"""Asks for a password after a certificate has been proved (second_factor.py); only platform/sso has its secret."""

PATIENT_CLIENT = "his-patient"
PATIENT_REDIRECT_URI = "https://patient.invalid/"
"""Where a session opened for a patient is handed over: only its code is read, nothing listens there."""


@dataclass(frozen=True, slots=True)
class DeviceDeclaration:
    """A device or bridge that signs on by itself: bound to one campus, of one kind of `posts.DEVICES`."""

    code: str
    campus: str
    kind: str
    title: str
    generation: int = 1
    """Counts up with each new secret; two generations stand side by side while the device is given the new one."""

    @property
    def client_id(self) -> str:
        later = "" if self.generation == 1 else f"-g{self.generation}"
        return f"device-{self.campus}-{self.code}{later}"


@dataclass(frozen=True, slots=True)
class PartnerDeclaration:
    """A program of another maker that signs its users on here (第三方系统): it learns who they are and nothing more.

    backchannel_logout_url: where the realm tells it that a session has ended.
    tells_moment: it also learns when the person proved to be it, to see whether that was asked for just now.
    """

    code: str
    title: str
    redirect_uris: tuple[str, ...]
    backchannel_logout_url: str = ""
    tells_moment: bool = False

    @property
    def client_id(self) -> str:
        return f"partner-{self.code}"


@dataclass(frozen=True, slots=True)
class RealmDeclaration:
    """The realm as the code declares it.

    campuses: codes of the open campuses; each becomes a group with one group per post beneath.
    web_redirect_uris: where the staff workstation may receive its sign-on.
    patient_redirect_uri: where sessions opened for patients are handed over; nothing listens there.
    second_factor: privileged posts need one; who holds such a post binds it at the first sign-on. Without, the realm is
    for demonstration.
    self_reset: people with a dynamic password may set a new password by it (second_factor.py).
    certificates: people sign on by certificate, with the password where both are wanted (second_factor.py).
    password_page: address of our own page for another password (flows.py, password_door.py); empty: the realm's own
    page sets them.
    templates: post -> permissions in force where the hospital has published others than the code's.
    directory_secret: what the client DIRECTORY_CLIENT signs on with; empty leaves the secret it has.
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
    partners: tuple[PartnerDeclaration, ...] = ()
    saml_partners: tuple[SamlDeclaration, ...] = ()
    self_reset: bool = False
    certificates: bool = False
    patient_client: str = PATIENT_CLIENT
    patient_redirect_uri: str = PATIENT_REDIRECT_URI
    second_factor: bool = False
    password_page: str = ""
    templates: Mapping[str, frozenset[str]] = field(default_factory=dict)
    directory_secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.campuses:  # would take every post from everybody
            raise ValueError("a realm without a campus")
        if unknown := {device.kind for device in self.devices} - {code.removeprefix("device:") for code in DEVICES}:
            raise ValueError(f"unknown kinds of device: {sorted(unknown)}")
        if strangers := {device.campus for device in self.devices} - set(self.campuses):
            raise ValueError(f"devices of undeclared campuses: {sorted(strangers)}")
        asked = {permission for post in self.posts.values() for permission in post.permissions}
        asked.update(*self.templates.values())
        if missing := asked - set(self.permissions):
            raise ValueError(f"posts with undeclared permissions: {sorted(missing)}")
        if unknown := self.templates.keys() - self.posts.keys():
            raise ValueError(f"templates of unknown posts: {sorted(unknown)}")

    def fingerprint(self) -> str:
        """Changes when the declaration changes: tells a new release from something changed by hand."""
        everything = [settings(self), user_profile(), client_scope(self), clients(self), roles(self), groups(self)]
        everything += [SIGN_ON_STEPS, METHODS, self.password_page]
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def settings(declaration: RealmDeclaration) -> Representation:
    """Policies of the realm: tokens, sessions, lock-out, passwords, events (spec 42)."""
    return {
        "realm": declaration.realm,
        "enabled": True,
        "displayName": declaration.title,
        # A hospital that is reached without TLS, which only a laboratory is, could not lead anybody to its page.
        "sslRequired": "none" if declaration.password_page.startswith("http:") else "external",
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
        # A key that was found opens nothing without its PIN; it names its owner, so nobody types a name.
        "webAuthnPolicyPasswordlessUserVerificationRequirement": "required",
        "webAuthnPolicyPasswordlessRequireResidentKey": "Yes",
        "webAuthnPolicyPasswordlessRpEntityName": declaration.title,
        "otpPolicyType": "totp",
        "otpPolicyAlgorithm": "HmacSHA256",
        "otpPolicyDigits": 6,
        "otpPolicyPeriod": 30,
        "otpPolicyLookAheadWindow": 1,
        "otpPolicyCodeReusable": False,
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


def client_scope(declaration: RealmDeclaration) -> Representation:
    """The claims of an access token: who, which posts and grants, how signed on. No role lists."""
    access = {"access.token.claim": "true", "introspection.token.claim": "true"}
    both = {**access, "id.token.claim": "true"}
    access_only = {**access, "id.token.claim": "false", "userinfo.token.claim": "false"}

    def attribute(name: str, claim: str, more: Representation) -> Representation:
        config = {"user.attribute": name, "claim.name": claim, "jsonType.label": "String", **more}
        return mapper(claim, "oidc-usermodel-attribute-mapper", config)

    published = claim_of(declaration.templates)
    more = [hardcoded("second_factor", "privileged")] if declaration.second_factor else []
    if published:
        more.append(hardcoded("templates", json.dumps(published, sort_keys=True), kind="JSON"))
    return {
        "name": SCOPE,
        "description": "Claims of the hospital information system",
        "protocol": "openid-connect",
        "attributes": {"include.in.token.scope": "false", "display.on.consent.screen": "false"},
        "protocolMappers": [
            mapper("sub", "oidc-sub-mapper", access),
            mapper("acr", "oidc-acr-mapper", both),
            mapper(
                "auth_time",
                "oidc-usersessionmodel-note-mapper",
                {"user.session.note": "AUTH_TIME", "claim.name": "auth_time", "jsonType.label": "long", **both},
            ),
            mapper(
                "audience",
                "oidc-audience-mapper",
                {"included.client.audience": declaration.audience, **access, "id.token.claim": "false"},
            ),
            attribute("username", "preferred_username", {**both, "userinfo.token.claim": "true"}),
            attribute("firstName", "name", {**both, "userinfo.token.claim": "true"}),
            attribute("staff_id", "staff_id", access_only),
            attribute("patient_ids", "patient_ids", {**access_only, "multivalued": "true"}),
            attribute("grants", "grants", {**access_only, "multivalued": "true"}),
            attribute("password_due", "password_due", access_only),
            attribute("proofs", "proofs", {**access_only, "multivalued": "true"}),
            mapper("amr", "oidc-amr-mapper", both),
            mapper(
                "posts", "oidc-group-membership-mapper", {"claim.name": "posts", "full.path": "true", **access_only}
            ),
            *more,
        ],
    }


def clients(declaration: RealmDeclaration) -> list[Representation]:
    """The audience (accepts tokens, asks for none), workstation, patients, devices, partners; no password grant."""
    audience = client(declaration.audience, "业务函数", defaultClientScopes=[], bearerOnly=True)
    web = client(
        declaration.web_client,
        "职工工作站",
        publicClient=True,
        standardFlowEnabled=True,
        redirectUris=sorted(declaration.web_redirect_uris),
        webOrigins=["+"],
        attributes={"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "+", **NO_SIDE_DOORS},
    )
    devices = [
        client(
            device.client_id,
            device.title,
            serviceAccountsEnabled=True,
            protocolMappers=[hardcoded("campus", device.campus), hardcoded("device", device.kind)],
        )
        for device in declaration.devices
    ]
    patients = client(
        declaration.patient_client,
        "患者小程序",
        publicClient=True,
        standardFlowEnabled=True,
        redirectUris=[declaration.patient_redirect_uri],
        protocolMappers=[hardcoded("patient", "wechat")],
        attributes={"pkce.code.challenge.method": "S256", **NO_SIDE_DOORS},
    )
    partners = [_partner(partner) for partner in declaration.partners]
    saml = [saml_client(program) for program in declaration.saml_partners]
    return [
        audience,
        web,
        patients,
        _directory(),
        *_checks(declaration),
        *page_clients(declaration.password_page),
        *devices,
        *partners,
        *saml,
    ]


def _checks(declaration: RealmDeclaration) -> list[Representation]:
    wanted = {RESET_CLIENT: declaration.self_reset, PASSWORD_CLIENT: declaration.certificates}
    titles = {RESET_CLIENT: "自助重置密码", PASSWORD_CLIENT: "证书登录核对密码"}
    return [
        client(client_id, titles[client_id], directAccessGrantsEnabled=True, defaultClientScopes=[])
        for client_id, asked in wanted.items()
        if asked
    ]


def _directory() -> Representation:
    roles = {
        "usermodel.clientRoleMapping.clientId": "realm-management",
        "claim.name": "resource_access.${client_id}.roles",
        "jsonType.label": "String",
        "multivalued": "true",
        "access.token.claim": "true",
    }
    return client(
        DIRECTORY_CLIENT,
        "认证功能",
        serviceAccountsEnabled=True,
        fullScopeAllowed=True,
        defaultClientScopes=[],
        protocolMappers=[
            mapper("sub", "oidc-sub-mapper", {"access.token.claim": "true"}),
            mapper("administration", "oidc-usermodel-client-role-mapper", roles),
        ],
    )


def _partner(partner: PartnerDeclaration) -> Representation:
    shown = {"access.token.claim": "true", "id.token.claim": "true", "userinfo.token.claim": "true"}

    def attribute(name: str, claim: str) -> Representation:
        config = {"user.attribute": name, "claim.name": claim, "jsonType.label": "String", **shown}
        return mapper(claim, "oidc-usermodel-attribute-mapper", config)

    when = {"user.session.note": "AUTH_TIME", "claim.name": "auth_time", "jsonType.label": "long"}
    moment = mapper("auth_time", "oidc-usersessionmodel-note-mapper", {**when, "id.token.claim": "true"})
    logout = {"backchannel.logout.session.required": "true"}
    if partner.backchannel_logout_url:
        logout["backchannel.logout.url"] = partner.backchannel_logout_url
    return client(
        partner.client_id,
        partner.title,
        standardFlowEnabled=True,
        redirectUris=sorted(partner.redirect_uris),
        defaultClientScopes=[],
        attributes={"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "+", **logout, **NO_SIDE_DOORS},
        protocolMappers=[
            mapper("sub", "oidc-sub-mapper", {"access.token.claim": "true", "introspection.token.claim": "true"}),
            attribute("username", "preferred_username"),
            attribute("firstName", "name"),
            *([moment] if partner.tells_moment else []),
        ],
    )


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
            "composites": {
                "client": {declaration.audience: sorted(declaration.templates.get(post.code, post.permissions))}
            },
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
