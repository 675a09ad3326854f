"""Sessions at once, hours and places of a sign-on, at the real realm."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.schemas import SHANGHAI
from tests.platform.beyond import SSO, badge, enrolled
from tests.platform.beyond import signed_on as device_on
from tests.platform.conftest import BASE, ok, refused
from tests.platform.realm import Totp, World
from tests.support.hospital import Caller

STAY, LEAVE = {"end_others": False}, {"end_others": True}


def fresh(world: World, person: UUID, **more: Any) -> Caller:
    """A browser of its own, signed on."""
    return world.caller(world.sign_on(person, **more)["access_token"])


def running(world: World, person: UUID) -> set[str]:
    return {one["id"] for one in world.admin.get_sessions(str(person))}


def session_of(world: World, me: Caller) -> str:
    return str(world.verify(me.token).session_id)


def alarms(world: World, cause: str) -> list[dict[str, Any]]:
    return [row["data"] for row in world.hospital.events("login_risk_found") if row["data"]["cause"] == cause]


def dead(world: World, me: Caller) -> None:
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")


# -- how many at once


def test_a_cashiers_second_sign_on_ends_the_first_once_it_is_agreed_to(world: World) -> None:
    person = world.person("registrar")
    first = fresh(world, person)
    state = ok(first.post(f"{SSO}/my/session", STAY))
    assert (state["max_sessions"], state["beyond"], state["entered"]) == (1, "confirm", True)
    assert state["lock_after_minutes"] == 5
    second = fresh(world, person)
    before = world.hospital.census()
    problem = refused(second.post(f"{SSO}/my/session", STAY), 409, "session_limit_reached")
    assert [one["address"] for one in problem["others"]] == ["127.0.0.1"]
    assert world.hospital.census()["platform.session_notices"] == before["platform.session_notices"]
    assert ok(first.get(f"{SSO}/my/session"))["ending_cause"] is None

    assert ok(second.post(f"{SSO}/my/session", LEAVE))["entered"] is True
    told = ok(first.get(f"{SSO}/my/session"))
    assert told["ending_cause"] == "displaced"
    assert "127.0.0.1" in told["ending_message"]
    assert "请先保存" in told["ending_message"]
    world.minute()
    assert running(world, person) == {session_of(world, first), session_of(world, second)}  # it was given a minute
    with world.later(minutes=2):
        world.minute()
    assert running(world, person) == {session_of(world, second)}
    dead(world, first)
    assert second.get(f"{BASE}/my/rights").status_code == 200
    assert [row["data"]["cause"] for row in world.hospital.events("sessions_ended")][-1] == "displaced"
    refused(first.post(f"{SSO}/my/session", LEAVE), 401, "subject_denied")


def test_a_newcomer_who_agrees_to_nothing_goes_and_the_first_stays(world: World) -> None:
    person = world.person("registrar")
    first = fresh(world, person)
    ok(first.post(f"{SSO}/my/session", STAY))
    second = fresh(world, person)
    world.minute()
    assert len(running(world, person)) == 2
    with world.later(minutes=3):
        world.minute()
    assert running(world, person) == {session_of(world, first)}
    dead(world, second)
    assert first.get(f"{SSO}/my/session").status_code == 200
    notice = ok(world.consortium.security.get(f"{SSO}/session-notices"))["items"][0]
    assert (notice["cause"], notice["account_id"]) == ("not_confirmed", str(person))
    assert ok(first.post(f"{SSO}/my/session", STAY))["entered"] is True  # a page loaded anew asks nothing


def test_the_fourth_session_of_others_ends_the_oldest_by_itself(world: World) -> None:
    person = world.person("schedule_clerk")
    four = {session_of(world, one): one for one in (fresh(world, person) for _ in range(4))}
    started = {one["id"]: one["start"] for one in world.admin.get_sessions(str(person))}
    world.minute()
    world.minute()  # the same minute told again takes nobody else
    causes = {sid: ok(one.get(f"{SSO}/my/session"))["ending_cause"] for sid, one in four.items()}
    [oldest] = [sid for sid, cause in causes.items() if cause == "displaced"]
    assert started[oldest] == min(started.values())  # the realm counts in seconds
    with world.later(minutes=2):
        world.minute()
    assert running(world, person) == four.keys() - {oldest}
    dead(world, four[oldest])


def test_a_post_may_refuse_the_newcomer_and_the_strictest_policy_counts(world: World) -> None:
    security = world.consortium.security
    person = world.person("price_officer", "schedule_clerk")
    set_it = {"subject": "post:price_officer", "max_sessions": 1, "beyond": "refuse", "reason": "价格维护只在一处"}
    refused(world.consortium.system.post(f"{SSO}/session-policies", set_it), 403, "permission_denied")
    refused(security.post(f"{SSO}/session-policies", {**set_it, "subject": "post:nobody"}), 422, "invalid")
    refused(security.post(f"{SSO}/session-policies", {**set_it, "subject": "patient"}), 422, "invalid")
    stale = world.consortium.posted("security_admin")
    old = world.consortium.signed_on(stale, auth_time=int(world.hospital.clock().timestamp()) - 360)
    refused(old.post(f"{SSO}/session-policies", set_it), 401, "fresh_sign_on_required")
    set_before = ok(security.post(f"{SSO}/session-policies", {**set_it, "max_sessions": 2}))
    made = ok(security.post(f"{SSO}/session-policies", set_it))
    shown = {one["subject"]: one for one in ok(security.get(f"{SSO}/session-policies"))}
    assert shown["post:price_officer"]["policy_id"] == made["policy_id"] != set_before["policy_id"]
    assert (shown["post:registrar"]["max_sessions"], shown["staff"]["max_sessions"]) == (1, 3)

    first = fresh(world, person)
    ok(first.post(f"{SSO}/my/session", STAY))
    second = fresh(world, person)
    refused(second.post(f"{SSO}/my/session", LEAVE), 409, "session_limit_reached")
    assert running(world, person) == {session_of(world, first)}
    dead(world, second)
    third = fresh(world, person)
    world.minute()
    assert running(world, person) == {session_of(world, first)}
    dead(world, third)

    ok(security.post(f"{SSO}/session-policies/{made['policy_id']}/end"))
    refused(security.post(f"{SSO}/session-policies/{made['policy_id']}/end"), 404, "session_policy_not_found")
    fourth = fresh(world, person)
    assert ok(fourth.post(f"{SSO}/my/session", STAY))["max_sessions"] == 3


# -- when and where


def rule(world: World, post: str, **fields: Any) -> dict[str, Any]:
    body = {
        "post": post,
        "weekdays": [1, 2, 3, 4, 5, 6, 7],
        "from_time": "00:00",
        "to_time": "23:59:59",
        "networks": [],
        "outside": "refuse",
        "message": "请在院内办公电脑登录。",
        **fields,
    }
    return dict(ok(world.consortium.security.post(f"{SSO}/sign-on-rules", body)))


def end(world: World, made: dict[str, Any]) -> None:
    ok(world.consortium.security.post(f"{SSO}/sign-on-rules/{made['rule_id']}/end"))


def closed_now(world: World) -> dict[str, str]:
    """Hours that do not hold the present one."""
    now = world.hospital.clock().astimezone(SHANGHAI)
    return {"from_time": f"{now + timedelta(hours=3):%H:%M}", "to_time": f"{now + timedelta(hours=4):%H:%M}"}


def test_finance_signs_on_in_the_hospital_only(world: World) -> None:
    made = rule(world, "finance", networks=["10.20.0.0/16"])
    person = world.person("finance")
    outside = fresh(world, person)
    problem = refused(outside.post(f"{SSO}/my/session", STAY), 403, "sign_on_not_allowed")
    assert "请在院内办公电脑登录" in problem["detail"]
    assert running(world, person) == set()
    dead(world, outside)
    [alarm] = alarms(world, "sign_on_wrong_place")
    assert (alarm["subject_key"], alarm["staff_id"]) == ("127.0.0.1", str(person))
    silent = fresh(world, person)  # a client that never asks
    world.minute()
    assert running(world, person) == set()
    dead(world, silent)
    assert len(alarms(world, "sign_on_wrong_place")) == 2
    colleague = fresh(world, world.person("schedule_clerk"))
    ok(colleague.post(f"{SSO}/my/session", STAY))  # bound is the post, not the hospital

    loopback = rule(world, "finance", networks=["127.0.0.1/32"])  # rules of one post are alternatives
    ok(fresh(world, person).post(f"{SSO}/my/session", STAY))
    for one in (made, loopback):
        end(world, one)
    refused(world.consortium.security.post(f"{SSO}/sign-on-rules/{made['rule_id']}/end"), 404, "sign_on_rule_not_found")
    elsewhere = world.hospital.caller("security_admin", campus="mch")
    assert ok(elsewhere.get(f"{SSO}/sign-on-rules"))["items"] == []


def test_a_second_factor_lets_in_from_outside(world: World) -> None:
    made = rule(world, "campus_admin", networks=["10.20.0.0/16"], outside="second_factor")
    try:
        person, phone = world.person("campus_admin"), Totp()
        world.sign_on(person, otp=phone)  # binds it
        strong = world.caller(world.browser().sign_on(world.username(person), otp=phone)["access_token"])
        assert world.verify(strong.token).methods == {"pwd", "otp"}
        ok(strong.post(f"{SSO}/my/session", STAY))
        with world.later(minutes=3):
            world.minute()
        assert session_of(world, strong) in running(world, person)
        assert {row["cause"] for row in world.hospital.rows("SELECT cause FROM platform.session_notices")} >= {
            "second_factor"  # the first sign-on, whose client showed none, went
        }
    finally:
        end(world, made)


def test_hours_bind_the_login_page_and_the_badge(world: World) -> None:
    security = world.consortium.security
    person = world.person("registrar")
    made = rule(world, "registrar", **closed_now(world), message="收费窗口 7:30 至 18:00 登录。")
    try:
        me = fresh(world, person)
        problem = refused(me.post(f"{SSO}/my/session", LEAVE), 403, "sign_on_not_allowed")
        assert "收费窗口 7:30 至 18:00 登录" in problem["detail"]
        assert alarms(world, "sign_on_wrong_hour")[-1]["staff_id"] == str(person)
        secrets: set[str] = set()
        station = device_on(world, secrets, enrolled(world, secrets, "bound-1", "workstation"))
        badge(world, secrets, person, "CARD00000701", "258031")
        switch = {"card_no": "CARD00000701", "pin": "258031"}
        before = len(running(world, person))
        refused(station.post(f"{SSO}/switches", switch), 403, "sign_on_not_allowed")
        assert len(running(world, person)) == before
        assert world.hospital.events("login_failed")[-1]["data"]["reason"] == "wrong_hour"
    finally:
        end(world, made)
    answer = ok(station.post(f"{SSO}/switches", switch))
    assert ok(world.caller(answer["access_token"]).get(f"{SSO}/my/session"))["entered"] is True
    body = {"post": "security_admin", "weekdays": [1], "from_time": "08:00", "to_time": "18:00", "networks": []}
    whole = {**body, "outside": "refuse", "message": "x"}
    refused(security.post(f"{SSO}/sign-on-rules", whole), 422, "post_not_bindable")
    for wrong in ({"networks": ["10.0.0.0/99"]}, {"to_time": "08:00"}, {"weekdays": [8]}, {"weekdays": []}):
        refused(security.post(f"{SSO}/sign-on-rules", {**whole, "post": "finance", **wrong}), 422, "invalid")


def test_without_the_realm_the_tokens_are_refused_and_the_session_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from functions.platform.sso import directory
    from functions.platform.sso.service.admission import carry_out
    from shared.identity.actor import system_actor
    from shared.steps import Steps
    from shared.telemetry import accept_trace

    person = world.person("registrar")
    first = fresh(world, person)
    ok(first.post(f"{SSO}/my/session", STAY))
    ok(fresh(world, person).post(f"{SSO}/my/session", LEAVE))
    sid = session_of(world, first)
    down = world.settings.model_copy(update={"keycloak_url": "http://127.0.0.1:9"})
    steps = Steps(world.hospital.runtime, system_actor("platform/sso", "hq"), "hq", accept_trace(None), "platform/sso")
    with world.later(minutes=2), monkeypatch.context() as outage:
        outage.setattr(directory, "settings", lambda: down)
        assert carry_out(steps) == 1
    dead(world, first)
    assert sid in running(world, person)
    with world.later(minutes=2):
        world.minute()
    assert sid not in running(world, person)
