"""Provisioning the realm on the real Keycloak: idempotent, and whatever is changed by hand is put right."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from uuid import uuid4

import pytest

from shared.identity.accounts import StaffAccount, sync_staff
from shared.identity.keycloak_admin import call
from shared.identity.posts import POSTS, Post
from shared.identity.provisioning import provision
from tests.conformance.realm import REDIRECT


@pytest.mark.case("42", 1)
def test_an_empty_realm_is_provisioned_in_seconds_and_without_alarm(realm):
    assert {f"realm {realm.name}", "client his", "client his-web", "group /mch/registrar"} <= set(
        realm.first_report.created
    )
    assert realm.first_report.drift == ()


@pytest.mark.case("42", 1)
def test_provisioning_again_changes_nothing(realm):
    report = realm.provision()
    assert report.changes == []
    assert report.unchanged > len(realm.declaration.permissions) + 2 * len(realm.declaration.posts)


@pytest.mark.case("42", 1)
def test_what_was_deleted_by_hand_comes_back(realm):
    admin, his = realm.admin, realm.admin.get_client_id("his")
    admin.delete_client_role(his, "payments.billing.approve")
    admin.delete_client_role(his, "post:registrar")
    admin.delete_group(admin.get_group_by_path("/mch/finance")["id"])
    admin.delete_group(admin.get_group_by_path("/hq")["id"])
    admin.delete_client(admin.get_client_id("device-mch-bridge"))
    report = realm.provision()
    assert {
        "client role payments.billing.approve",
        "client role post:registrar",
        "group /mch/finance",
        "group /hq",
        "group /hq/registrar",
        "client device-mch-bridge",
    } <= set(report.created)
    assert {"client role post:cashier_lead", "group /mch/registrar"} == set(report.updated)
    assert report.removed == []
    assert report.drift == tuple(report.changes)
    assert realm.provision().changes == []


@pytest.mark.case("41", 4)
def test_what_was_added_by_hand_is_gone(realm):
    admin, his = realm.admin, realm.admin.get_client_id("his")
    admin.create_client_role(his, {"name": "payments.billing.steal"})
    admin.create_realm_role({"name": "boss"})
    hq, doctor = admin.get_group_by_path("/hq"), admin.get_group_by_path("/hq/outpatient_doctor")
    steal, boss = admin.get_client_role(his, "payments.billing.steal"), admin.get_realm_role("boss")
    admin.assign_group_client_roles(doctor["id"], his, [steal])
    admin.assign_group_realm_roles(hq["id"], [boss])
    admin.add_composite_client_roles_to_role(his, "post:registrar", [steal])
    admin.create_group({"name": "zz"})
    admin.create_group({"name": "emperor"}, parent=hq["id"])
    admin.create_group({"name": "deputy"}, parent=doctor["id"])
    report = realm.provision()
    assert set(report.removed) == {
        "client role payments.billing.steal",
        "realm role boss",
        "group /zz",
        "group /hq/emperor",
        "group /hq/outpatient_doctor/deputy",
    }
    assert set(report.updated) == {"client role post:registrar", "group /hq", "group /hq/outpatient_doctor"}
    assert report.created == []
    assert report.drift == tuple(report.changes)
    assert realm.provision().changes == []


@pytest.mark.case("41", 4)
def test_policies_and_clients_changed_by_hand_are_put_right(realm):
    admin = realm.admin
    web, scope = realm.client("his-web"), admin.get_client_scope_by_name("his")
    admin.update_realm(realm.name, {"realm": realm.name, "accessTokenLifespan": 36000, "revokeRefreshToken": False})
    admin.update_client(
        web["id"],
        {
            "id": web["id"],
            "clientId": "his-web",
            "directAccessGrantsEnabled": True,
            "redirectUris": [REDIRECT, "https://evil.example/*"],
            "attributes": {**web["attributes"], "pkce.code.challenge.method": ""},
        },
    )
    roles = admin.get_client_scope_by_name("roles")
    call(admin, "put", f"clients/{web['id']}/default-client-scopes/{roles['id']}", {})
    forged = {
        "name": "forged",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": {"claim.name": "staff_id", "claim.value": "x", "access.token.claim": "true"},
    }
    admin.add_mapper_to_client(web["id"], forged)
    admin.add_mapper_to_client_scope(scope["id"], forged)
    posts = next(mapper for mapper in scope["protocolMappers"] if mapper["name"] == "posts")
    posts["config"]["full.path"] = "false"
    admin.update_mapper_in_client_scope(scope["id"], posts["id"], posts)
    profile = admin.get_realm_users_profile()
    admin.update_realm_users_profile({**profile, "unmanagedAttributePolicy": "ENABLED"})
    report = realm.provision()
    assert set(report.updated) == {"realm settings", "user profile", "client his-web", "claim of scope his posts"}
    assert set(report.removed) == {"claim of client his-web forged", "claim of scope his forged"}
    assert report.drift
    repaired = realm.client("his-web")
    assert repaired["directAccessGrantsEnabled"] is False
    assert repaired["redirectUris"] == [REDIRECT]
    assert repaired["defaultClientScopes"] == ["his"]
    assert repaired["attributes"]["pkce.code.challenge.method"] == "S256"
    assert admin.get_realm(realm.name)["accessTokenLifespan"] == 300
    assert realm.provision().changes == []


@pytest.mark.case("41", 4)
def test_a_client_made_by_hand_is_shut(realm):
    realm.admin.create_client({"clientId": "backdoor", "publicClient": True, "directAccessGrantsEnabled": True})
    assert realm.provision().removed == ["client backdoor"]
    assert realm.client("backdoor")["enabled"] is False
    assert realm.provision().changes == []
    realm.admin.delete_client(realm.admin.get_client_id("backdoor"))


def test_a_change_of_the_declaration_leaves_people_to_the_comparison(realm):
    admin, person = realm.admin, realm.person()
    client = admin.get_client_id("his")
    role = admin.get_client_role(client, "patients.index.read")
    admin.assign_client_role(str(person.staff_id), client, [role])
    wider = replace(realm.declaration, campuses=("hq", "mch", "people"))
    changed = provision(admin, wider, people=False)
    assert "group /people" in changed.created
    assert changed.removed == []
    compared = realm.provision(wider)
    assert compared.drift == (f"client role patients.index.read of {person.username}",)
    realm.provision()


@pytest.mark.case("41", 4)
def test_nobody_of_the_realm_may_administer_it(realm):
    admin, person = realm.admin, realm.person()
    management = admin.get_client_id("realm-management")
    admin.assign_client_role(str(person.staff_id), management, [admin.get_client_role(management, "realm-admin")])
    assert realm.provision().removed == [f"realm-management role realm-admin of {person.username}"]
    assert admin.get_client_roles_of_user(str(person.staff_id), management) == []


def test_a_new_release_is_no_drift_and_a_withdrawn_post_goes(realm):
    nurse = Post("nurse", "护士", frozenset({"patients.index.read"}))
    wider = replace(realm.declaration, campuses=("hq", "mch", "zx"), posts={**POSTS, "nurse": nurse})
    opened = realm.provision(wider)
    assert {"client role post:nurse", "group /hq/nurse", "group /zx", "group /zx/nurse"} <= set(opened.created)
    assert opened.drift == ()
    assert realm.provision(wider).changes == []
    closed = realm.provision()
    assert {"client role post:nurse", "group /mch/nurse", "group /zx"} <= set(closed.removed)
    assert closed.drift == ()
    assert realm.provision().changes == []


def test_two_at_once_do_what_one_does(realm):
    """The operator's command and the sign-on's own minute meet at a new campus."""
    wanted = replace(realm.declaration, campuses=("hq", "mch", "tcm"))
    people = [StaffAccount(f"T{number}", "覃志明", uuid4()) for number in range(3)]
    start = Barrier(2)

    def run(admin):
        start.wait()
        provision(admin, wanted)
        return sync_staff(admin, people)

    with ThreadPoolExecutor(2) as pool:
        reports = [done.result() for done in [pool.submit(run, admin) for admin in (realm.admin, realm.connect())]]
    assert [report.refused for report in reports] == [[], []]
    assert sum(len(report.created) for report in reports) == len(people)
    assert realm.provision(wanted).changes == []
    realm.provision()
