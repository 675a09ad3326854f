"""A forgotten password set anew by its owner, at the real realm: by the bound telephone, and by nothing less."""

import hmac
import struct
import threading
import time
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.platform.sso import directory
from functions.platform.sso import rules_reset as rules
from functions.platform.sso.problems_offline import WeakPassword
from functions.platform.sso.problems_passwords import KnownPassword
from shared.identity.flows import FLOWS, RESET_FLOW
from shared.identity.keycloak_admin import call, device_secret
from shared.identity.known_passwords import is_known
from shared.identity.realm import RESET_CLIENT
from tests.platform.beyond import SSO, enrolled, signed_on
from tests.platform.conftest import BASE, ok, refused
from tests.platform.realm import PASSWORD, Refused, Totp, World, action_of
from tests.support.hospital import Caller

PATH = f"{SSO}/password-resets"
CHOSEN = "Xin-de-mima-77"


def station(world: World, code: str) -> Caller:
    return signed_on(world, set(), enrolled(world, set(), code, "workstation"))


class Phone(Totp):
    """Shows the codes of the steps beside this one, too: the realm takes each once, and a test cannot wait."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[int] = set()

    def code(self) -> str:
        now = int(time.time()) // 30
        step = next(one for one in (now, now + 1, now - 1) if one not in self._shown)
        self._shown.add(step)
        digest = hmac.digest(self.secret.encode(), struct.pack(">Q", step), "sha256")
        at = digest[-1] & 15
        return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def bound(world: World, *posts: str) -> tuple[UUID, str, Phone]:
    """Somebody with a telephone bound at the first sign-on."""
    person, phone = world.person(*(posts or ("security_admin",))), Phone()
    world.sign_on(person, otp=phone)
    return person, world.username(person), phone


def body(username: str, code: str, password: str = CHOSEN) -> dict[str, Any]:
    return {"staff_no": username, "code": code, "password": password}


def test_the_telephone_opens_the_way_to_another_password(world: World) -> None:
    here = station(world, "reset-1")
    person, name, phone = bound(world)
    me = world.caller(world.sign_on(person, otp=phone)["access_token"])
    sent = body(name, phone.code())
    assert ok(here.post(PATH, sent, key="forgot-it-01")) == {"state": "done"}
    assert ok(here.post(PATH, sent, key="forgot-it-01")) == {"state": "pending"}, "done once, however often it is sent"
    assert world.admin.get_sessions(str(person)) == []
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")
    with pytest.raises(Refused):
        world.sign_on(person)
    browser = world.browser()
    page, _ = browser.authorise()
    after = browser.ask("POST", action_of(page), data={"username": name, "password": CHOSEN})
    assert 'name="otp"' in after.text, "the new password is taken, and the telephone stays bound"
    [risk] = [
        one["data"]
        for one in world.hospital.events("login_risk_found")
        if one["data"]["cause"] == "privileged_password.reset_by_owner"
    ]
    assert risk["staff_id"] == str(person)
    kept = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'password.reset_by_owner' AND subject_id = %s"
    assert world.hospital.value(kept, [str(person)]) == 1
    written = str(world.hospital.rows("SELECT detail FROM kernel.audit_entries")) + str(world.hospital.events())
    assert CHOSEN not in written


def test_every_reason_why_not_is_one_answer(world: World) -> None:
    here = station(world, "reset-2")
    _, wrong_code, _ = bound(world)
    unbound = world.username(world.person("registrar"))
    frozen, frozen_name, phone = bound(world)
    reason = {"reason_code": "risk", "reason": "账号异常"}
    ok(world.consortium.second_security.post(f"{BASE}/staff/{frozen}/freeze", reason))
    world.settle()
    before = world.hospital.value("SELECT count(*) FROM kernel.denied_subjects")
    answers = [
        here.post(PATH, body(wrong_code, "000000")),
        here.post(PATH, body("P0000000000", "000000")),
        here.post(PATH, body(unbound, "000000")),
        here.post(PATH, body(frozen_name, phone.code())),
        here.post(PATH, body("emergency-hq", "000000")),
    ]
    shown = {(one.status_code, one.json()["code"], one.json()["detail"]) for one in answers}
    assert len(shown) == 1
    assert shown.pop()[:2] == (401, "reset_refused")
    assert world.hospital.value("SELECT count(*) FROM kernel.denied_subjects") == before
    failed = [one["data"] for one in world.hospital.events("login_failed") if one["data"]["way"] == "reset"]
    assert len(failed) == 3, "of the people there are"
    assert world.sign_on(UUID(failed[1]["account_id"]))["access_token"], "the old password stands"


def test_guesses_are_counted_for_names_there_are_and_names_there_are_not(world: World) -> None:
    here = station(world, "reset-3")
    person, known, phone = bound(world)
    for name in (known, "P9999999999"):
        for _ in range(5):
            refused(here.post(PATH, body(name, "111111")), 401, "reset_refused")
        answer = here.post(PATH, body(name, "111111"))
        refused(answer, 429, "reset_throttled")
        assert answer.headers["retry-after"] == "3600"
    refused(here.post(PATH, body(known.upper(), phone.code())), 429, "reset_throttled")
    assert world.is_locked_out(person), "wrong codes lock as wrong passwords do"
    risks = [
        one["data"] for one in world.hospital.events("login_risk_found") if one["data"]["cause"] == "reset_guessing"
    ]
    assert [one["staff_id"] for one in risks] == [str(person), None]


def test_guesses_at_once_are_all_counted(world: World) -> None:
    here = station(world, "reset-4")
    name, seen = "P8888888888", []

    def guess() -> None:
        seen.append(here.post(PATH, body(name, "222222")).status_code)

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert sorted(seen) == [401] * 5 + [429] * 3


def test_a_password_that_cannot_be_is_refused_before_and_a_former_one_after_the_code(world: World) -> None:
    here = station(world, "reset-5")
    person, name, phone = bound(world)
    before = world.hospital.census()
    for password in ("Kurz-1", "nurkleinbuchstaben", f"Ab1-{name}-xy"):
        refused(here.post(PATH, body(name, "000000", password)), 422, "weak_password")
    refused(here.post(PATH, body(name, "00000a")), 422, "invalid")
    assert world.hospital.census() == before
    answer = refused(here.post(PATH, body(name, phone.code(), PASSWORD)), 422, "weak_password")
    assert "最近 5 次" in answer["detail"]
    assert world.sign_on(person, otp=phone)["access_token"]


def test_while_the_realm_is_away_nothing_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here = station(world, "reset-6")
    person, name, phone = bound(world)
    down = world.settings.model_copy(update={"keycloak_url": "http://127.0.0.1:9"})
    monkeypatch.setattr(directory, "settings", lambda: down)
    refused(here.post(PATH, body(name, "000000")), 503, "realm_out_of_reach")
    refused(here.post(PATH, body("P7777777777", "000000")), 503, "realm_out_of_reach")
    monkeypatch.setattr(directory, "settings", lambda: world.settings)
    kept = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'password.reset_by_owner' AND subject_id = %s"
    assert world.hospital.value(kept, [str(person)]) == 0
    assert world.sign_on(person, otp=phone)["access_token"], "the old password stands"


def test_it_is_done_at_a_registered_workstation_only(world: World) -> None:
    _, name, _ = bound(world)
    bridge = signed_on(world, set(), enrolled(world, set(), "reset-b", "bridge"))
    me = world.signed_on(world.person("registrar"))
    before = world.hospital.census()
    refused(me.post(PATH, body(name, "000000")), 403, "wrong_caller")
    refused(bridge.post(PATH, body(name, "000000")), 403, "permission_denied")
    assert world.hospital.census() == before


def test_the_way_in_takes_no_password_and_its_tokens_open_nothing(world: World) -> None:
    person, name, phone = bound(world)
    secret, code = device_secret(world.admin, RESET_CLIENT), phone.code()
    url = f"{world.issuer}/protocol/openid-connect/token"
    form = {"grant_type": "password", "client_id": RESET_CLIENT, "username": name}
    with httpx.Client(trust_env=False) as http:
        for more in (
            {"client_secret": secret, "password": PASSWORD},
            {"totp": code},
            {"client_secret": "guess", "totp": code},
        ):
            assert "access_token" not in http.post(url, data={**form, **more}).json(), more
        unbound = world.username(world.person("registrar"))
        none = {**form, "username": unbound, "client_secret": secret}
        for more in ({}, {"totp": "000000"}, {"totp": ""}, {"password": PASSWORD}):
            assert "access_token" not in http.post(url, data={**none, **more}).json(), more
        page = http.get(
            f"{world.issuer}/protocol/openid-connect/auth",
            params={"client_id": RESET_CLIENT, "response_type": "code", "redirect_uri": "http://127.0.0.1:8000/"},
        )
        assert page.status_code == 400, "no login page leads to it"
        token = http.post(url, data={**form, "client_secret": secret, "totp": code}).json()["access_token"]
    holder = Caller(world.hospital.client, token, "hq", str(person), person)
    refused(holder.get(f"{BASE}/my/rights"), 401, "token_invalid")
    world.admin.user_logout(str(person))
    for client in world.admin.get_clients():
        assert client["directAccessGrantsEnabled"] is (client["clientId"] in FLOWS), client["clientId"]


def test_the_steps_are_put_right_when_somebody_changes_them(world: World) -> None:
    path = f"authentication/flows/{RESET_FLOW.alias.replace(' ', '%20')}/executions"
    steps = call(world.admin, "get", path)
    call(world.admin, "put", path, {**steps[1], "requirement": "DISABLED"})
    [client] = [one for one in world.admin.get_clients() if one["clientId"] == RESET_CLIENT]
    bound_to = client["authenticationFlowBindingOverrides"]
    assert bound_to.keys() == {"direct_grant"}
    loose = {**client, "authenticationFlowBindingOverrides": {"direct_grant": ""}}
    world.admin.update_client(client["id"], loose)
    assert world.admin.get_client(client["id"])["authenticationFlowBindingOverrides"] != bound_to
    world.reconcile()
    assert world.admin.get_client(client["id"])["authenticationFlowBindingOverrides"] == bound_to
    drift = world.hospital.events("realm_drift_found")[-1]["data"]
    assert "sign-on steps of client his-reset" in drift["lines"]
    assert [step["requirement"] for step in call(world.admin, "get", path)] == ["REQUIRED", "REQUIRED"]


@given(st.text(max_size=20), st.from_regex(r"[A-Za-z0-9]{2,12}", fullmatch=True))
def test_no_short_or_simple_password_passes(password: str, staff_no: str) -> None:
    kinds = (str.islower, str.isupper, str.isdigit, lambda one: not one.isalnum())
    classes = sum(any(kind(one) for one in password) for kind in kinds)
    good = len(password) >= 10 and classes >= 3 and staff_no.lower() not in password.lower()
    good &= not is_known(password)
    try:
        rules.check_password(password, staff_no)
        assert good
    except (WeakPassword, KnownPassword):
        assert not good
