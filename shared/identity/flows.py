"""Sign-on flows of our own in the realm: which steps a client's sign-on consists of, as data, and keeping them so."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from keycloak import KeycloakAdmin

from shared.identity.keycloak_admin import Report, call
from shared.identity.own_pages import KEY_CLIENT, PAGE_PROVIDER
from shared.identity.realm import (
    PASSWORD_CLIENT,
    RESET_CLIENT,
    RealmDeclaration,
    settings,
)
from shared.identity.realm_policies import METHODS, Representation

Requirement = Literal["REQUIRED", "ALTERNATIVE", "CONDITIONAL"]


class Step(NamedTuple):
    """One step, by the server's name of what it does."""

    provider: str
    requirement: Requirement = "REQUIRED"
    config: tuple[tuple[str, str], ...] = ()


class Part(NamedTuple):
    """Steps that belong together. Alternatives must not stand beside anything required, so they get a part."""

    alias: str
    requirement: Requirement
    steps: "tuple[Step | Part, ...]"


class Flow(NamedTuple):
    """A whole sign-on. kind: what it stands in for at a client."""

    alias: str
    kind: Literal["browser", "direct_grant"]
    steps: tuple[Step | Part, ...]


def _proving(provider: str, requirement: Requirement = "REQUIRED") -> Step:
    """A step that says in `amr` that it was taken."""
    method = METHODS[provider]
    return Step(provider, requirement, (("default.reference.maxAge", _LONGEST), ("default.reference.value", method)))


_LONGEST = str(settings(RealmDeclaration(campuses=("any",), web_redirect_uris=()))["ssoSessionMaxLifespan"])

RESET_FLOW = Flow(
    "his second factor",
    "direct_grant",
    (Step("direct-grant-validate-username"), Step("direct-grant-validate-otp")),
)
PASSWORD_FLOW = Flow(
    "his password", "direct_grant", (Step("direct-grant-validate-username"), Step("direct-grant-validate-password"))
)
KEY_FLOW = Flow("his security key", "browser", (_proving("webauthn-authenticator-passwordless"),))
"""Nobody is asked for a name: the key says whose it is, so names cannot be tried, and whoever has none gets no page on
which to bind one."""
PARTNER_FLOW = Flow(
    "his partner",
    "browser",
    (
        Part(
            "his partner sign-on",
            "REQUIRED",
            (
                Step("auth-cookie", "ALTERNATIVE"),
                Part(
                    "his partner forms",
                    "ALTERNATIVE",
                    (
                        _proving("auth-username-password-form"),
                        Part(
                            "his partner second factor",
                            "CONDITIONAL",
                            (
                                Step("conditional-user-configured"),
                                _proving("auth-otp-form", "ALTERNATIVE"),
                                _proving("webauthn-authenticator", "ALTERNATIVE"),
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Part(
            "his partner password due",
            "CONDITIONAL",
            (
                Step(
                    "conditional-user-attribute",
                    config=(
                        ("attribute_expected_value", ".+"),
                        ("attribute_name", "password_due"),
                        ("not", "false"),
                        ("regex", "true"),
                    ),
                ),
                # To deny would count as a wrong password and lock whoever opens pictures of five patients.
                Step("identity-provider-redirector", config=(("defaultProvider", PAGE_PROVIDER),)),
            ),
        ),
    ),
)
"""As everybody's sign-on; whose password is due is led to our page instead of into the program, by whatever way he was
signed on."""
FLOWS = {RESET_CLIENT: RESET_FLOW, PASSWORD_CLIENT: PASSWORD_FLOW}
"""Clients whose sign-on has no page."""


def bindings(declaration: RealmDeclaration) -> dict[str, Flow]:
    """Client -> the flow that stands in for the server's own."""
    bound = {}
    if declaration.self_reset:
        bound[RESET_CLIENT] = RESET_FLOW
    if declaration.certificates:
        bound[PASSWORD_CLIENT] = PASSWORD_FLOW
    if declaration.password_page:
        bound[KEY_CLIENT] = KEY_FLOW
        bound |= {partner.client_id: PARTNER_FLOW for partner in declaration.partners}
        bound |= {program.entity_id: PARTNER_FLOW for program in declaration.saml_partners}
    return bound


def keep_flows(admin: KeycloakAdmin, declaration: RealmDeclaration, report: Report) -> None:
    """Make every client's sign-on the declared one."""
    wanted = bindings(declaration)
    kept = {flow.alias: _keep_flow(admin, flow) for flow in sorted(set(wanted.values()), key=lambda one: one.alias)}
    for client in admin.get_clients():
        client_id = client["clientId"]
        flow = wanted.get(client_id)
        changed, flow_id = kept[flow.alias] if flow is not None else (False, "")
        bound = {flow.kind: flow_id} if flow is not None else {}
        has = client.get("authenticationFlowBindingOverrides", {})
        if has != bound:
            changed = True
            body = {"clientId": client_id, "authenticationFlowBindingOverrides": {**dict.fromkeys(has, ""), **bound}}
            # Left out, the server makes them up from the addresses.
            origins = client.get("webOrigins", [])
            admin.update_client(client["id"], {"id": client["id"], "webOrigins": origins, **body})
        if flow is not None or changed:
            report.count(f"sign-on steps of client {client_id}", changed)


def _keep_flow(admin: KeycloakAdmin, flow: Flow) -> tuple[bool, str]:
    """Make a flow consist of exactly its steps; whether anything was otherwise, and the flow's id."""
    flows = {one["alias"]: one["id"] for one in call(admin, "get", "authentication/flows")}
    changed = flow.alias not in flows
    if changed:
        body = {"alias": flow.alias, "providerId": "basic-flow", "topLevel": True, "builtIn": False}
        call(admin, "post", "authentication/flows", {**body, "description": "of the hospital information system"})
        flows = {one["alias"]: one["id"] for one in call(admin, "get", "authentication/flows")}
    steps = call(admin, "get", _path(flow.alias))
    if [_shape(step) for step in steps] != list(_shapes(flow.steps)):
        changed = True
        for step in steps:
            if step["level"] == 0:  # with what is beneath
                call(admin, "delete", f"authentication/executions/{step['id']}")
        _add(admin, flow.alias, flow.steps)
        steps = call(admin, "get", _path(flow.alias))
        for step, (_, _, requirement) in zip(steps, _shapes(flow.steps), strict=True):
            call(admin, "put", _path(flow.alias), {**step, "requirement": requirement})
    for step, declared in zip(steps, _every(flow.steps), strict=True):
        if isinstance(declared, Step) and declared.config:
            changed |= _configured(admin, flow, step, dict(declared.config))
    return changed, flows[flow.alias]


def _configured(admin: KeycloakAdmin, flow: Flow, step: Representation, config: Mapping[str, str]) -> bool:
    known = step.get("authenticationConfig")
    body = {"alias": f"{flow.alias} {step['providerId']}", "config": dict(config)}
    if known is None:
        call(admin, "post", f"authentication/executions/{step['id']}/config", body)
        return True
    if call(admin, "get", f"authentication/config/{known}").get("config") == config:
        return False
    call(admin, "put", f"authentication/config/{known}", {**body, "id": known})
    return True


def _add(admin: KeycloakAdmin, parent: str, steps: Sequence[Step | Part]) -> None:
    for one in steps:
        if isinstance(one, Part):
            body = {"alias": one.alias, "type": "basic-flow", "provider": "registration-page-form", "description": ""}
            call(admin, "post", f"{_path(parent)}/flow", body)
            _add(admin, one.alias, one.steps)
        else:
            call(admin, "post", f"{_path(parent)}/execution", {"provider": one.provider})


def _every(steps: Sequence[Step | Part]) -> Iterator[Step | Part]:
    for one in steps:
        yield one
        if isinstance(one, Part):
            yield from _every(one.steps)


def _shapes(steps: Sequence[Step | Part], level: int = 0) -> Iterator[tuple[int, str, str]]:
    for one in steps:
        yield level, one.alias if isinstance(one, Part) else one.provider, one.requirement
        if isinstance(one, Part):
            yield from _shapes(one.steps, level + 1)


def _shape(step: Mapping[str, Any]) -> tuple[int, str, str]:
    return step["level"], step.get("providerId") or step["displayName"], step["requirement"]


def _path(alias: str) -> str:
    return f"authentication/flows/{alias.replace(' ', '%20')}/executions"
