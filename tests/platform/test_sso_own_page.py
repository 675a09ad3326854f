"""A password that is due binds other makers' programs, and is set at our own page: after a sign-on, or by a key."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from keycloak.exceptions import KeycloakPutError

from infra.local.keycloak import Keycloak
from shared.identity.keycloak_admin import call
from shared.identity.known_passwords import is_known
from shared.identity.own_pages import KEY_CLIENT, PAGE_PROVIDER
from tests.platform.authenticator import PRESENT, SecurityKey
from tests.platform.beyond import SSO
from tests.platform.cas import Program as CasProgram
from tests.platform.cas import fronted_world
from tests.platform.conftest import BASE, ok, refused
from tests.platform.own_page import PAGE, onward, opened, submitted, typed
from tests.platform.realm import PASSWORD, Browser, Refused, World, action_of
from tests.platform.saml import Program as SamlProgram

CHOSEN, LONG = "Wo-de-mima-2026", "Wo-de-chang-mima-2026"
BACK = "https://pacs.example/back"
WHY = {"reason": "本人到场，核对工作证"}


@pytest.fixture(scope="module")
def world(keycloak: Keycloak) -> Iterator[World]:
    with fronted_world(keycloak) as one:
        yield one


def registered(world: World, **fields: Any) -> dict[str, Any]:
    body = {
        "code": f"p{uuid4().hex[:10]}",
        "title": "影像归档系统",
        "owner": "信息科 黄志强",
        "shared_data": "工号、姓名",
        "redirect_uris": [BACK],
        "valid_to": world.consortium.moment(days=200),
        **fields,
    }
    return dict(ok(world.hospital.caller("system_admin").post(f"{SSO}/partners", body)))


def aged(world: World, person: UUID, days: int) -> None:
    sql = "UPDATE platform.password_states SET set_at = %s, due_told_at = NULL WHERE staff_id = %s"
    world.hospital.execute(sql, [world.hospital.clock() - timedelta(days=days), person])
    world.minute()


def into(world: World, browser: Browser, partner: dict[str, Any], username: str, password: str = PASSWORD) -> str:
    """Where a sign-on at a program ends: at the program, or at which page of ours."""
    page, _ = browser.authorise(partner["client_id"], redirect=BACK)
    answer = browser.ask("POST", action_of(page), data={"username": username, "password": password})
    return landed(world, browser, answer)


def landed(world: World, browser: Browser, answer: Any) -> str:
    for _ in range(6):
        address = answer.headers.get("location", "")
        if address.startswith(BACK):
            return "program" if "code=" in address else address
        if address.startswith(f"{world.settings.host_url}{PAGE}"):
            return "our page"
        assert answer.status_code in (302, 303), answer.text[:500]
        answer = browser.ask("GET", address)
    raise AssertionError("goes round in circles")


def test_a_password_of_180_days_opens_no_program_until_another_is_set_at_our_page(world: World) -> None:
    partner = registered(world)
    person = world.person("registrar", name="覃小兰")
    name, browser = world.username(person), world.browser()
    assert into(world, browser, partner, name) == "program"
    before = world.caller(world.sign_on(person)["access_token"])
    aged(world, person, 181)
    for _ in range(6):  # more often than wrong passwords are forgiven
        assert into(world, world.browser(), partner, name) == "our page"
    assert world.guesses(person)["numFailures"] == 0
    mine = world.browser()
    me = world.caller(mine.sign_on(name)["access_token"])
    page, _ = mine.authorise(partner["client_id"], redirect=BACK)
    assert landed(world, mine, page) == "our page", "signed on at our own pages opens no other door"
    silent, _ = mine.authorise(partner["client_id"], redirect=BACK, prompt="none")
    assert "error=login_required" in silent.headers["location"]
    answer = refused(me.get("/api/organisation/structure/campuses"), 403, "password_due")
    assert "180 天" in answer["detail"]
    assert ok(before.get("/api/organisation/structure/campuses")), "nobody is stopped at work by a password's age"
    form = opened(world, mine, name)
    assert "覃小兰" in form.text
    assert PASSWORD not in form.text
    for password, said in (
        ("Kurz-9", "至少 10 位"),
        ("Ab-qinxiaolan-9", "姓名"),
        (f"Ab-{name}-9", "工号"),
        ("Zz-zongyuan-Xy-77", "医院名称"),
        ("Strawberry@2026", "泄露密码库"),
        (PASSWORD, "最近 5 次"),
    ):
        again = submitted(world, mine, form, password)
        assert (again.status_code, said in again.text) == (422, True), f"{password} {again.text[:1500]}"
    assert "不一致" in submitted(world, mine, form, CHOSEN, "anders").text
    assert world.sign_on(person)["access_token"], "the old one stands"
    done = submitted(world, mine, form, CHOSEN)
    assert (done.status_code, "新密码已设置" in done.text) == (200, True)
    assert world.admin.get_sessions(str(person)) == []
    assert "password_due" not in world.admin.get_user(str(person))["attributes"]
    assert into(world, world.browser(), partner, name, CHOSEN) == "program"
    lost = submitted(world, mine, form, LONG)
    assert (lost.status_code, "页面已失效" in lost.text) == (400, True), "one proof, one password"
    kept = f"{world.hospital.rows('SELECT * FROM kernel.audit_entries')}{world.hospital.events()}"
    assert CHOSEN not in kept


def test_saml_and_cas_programs_are_bound_alike(world: World) -> None:
    entity = f"https://pacs.example/{uuid4().hex[:8]}"
    acs = "https://pacs.example/saml/acs"
    registered(world, protocol="saml", entity_id=entity, redirect_uris=[acs])
    address = f"http://lis.example/{uuid4().hex[:8]}/login.jsp"
    cas = registered(world, protocol="cas", redirect_uris=[address])
    person = world.person("registrar")
    name = world.username(person)
    saml = SamlProgram(world.issuer, entity, acs)
    assert saml.believe(saml.sign_on(world.browser(), name))["name_id"] == name
    given = ok(world.consortium.security.post(f"{SSO}/staff/{person}/password", WHY))["password"]
    with pytest.raises(Refused):
        saml.sign_on(world.browser(), name, given)
    program, browser = CasProgram(cas["cas_url"], address), world.browser()
    login = onward(browser, browser.ask("GET", f"{cas['cas_url']}/login?service={address}"))
    answer = browser.ask("POST", action_of(login), data={"username": name, "password": given})
    assert landed(world, browser, answer) == "our page"
    signed = world.browser()
    signed.sign_on(name, given)
    assert program.sign_on(signed, gateway="true") == "", "asked silently, the program is told that nobody came"
    assert submitted(world, browser, opened(world, browser, name, given), CHOSEN).status_code == 200
    assert program.sign_on(world.browser(), name, CHOSEN).startswith("ST-")


def test_what_is_due_survives_the_operator_a_hand_and_a_freeze(world: World) -> None:
    partner = registered(world)
    person = world.person("registrar")
    name = world.username(person)
    aged(world, person, 181)
    due = world.admin.get_user(str(person))["attributes"]["password_due"]
    assert due[0].startswith("aged:")
    client_id = world.admin.get_client_id(partner["client_id"])
    flow = world.admin.get_client(client_id)["authenticationFlowBindingOverrides"]
    loose = {"id": client_id, "clientId": partner["client_id"], "authenticationFlowBindingOverrides": {"browser": ""}}
    world.admin.update_client(client_id, {**loose, "webOrigins": []})
    action = call(world.admin, "get", "authentication/required-actions/UPDATE_PASSWORD")
    call(world.admin, "put", "authentication/required-actions/UPDATE_PASSWORD", {**action, "enabled": True})
    call(world.admin, "delete", f"identity-provider/instances/{PAGE_PROVIDER}")
    stranger = {"alias": "evil", "providerId": "oidc", "enabled": True, "config": {"clientId": "x"}}
    call(world.admin, "post", "identity-provider/instances", stranger)
    world.reconcile()
    lines = world.hospital.events("realm_drift_found")[-1]["data"]["lines"]
    assert {
        f"sign-on steps of client {partner['client_id']}",
        "required action UPDATE_PASSWORD",
        f"identity provider {PAGE_PROVIDER}",
        "identity provider evil",
    } <= set(lines)
    assert world.admin.get_client(client_id)["authenticationFlowBindingOverrides"] == flow
    assert world.reconcile()["changes"] == 0
    assert world.admin.get_user(str(person))["attributes"]["password_due"] == due
    browser = world.browser()
    form = opened(world, browser, name)
    reason = {"reason_code": "risk", "reason": "账号异常"}
    ok(world.consortium.second_security.post(f"{BASE}/staff/{person}/freeze", reason))
    shut = submitted(world, browser, form, CHOSEN)
    assert (shut.status_code, "账号已停用" in shut.text) == (403, True)
    world.settle()
    account = world.admin.get_user(str(person))
    assert (account["enabled"], account["attributes"]["password_due"]) == (False, due)


def test_a_security_key_with_its_pin_opens_the_way_to_another_password(world: World) -> None:
    person = world.person("registrar")
    name, browser, key = world.username(person), world.browser(), SecurityKey()
    here = f"{world.settings.host_url}{PAGE}"
    page = typed(browser, onward(browser, browser.ask("GET", f"{here}/key")), name)
    told = onward(browser, key.bind(browser, page))
    assert "安全密钥已登记" in told.text, told.text[:2000]
    me = world.caller(world.sign_on(person)["access_token"])
    world.guess_wrong(person)
    assert world.is_locked_out(person)
    world.admin.clear_bruteforce_attempts_for_user(str(person))
    other = world.browser()
    asked = onward(other, other.ask("GET", f"{here}/by-key"))
    assert 'name="username"' not in asked.text, "no names can be tried"
    form = onward(other, key.show(other, asked))
    assert name.lower() in form.text.lower()
    with pytest.raises(Refused):
        other.tokens(other.authorise(prompt="none")[0], "")
    weak = submitted(world, other, form, "Password@2026")
    assert "泄露密码库" in weak.text
    assert submitted(world, other, form, CHOSEN).status_code == 200
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")
    assert world.signed_on(person, password=CHOSEN)
    with pytest.raises(Refused):
        world.sign_on(person)
    kept = (
        "SELECT detail ->> 'way' FROM kernel.audit_entries WHERE action = 'password.reset_by_owner' AND subject_id=%s"
    )
    assert world.hospital.value(kept, [str(person)]) == "key"
    lost = submitted(world, other, form, LONG)
    assert (lost.status_code, "页面已失效" in lost.text) == (400, True)
    ok(world.consortium.security.post(f"{SSO}/staff/{person}/second-factor/reset", WHY))
    gone = onward(other, key.show(other, onward(other, other.ask("GET", f"{here}/by-key"))))
    assert 'name="proof"' not in gone.text, "taken away with a lost telephone"


def test_a_key_without_its_pin_a_strange_one_and_a_sign_on_of_another_kind_open_nothing(world: World) -> None:
    person, victim = world.person("registrar"), world.person("registrar")
    browser, key = world.browser(), SecurityKey()
    here = f"{world.settings.host_url}{PAGE}"
    page = typed(browser, onward(browser, browser.ask("GET", f"{here}/key")), world.username(person))
    onward(browser, key.bind(browser, page))
    before = world.hospital.value("SELECT count(*) FROM platform.password_states WHERE least = 10")

    def shown(one: SecurityKey, owner: str = "") -> Any:
        own = world.browser()
        asked = onward(own, own.ask("GET", f"{here}/by-key"))
        return onward(own, one.show(own, asked, owner))

    key.flags = PRESENT
    assert 'name="proof"' not in shown(key).text
    assert 'name="proof"' not in shown(SecurityKey()).text
    key.flags = 5
    handle = base64.urlsafe_b64encode(str(victim).encode()).decode().rstrip("=")
    assert 'name="proof"' not in shown(key, handle).text, "somebody else's name on it"
    assert 'name="proof"' in shown(key).text
    # A session by password does not pass as one by key, nor the other way round.
    signed = world.browser()
    signed.sign_on(world.username(person))
    silent = signed.authorise(KEY_CLIENT, redirect=f"{here}/back", prompt="none")[0]
    assert "error=" in silent.headers["location"]
    back = signed.ask("GET", f"{here}/back?state=x&code=y")
    assert (back.status_code, "页面已失效" in back.text) == (400, True)
    forged = signed.ask("POST", here, data={"proof": "test:AAAA", "password": CHOSEN, "again": CHOSEN})
    assert (forged.status_code, "页面已失效" in forged.text) == (400, True)
    assert world.hospital.value("SELECT count(*) FROM platform.password_states WHERE least = 10") == before


def test_a_privileged_post_sets_another_with_two_factors_or_a_key_and_not_by_less(world: World) -> None:
    person = world.person("registrar")
    browser, key = world.browser(), SecurityKey()
    here, name = f"{world.settings.host_url}{PAGE}", world.username(person)
    onward(browser, key.bind(browser, typed(browser, onward(browser, browser.ask("GET", f"{here}/key")), name)))
    form = opened(world, browser, name)
    world.consortium.assign(str(person), "medical_affairs")
    less = submitted(world, browser, form, LONG)
    assert (less.status_code, "双因素" in less.text) == (403, True)
    other = world.browser()
    by_key = onward(other, key.show(other, onward(other, other.ask("GET", f"{here}/by-key"))))
    assert "14 位" in submitted(world, other, by_key, "Kurz-und-9").text
    world.hospital.execute("DELETE FROM kernel.outbox")
    assert submitted(world, other, by_key, LONG).status_code == 200
    [risk] = world.hospital.events("login_risk_found")
    assert risk["data"]["cause"] == "privileged_password.reset_by_owner"
    assert world.hospital.value("SELECT least FROM platform.password_states WHERE staff_id = %s", [person]) == 14


def test_the_server_refuses_what_is_known_by_the_same_list(world: World) -> None:
    person = world.person("registrar")
    for password in ("Yisheng@2026", "yiSHENG@2026", "123456789aBc"):
        assert is_known(password)
        with pytest.raises(KeycloakPutError) as refusal:
            world.admin.set_user_password(str(person), password, temporary=False)
        assert refusal.value.response_code == 400
    world.admin.set_user_password(str(person), CHOSEN, temporary=False)
