"""Signing on at the real Keycloak: staff, devices, patients, lock-out, rotation, and the doors that stay shut."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import httpx
import jwt
import pytest

from infra.local.login import LoginRefused, TokenSource, device_login, login
from infra.local.process import until
from shared.identity.keycloak_admin import device_secret
from shared.identity.posts import POSTS, Post
from shared.identity.problems import TokenInvalid
from tests.conformance.realm import BRIDGE, PASSWORD, REDIRECT


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
    claims = jwt.decode(tokens.access, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 300


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

    def known() -> int:
        return int(realm.admin.get_bruteforce_detection_status(str(person.staff_id))["numFailures"])

    for tries in range(1, 6):  # it counts after its answer; nobody types faster than that
        with pytest.raises(LoginRefused) as refusal:
            realm.login(person, "wrong")
        answers.append(str(refusal.value))
        assert until(lambda tries=tries: known() == tries, 30.0), f"counted {known()} of {answers}"
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
