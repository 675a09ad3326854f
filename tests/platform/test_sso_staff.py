"""Staff at the real realm: accounts follow organisation, second factor, leavers, secondments, what was made by hand."""

from datetime import datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from functions.platform.sso import directory
from functions.platform.sso.problems import RealmOutOfReach
from functions.platform.sso.service import sessions
from shared.identity import keycloak_admin
from shared.identity.keycloak_admin import call
from shared.identity.problems import SubjectDenied
from shared.schemas import SHANGHAI
from tests.platform.conftest import BASE, ORGANISATION, ok, refused
from tests.platform.realm import PASSWORD, Refused, Totp, World

SSO = "/api/platform/sso"


def test_an_account_follows_the_post_and_carries_what_was_published(world: World) -> None:
    person = world.person("schedule_clerk")
    tokens = world.sign_on(person)
    me = world.caller(tokens["access_token"])
    assert ok(me.get(f"{BASE}/my/rights"))["posts"] == ["schedule_clerk"]
    world.consortium.published("schedule_clerk", add=("patients.index.read",), remove=("catalogue.prices.read",))
    world.settle()
    world.see_deny_list()
    assert me.get(f"{BASE}/my/rights").json()["code"] == "subject_denied"
    renewed = world.signed_on(person)
    permissions = ok(renewed.get(f"{BASE}/my/rights"))["permissions"]
    assert "patients.index.read" in permissions
    assert "catalogue.prices.read" not in permissions
    client = world.admin.get_client_id("his")
    composites = world.admin.get_composite_client_roles_of_role(client, "post:schedule_clerk")
    assert "patients.index.read" in {role["name"] for role in composites}


def test_the_door_is_opened_once_for_many_and_anew_after_a_fault(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, connect_directory = [], keycloak_admin.connect_directory
    monkeypatch.setattr(keycloak_admin, "connect_directory", lambda *how: opened.append(how) or connect_directory(*how))
    monkeypatch.setattr(keycloak_admin, "_idle", {})
    person = world.person("registrar")
    for _ in range(3):
        directory.Directory().account_of(world.username(person))
    assert len(opened) == 1
    for _ in range(2):
        with pytest.raises(RealmOutOfReach):
            directory.Directory().keep_proofs(str(uuid4()), [])
    assert directory.Directory().account_of(world.username(person)) == str(person)
    assert len(opened) == 3


def test_who_joins_during_the_comparison_is_no_stranger(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison had read the people before; the account is there when it reads those."""
    keep, joined = directory.Directory.keep_staff, []

    def keep_and_engage(door: directory.Directory, people):
        report = keep(door, people)
        if not joined:
            joined.append(None)
            joined[:] = [world.person("registrar")]
        return report

    with monkeypatch.context() as patch:
        patch.setattr(directory.Directory, "keep_staff", keep_and_engage)
        found = world.reconcile()
    assert found["outcome"] == "clean"
    assert world.admin.get_user(str(joined[0]))["enabled"]
    assert world.sign_on(joined[0])["access_token"]


def test_a_single_grant_rides_in_the_token_until_its_end(world: World) -> None:
    person = world.person("registrar")
    world.consortium.granted(person, "patients.index.merge", valid_to=world.consortium.moment(hours=2))
    world.settle()
    actor = world.verify(world.sign_on(person)["access_token"])
    assert actor.may("patients.index.merge", "hq")
    assert not actor.may("patients.index.merge", "mch")
    [grant] = actor.grants
    assert abs(grant.until - (world.hospital.clock() + timedelta(hours=2)).timestamp()) < 60


def test_a_privileged_post_asks_for_a_second_factor(world: World) -> None:
    """The realm makes its holder bind one; a token without is refused with the way out, and no attempt is lost."""
    person = world.person("security_admin")
    phone = Totp()
    tokens = world.sign_on(person, otp=phone)
    assert phone.secret
    actor = world.verify(tokens["access_token"])
    assert actor.asks_second_factor
    weak = world.browser()
    bound = world.admin.get_user(str(person))
    assert bound["requiredActions"] == []
    with pytest.raises(Refused):
        weak.sign_on(world.username(person))
    strong = world.caller(world.browser().sign_on(world.username(person), otp=phone)["access_token"])
    assert world.verify(strong.token).methods == {"pwd", "otp"}
    assert ok(strong.get(f"{BASE}/my/rights"))["second_factor"] is True
    assert strong.get(f"{BASE}/scopes").status_code == 200
    for credential in call(world.admin, "get", f"users/{person}/credentials"):
        if credential["type"] == "otp":
            call(world.admin, "delete", f"users/{person}/credentials/{credential['id']}")
    alone = world.caller(world.browser().sign_on(world.username(person))["access_token"])
    assert ok(alone.get(f"{BASE}/my/rights"))["second_factor"] is False
    problem = refused(alone.get(f"{BASE}/scopes"), 403, "second_factor_required")
    assert "动态口令" in problem["detail"]
    assert world.hospital.value(
        "SELECT count(*) FROM kernel.audit_entries WHERE actor = %s AND detail ->> 'code' = 'second_factor_required'",
        [str(person)],
    )
    world.reconcile()
    assert world.admin.get_user(str(person))["requiredActions"] == ["CONFIGURE_TOTP"]


@pytest.mark.case("42", 4)
def test_a_leaver_is_out_within_the_minute(world: World) -> None:
    person = world.person("registrar")
    browser = world.browser()
    tokens = browser.sign_on(world.username(person))
    me = world.caller(tokens["access_token"])
    assert me.get(f"{BASE}/my/rights").status_code == 200
    version = ok(world.consortium.personnel.get(f"{ORGANISATION}/staff/{person}"))["version"]
    ok(world.consortium.personnel.post(f"{ORGANISATION}/staff/{person}/end", {"reason": "辞职", "version": version}))
    assert [row["data"]["staff_id"] for row in world.hospital.events("staff_left")][-1] == str(person)
    world.settle()
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")
    with pytest.raises(Refused):
        world.sign_on(person)
    page, _ = browser.authorise(prompt="none")
    assert "error=login_required" in page.headers["location"]
    assert world.admin.get_user(str(person))["enabled"] is False


@pytest.mark.case("41", 5)
def test_a_seconded_doctor_carries_the_other_campus_on_her_days_only(world: World) -> None:
    consortium, clock = world.consortium, world.hospital.clock
    start = clock()
    today = start.astimezone(SHANGHAI).date()
    monday = today + timedelta(days=7 - today.weekday())
    doctor = world.person("outpatient_doctor", category="doctor", title_code="232")
    body = {
        "staff_id": str(doctor),
        "receiving_campus": "mch",
        "unit_id": consortium.root("mch"),
        "kind": "technical",
        "posts": ["outpatient_doctor"],
        "mode": "weekdays",
        "weekdays": [1],
        "from_day": monday.isoformat(),
        "to_day": (monday + timedelta(days=60)).isoformat(),
        "practice_filed": True,
    }
    path = f"{ORGANISATION}/secondments"
    proposed = ok(consortium.personnel.post(path, body))
    agree = f"{path}/{proposed['secondment_id']}/approve"
    received = ok(consortium.mch_personnel.post(agree, {"side": "receiving", "version": proposed["version"]}))
    ok(world.hospital.caller("personnel").post(agree, {"side": "hr", "version": received["version"]}))
    world.settle()
    try:
        found = []
        for day in (monday, monday + timedelta(days=1)):
            clock.set(datetime.combine(day, datetime.min.time(), SHANGHAI).replace(hour=9))
            world.reconcile()
            # The realm lives today: a withdrawal of next week would refuse every token it can give.
            world.hospital.execute("DELETE FROM kernel.denied_subjects")
            world.see_deny_list()
            actor = world.verify(world.sign_on(doctor)["access_token"])
            found.append((dict(actor.posts), actor.may("patients.index.read", "mch")))
        assert found[0] == ({"hq": {"outpatient_doctor"}, "mch": {"outpatient_doctor"}}, True)
        assert found[1] == ({"hq": {"outpatient_doctor"}}, False)
        assert not [row for row in world.hospital.events("drift_repaired") if row["created_at"] > start]
    finally:
        clock.offset = timedelta()
        world.hospital.execute("DELETE FROM platform.reconciliations")


@pytest.mark.case("41", 4)
def test_what_is_made_by_hand_is_gone_at_the_next_comparison_with_an_alarm(world: World) -> None:
    person = world.person("registrar")
    world.reconcile()
    world.hospital.execute("DELETE FROM kernel.outbox")
    admin, his = world.admin, world.admin.get_client_id("his")
    admin.create_client_role(his, {"name": "payments.billing.steal"})
    lead = admin.get_group_by_path("/hq/cashier_lead")
    admin.group_user_add(str(person), lead["id"])
    role = admin.get_client_role(his, "payments.billing.approve")
    admin.assign_client_role(str(person), his, [role])
    admin.create_user({"username": "ghost", "firstName": "鬼", "enabled": True})
    admin.update_realm(
        world.settings.keycloak_realm, {"realm": world.settings.keycloak_realm, "accessTokenLifespan": 9999}
    )
    found = world.reconcile()
    number = world.hospital.value("SELECT staff_no FROM organisation.staff WHERE staff_id = %s", [person])
    assert found["outcome"] == "repaired"
    [rights] = world.hospital.events("drift_repaired")
    [realm] = world.hospital.events("realm_drift_found")
    assert set(rights["data"]["lines"]) == {
        "client role payments.billing.steal",
        f"client role payments.billing.approve of {number.lower()}",
        f"post /hq/cashier_lead of {number}",
        "account ghost without a person",
    }
    assert realm["data"]["lines"] == ["realm settings"]
    assert world.verify(world.sign_on(person)["access_token"]).posts == {"hq": {"registrar"}}
    assert world.reconcile()["outcome"] == "clean"


@pytest.mark.case("41", 3)
def test_a_frozen_person_is_refused_everywhere_though_the_token_lives(world: World) -> None:
    """The deny list is read every 15 seconds by every process; nothing else is needed, the realm follows."""
    person = world.person("registrar")
    tokens = world.sign_on(person)
    me = world.caller(tokens["access_token"])
    routes = [f"{BASE}/my/rights", f"{ORGANISATION}/posts", "/api/patients/index/duplicates", f"{SSO}/my/logins"]
    assert me.get(routes[0]).status_code == me.get(routes[1]).status_code == 200
    body = {"reason_code": "incident", "reason": "账号疑似被盗"}
    ok(world.consortium.security.post(f"{BASE}/staff/{person}/freeze", body))
    world.see_deny_list()
    for route in routes:
        refused(me.get(route), 401, "subject_denied")
    with pytest.raises(SubjectDenied):
        world.verify(tokens["access_token"])
    world.settle()
    assert world.admin.get_sessions(str(person)) == []
    with pytest.raises(Refused):
        world.sign_on(person)
    again = world.consortium.security.post(f"{BASE}/staff/{person}/freeze", body)
    refused(again, 409, "already_frozen")
    ok(world.consortium.security.post(f"{BASE}/staff/{person}/ask-lift"))
    refused(world.consortium.security.post(f"{BASE}/staff/{person}/lift"), 422, "same_person")
    ok(world.consortium.second_security.post(f"{BASE}/staff/{person}/lift"))
    world.settle()
    world.see_deny_list()
    assert world.signed_on(person).get(routes[1]).status_code == 200


def test_while_the_realm_is_out_of_reach_changes_wait_and_work_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = world.person("registrar")
    me = world.caller(world.sign_on(person)["access_token"])
    assert me.get(f"{BASE}/my/rights").status_code == 200

    down = world.settings.model_copy(update={"keycloak_url": "http://127.0.0.1:9"})
    monkeypatch.setattr(directory, "settings", lambda: down)
    world.consortium.assign(str(person), "schedule_clerk")
    world.settle()
    state = ok(world.consortium.security.get(f"{SSO}/realm"))
    assert state["waiting"] == 1
    assert state["waiting_since"]
    assert me.get(f"{BASE}/my/rights").status_code == 200
    body = {"code": "later", "kind": "kiosk", "title": "自助机", "owner": "门诊部"}
    assert ok(world.consortium.system.post(f"{SSO}/devices", body))["secret"] is None
    with pytest.raises(RealmOutOfReach):
        directory.Directory().end_session("x")
    desk = world.browser()
    leaving = world.caller(desk.sign_on(world.username(person))["access_token"])
    assert ok(leaving.post(f"{SSO}/my/sign-out")) == {"sessions": 0, "told": False}
    world.see_deny_list()
    refused(leaving.get(f"{BASE}/my/rights"), 401, "subject_denied")
    assert world.reconcile()["outcome"] == "failed"
    monkeypatch.setattr(directory, "settings", lambda: world.settings)
    world.hospital.clock.move(minutes=6)
    world.minute()
    assert ok(world.consortium.security.get(f"{SSO}/realm"))["waiting"] == 0
    page, _ = desk.authorise(prompt="none")
    assert "error=login_required" in page.headers["location"], "the next one at the desk comes in as nobody"
    assert world.verify(world.sign_on(person)["access_token"]).posts["hq"] == {"registrar", "schedule_clerk"}
    world.hospital.clock.offset = timedelta()
    world.hospital.execute("DELETE FROM platform.reconciliations")


def test_sessions_are_seen_and_ended_by_security(world: World) -> None:
    person = world.person("registrar")
    world.sign_on(person)
    world.sign_on(person)
    [first, second] = ok(world.consortium.security.get(f"{SSO}/staff/{person}/sessions"))
    assert first["clients"] == second["clients"] == ["his-web"]
    ended = ok(world.consortium.security.post(f"{SSO}/staff/{person}/end-sessions", {"reason": "离岗未退出"}))
    assert ended == {"sessions": 2, "told": True}
    assert ok(world.consortium.security.get(f"{SSO}/staff/{person}/sessions")) == []
    refused(
        world.consortium.system.post(f"{SSO}/staff/{person}/end-sessions", {"reason": "x"}), 403, "permission_denied"
    )


def test_what_the_realm_reports_is_kept_and_attacks_are_raised(world: World) -> None:
    person = world.person("registrar")
    world.guess_wrong(person)
    with pytest.raises(Refused):
        world.sign_on(person)
    world.hospital.execute("DELETE FROM kernel.outbox")
    world.reconcile()
    kinds = [row["kind"] for row in ok(world.consortium.security.get(f"{SSO}/staff/{person}/logins"))["items"]]
    assert kinds.count("LOGIN_ERROR") >= 5
    assert str(person) in {row["data"]["staff_id"] for row in world.hospital.events("account_locked")}
    assert PASSWORD not in str(world.hospital.rows("SELECT * FROM platform.login_events"))
    before = world.hospital.value("SELECT count(*) FROM platform.login_events")
    world.reconcile()
    assert world.hospital.value("SELECT count(*) FROM platform.login_events") >= before


def test_a_rush_of_sign_ons_is_taken_over_within_its_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More happened than is read at a time: the sign-out at the end of it counts in the same minute all the same."""
    world.reconcile()
    person = world.person("registrar")
    browser = world.browser()
    tokens = browser.sign_on(world.username(person))
    for _ in range(7):
        with pytest.raises(Refused):
            world.browser().sign_on(f"nobody-{uuid4().hex[:6]}")
    call(world.admin, "delete", f"sessions/{tokens['session_state']}")
    other = world.browser().sign_on(world.username(person))
    form = {"client_id": "his-web", "refresh_token": other["refresh_token"]}
    ended = httpx.post(f"{world.issuer}/protocol/openid-connect/logout", data=form, trust_env=False)
    assert ended.status_code == 204
    monkeypatch.setattr(sessions, "PAGE", 3)
    me = world.caller(other["access_token"])
    world.see_deny_list()
    assert me.get(f"{BASE}/my/rights").status_code == 200
    before = world.hospital.value("SELECT count(*) FROM platform.login_events WHERE error IS NOT NULL")
    world.minute()
    after = world.hospital.value("SELECT count(*) FROM platform.login_events WHERE error IS NOT NULL")
    assert after - before >= 7
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")


def test_who_has_not_signed_on_for_long_is_listed_and_a_badge_counts(world: World) -> None:
    idle, busy, badged = (world.person("registrar") for _ in range(3))
    elsewhere = world.person("registrar", campus="mch")
    world.sign_on(busy)
    world.sign_on(idle)
    world.minute()
    hospital = world.hospital
    hospital.execute(
        "UPDATE platform.login_events SET at = at - interval '100 days' WHERE account_id = %s", [str(idle)]
    )
    hospital.execute(
        "INSERT INTO platform.workstation_sessions (session_id, campus_id, workstation, staff_id, opened_at, ended_at)"
        " VALUES (gen_random_uuid(), 'hq', 'ward-x', %s, now() - interval '80 days', now() - interval '80 days')",
        [badged],
    )
    found = {
        one["staff_id"]: one for one in ok(world.consortium.security.get(f"{SSO}/idle-accounts", limit=200))["items"]
    }
    assert str(idle) in found
    assert not {str(busy), str(badged), str(elsewhere)} & found.keys()
    assert found[str(idle)]["posts"] == {"hq": ["registrar"]}
    assert found[str(idle)]["last_login"] is not None
    sooner = {one["staff_id"] for one in ok(world.consortium.security.get(f"{SSO}/idle-accounts", days=60))["items"]}
    assert {str(idle), str(badged)} <= sooner
    first = ok(world.consortium.security.get(f"{SSO}/idle-accounts", limit=1))
    following = ok(world.consortium.security.get(f"{SSO}/idle-accounts", limit=1, cursor=first["next"]))
    assert first["items"][0]["staff_no"] < following["items"][0]["staff_no"]
    refused(world.consortium.system.get(f"{SSO}/idle-accounts"), 403, "permission_denied")


def test_a_whole_campus_is_signed_off_after_a_break_in(world: World) -> None:
    here, there = world.person("registrar"), world.person("registrar", campus="mch")
    one = world.signed_on(here)
    other = world.signed_on(there, campus="mch")
    path, security = f"{SSO}/campus/end-sessions", world.consortium.security
    refused(security.post(path, {"campus": "mch", "reason": "账号批量泄露"}), 422, "invalid")
    refused(world.consortium.system.post(path, {"campus": "hq", "reason": "x"}), 403, "permission_denied")
    assert one.get(f"{BASE}/my/rights").status_code == 200
    ended = ok(security.post(path, {"campus": "hq", "reason": "账号批量泄露"}))
    assert ended["sessions"] >= 1
    world.see_deny_list()
    refused(one.get(f"{BASE}/my/rights"), 401, "subject_denied")
    assert other.get(f"{BASE}/my/rights").status_code == 200
    world.minute()
    assert world.admin.get_sessions(str(here)) == []
    assert len(world.admin.get_sessions(str(there))) >= 1
    assert world.hospital.value("SELECT count(*) FROM platform.identity_changes WHERE done_at IS NULL") == 0
    assert world.signed_on(here).get(f"{BASE}/my/rights").status_code == 200
