"""A realm of its own on the real Keycloak for one test file, and people to sign on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from keycloak import KeycloakAdmin

from infra.local.login import Tokens, login, refresh
from shared.identity.accounts import StaffAccount, sync_staff
from shared.identity.keycloak_admin import Report, connect
from shared.identity.provisioning import provision
from shared.identity.realm import DeviceDeclaration, RealmDeclaration
from shared.identity.tokens import TokenVerifier
from shared.settings import Settings

REDIRECT = "http://127.0.0.1:8000/"
PASSWORD = "Correct-horse-42"
BRIDGE = DeviceDeclaration("bridge", "mch", "bridge", "妇幼分院网桥")


class Realm:
    """A provisioned realm of this test file, and people to sign on."""

    def __init__(
        self,
        url: str,
        settings: Settings,
        admin: KeycloakAdmin,
        declaration: RealmDeclaration,
        first: Report,
        seconds: float,
    ) -> None:
        self._settings = settings
        self.first_report = first
        self.first_seconds = seconds
        self.url = url
        self.admin = admin
        self.declaration = declaration
        self.name = declaration.realm
        self.issuer = f"{url}/realms/{self.name}"
        self.endpoint = f"{self.issuer}/protocol/openid-connect"

    def verifier(self) -> TokenVerifier:
        return TokenVerifier(self.issuer, "his", f"{self.endpoint}/certs")

    def person(self, **more) -> StaffAccount:
        """A new member of staff with an account and a password."""
        number = uuid4()
        given = {"initial_password": PASSWORD, "must_change_password": False, **more}
        person = StaffAccount(f"S{number.hex[:10]}", "王小明", number, **given)
        assert sync_staff(self.admin, [person]).created == [f"account {person.staff_no}"]
        return person

    def login(self, person: StaffAccount, password: str = PASSWORD) -> Tokens:
        return login(self.url, self.name, person.username, password, redirect_uri=REDIRECT)

    def refresh(self, tokens: Tokens) -> Tokens:
        return refresh(self.url, self.name, tokens)

    def provision(self, declaration: RealmDeclaration | None = None) -> Report:
        return provision(self.admin, declaration or self.declaration)

    def connect(self) -> KeycloakAdmin:
        """Another administrator, at work in this realm."""
        return connect(self._settings)

    def client(self, client_id: str) -> dict:
        return self.admin.get_client(self.admin.get_client_id(client_id))


@contextmanager
def provisioned_realm(keycloak) -> Iterator[Realm]:
    """Provisions an empty realm with two campuses and a bridge; deletes it at the end."""
    url = keycloak.url.rstrip("/")
    declaration = RealmDeclaration(
        campuses=("hq", "mch"), web_redirect_uris=(REDIRECT,), realm=f"test-{uuid4().hex[:8]}", devices=(BRIDGE,)
    )
    settings = Settings(
        keycloak_url=url,
        keycloak_realm=declaration.realm,
        keycloak_admin=keycloak.admin_user,
        keycloak_admin_password=keycloak.admin_password,
    )
    admin = connect(settings)
    started = time.perf_counter()
    first = provision(admin, declaration)
    realm = Realm(url, settings, admin, declaration, first, time.perf_counter() - started)
    try:
        yield realm
    finally:
        admin.delete_realm(declaration.realm)
