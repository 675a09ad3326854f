"""Letting somebody in again: a first or new password, a lock taken off, a second factor that was lost."""

from keycloak import KeycloakAdmin

from shared.identity.accounts import BIND_TOTP
from shared.identity.actor import INITIAL
from shared.identity.keycloak_admin import call

SECOND_FACTORS = frozenset({"otp", "webauthn", "webauthn-passwordless"})
"""What is taken away with a lost telephone or key; the last opens the way to another password."""


def give_password(admin: KeycloakAdmin, account_id: str, password: str) -> None:
    """A password for one sign-on, after which our page asks for another; every session ends and a lock is taken off."""
    account = admin.get_user(account_id)
    kept = {key: value for key, value in account.items() if key not in ("userProfileMetadata", "access")}
    attributes = {**account.get("attributes", {}), "password_due": [INITIAL]}
    # Said before it works: no token of it opens more than the way to another.
    call(admin, "put", f"users/{account_id}", {**kept, "attributes": attributes})
    admin.set_user_password(account_id, password, temporary=False)
    admin.user_logout(account_id)
    admin.clear_bruteforce_attempts_for_user(account_id)


def unlock(admin: KeycloakAdmin, account_id: str) -> bool:
    """Take off the lock that wrong passwords put on; whether there was one."""
    locked = bool(admin.get_bruteforce_detection_status(account_id)["disabled"])
    admin.clear_bruteforce_attempts_for_user(account_id)
    return locked


def forget_second_factor(admin: KeycloakAdmin, account_id: str) -> int:
    """Take away every second factor: the next sign-on binds a new one. Sessions end. Returns how many there were."""
    factors = [one for one in admin.get_credentials(account_id) if one["type"] in SECOND_FACTORS]
    account = admin.get_user(account_id)
    kept = {key: value for key, value in account.items() if key not in ("userProfileMetadata", "access")}
    actions = sorted({*account.get("requiredActions", ()), BIND_TOTP})
    call(admin, "put", f"users/{account_id}", {**kept, "requiredActions": actions})  # before: no moment without either
    for factor in factors:
        admin.delete_credential(account_id, factor["id"])
    admin.user_logout(account_id)
    return len(factors)
