"""Proving one factor by itself: the realm's own check of a dynamic password (自助重置密码), or of a password after a
certificate was proved (证书登录), and nothing else of it.

For each the realm has one client of ours whose sign-on asks for a user name and that one factor. The first knows no
password, so none can be tried there; the second is asked only for whoever has proved a certificate, by the module that
has verified it. Only platform/sso has their secrets, their tokens name no audience and no person, and what they open is
ended at once. Wrong answers count towards the realm's lock as at the login page.
"""

from uuid import uuid4

import requests
from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakGetError, KeycloakPutError

from shared.identity.keycloak_admin import device_secret
from shared.identity.realm import PASSWORD_CLIENT, RESET_CLIENT
from shared.identity.sessions import end_session


def proves(admin: KeycloakAdmin, username: str, code: str) -> bool:
    """Whether the dynamic password is this account's at this moment. False alike for an unknown, locked or disabled
    account, one without a dynamic password, and one that must do something at the login page first."""
    form = {
        # The server fails at an account without a dynamic password; nobody's name takes it the same way to a refusal.
        "username": username if _bound(admin, username) else f"nobody-{uuid4().hex}",
        "totp": code,
    }
    return _asked(admin, RESET_CLIENT, form).status_code == 200


def proves_password(admin: KeycloakAdmin, username: str, password: str) -> bool:
    """Whether the password is this account's. False alike for an unknown, locked or disabled account and one that must
    do something at the login page first. What the check opened is ended."""
    answer = _asked(admin, PASSWORD_CLIENT, {"username": username, "password": password})
    if answer.status_code != 200:
        return False
    end_session(admin, answer.json()["session_state"])
    return True


def _asked(admin: KeycloakAdmin, client_id: str, form: dict[str, str]) -> requests.Response:
    base = (admin.connection.base_url or "").rstrip("/")
    whole = {
        "grant_type": "password",
        "client_id": client_id,
        "client_secret": device_secret(admin, client_id),
        **form,
    }
    with requests.Session() as http:
        http.trust_env = False
        answer = http.post(
            f"{base}/realms/{admin.get_current_realm()}/protocol/openid-connect/token", data=whole, timeout=10
        )
    if answer.status_code >= 500:
        answer.raise_for_status()
    return answer


def _bound(admin: KeycloakAdmin, username: str) -> bool:
    """Whether the account has a dynamic password; looked up with as many questions when there is no account."""
    account_id = admin.get_user_id(username) or str(uuid4())
    try:
        return any(one["type"] == "otp" for one in admin.get_credentials(account_id))
    except KeycloakGetError as error:
        if error.response_code == 404:
            return False
        raise


def choose_password(admin: KeycloakAdmin, account_id: str, password: str) -> bool:
    """Set a password its owner has chosen, and end every session; False when it is against the realm's policy."""
    try:
        admin.set_user_password(account_id, password, temporary=False)
    except KeycloakPutError as error:
        if error.response_code == 400:
            return False
        raise
    admin.user_logout(account_id)
    admin.clear_bruteforce_attempts_for_user(account_id)
    return True
