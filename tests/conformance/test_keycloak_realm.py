"""The realm on the real Keycloak: provisioning, sign-on, accounts, lock-out, rotation."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import pytest
from keycloak import KeycloakAdmin

from infra.local.login import LoginRefused, Tokens, TokenSource, device_login, login, refresh
from shared.identity.accounts import StaffAccount, sync_staff
from shared.identity.keycloak_admin import call, device_secret
from shared.identity.posts import POSTS, Post
from shared.identity.problems import TokenInvalid
from shared.identity.provisioning import provision
from shared.identity.realm import DeviceDeclaration, RealmDeclaration
from shared.identity.tokens import TokenVerifier

REDIRECT = "http://127.0.0.1:8000/"
PASSWORD = "Correct-horse-42"
BRIDGE = DeviceDeclaration("bridge", "mch", "bridge", "妇幼分院网桥")


class Realm:
    """A provisioned realm of this test file, and people to sign on."""

    def __init__(self, url: str, admin: KeycloakAdmin, declaration: RealmDeclaration) -> None:
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

    def provision(self, declaration: RealmDeclaration | None = None):
        return provision(self.admin, declaration or self.declaration)

    def client(self, client_id: str) -> dict:
        return self.admin.get_client(self.admin.get_client_id(client_id))


@pytest.fixture(scope="module")
def realm(keycloak) -> Iterator[Realm]:
    url = keycloak.url.rstrip("/")
    declaration = RealmDeclaration(
        campuses=("hq", "mch"), web_redirect_uris=(REDIRECT,), realm=f"test-{uuid4().hex[:8]}", devices=(BRIDGE,)
    )
    admin = KeycloakAdmin(
        server_url=f"{url}/",
        username=keycloak.admin_user,
        password=keycloak.admin_password,
        realm_name=declaration.realm,
        user_realm_name="master",
    )
    started = time.perf_counter()
    report = provision(admin, declaration)
    assert time.perf_counter() - started < 15
    assert f"realm {declaration.realm}" in report.created
    assert report.drift == ()
    yield Realm(url, admin, declaration)
    admin.delete_realm(declaration.realm)


# Provisioning


@pytest.mark.case("42", 1)
def test_provisioning_again_changes_nothing(realm):
    started = time.perf_counter()
    report = realm.provision()
    assert time.perf_counter() - started < 5
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


# Signing on


def test_a_sign_on_yields_a_token_the_functions_accept(realm):
    person = realm.person(posts={"hq": ["registrar"], "mch": ["cashier_lead", "finance"]})
    before = int(time.time())
    tokens = realm.login(person)
    actor = realm.verifier().verify(tokens.access)
    assert (actor.kind, actor.name, actor.staff_id) == ("staff", "王小明", person.staff_id)
    assert actor.subject == str(person.staff_id)
    assert actor.posts == {"hq": {"registrar"}, "mch": {"cashier_lead", "finance"}}
    assert actor.may("payments.cashier.write", "hq")
    assert not actor.may("payments.cashier.write", "mch")
    assert actor.client == "his-web"
    assert actor.session_id
    assert actor.signed_on_at is not None
    assert before <= actor.signed_on_at.timestamp() <= time.time() + 1
    assert 290 < tokens.expires_at - before <= 302


def test_the_token_of_the_largest_person_stays_small(realm):
    campuses = ("hq", "mch", "zx")
    further = [f"post_of_some_length_{n:02}" for n in range(20 - len(POSTS))]
    posts = {**POSTS, **{code: Post(code, code, frozenset()) for code in further}}
    realm.provision(replace(realm.declaration, campuses=campuses, posts=posts))
    try:
        person = realm.person(posts={campus: list(posts) for campus in campuses})
        token = realm.login(person).access
        assert len(realm.verifier().verify(token).posts["zx"]) == len(posts) >= 20
        assert len(token) < 4096
    finally:
        realm.provision()


def test_without_proof_of_possession_no_code_is_given(realm):
    asked = {"client_id": "his-web", "redirect_uri": REDIRECT, "scope": "openid", "state": "s"}
    for wrong in (
        {"response_type": "code"},
        {"response_type": "code", "code_challenge": "x" * 43, "code_challenge_method": "plain"},
        {"response_type": "token"},
        {"response_type": "id_token token", "nonce": "n"},
    ):
        answer = httpx.get(f"{realm.endpoint}/auth", params={**asked, **wrong}, trust_env=False)
        assert answer.status_code == 302
        assert "error=" in answer.headers["Location"]
    elsewhere = {**asked, "response_type": "code", "redirect_uri": "https://evil.example/"}
    assert httpx.get(f"{realm.endpoint}/auth", params=elsewhere, trust_env=False).status_code == 400


def test_no_client_takes_a_password_directly(realm):
    person = realm.person()
    form = {"grant_type": "password", "username": person.username, "password": PASSWORD}
    for client in realm.admin.get_clients():
        assert not client["directAccessGrantsEnabled"], client["clientId"]
        assert not client["implicitFlowEnabled"], client["clientId"]
        answer = httpx.post(f"{realm.endpoint}/token", data={**form, "client_id": client["clientId"]}, trust_env=False)
        assert answer.status_code in {400, 401}
    assert realm.login(person).access


def test_a_token_of_another_client_of_the_realm_is_for_another_audience(realm):
    person = realm.person(posts={"hq": ["registrar"]})
    admin = realm.admin
    other = {
        "clientId": "regional-platform",
        "publicClient": True,
        "redirectUris": [REDIRECT],
        "standardFlowEnabled": True,
    }
    admin.create_client(other)
    try:
        tokens = login(realm.url, realm.name, person.username, PASSWORD, "regional-platform", redirect_uri=REDIRECT)
        with pytest.raises(TokenInvalid):
            realm.verifier().verify(tokens.access)
    finally:
        admin.delete_client(admin.get_client_id("regional-platform"))


def test_a_refresh_token_works_once_and_its_theft_ends_the_session(realm):
    first = realm.login(realm.person())
    second = realm.refresh(first)
    assert realm.verifier().verify(second.access).kind == "staff"
    with pytest.raises(LoginRefused):
        realm.refresh(first)
    with pytest.raises(LoginRefused):
        realm.refresh(second)


@pytest.mark.case("42", 5)
def test_five_wrong_passwords_lock_and_the_right_one_is_answered_alike(realm):
    person = realm.person()
    answers = []
    for _ in range(5):
        with pytest.raises(LoginRefused) as refusal:
            realm.login(person, "wrong")
        answers.append(str(refusal.value))
    with pytest.raises(LoginRefused) as locked:
        realm.login(person)
    with pytest.raises(LoginRefused) as unknown:
        login(realm.url, realm.name, "nobody", PASSWORD, redirect_uri=REDIRECT)
    assert {*answers, str(locked.value), str(unknown.value)} == {"无效的用户名或密码。"}
    status = realm.admin.get_bruteforce_detection_status(str(person.staff_id))
    assert status["disabled"] is True
    assert realm.admin.get_realm(realm.name)["waitIncrementSeconds"] == 900
    realm.admin.clear_bruteforce_attempts_for_user(str(person.staff_id))
    assert realm.login(person).access


@pytest.mark.case("42", 11)
def test_a_rotated_signing_key_costs_nobody_a_refusal(realm):
    person, verifier = realm.person(), realm.verifier()
    old = realm.login(person)
    assert verifier.verify(old.access).kind == "staff"
    realm.admin.create_component(
        {
            "name": "rotated",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": ["200"], "algorithm": ["RS256"], "keySize": ["2048"]},
        }
    )
    new = realm.refresh(old)
    assert new.access.split(".")[0] != old.access.split(".")[0]
    assert verifier.verify(new.access).kind == "staff"
    assert verifier.verify(old.access).kind == "staff"


def test_many_threads_share_one_sign_on(realm):
    person = realm.person()
    source = TokenSource(realm.url, realm.name, person.username, PASSWORD, redirect_uri=REDIRECT)
    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(lambda _: source.access_token(), range(16)))
    assert len(seen) == 1
    assert len(realm.admin.get_sessions(str(person.staff_id))) == 1


def test_a_device_signs_on_for_its_own_campus(realm):
    secret = device_secret(realm.admin, BRIDGE.client_id)
    actor = realm.verifier().verify(device_login(realm.url, realm.name, BRIDGE.client_id, secret).access)
    assert (actor.kind, actor.campus, actor.campuses) == ("device", "mch", {"mch"})
    assert actor.may("organisation.structure.read", "mch")
    assert not actor.may("organisation.structure.read", "hq")
    with pytest.raises(LoginRefused):
        device_login(realm.url, realm.name, BRIDGE.client_id, "wrong")
    with pytest.raises(KeyError):
        device_secret(realm.admin, "device-hq-nowhere")


def test_a_patient_account_is_bound_to_its_persons(realm):
    ids = [uuid4(), uuid4()]
    username = f"p{uuid4().hex[:10]}"
    realm.admin.create_user(
        {
            "username": username,
            "firstName": "李四",
            "enabled": True,
            "attributes": {"patient_ids": [str(i) for i in ids]},
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }
    )
    tokens = login(realm.url, realm.name, username, PASSWORD, redirect_uri=REDIRECT)
    actor = realm.verifier().verify(tokens.access)
    assert (actor.kind, actor.name, actor.patient_ids) == ("patient", "李四", frozenset(ids))


# Accounts


def test_keeping_accounts_is_idempotent_and_follows_the_posts(realm):
    person = realm.person(posts={"hq": ["registrar"], "mch": ["registrar"]})
    assert sync_staff(realm.admin, [person]).changes == []
    tokens = realm.login(person)
    moved = replace(person, name="王大明", posts={"mch": ["schedule_clerk"]})
    report = sync_staff(realm.admin, [moved])
    assert set(report.removed) == {f"post /{campus}/registrar of {person.staff_no}" for campus in ("hq", "mch")}
    assert report.created == [f"post /mch/schedule_clerk of {person.staff_no}"]
    assert report.updated == [f"account {person.staff_no}"]
    actor = realm.verifier().verify(realm.refresh(tokens).access)
    assert (actor.name, actor.posts) == ("王大明", {"mch": {"schedule_clerk"}})


@pytest.mark.case("41", 4)
def test_a_post_given_by_hand_is_taken_back(realm):
    person = realm.person(posts={"hq": ["registrar"]})
    lead = realm.admin.get_group_by_path("/hq/cashier_lead")
    realm.admin.group_user_add(str(person.staff_id), lead["id"])
    assert sync_staff(realm.admin, [person]).removed == [f"post /hq/cashier_lead of {person.staff_no}"]
    assert sync_staff(realm.admin, [person]).changes == []


@pytest.mark.case("42", 4)
def test_a_leaver_is_out_at_once_and_remains_on_record(realm):
    person = realm.person(posts={"hq": ["registrar"]})
    tokens = realm.login(person)
    left = replace(person, enabled=False, posts={})
    assert sync_staff(realm.admin, [left]).updated == [f"account {person.staff_no}"]
    with pytest.raises(LoginRefused):
        realm.refresh(tokens)
    with pytest.raises(LoginRefused):
        realm.login(person)
    assert realm.admin.get_sessions(str(person.staff_id)) == []
    assert realm.admin.get_user(str(person.staff_id))["enabled"] is False
    assert sync_staff(realm.admin, [left]).changes == []
    assert sync_staff(realm.admin, [person]).updated == [f"account {person.staff_no}"]
    assert realm.login(person).access


def test_somebody_who_left_before_having_an_account_gets_none(realm):
    number = uuid4()
    never = StaffAccount(f"N{number.hex[:10]}", "未到岗", number, enabled=False)
    report = sync_staff(realm.admin, [never])
    assert (report.changes, report.unchanged) == ([], 1)
    assert realm.admin.get_users({"username": never.username}) == []


def test_a_weak_initial_password_is_refused_and_the_others_go_on(realm):
    def new(password: str) -> StaffAccount:
        number = uuid4()
        return StaffAccount(f"W{number.hex[:10]}", "新人", number, initial_password=password)

    weak = ["Short-1", "alllowercaseletters", "lowercase4242424", f"Ab1-{'x' * 3}"]
    people = [*map(new, weak), new(PASSWORD), new("三类字符Ab-and-so-on")]
    people.append(StaffAccount("W4242424242", "同名", uuid4(), initial_password="Xx-w4242424242-Xx"))
    report = sync_staff(realm.admin, people)
    assert [line.split(":")[0] for line in report.refused] == [
        f"account {person.staff_no}" for person in (*people[:4], people[-1])
    ]
    assert report.created == [f"account {person.staff_no}" for person in people[4:6]]
    assert "Short-1" not in repr(people)


def test_the_initial_password_must_be_changed_at_the_first_sign_on(realm):
    person = realm.person(must_change_password=True)
    with pytest.raises(LoginRefused, match="required-action"):
        realm.login(person)


def test_a_post_the_realm_does_not_know_stops_everything_before_it_starts(realm):
    number = uuid4()
    good = StaffAccount(f"G{number.hex[:10]}", "甲", number)
    bad = StaffAccount("S-bad", "乙", UUID(int=1), {"hq": ["emperor"]})
    with pytest.raises(ValueError, match="/hq/emperor"):
        sync_staff(realm.admin, [good, bad])
    assert realm.admin.get_users({"username": good.username}) == []


def test_a_whole_staff_is_compared_in_bulk_with_the_same_outcome(realm):
    numbers = [uuid4() for _ in range(45)]
    people = [StaffAccount(f"B{n.hex[:10]}", f"职工{i}", n, {"hq": ["registrar"]}) for i, n in enumerate(numbers)]
    assert len(sync_staff(realm.admin, people).created) == 45
    again = sync_staff(realm.admin, people)
    assert (again.changes, again.unchanged) == ([], 45)
    moved = [replace(people[0], posts={"mch": ["registrar"]}), replace(people[1], name="改名"), *people[2:]]
    report = sync_staff(realm.admin, moved)
    assert report.created == [f"post /mch/registrar of {people[0].staff_no}"]
    assert report.removed == [f"post /hq/registrar of {people[0].staff_no}"]
    assert report.updated == [f"account {people[1].staff_no}"]
    assert sync_staff(realm.admin, moved[:2]).changes == []
