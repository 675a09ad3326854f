"""Sessions of people in the realm: seeing them, ending them, and opening one on a proof the realm doesn't know.

A patient proves to be it at WeChat, a nurse at a shared workstation by badge and PIN. The realm knows neither proof, so
the function that has checked it opens the session as administrator and hands it to one client by code and PKCE. Such
a session carries neither `auth_time` nor `amr`: what asks for a fresh or a strong sign-on stays shut (spec 42).
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakError, KeycloakGetError

from shared.identity.accounts import BIND_TOTP
from shared.identity.keycloak_admin import call


class SessionRefused(Exception):
    """The realm opened no session: the account is unknown, disabled, or must do something at the login page first."""


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What a client gets: tokens are handed on and kept nowhere."""

    session_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class RunningSession:
    """A session of a person (在线会话)."""

    session_id: str
    address: str
    started_at: datetime
    last_seen_at: datetime
    clients: tuple[str, ...]


def open_session(
    admin: KeycloakAdmin,
    account_id: str,
    client_id: str,
    redirect_uri: str,
    before_tokens: Callable[[str], None] | None = None,
) -> OpenedSession:
    """Open a session for an account and give its tokens for one public client. Raises SessionRefused.

    before_tokens: told the session's id when it stands and before it has a token, so that the first one already says
    what is written to the account then.
    """
    connection = admin.connection
    base = f"realms/{admin.get_current_realm()}/protocol/openid-connect"
    answer = connection.raw_post(
        f"admin/realms/{admin.get_current_realm()}/users/{account_id}/impersonation", data="{}"
    )
    if answer.status_code != 200:
        raise SessionRefused(f"status {answer.status_code}")
    # Marked Secure; inside the cluster the way to the realm is plain.
    cookies = "; ".join(cookie.partition(";")[0] for cookie in answer.raw.headers.getlist("set-cookie"))
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    import requests

    with requests.Session() as http:
        http.trust_env = False
        page = http.get(
            f"{(connection.base_url or '').rstrip('/')}/{base}/auth",
            params={
                "client_id": client_id,
                "redirect_uri": redirect_uri,
                "response_type": "code",
                "scope": "openid",
                "prompt": "none",
                "state": state,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
            headers={"Cookie": cookies},
            allow_redirects=False,
            timeout=10,
        )
        reply = parse_qs(urlsplit(page.headers.get("Location", "")).query)
        if reply.get("state") != [state] or "code" not in reply:
            raise SessionRefused(reply.get("error", [f"status {page.status_code}"])[0])
        if before_tokens is not None:
            before_tokens(reply["session_state"][0])
        form = {
            "grant_type": "authorization_code",
            "code": reply["code"][0],
            "redirect_uri": redirect_uri,
            "client_id": client_id,
            "code_verifier": verifier,
        }
        tokens = http.post(f"{(connection.base_url or '').rstrip('/')}/{base}/token", data=form, timeout=10)
    if tokens.status_code != 200:
        raise SessionRefused(f"status {tokens.status_code}")
    body = tokens.json()
    return OpenedSession(
        session_id=body["session_state"],
        access_token=body["access_token"],
        refresh_token=body["refresh_token"],
        expires_in=int(body["expires_in"]),
    )


def keep_proofs(admin: KeycloakAdmin, account_id: str, proofs: Sequence[str]) -> None:
    """Make an account say exactly these proofs (rights.Proof) in the tokens issued from now on."""
    account = admin.get_user(account_id)
    kept = {key: value for key, value in account.items() if key not in ("userProfileMetadata", "access")}
    attributes = {**account.get("attributes", {}), "proofs": sorted(proofs)}
    call(admin, "put", f"users/{account_id}", {**kept, "attributes": attributes})


def end_sessions(admin: KeycloakAdmin, account_id: str) -> int:
    """End every session of an account; the realm tells each client that asked to hear of it. Returns how many."""
    try:
        running = len(admin.get_sessions(account_id))
        admin.user_logout(account_id)
    except KeycloakGetError as error:
        if error.response_code == 404:
            return 0
        raise
    return running


def end_session(admin: KeycloakAdmin, session_id: str) -> bool:
    """End one session; False when it had ended before."""
    try:
        call(admin, "delete", f"sessions/{session_id}")
    except KeycloakError as error:
        if error.response_code == 404:
            return False
        raise
    return True


def sessions_of(admin: KeycloakAdmin, account_id: str) -> list[RunningSession]:
    """The running sessions of an account, oldest first; none for an account the realm doesn't know."""
    try:
        found = admin.get_sessions(account_id)
    except KeycloakGetError as error:
        if error.response_code == 404:
            return []
        raise
    sessions = [
        RunningSession(
            session_id=one["id"],
            address=one.get("ipAddress", ""),
            started_at=datetime.fromtimestamp(one["start"] / 1000, UTC),
            last_seen_at=datetime.fromtimestamp(one["lastAccess"] / 1000, UTC),
            clients=tuple(sorted(one.get("clients", {}).values())),
        )
        for one in found
    ]
    return sorted(sessions, key=lambda one: (one.started_at, one.session_id))


def keep_patient(
    admin: KeycloakAdmin, account_id: UUID, name: str, patient_ids: list[UUID], enabled: bool = True
) -> bool:
    """Make a patient's account be bound to exactly these persons of the patient index. Returns whether it changed.

    The account has no password: nobody can sign on with it at the login page. `name` is what screens greet with. Being
    marked as verified keeps patients out of the lists of staff accounts.
    """
    wanted = sorted(str(patient_id) for patient_id in patient_ids)
    try:
        account = admin.get_user(str(account_id))
    except KeycloakGetError as error:
        if error.response_code != 404:
            raise
        users = [
            {
                "id": str(account_id),
                "username": f"patient-{account_id}",
                "firstName": name,
                "enabled": enabled,
                "emailVerified": True,
                "attributes": {"patient_ids": wanted},
                "requiredActions": [],
            }
        ]
        admin.partial_import_realm(admin.get_current_realm() or "", {"ifResourceExists": "SKIP", "users": users})
        return True
    same = sorted(account.get("attributes", {}).get("patient_ids", [])) == wanted and account["enabled"] == enabled
    if same and account.get("firstName") == name:
        return False
    kept = {key: value for key, value in account.items() if key not in ("userProfileMetadata", "access")}
    changed = {"firstName": name, "enabled": enabled, "attributes": {"patient_ids": wanted}}
    call(admin, "put", f"users/{account_id}", {**kept, **changed})
    return True


def open_emergency(
    admin: KeycloakAdmin,
    username: str,
    campus: str,
    posts: Sequence[str],
    staff_id: UUID,
    password: str,
    second_factor: bool,
) -> None:
    """Enable a sealed account with a password known to whoever opened it, and give it posts of one campus.

    second_factor: whoever uses it binds a dynamic password first, as for any privileged post; sealing takes it away.
    """
    account_id = admin.get_user_id(username)
    wanted = {
        "enabled": True,
        "firstName": "应急账号",
        "attributes": {"staff_id": [str(staff_id)]},
        "requiredActions": [BIND_TOTP] if second_factor else [],
    }
    if account_id is None:
        account_id = str(admin.create_user({"username": username, **wanted}))
    else:
        account = admin.get_user(account_id)
        kept = {key: value for key, value in account.items() if key not in ("userProfileMetadata", "access")}
        call(admin, "put", f"users/{account_id}", {**kept, **wanted})
    admin.set_user_password(account_id, password, temporary=False)
    for post in posts:
        group = admin.get_group_by_path(f"/{campus}/{post}")
        call(admin, "put", f"users/{account_id}/groups/{group['id']}", {})


def seal_emergency(admin: KeycloakAdmin, username: str) -> None:
    """Disable an emergency account, end its sessions, take its posts and its password. An unknown one is sealed."""
    account_id = admin.get_user_id(username)
    if account_id is None:
        return
    admin.user_logout(account_id)
    for group in call(admin, "get", f"users/{account_id}/groups", max=-1):
        call(admin, "delete", f"users/{account_id}/groups/{group['id']}")
    for credential in call(admin, "get", f"users/{account_id}/credentials"):
        call(admin, "delete", f"users/{account_id}/credentials/{credential['id']}")
    account = admin.get_user(account_id)
    kept = {key: value for key, value in account.items() if key not in ("userProfileMetadata", "access")}
    call(admin, "put", f"users/{account_id}", {**kept, "enabled": False})
