"""Staff accounts: who signs on under which 工号 with which posts, kept equal to what organisation says."""

from collections.abc import Callable, Collection, Mapping, Sequence

from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakPostError

from shared.identity.keycloak_admin import Report, call
from shared.identity.people import StaffAccount
from shared.identity.realm_policies import Representation

__all__ = ["BIND_TOTP", "StaffAccount", "shut_strangers", "sync_staff"]

BIND_TOTP = "CONFIGURE_TOTP"
"""The realm's own page for binding a dynamic password (动态口令); nobody gets past it without."""
_CHUNK = 100
_FEW = 40
"""Up to here accounts are looked up one by one; beyond it reading the whole realm is cheaper."""


def sync_staff(admin: KeycloakAdmin, people: Sequence[StaffAccount]) -> Report:
    """Make the accounts of these people be as given; others are left alone. Nobody is deleted, leavers are disabled.

    Works in the admin's current realm, after `provision`. Raises ValueError, before anything is changed, for a post or
    campus the realm doesn't know. An account the realm refuses (say, for its initial password) is listed in
    `report.refused`, the others go on.
    """
    report = Report()
    groups = _group_ids(admin)
    if unknown := {path for person in people for path in person.group_paths} - groups.keys():
        raise ValueError(f"no such campus or post: {', '.join(sorted(unknown))}")
    usernames = [person.username for person in people]
    found = _look_up(admin, usernames) if len(people) <= _FEW else _look_up_all(admin, set(usernames), groups)
    missing = [person for person in people if person.username not in found and person.enabled]
    for person in people:
        if person.username in found:
            account, held = found[person.username]
            _settle(admin, report, person, account, held, groups)
        elif not person.enabled:
            report.unchanged += 1
    for start in range(0, len(missing), _CHUNK):
        _create(admin, report, missing[start : start + _CHUNK], groups)
    return report


Found = dict[str, tuple[Representation, frozenset[str]]]
"""User name -> the account and the paths of its groups."""


def shut_strangers(admin: KeycloakAdmin, known: Callable[[], Collection[str]], but: str = "\0") -> Report:
    """Disable and strip every account that is neither of somebody known nor a patient's.

    `known`: user names of everybody who ever worked here; an account made by hand has no person behind it. It is asked
    when the accounts have been read: whoever has joined and got one meanwhile is known by then. `but`: names that begin
    so are somebody else's business (the sealed emergency accounts).
    """
    report = Report()
    groups = _group_ids(admin)
    held = _held(admin, groups)
    machines = {f"service-account-{one['clientId']}" for one in admin.get_clients() if one["serviceAccountsEnabled"]}
    accounts = {account["id"]: account for account in _accounts(admin)}
    for account_id in held.keys() - accounts.keys():
        accounts[account_id] = admin.get_user(account_id)
    names = known()
    for account in sorted(accounts.values(), key=lambda one: str(one["username"])):
        if account["username"] in names or account["username"].startswith(but):
            continue
        posts = held.get(account["id"], set())
        if account["username"] in machines and not posts:
            continue
        for path in sorted(posts):
            call(admin, "delete", f"users/{account['id']}/groups/{groups[path]}")
        if account["enabled"] or posts:
            kept = {key: value for key, value in account.items() if key not in ("userProfileMetadata", "access")}
            call(admin, "put", f"users/{account['id']}", {**kept, "enabled": False})
            admin.user_logout(account["id"])
            report.removed.append(f"account {account['username']} without a person")
    return report


def _accounts(admin: KeycloakAdmin) -> list[Representation]:
    """Every account but the patients', of whom there are a hundred times as many: theirs are marked as verified."""
    found: list[Representation] = call(
        admin, "get", "users", max=-1, briefRepresentation="false", emailVerified="false"
    )
    return found


def _held(admin: KeycloakAdmin, groups: Mapping[str, str]) -> dict[str, set[str]]:
    """Account -> paths of the groups it is in."""
    held: dict[str, set[str]] = {}
    for path, group_id in groups.items():
        for member in call(admin, "get", f"groups/{group_id}/members", max=-1, briefRepresentation="true"):
            held.setdefault(member["id"], set()).add(path)
    return held


def _group_ids(admin: KeycloakAdmin) -> dict[str, str]:
    ids: dict[str, str] = {}
    for campus in call(admin, "get", "groups", max=-1, subGroupsCount="false"):
        ids[campus["path"]] = campus["id"]
        for post in call(admin, "get", f"groups/{campus['id']}/children", max=-1, subGroupsCount="false"):
            ids[post["path"]] = post["id"]
    return ids


def _look_up(admin: KeycloakAdmin, usernames: Sequence[str]) -> Found:
    found: Found = {}
    for username in usernames:
        for account in call(admin, "get", "users", username=username, exact="true", briefRepresentation="false"):
            held = call(admin, "get", f"users/{account['id']}/groups", max=-1)
            found[username] = account, frozenset(group["path"] for group in held)
    return found


def _look_up_all(admin: KeycloakAdmin, usernames: Collection[str], groups: Mapping[str, str]) -> Found:
    held = _held(admin, groups)
    return {
        account["username"]: (account, frozenset(held.get(account["id"], ())))
        for account in _accounts(admin)
        if account["username"] in usernames
    }


def _settle(
    admin: KeycloakAdmin,
    report: Report,
    person: StaffAccount,
    account: Representation,
    held: frozenset[str],
    groups: Mapping[str, str],
) -> None:
    path = f"users/{account['id']}"
    has = {key: sorted(values) for key, values in account.get("attributes", {}).items()}
    grants = has.get("grants", []) if person.grants is None else sorted(person.grants)
    proofs = has.get("proofs", []) if person.proofs is None else sorted(person.proofs)
    due = has.get("password_due", []) if person.password_due is None else [person.password_due]
    actions = account.get("requiredActions", [])
    if person.second_factor and not account.get("totp") and BIND_TOTP not in actions:
        actions = [*actions, BIND_TOTP]
    wanted = {
        "firstName": person.name,
        "enabled": person.enabled,
        "attributes": {
            "staff_id": [str(person.staff_id)],
            **({"grants": grants} if grants else {}),
            **({"proofs": proofs} if proofs else {}),
            **({"password_due": due} if any(due) else {}),
        },
        "requiredActions": actions,
    }
    changed = any((has if key == "attributes" else account.get(key)) != value for key, value in wanted.items())
    if changed:
        kept = {key: value for key, value in account.items() if key not in ("userProfileMetadata", "access")}
        call(admin, "put", path, {**kept, **wanted})
        if account["enabled"] and not person.enabled:
            admin.user_logout(account["id"])
    report.count(f"account {person.staff_no}", changed)
    report.removed += [f"grant {lost} of {person.staff_no}" for lost in sorted({*has.get("grants", ())} - {*grants})]
    for surplus in sorted(held - person.group_paths):
        call(admin, "delete", f"{path}/groups/{groups[surplus]}")
        report.removed.append(f"post {surplus} of {person.staff_no}")
    for lacking in sorted(person.group_paths - held):
        call(admin, "put", f"{path}/groups/{groups[lacking]}", {})
        report.created.append(f"post {lacking} of {person.staff_no}")


def _create(admin: KeycloakAdmin, report: Report, people: Sequence[StaffAccount], groups: Mapping[str, str]) -> None:
    realm = admin.get_current_realm() or ""
    try:
        admin.partial_import_realm(
            realm, {"ifResourceExists": "FAIL", "users": [_representation(person) for person in people]}
        )
    except KeycloakPostError:
        if len(people) == 1:  # the import gives no reason; these are the three there are
            account, held = _look_up(admin, [people[0].username]).get(people[0].username, ({}, frozenset()))
            if account.get("attributes", {}).get("staff_id") == [str(people[0].staff_id)]:
                _settle(admin, report, people[0], account, held, groups)  # somebody else has just made it
                return
            report.refused.append(f"account {people[0].staff_no}: password against the policy, or staff id in use")
            return
        for person in people:  # one of them spoils the whole import; find out which
            _create(admin, report, [person], groups)
    else:
        report.created += [f"account {person.staff_no}" for person in people]


def _representation(person: StaffAccount) -> Representation:
    account: Representation = {
        "id": str(person.staff_id),
        "username": person.username,
        "firstName": person.name,
        "enabled": True,
        "attributes": {
            "staff_id": [str(person.staff_id)],
            **({"grants": list(person.grants)} if person.grants else {}),
            **({"password_due": [person.password_due]} if person.password_due else {}),
        },
        "groups": sorted(person.group_paths),
        "requiredActions": [BIND_TOTP] if person.second_factor else [],
    }
    if person.initial_password is not None:
        account["credentials"] = [{"type": "password", "value": person.initial_password}]
        if person.must_change_password:
            account["requiredActions"] = [*account["requiredActions"], "UPDATE_PASSWORD"]
    return account
