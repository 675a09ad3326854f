"""What the realm cannot know itself: patients by WeChat, devices, the sealed account; and a crowd that signs on."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from keycloak import KeycloakAdmin

from infra.local.login import LoginRefused
from infra.simulators.wechat_login import WeChatLoginSimulator
from shared.identity.keycloak_admin import call
from tests.platform.beyond import SSO, Listener, badge, enrolled, patient, renewed, signed_on, written_down
from tests.platform.conftest import BASE, ORGANISATION, ok, refused
from tests.platform.realm import Refused, Totp, World
from tests.support.clinic import register_person, resident_id
from tests.support.hospital import Caller

PATIENTS = "/api/patients/index"
PHONE = "13800001111"
pytestmark = pytest.mark.usefixtures("listener")


@pytest.mark.case("42", 9)
def test_a_device_of_one_campus_does_nothing_at_another(world: World, secrets: set[str]) -> None:
    bridge = signed_on(world, secrets, enrolled(world, secrets, "bridge", "bridge", campus="mch"))
    assert bridge.get(f"{ORGANISATION}/posts").status_code == 200
    before = world.hospital.census()
    refused(bridge.at("hq").get(f"{ORGANISATION}/posts"), 403, "acting_campus")
    refused(bridge.at("hq").post(f"{ORGANISATION}/units", {}), 403, "acting_campus")
    event = {
        "specversion": "1.0",
        "id": "result-1",
        "type": "cn.consortium.patients.index.patients_merged.v1",
        "source": "/bridge",
        "subject": "x",
        "campusid": "hq",
        "time": "2026-03-02T08:00:00Z",
        "datacontenttype": "application/json",
        "data": {},
    }
    headers = {"authorization": f"Bearer {bridge.token}", "content-type": "application/cloudevents+json"}
    answer = world.hospital.client.post("/events", content=json.dumps(event), headers=headers)
    assert answer.status_code == 403, answer.text
    assert world.hospital.census() == before


def test_a_devices_secret_is_rotated_without_a_stop(world: World, secrets: set[str]) -> None:
    first = enrolled(world, secrets, "kiosk-1", "kiosk")
    path = f"{SSO}/devices/{first['device_id']}"
    admin = world.consortium.system
    second = ok(admin.post(f"{path}/rotate", {"version": 1}))
    secrets.add(second["secret"])
    assert second["client_id"] != first["client_id"]
    assert signed_on(world, secrets, first).get(f"{ORGANISATION}/posts").status_code == 200
    assert signed_on(world, secrets, second).get(f"{ORGANISATION}/posts").status_code == 200
    refused(admin.post(f"{path}/rotate", {"version": 1}), 409, "version_conflict")
    shown = next(one for one in ok(admin.get(f"{SSO}/devices"))["items"] if one["device_id"] == first["device_id"])
    assert shown["secret"] is None
    world.hospital.clock.move(hours=25)
    try:
        world.minute()
        with pytest.raises(LoginRefused):
            signed_on(world, secrets, first)
        assert signed_on(world, secrets, second)
    finally:
        world.hospital.clock.offset = timedelta()
        world.hospital.execute("DELETE FROM platform.reconciliations")
    assert world.reconcile()["outcome"] == "clean"
    stolen = signed_on(world, secrets, second)
    assert stolen.get(f"{ORGANISATION}/posts").status_code == 200
    ok(admin.post(f"{path}/end"))
    world.see_deny_list()
    refused(stolen.get(f"{ORGANISATION}/posts"), 401, "subject_denied")
    world.reconcile()
    with pytest.raises(LoginRefused):
        signed_on(world, secrets, second)
    refused(admin.post(f"{path}/end"), 409, "device_ended")
    mch = world.hospital.caller("system_admin", campus="mch")
    refused(mch.post(f"{path}/end"), 404, "device_not_found")


# -- patients


@pytest.mark.case("42", 8)
def test_children_need_a_guardian_and_a_merge_is_followed(
    world: World, secrets: set[str], gateway: Caller, wechat: WeChatLoginSimulator
) -> None:
    desk, steward = world.hospital.caller("registrar"), world.hospital.caller("index_steward")
    numbers = [resident_id(1), *(resident_id(place, born="20200601") for place in (2, 3, 4))]
    mother = register_person(desk, numbers[0], name="韦春兰")
    guardian = {"name": "韦春兰", "phone": PHONE, "relation": "mother"}
    children = []
    for place, number in enumerate(numbers[1:]):
        body = {"document": {"type": "resident_id", "number": number}, "name": f"韦小{'一二三'[place]}", "phone": PHONE}
        answer = desk.post(f"{PATIENTS}/patients", body)
        if answer.status_code == 422:
            answer = desk.post(f"{PATIENTS}/patients", {**body, "guardian": guardian})
        children.append(str(ok(answer)["patient_id"]))
    for child in children[:2]:
        relation = {"kind": "mother", "name": "韦春兰", "related_patient_id": mother, "is_guardian": True}
        ok(desk.post(f"{PATIENTS}/patients/{child}/relations", relation))

    me = patient(world, secrets, gateway, wechat, "openid-mother-0001")
    assert world.verify(me.token).patient_ids == frozenset()
    path = f"{SSO}/my/persons"
    refused(me.post(f"{path}/children", {"document_no": numbers[1], "name": "韦小一"}), 409, "self_not_bound")
    wrong = {"document_no": numbers[0], "name": "韦春兰", "phone": "13900000000"}
    refused(me.post(f"{path}/self", wrong), 422, "real_name_mismatch")
    own = ok(me.post(f"{path}/self", {**wrong, "phone": PHONE}))
    assert (own["patient_id"], own["relation_label"]) == (mother, "本人")
    for place in (1, 2):
        bound = ok(me.post(f"{path}/children", {"document_no": numbers[place], "name": f"韦小{'一二'[place - 1]}"}))
        assert bound["until"].startswith("2038-06-01")
    before = world.hospital.census()
    third = me.post(f"{path}/children", {"document_no": numbers[3], "name": "韦小三"})
    refused(third, 422, "guardian_proof_missing")
    assert world.hospital.census() == before
    world.hospital.minute("platform/sso")
    me = renewed(world, secrets, gateway, wechat, "openid-mother-0001")
    assert world.verify(me.token).patient_ids == {UUID(mother), UUID(children[0]), UUID(children[1])}

    passport = {"document": {"type": "passport", "number": "E12345678"}, "name": "韦春兰", "phone": PHONE}
    survivor = str(
        ok(desk.post(f"{PATIENTS}/patients", {**passport, "sex": "2", "birth_date": "1986-03-15"}))["patient_id"]
    )
    version = "SELECT version FROM patients.patients WHERE patient_id = %s"
    merge = ok(
        steward.post(
            f"{PATIENTS}/merges",
            {
                "survivor_id": survivor,
                "retired_id": mother,
                "survivor_version": world.hospital.value(version, [survivor]),
                "retired_version": world.hospital.value(version, [mother]),
                "reason": "同一人重复建档",
            },
        )
    )
    assert merge["status"] == "done", merge
    world.settle()
    me = renewed(world, secrets, gateway, wechat, "openid-mother-0001")
    assert UUID(survivor) in world.verify(me.token).patient_ids
    [shown, *_] = ok(me.get(path))
    assert (shown["patient_id"], shown["relation"]) == (survivor, "self")
    accounts = world.hospital.value("SELECT count(*) FROM platform.patient_accounts")
    assert accounts == 1
    ok(me.post(f"{path}/{shown['link_id']}/end", {"reason": "换手机"}))
    refused(me.post(f"{path}/{shown['link_id']}/end", {"reason": "换手机"}), 404, "link_not_found")


def test_wechat_refusals(world: World, secrets: set[str], gateway: Caller, wechat: WeChatLoginSimulator) -> None:
    path = f"{SSO}/patient-logins"
    code = wechat.issue("openid-other-0002")
    secrets.add(code)
    ok(gateway.post(path, {"code": code}))
    refused(gateway.post(path, {"code": code}), 401, "wechat_code_refused")
    refused(gateway.post(path, {"code": "made-up-code"}), 401, "wechat_code_refused")
    wechat.busy()
    refused(gateway.post(path, {"code": wechat.issue("openid-other-0002")}), 503, "wechat_out_of_reach")
    wechat.silent()
    refused(gateway.post(path, {"code": wechat.issue("openid-other-0002")}), 503, "wechat_out_of_reach")
    wechat.silent(False)
    kiosk = signed_on(world, secrets, enrolled(world, secrets, "ws-elsewhere", "workstation"))
    refused(kiosk.post(path, {"code": wechat.issue("openid-other-0002")}), 403, "wrong_caller")
    staff = world.hospital.caller("registrar")
    refused(staff.post(path, {"code": wechat.issue("openid-other-0002")}), 403, "wrong_caller")
    refused(staff.get(f"{SSO}/my/persons"), 403, "wrong_caller")


def test_a_repeated_sign_on_gets_no_second_token(
    world: World, secrets: set[str], gateway: Caller, wechat: WeChatLoginSimulator
) -> None:
    code = wechat.issue("openid-repeated-3")
    first = ok(gateway.post(f"{SSO}/patient-logins", {"code": code}, key="repeated-key-1"))
    secrets.update({code, first["access_token"], first["refresh_token"]})
    again = ok(gateway.post(f"{SSO}/patient-logins", {"code": code}, key="repeated-key-1"))
    assert (again["state"], again["access_token"]) == ("pending", "")


# -- the sealed account


def test_the_sealed_account_is_opened_by_two_reported_and_sealed_again(world: World, secrets: set[str]) -> None:
    first, second = world.consortium.security, world.consortium.second_security
    asked = ok(first.post(f"{SSO}/emergency-accesses", {"reason": "安全管理员均不在岗"}))
    path = f"{SSO}/emergency-accesses/{asked['access_id']}"
    refused(first.post(f"{path}/open", {"version": 1}), 422, "same_person")
    with pytest.raises(Refused):
        world.browser().sign_on(asked["username"])
    refused(second.post(f"{SSO}/emergency-accesses", {"reason": "x"}), 409, "emergency_open")
    opened = ok(second.post(f"{path}/open", {"version": 1}))
    secrets.add(opened["password"])
    [alarm] = [row for row in world.hospital.events("login_risk_found") if row["data"]["cause"].startswith("emergency")]
    assert alarm["data"]["subject_key"] == "emergency-hq"
    with pytest.raises(Refused):  # a privileged post, so a dynamic password first
        world.browser().sign_on(opened["username"], opened["password"])
    phone = Totp()
    bound = world.browser().sign_on(opened["username"], opened["password"], otp=phone)
    tokens = world.browser().sign_on(opened["username"], opened["password"], otp=phone)
    secrets.update(
        {phone.secret, *(one[kind] for one in (bound, tokens) for kind in ("access_token", "refresh_token"))}
    )
    rescuer = world.caller(tokens["access_token"])
    assert world.verify(rescuer.token).posts == {"hq": {"security_admin"}}
    world.reconcile()
    account = world.admin.get_user_id(opened["username"])
    assert world.admin.get_user(account)["enabled"]  # the comparison with the hospital's people leaves it alone
    locked_out = world.person("registrar")
    thaw = {"reason_code": "incident", "reason": "账号疑似被盗"}
    ok(rescuer.post(f"{BASE}/staff/{locked_out}/freeze", thaw))  # it opens what it is for: rights of others
    refused(rescuer.get(f"{PATIENTS}/duplicates"), 403, "permission_denied")
    shown = ok(first.get(f"{SSO}/emergency-accesses"))["items"][0]
    assert (shown["state"], shown["password"]) == ("open", None)
    world.hospital.clock.move(hours=3)
    try:
        world.minute()
    finally:
        world.hospital.clock.offset = timedelta()
        world.hospital.execute("DELETE FROM platform.reconciliations")
    assert world.admin.get_user(account)["enabled"] is False
    assert call(world.admin, "get", f"users/{account}/credentials") == []
    assert world.admin.get_user_groups(account) == world.admin.get_sessions(account) == []
    assert ok(first.get(f"{SSO}/emergency-accesses"))["items"][0]["state"] == "sealed"
    world.see_deny_list()
    refused(rescuer.get(f"{BASE}/my/rights"), 401, "subject_denied")  # signed on before: out as well
    world.hospital.execute("DELETE FROM kernel.denied_subjects")  # it was sealed three hours from now


# -- without the realm, and what is kept


@pytest.mark.case("42", 10)
def test_many_sign_on_at_once_and_no_request_asks_the_realm(
    world: World, secrets: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No sign-on of a crowd fails; keys are fetched once, and after that a request costs the realm nothing.

    How long it takes is measured by load tests on a machine of its own.
    """
    people = [world.person("registrar") for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(world.sign_on, people))
    secrets.update(one[kind] for one in found for kind in ("access_token", "refresh_token"))
    assert len({one["session_state"] for one in found}) == len(people)
    callers = [world.caller(one["access_token"]) for one in found]
    assert callers[0].get(f"{BASE}/my/rights").status_code == 200
    keys = world.hospital.runtime.verifier.real._keys  # type: ignore[attr-defined]
    fetched = keys._attempts

    def gone(*_: Any, **__: Any) -> Any:
        raise AssertionError("the realm was asked")

    monkeypatch.setattr(keys, "_fetch", gone)
    monkeypatch.setattr(KeycloakAdmin, "__init__", gone)
    for me in callers:
        assert me.get(f"{BASE}/my/rights").status_code == 200
        assert me.get(f"{ORGANISATION}/posts").status_code == 200
    assert keys._attempts == fetched


@pytest.mark.case("42", 12)
def test_no_secret_is_in_any_log_event_audit_or_table(
    world: World, secrets: set[str], listener: Listener, gateway: Caller, wechat: WeChatLoginSimulator
) -> None:
    """Runs last: whatever was done above was done with these secrets, and so are a sign-on of each kind here."""
    world.hospital.clock.offset = timedelta()
    patient(world, secrets, gateway, wechat, "openid-scanned-004")
    station = signed_on(world, secrets, enrolled(world, secrets, "ward-9", "workstation"))
    nurse = world.person("registrar")
    badge(world, secrets, nurse, "CARD00000099", "481620")
    answer = ok(station.post(f"{SSO}/switches", {"card_no": "CARD00000099", "pin": "481620"}))
    secrets.update({answer["access_token"], answer["refresh_token"]})
    wechat.busy()
    code = wechat.issue("openid-scanned-004")
    secrets.add(code)
    refused(gateway.post(f"{SSO}/patient-logins", {"code": code}), 503, "wechat_out_of_reach")  # leaves a log line
    assert len(secrets) > 12
    assert listener.lines
    assert written_down(world, secrets, listener) == []
