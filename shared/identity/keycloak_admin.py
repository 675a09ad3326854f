"""The administrator's connection to Keycloak, and what provisioning and account keeping report."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import requests
from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakError, raise_error_from_response

from shared.identity.realm import DIRECTORY_CLIENT
from shared.settings import Settings

FAILURES = (KeycloakError, requests.RequestException)
"""Whatever the server answers but success, and whatever the network throws."""
_AGAIN = 4
"""How often work on the realm is begun anew because somebody else was at it."""

Result = TypeVar("Result")

_idle: dict[tuple[str, ...], list[KeycloakAdmin]] = {}
"""Connections nobody uses, by what they were opened with: signed on already, with an open socket."""
_MAX_IDLE = 4


@dataclass(slots=True)
class Report:
    """What a run changed, one line per object ("client role outpatient.registration.read")."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Objects the server would not take, with the likely reason."""
    unchanged: int = 0
    drift: tuple[str, ...] = ()
    """Changes although the declaration is the one of the last run: somebody's handiwork, to be alarmed."""

    @property
    def changes(self) -> list[str]:
        return [*self.created, *self.updated, *self.removed]

    def count(self, what: str, changed: bool) -> None:
        """An object that stood there already: repaired, or found in order."""
        if changed:
            self.updated.append(what)
        else:
            self.unchanged += 1

    def add(self, later: "Report") -> None:
        """What another run changed after this one."""
        self.created.extend(later.created)
        self.updated.extend(later.updated)
        self.removed.extend(later.removed)
        self.refused.extend(later.refused)
        self.unchanged += later.unchanged
        self.drift += later.drift


def connect(settings: Settings) -> KeycloakAdmin:
    """The administrator's connection, working in our realm and signed on in `master`."""
    return KeycloakAdmin(
        server_url=f"{settings.keycloak_url}/",
        username=settings.keycloak_admin,
        password=settings.keycloak_admin_password,
        realm_name=settings.keycloak_realm,
        user_realm_name="master",
        timeout=30,
    )


def connect_directory(settings: Settings, secret: str) -> KeycloakAdmin:
    """The connection of the product's own account (realm.DIRECTORY_CLIENT): in our realm, and nowhere else."""
    return KeycloakAdmin(
        server_url=f"{settings.keycloak_url}/",
        client_id=DIRECTORY_CLIENT,
        client_secret_key=secret,
        realm_name=settings.keycloak_realm,
        user_realm_name=settings.keycloak_realm,
        timeout=30,
    )


@contextmanager
def borrowed(settings: Settings, secret: str) -> Iterator[KeycloakAdmin]:
    """A connection of the product's own account, or of the administrator where there is no secret, for one operation.

    Opening one costs 40 ms of a processor and a sign-on, most of what changing over at a workstation would take, so
    they are used again; but for those on which anything failed.
    """
    idle = _idle.setdefault((settings.keycloak_url, settings.keycloak_realm, secret), [])
    try:
        admin = idle.pop()
    except IndexError:
        admin = connect_directory(settings, secret) if secret else connect(settings)
    yield admin
    if len(idle) < _MAX_IDLE:
        idle.append(admin)


def call(
    admin: KeycloakAdmin, verb: Literal["get", "post", "put", "delete"], path: str, body: Any = None, **query: Any
) -> Any:
    """One call below the current realm, for what the library has no method for or none without extra look-ups."""
    url = f"admin/realms/{admin.get_current_realm()}/{path}"
    connection = admin.connection
    if verb == "get":
        answer = connection.raw_get(url, **query)
    elif verb == "post":
        answer = connection.raw_post(url, data=json.dumps(body))
    elif verb == "put":
        answer = connection.raw_put(url, data=json.dumps(body))
    else:
        answer = connection.raw_delete(url, **({} if body is None else {"data": json.dumps(body)}))
    return raise_error_from_response(answer, {})


def together(work: Callable[[], Result]) -> Result:
    """Run what makes the realm as it should be, and again when somebody else was doing the same at this moment.

    Whoever comes second is told that something is there already (409) or is gone (404): what is left to do is seen by
    looking anew. Raises the last refusal when that does not end.
    """
    for attempt in range(_AGAIN):
        try:
            return work()
        except KeycloakError as error:
            if error.response_code not in (404, 409):
                raise
        time.sleep(0.3 * 2**attempt)
    return work()


def device_secret(admin: KeycloakAdmin, client_id: str) -> str:
    """The secret a device signs on with, to be put into it once and shown to nobody. Raises KeyError."""
    internal_id = admin.get_client_id(client_id)
    if internal_id is None:
        raise KeyError(client_id)
    return str(admin.get_client_secrets(internal_id)["value"])
