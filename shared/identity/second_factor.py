"""Proving a second factor without a password (自助重置密码): the realm's own check of a dynamic password, and nothing
else of it.

The realm has one client of ours whose sign-on asks for a user name and a dynamic password. It is no password grant: its
steps know no password, so none can be tried there. Only platform/sso has its secret, its tokens name no audience and
no person, and what they open is ended at once. Wrong codes count towards the realm's lock like wrong passwords.
"""

from uuid import uuid4

import requests
from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakGetError, KeycloakPutError

from shared.identity.keycloak_admin import call, device_secret
from shared.identity.realm import RESET_CLIENT
from shared.identity.realm_policies import Representation

RESET_FLOW = "his second factor"
STEPS = ("direct-grant-validate-username", "direct-grant-validate-otp")


def keep_flow(admin: KeycloakAdmin, client: Representation) -> bool:
    """Make the client's sign-on consist of exactly STEPS; whether anything was otherwise. `client`: as the realm has
    it."""
    flows = {flow["alias"]: flow["id"] for flow in call(admin, "get", "authentication/flows")}
    changed = RESET_FLOW not in flows
    if changed:
        flow = {"alias": RESET_FLOW, "providerId": "basic-flow", "topLevel": True, "builtIn": False}
        call(admin, "post", "authentication/flows", {**flow, "description": "user name and dynamic password"})
        flows = {flow["alias"]: flow["id"] for flow in call(admin, "get", "authentication/flows")}
    path = f"authentication/flows/{RESET_FLOW.replace(' ', '%20')}/executions"
    steps = call(admin, "get", path)
    if [(step.get("providerId"), step["requirement"]) for step in steps] != [(one, "REQUIRED") for one in STEPS]:
        changed = True
        for step in steps:
            call(admin, "delete", f"authentication/executions/{step['id']}")
        for one in STEPS:
            call(admin, "post", f"{path}/execution", {"provider": one})
        for step in call(admin, "get", path):
            call(admin, "put", path, {**step, "requirement": "REQUIRED"})
    bound = {"direct_grant": flows[RESET_FLOW]}
    if admin.get_client(client["id"]).get("authenticationFlowBindingOverrides", {}) != bound:
        changed = True
        body = {"clientId": RESET_CLIENT, "authenticationFlowBindingOverrides": bound}
        admin.update_client(client["id"], {"id": client["id"], **body})
    return changed


def proves(admin: KeycloakAdmin, username: str, code: str) -> bool:
    """Whether the dynamic password is this account's at this moment. False alike for an unknown, locked or disabled
    account, one without a dynamic password, and one that must do something at the login page first."""
    base = (admin.connection.base_url or "").rstrip("/")
    form = {
        "grant_type": "password",
        "client_id": RESET_CLIENT,
        "client_secret": device_secret(admin, RESET_CLIENT),
        # The server fails at an account without a dynamic password; nobody's name takes it the same way to a refusal.
        "username": username if _bound(admin, username) else f"nobody-{uuid4().hex}",
        "totp": code,
    }
    with requests.Session() as http:
        http.trust_env = False
        answer = http.post(
            f"{base}/realms/{admin.get_current_realm()}/protocol/openid-connect/token", data=form, timeout=10
        )
    if answer.status_code >= 500:
        answer.raise_for_status()
    return answer.status_code == 200


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
