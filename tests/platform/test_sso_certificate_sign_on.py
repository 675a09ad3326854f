"""Sign-on by USB key at the real realm: one challenge, one signature, one session, and its tokens say how it came."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from functions.platform.sso import directory
from infra.local.keycloak import Keycloak
from shared.identity.keycloak_admin import call, device_secret
from shared.identity.realm import PASSWORD_CLIENT
from tests.platform.authority import Authority, Key, Sm2Authority, base64_of, pem_of
from tests.platform.beyond import SSO, enrolled
from tests.platform.beyond import signed_on as device_on
from tests.platform.conftest import BASE, ok, refused
from tests.platform.realm import PASSWORD, Totp, World, opened_world
from tests.support.hospital import Caller

ASK, SIGN_ON = f"{SSO}/certificate-challenges", f"{SSO}/certificate-sign-ons"
PRIVILEGED = f"{SSO}/idle-accounts"
"""A read only security administrators have."""


@pytest.fixture(scope="module")
def world(keycloak: Keycloak) -> Iterator[World]:
    with opened_world(keycloak) as one:
        yield one


@pytest.fixture(scope="module")
def root(world: World) -> Authority:
    one = Authority("甲 根")
    trusted(world, one.pem, one.list(), "hq", "mch")
    return one


@pytest.fixture(scope="module")
def station(world: World) -> Caller:
    return a_station(world)


def a_station(world: World, campus: str = "hq", kind: str = "workstation") -> Caller:
    return device_on(world, set(), enrolled(world, set(), f"c{uuid4().hex[:8]}", kind, campus))


def trusted(world: World, pem: str, crl: bytes, *campuses: str) -> str:
    officer = world.consortium.security
    row = ok(officer.post(f"{SSO}/trust-anchors", {"certificate": pem, "campuses": list(campuses)}))
    path = f"{SSO}/trust-anchors/{row['anchor_id']}"
    ok(world.consortium.second_security.post(f"{path}/confirm", {"fingerprint": row["fingerprint"], "version": 1}))
    ok(officer.post(f"{path}/revocation-lists", {"content": base64_of(crl)}))
    return str(row["anchor_id"])


def owned(world: World, person: UUID, pem: str, *, hand_out: bool = True) -> dict[str, Any]:
    body = {"certificate": pem, "key_place": "usb_key"}
    one = ok(world.consortium.security.post(f"{SSO}/staff/{person}/certificates", body))
    if hand_out:
        path = f"{SSO}/certificates/{one['certificate_id']}/hand-out"
        one = ok(world.consortium.second_security.post(path, {"version": one["version"]}))
    return dict(one)


def holder(world: World, root: Authority, *posts: str, **fields: Any) -> tuple[UUID, Key]:
    """Somebody with a USB key in hand."""
    person, key = world.person(*(posts or ("schedule_clerk",)), name="覃登录", **fields), root.issue("覃登录")
    owned(world, person, key.pem)
    return person, key


def signed(station: Caller, key: Key, **more: Any) -> dict[str, Any]:
    asked = ok(station.post(ASK))
    body = {"challenge_id": asked["challenge_id"], "certificate": key.pem, "signature": key.sign(asked["to_sign"])}
    return {**body, **more}


def opened(world: World, answer: Any) -> Caller:
    body = ok(answer)
    assert body["state"] == "done"
    return world.caller(body["access_token"])


def sessions_at(world: World, station: Caller) -> list[UUID]:
    sql = "SELECT staff_id FROM platform.workstation_sessions WHERE workstation = %s AND ended_at IS NULL"
    return [row["staff_id"] for row in world.hospital.rows(sql, [world.verify(station.token).name])]


def failures(world: World, person: UUID) -> list[str]:
    events = [one["data"] for one in world.hospital.events("login_failed")]
    return [one["reason"] for one in events if one["account_id"] == str(person) and one["way"] == "certificate"]


@contextmanager
def later(world: World, **by: float) -> Iterator[None]:
    world.hospital.clock.move(**by)
    try:
        yield
    finally:
        world.hospital.clock.offset = timedelta()


def test_a_signed_challenge_opens_one_session_and_its_tokens_say_how(
    world: World, root: Authority, station: Caller
) -> None:
    person, key = holder(world, root)
    body, again = signed(station, key), str(uuid4())
    me = opened(world, station.post(SIGN_ON, body, key=again))
    assert ok(station.post(SIGN_ON, body, key=again))["access_token"] == "", "given once"
    refused(station.post(SIGN_ON, body), 409, "certificate_challenge_gone")
    actor = world.verify(me.token)
    assert (actor.staff_id, actor.methods) == (person, {"x509"})
    assert actor.signed_on_at is not None
    assert abs((actor.signed_on_at - world.hospital.clock()).total_seconds()) < 60
    assert sessions_at(world, station) == [person]
    assert ok(me.get(f"{BASE}/my/rights"))
    assert [one["data"]["way"] for one in world.hospital.events("logged_in")][-1] == "certificate"
    entry = world.hospital.rows("SELECT * FROM platform.session_entries WHERE realm_session = %s", [actor.session_id])
    assert [(row["strong"], row["opened_here"]) for row in entry] == [(True, True)]
    kept = world.hospital.rows("SELECT body FROM kernel.idempotent_answers")
    assert not any(me.token.encode() in bytes(row["body"]) for row in kept)


def test_the_proof_is_of_this_session_lasts_through_renewal_and_the_comparison_and_cannot_be_made_by_hand(
    world: World, root: Authority, station: Caller
) -> None:
    person, key = holder(world, root)
    answer = ok(station.post(SIGN_ON, signed(station, key)))
    by_password = world.verify(world.sign_on(person)["access_token"])
    assert by_password.methods == {"pwd"}, "another session of the same person"
    world.minute()
    world.reconcile()
    form = {"grant_type": "refresh_token", "client_id": "his-web", "refresh_token": answer["refresh_token"]}
    with httpx.Client(trust_env=False) as http:
        renewed = http.post(f"{world.issuer}/protocol/openid-connect/token", data=form).json()["access_token"]
    assert world.verify(renewed).methods == {"x509"}
    drift = [line for one in world.hospital.events("drift_repaired") for line in one["data"]["lines"]]
    assert not [line for line in drift if world.username(person) in line.lower()]

    account = world.admin.get_user(str(person))
    [proof] = account["attributes"]["proofs"]
    forged = proof.replace(str(world.verify(renewed).session_id), str(by_password.session_id))
    account.pop("userProfileMetadata", None)
    more = {**account, "attributes": {**account["attributes"], "proofs": [proof, forged]}}
    call(world.admin, "put", f"users/{person}", more)
    world.reconcile()
    assert world.admin.get_user(str(person))["attributes"]["proofs"] == [proof]


def test_a_privileged_post_wants_the_password_beside_the_certificate(
    world: World, root: Authority, station: Caller
) -> None:
    person, key = holder(world, root, "security_admin")
    world.sign_on(person, otp=Totp())  # binds the telephone the post asks for
    alone = opened(world, station.post(SIGN_ON, signed(station, key)))
    answer = refused(alone.get(PRIVILEGED), 403, "second_factor_required")
    assert "CA 证书" in answer["detail"]
    body = signed(station, key, password=PASSWORD)
    both = opened(world, station.post(SIGN_ON, body))
    assert world.verify(both.token).methods == {"pwd", "x509"}
    ok(both.get(PRIVILEGED))
    kinds = {one["type"] for one in call(world.admin, "get", "events", max=200) if one.get("userId") == str(person)}
    assert "LOGIN_ERROR" not in kinds
    here = {one["id"] for one in world.admin.get_sessions(str(person))}
    asked = [one for one in world.admin.get_sessions(str(person)) if PASSWORD_CLIENT in one["clients"].values()]
    assert here
    assert asked == [], "what the check of the password opened is ended"
    everything = str(world.hospital.rows("SELECT * FROM kernel.audit_entries"))
    assert PASSWORD not in everything
    assert PASSWORD not in str(world.hospital.events())


def test_a_wrong_password_opens_nothing_and_counts_towards_the_lock(
    world: World, root: Authority, station: Caller
) -> None:
    person, key = holder(world, root)
    own = a_station(world)
    for _ in range(5):
        answer = own.post(SIGN_ON, signed(own, key, password="Falsch-falsch-1"))
        assert refused(answer, 401, "certificate_refused")["cause"] == "password"
    assert sessions_at(world, own) == []
    assert failures(world, person) == ["password"] * 5
    assert world.is_locked_out(person)
    assert (
        refused(own.post(SIGN_ON, signed(own, key, password=PASSWORD)), 401, "certificate_refused")["cause"]
        == "password"
    )


def test_a_challenge_is_of_one_workstation_one_campus_two_minutes_and_the_latest(
    world: World, root: Authority, station: Caller
) -> None:
    _, key = holder(world, root)
    other, there = a_station(world), a_station(world, "mch")
    body = signed(station, key)
    before = world.hospital.census()
    refused(other.post(SIGN_ON, body), 409, "certificate_challenge_gone")
    refused(there.post(SIGN_ON, body), 409, "certificate_challenge_gone")
    with later(world, minutes=2):
        refused(station.post(SIGN_ON, body), 409, "certificate_challenge_gone")
    me = world.caller(world.sign_on(world.person("schedule_clerk"))["access_token"])
    refused(me.post(ASK), 403, "wrong_caller")
    refused(me.post(SIGN_ON, body), 403, "wrong_caller")
    refused(station.post(SIGN_ON, {**body, "signature": "!" * 90}), 422, "invalid")
    refused(station.post(SIGN_ON, {**body, "certificate": "x" * 90}), 422, "certificate_unreadable")
    moved = {name: count for name, count in world.hospital.census().items() if count != before.get(name)}
    assert not any(name.startswith("platform.workstation") or "session" in name for name in moved), moved
    signed(station, key)
    refused(station.post(SIGN_ON, body), 409, "certificate_challenge_gone")  # overwritten by the next one


def test_another_key_an_unknown_and_an_unissued_certificate_open_nothing(
    world: World, root: Authority, station: Caller
) -> None:
    person, key = holder(world, root)
    _, other = holder(world, root)
    waiting = root.issue("覃登录")
    owned(world, person, waiting.pem, hand_out=False)
    asked = ok(station.post(ASK))
    crossed = {
        "challenge_id": asked["challenge_id"],
        "certificate": key.pem,
        "signature": other.sign(asked["to_sign"]),
    }
    assert refused(station.post(SIGN_ON, crossed), 401, "certificate_refused")["cause"] == "signature"
    right = {**crossed, "signature": key.sign(asked["to_sign"])}
    refused(station.post(SIGN_ON, right), 409, "certificate_challenge_gone")  # a failure uses the challenge up
    for stranger in (root.issue("覃登录"), waiting):
        answer = refused(station.post(SIGN_ON, signed(station, stranger)), 401, "certificate_refused")
        assert answer["cause"] == "not_issued"
    ended = owned(world, person, (lost := root.issue("覃登录")).pem)
    path = f"{SSO}/certificates/{ended['certificate_id']}/revoke"
    ok(world.consortium.security.post(path, {"reason": "lost"}))
    assert refused(station.post(SIGN_ON, signed(station, lost)), 401, "certificate_refused")["cause"] == "not_issued"
    assert person not in sessions_at(world, station)
    assert failures(world, person) == ["signature"]
    risks = [one["data"] for one in world.hospital.events("login_risk_found")]
    assert [one["cause"] for one in risks if one["staff_id"] == str(person)] == ["certificate_signature"]
    sql = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'certificate.not_signed_on' AND subject_id = %s"
    assert world.hospital.value(sql, [str(person)]) == 1


def test_the_chain_is_judged_at_each_sign_on(world: World, station: Caller) -> None:
    one = Authority("乙 根")
    anchor_id = trusted(world, one.pem, one.list(days=2), "hq")
    person, key = holder(world, one)
    path = f"{SSO}/trust-anchors/{anchor_id}/revocation-lists"

    def cause(at: Caller = station) -> str:
        answer = refused(at.post(SIGN_ON, signed(at, key)), 422, "certificate_untrusted")
        return str(answer["cause"])

    assert cause(a_station(world, "mch")) == "campus"
    ok(world.consortium.security.post(path, {"content": base64_of(one.list(held=(key.serial,), days=2))}))
    assert cause() == "revoked"
    ok(world.consortium.security.post(path, {"content": base64_of(one.list(days=2))}))
    commits = one.issue("覃登录", signs=False)
    owned(world, person, commits.pem)
    answer = refused(station.post(SIGN_ON, signed(station, commits)), 422, "certificate_untrusted")
    assert answer["cause"] == "usage"
    opened(world, station.post(SIGN_ON, signed(station, key)))
    row = next(
        each
        for each in ok(world.consortium.security.get(f"{SSO}/trust-anchors"))["items"]
        if each["anchor_id"] == anchor_id
    )
    body = {"reason": "停止合作", "version": row["version"]}
    ok(world.consortium.security.post(f"{SSO}/trust-anchors/{anchor_id}/end", body))
    assert cause() == "unknown_authority"
    assert failures(world, person) == ["campus", "revoked", "usage", "unknown_authority"]


def test_a_stale_list_shuts_the_way_and_the_text_names_another(world: World, station: Caller) -> None:
    one = Authority("丙 根")
    trusted(world, one.pem, one.list(days=2), "hq")
    _, key = holder(world, one)
    world.hospital.execute(
        "UPDATE platform.revocation_lists SET next_update = next_update - interval '4 days',"
        " this_update = this_update - interval '4 days'"
        " WHERE anchor_id = (SELECT anchor_id FROM platform.trust_anchors WHERE subject LIKE '%%丙 根%%')"
    )
    answer = refused(station.post(SIGN_ON, signed(station, key)), 422, "certificate_untrusted")
    assert (answer["cause"], "动态口令" in answer["detail"]) == ("list_stale", True)


def test_whoever_loses_the_key_is_signed_off_what_it_opened(world: World, root: Authority) -> None:
    own = a_station(world)
    person, key = holder(world, root)
    me = opened(world, own.post(SIGN_ON, signed(own, key)))
    [mine] = ok(me.get(f"{SSO}/my/certificates"))
    ok(me.post(f"{SSO}/my/certificates/{mine['certificate_id']}/lost"))
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")
    world.minute()
    assert world.admin.get_sessions(str(person)) == []
    assert "proofs" not in world.admin.get_user(str(person))["attributes"]


def test_nobody_frozen_and_nobody_beyond_the_limit_comes_in(world: World, root: Authority) -> None:
    own = a_station(world)
    person, key = holder(world, root, "registrar")
    world.sign_on(person)
    answer = refused(own.post(SIGN_ON, signed(own, key)), 409, "session_limit_reached")
    assert len(answer["others"]) == 1
    assert sessions_at(world, own) == []
    opened(world, own.post(SIGN_ON, signed(own, key, end_others=True)))
    body = {"reason_code": "incident", "reason": "账号疑似被盗"}
    ok(world.consortium.security.post(f"{BASE}/staff/{person}/freeze", body))
    refused(own.post(SIGN_ON, signed(own, key)), 403, "account_shut")
    assert failures(world, person) == ["shut"]


def test_while_the_realm_is_away_nobody_comes_in(
    world: World, root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = a_station(world)
    person, key = holder(world, root)
    down = world.settings.model_copy(update={"keycloak_url": "http://127.0.0.1:9"})
    monkeypatch.setattr(directory, "settings", lambda: down)
    refused(own.post(SIGN_ON, signed(own, key, password=PASSWORD)), 503, "realm_out_of_reach")
    refused(own.post(SIGN_ON, signed(own, key)), 503, "realm_out_of_reach")
    monkeypatch.setattr(directory, "settings", lambda: world.settings)
    sql = "SELECT count(*) FROM platform.session_proofs WHERE staff_id = %s"
    assert world.hospital.value(sql, [person]) == 0


def test_a_key_of_sm2_signs_on_like_any(world: World, station: Caller, tmp_path: Path) -> None:
    ca = Sm2Authority(tmp_path)
    der, person = ca.issue("韦国密"), world.person("schedule_clerk", name="韦国密")
    with later(world, seconds=30):  # the program dates certificates from this second on
        trusted(world, pem_of(ca.der), ca.list(), "hq")
        owned(world, person, pem_of(der))
        asked = ok(station.post(ASK))
        body = {
            "challenge_id": asked["challenge_id"],
            "certificate": base64_of(der),
            "signature": base64_of(ca.sign(asked["to_sign"])),
        }
        answer = ok(station.post(SIGN_ON, body))
    assert world.verify(answer["access_token"]).methods == {"x509"}


def test_the_password_check_is_nobody_elses(world: World) -> None:
    person = world.person("registrar")
    secret, name = device_secret(world.admin, PASSWORD_CLIENT), world.username(person)
    url = f"{world.issuer}/protocol/openid-connect/token"
    form = {"grant_type": "password", "client_id": PASSWORD_CLIENT, "username": name, "password": PASSWORD}
    with httpx.Client(trust_env=False) as http:
        for more in ({}, {"client_secret": "guess"}, {"client_secret": secret, "password": "Falsch-falsch-1"}):
            assert "access_token" not in http.post(url, data={**form, **more}).json(), more
        token = http.post(url, data={**form, "client_secret": secret}).json()["access_token"]
    refused(
        Caller(world.hospital.client, token, "hq", str(person), person).get(f"{BASE}/my/rights"), 401, "token_invalid"
    )
