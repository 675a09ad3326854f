"""Where passwords are set: at our own page, which knows names, telephones and posts, and at no page of the realm.

The realm's page for another password is shut. What leads from a sign-on at another maker's program to ours is declared
to the realm as a provider of identities: it sends the browser there, and nobody ever comes back from it.
"""

from keycloak import KeycloakAdmin

from shared.identity.keycloak_admin import Report, call
from shared.identity.own_pages import PAGE_PROVIDER, page_provider
from shared.identity.realm import RealmDeclaration

ACTION = "UPDATE_PASSWORD"
"""The realm's own page for another password, which knows one rule for everybody."""


def keep_password_door(admin: KeycloakAdmin, declaration: RealmDeclaration, report: Report) -> None:
    """Shut the realm's page, keep the way to ours, take out every other provider: it could let in anybody."""
    wanted = page_provider(declaration.password_page) if declaration.password_page else {}
    path = "identity-provider/instances"
    found = {one["alias"]: one for one in call(admin, "get", path)}
    for alias in sorted(found.keys() - {wanted.get("alias")}):
        call(admin, "delete", f"{path}/{alias}")
        report.removed.append(f"identity provider {alias}")
    if not wanted:
        return
    known = found.get(PAGE_PROVIDER)
    if known is None:
        call(admin, "post", path, wanted)
        report.created.append(f"identity provider {PAGE_PROVIDER}")
    else:
        same = all(known.get(key) == value for key, value in wanted.items() if key != "config")
        same &= all(known.get("config", {}).get(key) == value for key, value in wanted["config"].items())
        if not same:
            call(admin, "put", f"{path}/{PAGE_PROVIDER}", {**known, **wanted})
        report.count(f"identity provider {PAGE_PROVIDER}", not same)
    action = call(admin, "get", f"authentication/required-actions/{ACTION}")
    if action["enabled"]:
        call(admin, "put", f"authentication/required-actions/{ACTION}", {**action, "enabled": False})
    report.count(f"required action {ACTION}", action["enabled"])
