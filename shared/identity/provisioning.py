"""Makes the Keycloak realm what the code declares, as often as one likes.

One export tells the state, the difference is applied, what nobody declared is taken back: a role, group, client or
mapper made by hand in the console is gone after the next run, a deleted one is back. Runs as a step of a release and
every few minutes after it; the report's `drift` is what somebody changed by hand in between.
"""

from collections.abc import Collection, Mapping
from typing import Any

from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakGetError

from shared.identity import realm as declared
from shared.identity.flows import keep_flows
from shared.identity.keycloak_admin import Report, call, together
from shared.identity.password_door import keep_password_door
from shared.identity.realm import (
    DIRECTORY_CLIENT,
    DIRECTORY_ROLES,
    POST_PREFIX,
    STOCK_CLIENTS,
    STOCK_ROLES,
    RealmDeclaration,
)
from shared.identity.realm_policies import METHODS, SIGN_ON_STEPS, Representation, user_profile
from shared.identity.representations import SCOPE

_FINGERPRINT = "his.declaration"
_KEPT_APART = {"protocolMappers", "defaultClientScopes", "optionalClientScopes"}
"""Parts of a client that an update of the client leaves alone; they have paths of their own."""


def provision(admin: KeycloakAdmin, declaration: RealmDeclaration, *, people: bool = True) -> Report:
    """Create, repair and prune the realm. A second run changes nothing, two at once do what one does. Accounts are
    accounts.sync_staff's. Without `people` nobody is asked what he was given by hand: nine calls in ten, for which a
    change of the declaration need not wait."""
    exists = _realm_exists(admin, declaration.realm)
    former = admin.get_current_realm()
    run = _Run(admin, declaration, people=people and exists)
    if not exists:
        admin.create_realm(declared.settings(declaration))
        run.report.created.append(f"realm {declaration.realm}")
    admin.change_current_realm(declaration.realm)
    try:
        together(run.everything)
    finally:
        admin.change_current_realm(former or "master")
    return run.report


def _realm_exists(admin: KeycloakAdmin, name: str) -> bool:
    try:
        admin.get_realm(name)
    except KeycloakGetError as error:
        if error.response_code == 404:
            return False
        raise
    return True


def _differs(wanted: Any, actual: Any) -> bool:
    """Whether anything declared is not so. What isn't declared is left to Keycloak's defaults; lists are sets."""
    if isinstance(wanted, Mapping):
        return not isinstance(actual, Mapping) or any(_differs(wanted[key], actual.get(key)) for key in wanted)
    if isinstance(wanted, list) and isinstance(actual, list) and all(isinstance(item, str) for item in wanted):
        return sorted(wanted) != sorted(actual)
    return bool(wanted != actual)


class _Run:
    """One run over one realm. `_state` is the realm's own export; `people`: look for what they were given by hand."""

    def __init__(self, admin: KeycloakAdmin, declaration: RealmDeclaration, *, people: bool) -> None:
        self.people = people
        self.admin = admin
        self.declaration = declaration
        self.report = Report()
        self._state: Representation = {}

    def everything(self) -> None:
        self._read()
        attributes, fingerprint = self._state.get("attributes", {}), self.declaration.fingerprint()
        self._realm_settings()
        self._user_profile()
        self._sign_on()
        self._client_scope()
        self._clients()
        keep_password_door(self.admin, self.declaration, self.report)
        keep_flows(self.admin, self.declaration, self.report)
        self._roles()
        self._groups()
        self._directory()
        self._strange_roles()
        if self.people:
            self._administrators()
            self._direct_roles()
        if attributes.get(_FINGERPRINT) == fingerprint:
            self.report.drift = tuple(self.report.changes)
        else:  # written last: a run that broke off is no drift
            attributes = {**attributes, _FINGERPRINT: fingerprint}
            self.admin.update_realm(self.declaration.realm, {"realm": self.declaration.realm, "attributes": attributes})

    def _read(self) -> None:
        self._state = self.admin.export_realm(export_clients=True, export_groups_and_role=True)

    def _client_ids(self) -> dict[str, str]:
        return {client["clientId"]: client["id"] for client in self._state["clients"]}

    def _realm_settings(self) -> None:
        wanted = declared.settings(self.declaration)
        changed = _differs(wanted, self._state)
        if changed:
            self.admin.update_realm(self.declaration.realm, wanted)
        self.report.count("realm settings", changed)

    def _user_profile(self) -> None:
        wanted = user_profile()
        changed = bool(wanted != self.admin.get_realm_users_profile())
        if changed:
            self.admin.update_realm_users_profile(wanted)
        self.report.count("user profile", changed)

    def _sign_on(self) -> None:
        """The steps of the sign-on flow, and what each puts into `amr`."""
        lifespan = str(declared.settings(self.declaration)["ssoSessionMaxLifespan"])
        for step in call(self.admin, "get", "authentication/flows/browser/executions"):
            provider = step.get("providerId", step["displayName"])
            wanted = SIGN_ON_STEPS.get(provider, step["requirement"])
            changed = wanted != step["requirement"]
            if changed:
                call(self.admin, "put", "authentication/flows/browser/executions", {**step, "requirement": wanted})
            if provider in METHODS:
                reference = {
                    "default.reference.value": METHODS[provider],
                    "default.reference.maxAge": lifespan,
                }
                changed |= self._configured(step, f"his {METHODS[provider]}", reference)
            self.report.count(f"sign-on step {provider}", changed)

    def _configured(self, step: Representation, alias: str, config: Representation) -> bool:
        known = step.get("authenticationConfig")
        body = {"alias": alias, "config": config}
        if known is None:
            call(self.admin, "post", f"authentication/executions/{step['id']}/config", body)
            return True
        if not _differs(body, call(self.admin, "get", f"authentication/config/{known}")):
            return False
        call(self.admin, "put", f"authentication/config/{known}", {**body, "id": known})
        return True

    def _client_scope(self) -> None:
        wanted = declared.client_scope(self.declaration)
        actual = next((scope for scope in self._state["clientScopes"] if scope["name"] == SCOPE), None)
        if actual is None:
            self.admin.create_client_scope(wanted)
            self.report.created.append(f"client scope {SCOPE}")
            self._read()
            return
        mappers = wanted.pop("protocolMappers")
        scope_id = actual["id"]
        changed = _differs(wanted, actual)
        if changed:
            self.admin.update_client_scope(scope_id, {**wanted, "id": scope_id})
        self.report.count(f"client scope {SCOPE}", changed)
        self._mappers(f"claim of scope {SCOPE}", mappers, actual, f"client-scopes/{scope_id}")

    def _mappers(self, what: str, wanted: list[Representation], owner: Representation, path: str) -> None:
        url = f"{path}/protocol-mappers/models"
        actual = {mapper["name"]: mapper for mapper in owner.get("protocolMappers", [])}
        for mapper in wanted:
            existing = actual.pop(mapper["name"], None)
            if existing is None:
                call(self.admin, "post", url, mapper)
                self.report.created.append(f"{what} {mapper['name']}")
                continue
            changed = _differs(mapper, existing)
            if changed:
                call(self.admin, "put", f"{url}/{existing['id']}", {**mapper, "id": existing["id"]})
            self.report.count(f"{what} {mapper['name']}", changed)
        for name, mapper in actual.items():
            call(self.admin, "delete", f"{url}/{mapper['id']}")
            self.report.removed.append(f"{what} {name}")

    def _clients(self) -> None:
        wanted = {client["clientId"]: client for client in declared.clients(self.declaration)}
        known = self._client_ids().keys()
        missing = wanted.keys() - known
        for client_id in sorted(missing):
            self.admin.create_client(wanted[client_id])
            self.report.created.append(f"client {client_id}")
        if missing:
            self._read()
        for client in self._state["clients"]:
            client_id = client["clientId"]
            if client_id in missing:
                self._scopes(wanted[client_id], client)  # Keycloak adds one of its own to every service account
            elif client_id in wanted:
                self._client(wanted[client_id], client)
            else:
                self._foreign_client(client)

    def _client(self, wanted: Representation, existing: Representation) -> None:
        settled = {key: value for key, value in wanted.items() if key not in _KEPT_APART}
        changed = _differs(settled, existing)
        if changed:
            attributes = {**existing.get("attributes", {}), **wanted["attributes"]}
            self.admin.update_client(existing["id"], {**settled, "id": existing["id"], "attributes": attributes})
            existing = self.admin.get_client(existing["id"])  # an update, too, adds that scope of its own
        changed |= self._scopes(wanted, existing)
        name = f"client {wanted['clientId']}"
        self.report.count(name, changed)
        self._mappers(f"claim of {name}", wanted["protocolMappers"], existing, f"clients/{existing['id']}")

    def _foreign_client(self, client: Representation) -> None:
        """A stranger is shut, not deleted: somebody may have to ask what it was for."""
        client_id = client["clientId"]
        wanted = {"clientId": client_id, **STOCK_CLIENTS.get(client_id, {"enabled": False})}
        if not _differs(wanted, client):
            self.report.unchanged += 1
            return
        self.admin.update_client(client["id"], {"id": client["id"], **wanted})
        changes = self.report.updated if client_id in STOCK_CLIENTS else self.report.removed
        changes.append(f"client {client_id}")

    def _scopes(self, wanted: Representation, existing: Representation) -> bool:
        ids = {scope["name"]: scope["id"] for scope in self._state["clientScopes"]}
        changed = False
        for kind in ("default", "optional"):
            have = frozenset(existing.get(f"{kind}ClientScopes", ()))
            want = frozenset(wanted[f"{kind}ClientScopes"])
            path = f"clients/{existing['id']}/{kind}-client-scopes"
            for scope in sorted(have - want):
                call(self.admin, "delete", f"{path}/{ids[scope]}")
            for scope in sorted(want - have):
                call(self.admin, "put", f"{path}/{ids[scope]}", {})
            changed |= have != want
        return changed

    def _roles(self) -> None:
        audience = self.declaration.audience
        wanted = declared.roles(self.declaration)
        actual = self._roles_of(audience)
        missing = [role for name, role in wanted.items() if name not in actual]
        if missing:
            self.admin.partial_import_realm(
                self.declaration.realm, {"ifResourceExists": "FAIL", "roles": {"client": {audience: missing}}}
            )
            self.report.created += [f"client role {role['name']}" for role in missing]
            self._read()
        client = self._client_ids()[audience]
        for name, role in wanted.items():
            if name not in actual:
                continue
            contents = role.get("composites", {}).get("client", {})
            changed = self._contents(actual[name], {k: frozenset(v) for k, v in contents.items()})
            if actual[name].get("description") != role["description"]:
                self.admin.update_client_role(client, name, {"name": name, "description": role["description"]})
                changed = True
            self.report.count(f"client role {name}", changed)
        stock = self._stock_roles()
        for role in self._state["roles"]["realm"]:
            if role["name"] in stock:
                self.report.count(f"realm role {role['name']}", self._contents(role, stock[role["name"]]))

    def _strange_roles(self) -> None:
        """Last, when nothing refers to them any more."""
        ours, stock = declared.roles(self.declaration), self._stock_roles()
        client_roles = self._roles_of(self.declaration.audience).values()
        strange = [("client role", role) for role in client_roles if role["name"] not in ours]
        strange += [("realm role", role) for role in self._state["roles"]["realm"] if role["name"] not in stock]
        for kind, role in strange:
            self.admin.delete_role_by_id(role["id"])
            self.report.removed.append(f"{kind} {role['name']}")

    def _stock_roles(self) -> dict[str, Mapping[str, frozenset[str]]]:
        return {name.format(realm=self.declaration.realm): contents for name, contents in STOCK_ROLES.items()}

    def _roles_of(self, client_id: str) -> dict[str, Representation]:
        return {role["name"]: role for role in self._state["roles"]["client"].get(client_id, [])}

    def _contents(self, role: Representation, wanted: Mapping[str, Collection[str]]) -> bool:
        """Make a composite role hold exactly these roles: client -> names, realm roles under ''."""
        holds = role.get("composites", {})
        actual = {"": frozenset(holds.get("realm", ()))} | {k: frozenset(v) for k, v in holds.get("client", {}).items()}
        path = f"roles-by-id/{role['id']}/composites"
        changed = False
        for owner in sorted(actual.keys() | wanted.keys()):
            changed |= self._match(path, owner, actual.get(owner, ()), wanted.get(owner, ()))
        return changed

    def _match(self, path: str, owner: str, actual: Collection[str], wanted: Collection[str]) -> bool:
        """Make a list of roles of one owner be the wanted one."""
        surplus, missing = sorted(set(actual) - set(wanted)), sorted(set(wanted) - set(actual))
        if surplus:
            call(self.admin, "delete", path, [self._named(owner, name) for name in surplus])
        if missing:
            call(self.admin, "post", path, [self._named(owner, name) for name in missing])
        return bool(surplus or missing)

    def _named(self, owner: str, name: str) -> Representation:
        roles = self._roles_of(owner) if owner else {role["name"]: role for role in self._state["roles"]["realm"]}
        return {"id": roles[name]["id"], "name": name}

    def _groups(self) -> None:
        actual = {group["name"]: group for group in self._state["groups"]}
        wanted = declared.groups(self.declaration)
        missing = [campus for campus in wanted if campus not in actual]
        if missing:
            trees = [self._tree(campus, wanted[campus]) for campus in missing]
            self.admin.partial_import_realm(self.declaration.realm, {"ifResourceExists": "FAIL", "groups": trees})
            self.report.created += [f"group {path}" for campus in missing for path in _paths(campus, wanted[campus])]
        for campus, posts in wanted.items():
            if campus in actual:
                self._campus(actual[campus], posts)
        for name in sorted(actual.keys() - wanted.keys()):
            self._remove_group(actual[name])

    def _tree(self, campus: str, posts: Collection[str]) -> Representation:
        audience = self.declaration.audience
        children = [
            {"name": post, "path": f"/{campus}/{post}", "clientRoles": {audience: [f"{POST_PREFIX}{post}"]}}
            for post in posts
        ]
        return {"name": campus, "path": f"/{campus}", "subGroups": children}

    def _campus(self, group: Representation, posts: Collection[str]) -> None:
        self.report.count(f"group {group['path']}", self._granted(group, None))
        actual = {child["name"]: child for child in group["subGroups"]}
        for post in posts:
            role = f"{POST_PREFIX}{post}"
            if post in actual:
                changed = self._granted(actual[post], role)
                for stranger in actual[post]["subGroups"]:
                    self._remove_group(stranger)
                self.report.count(f"group {actual[post]['path']}", changed)
            else:
                group_id = self.admin.create_group({"name": post}, parent=group["id"])
                self._granted({"id": group_id}, role)
                self.report.created.append(f"group {group['path']}/{post}")
        for name in sorted(actual.keys() - set(posts)):
            self._remove_group(actual[name])

    def _remove_group(self, group: Representation) -> None:
        self.admin.delete_group(group["id"])
        self.report.removed.append(f"group {group['path']}")

    def _granted(self, group: Representation, role: str | None) -> bool:
        """Make a group carry this one role of ours and nothing else."""
        path, ids = f"groups/{group['id']}/role-mappings", self._client_ids()
        changed = self._match(f"{path}/realm", "", group.get("realmRoles", ()), ())
        actual = group.get("clientRoles", {})
        wanted = {self.declaration.audience: (role,)} if role else {}
        for owner in sorted(actual.keys() | wanted.keys()):
            changed |= self._match(f"{path}/clients/{ids[owner]}", owner, actual.get(owner, ()), wanted.get(owner, ()))
        return changed

    def _directory(self) -> None:
        """The account the product itself keeps the realm with: its secret as installed, its roles and no more."""
        ids = self._client_ids()
        client, secret = ids[DIRECTORY_CLIENT], self.declaration.directory_secret
        if secret:
            changed = self.admin.get_client_secrets(client).get("value") != secret
            if changed:
                body = {"clientId": DIRECTORY_CLIENT, "serviceAccountsEnabled": True, "secret": secret}
                self.admin.update_client(client, {"id": client, **body})
                self._scopes({"defaultClientScopes": [], "optionalClientScopes": []}, self.admin.get_client(client))
            self.report.count(f"secret of client {DIRECTORY_CLIENT}", changed)
        account = self.admin.get_client_service_account_user(client)
        path = f"users/{account['id']}/role-mappings/clients/{ids['realm-management']}"
        held = [role["name"] for role in call(self.admin, "get", path)]
        changed = self._match(path, "realm-management", held, DIRECTORY_ROLES)
        self.report.count(f"realm-management role of {account['username']}", changed)

    def _administrators(self) -> None:
        """Nobody else of the realm administers it: people are kept by organisation, the realm by this file."""
        client = self._client_ids()["realm-management"]
        for name in sorted(self._roles_of("realm-management")):
            for user in self.admin.get_client_role_members(client, name):
                if user["username"] == f"service-account-{DIRECTORY_CLIENT}":
                    continue
                self.admin.delete_client_roles_of_user(user["id"], client, [self._named("realm-management", name)])
                self.report.removed.append(f"realm-management role {name} of {user['username']}")

    def _direct_roles(self) -> None:
        """Nobody holds a role of ours but by a post's group: what was given to a person by hand is taken back."""
        client = self._client_ids()[self.declaration.audience]
        for name in sorted(declared.roles(self.declaration)):
            for user in self.admin.get_client_role_members(client, name):
                self.admin.delete_client_roles_of_user(
                    user["id"], client, [self._named(self.declaration.audience, name)]
                )
                self.report.removed.append(f"client role {name} of {user['username']}")


def _paths(campus: str, posts: Collection[str]) -> list[str]:
    return [f"/{campus}", *(f"/{campus}/{post}" for post in posts)]
