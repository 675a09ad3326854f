"""The account the product keeps its realm with: enough for all it does, and nothing beyond the realm."""

import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest
from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakAuthenticationError, KeycloakError

from infra.local.login import device_login
from shared.identity.accounts import shut_strangers, sync_staff
from shared.identity.keycloak_admin import connect_directory
from shared.identity.problems import TokenInvalid
from shared.identity.provisioning import provision
from shared.identity.realm import DIRECTORY_CLIENT, DIRECTORY_ROLES, PartnerDeclaration
from shared.settings import Settings
from tests.conformance.realm import Realm, provisioned_realm

SECRET = secrets.token_urlsafe(24)
ACCOUNT = f"service-account-{DIRECTORY_CLIENT}"


@pytest.fixture(scope="module")
def realm(keycloak) -> Iterator[Realm]:
    with provisioned_realm(keycloak) as one:
        one.declaration = replace(one.declaration, directory_secret=SECRET)
        one.provision()
        yield one


def directory(realm: Realm, secret: str = SECRET) -> KeycloakAdmin:
    return connect_directory(Settings(keycloak_url=realm.url, keycloak_realm=realm.name), secret)


def roles_held(realm: Realm) -> set[str]:
    admin = realm.admin
    account = admin.get_client_service_account_user(admin.get_client_id(DIRECTORY_CLIENT))
    management = admin.get_client_id("realm-management")
    return {role["name"] for role in admin.get_client_roles_of_user(account["id"], management)}


def test_the_product_finds_its_realm_as_the_operator_left_it(realm: Realm) -> None:
    report = provision(directory(realm), realm.declaration)
    assert (report.changes, report.drift) == ([], ())
    assert roles_held(realm) == DIRECTORY_ROLES


def test_it_does_everything_a_day_asks(realm: Realm) -> None:
    """Another campus, a program, people and posts, what was made by hand; then back again."""
    door, person = directory(realm), realm.person()
    partner = PartnerDeclaration("hqms", "上报程序", ("https://hqms.example/*",))
    wider = replace(realm.declaration, campuses=("hq", "mch", "zx"), partners=(partner,))
    opened = provision(door, wider)
    assert {"group /zx", "client partner-hqms"} <= set(opened.created)
    moved = replace(person, posts={"zx": ["registrar"]})
    assert sync_staff(door, [moved]).created == [f"post /zx/registrar of {person.staff_no}"]
    realm.admin.create_user({"username": "ghost", "firstName": "鬼", "enabled": True})
    assert shut_strangers(door, lambda: {moved.username}).removed == ["account ghost without a person"]
    his = realm.admin.get_client_id("his")
    realm.admin.create_client_role(his, {"name": "payments.billing.steal"})
    realm.admin.update_realm(realm.name, {"realm": realm.name, "accessTokenLifespan": 9999})
    repaired = provision(door, wider)
    assert set(repaired.drift) == {"client role payments.billing.steal", "realm settings"}
    sync_staff(door, [person])
    provision(door, realm.declaration)
    assert provision(door, realm.declaration).changes == []


def test_it_reaches_nothing_beyond_the_realm_and_cannot_raise_itself(realm: Realm) -> None:
    door = directory(realm)
    assert [one["realm"] for one in door.get_realms()] == [realm.name]
    with pytest.raises(KeycloakError) as refused:
        door.create_realm({"realm": f"{realm.name}-other"})
    assert refused.value.response_code == 403
    door.change_current_realm("master")
    with pytest.raises(KeycloakError) as refused:
        door.get_users()
    assert refused.value.response_code == 403
    door.change_current_realm(realm.name)
    management = door.get_client_id("realm-management")
    account = door.get_client_service_account_user(door.get_client_id(DIRECTORY_CLIENT))
    with pytest.raises(KeycloakError) as refused:
        door.assign_client_role(account["id"], management, [door.get_client_role(management, "realm-admin")])
    assert refused.value.response_code == 403
    assert roles_held(realm) == DIRECTORY_ROLES


def test_no_function_takes_its_token(realm: Realm) -> None:
    tokens = device_login(realm.url, realm.name, DIRECTORY_CLIENT, SECRET)
    with pytest.raises(TokenInvalid):
        realm.verifier().verify(tokens.access)


def test_more_given_to_it_by_hand_is_taken_back_and_what_was_taken_is_given(realm: Realm) -> None:
    admin = realm.admin
    management = admin.get_client_id("realm-management")
    account = admin.get_client_service_account_user(admin.get_client_id(DIRECTORY_CLIENT))
    admin.assign_client_role(account["id"], management, [admin.get_client_role(management, "realm-admin")])
    admin.delete_client_roles_of_user(account["id"], management, [admin.get_client_role(management, "impersonation")])
    report = realm.provision()
    assert report.changes == [f"realm-management role of {ACCOUNT}"]
    assert report.drift == tuple(report.changes)
    assert roles_held(realm) == DIRECTORY_ROLES


def test_another_secret_takes_the_place_of_the_old_one(realm: Realm) -> None:
    changed = replace(realm.declaration, directory_secret=f"{SECRET}-2")
    report = realm.provision(changed)
    assert report.changes == [f"secret of client {DIRECTORY_CLIENT}"]
    with pytest.raises(KeycloakAuthenticationError):
        directory(realm).get_realms()
    assert provision(directory(realm, f"{SECRET}-2"), changed).changes == []
    assert "secret" not in repr(changed).replace("directory_secret", "")
    assert SECRET not in repr(changed)
    realm.provision()
    assert roles_held(realm) == DIRECTORY_ROLES
