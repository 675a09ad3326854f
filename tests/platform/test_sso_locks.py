"""Locked screens at the real realm: what a lock holds back, who unlocks it where, and when it ends the session."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from functions.platform.sso import directory
from tests.platform.beyond import SSO, badge, enrolled
from tests.platform.beyond import signed_on as device_on
from tests.platform.conftest import BASE, ok, refused
from tests.platform.realm import World
from tests.support.hospital import Caller

LOCK, UNLOCK = f"{SSO}/workstation-lock", f"{SSO}/workstation-lock/unlock"
PIN, WRONG = {"pin": "258031", "card_no": None}, {"pin": "999111", "card_no": None}
IDLE = {"cause": "idle"}


class Desk:
    """A shared workstation with a nurse at it, signed on by badge."""

    def __init__(self, world: World, campus: str = "hq") -> None:
        code = f"w{uuid4().hex[:8]}"
        self.world, self.code, self.card = world, code, f"CARD{uuid4().hex[:10].upper()}"
        self.station = device_on(world, set(), enrolled(world, set(), code, "workstation", campus))
        self.nurse = world.person("schedule_clerk", campus=campus)
        if campus == "hq":
            badge(world, set(), self.nurse, self.card, "258031")
        else:
            body = {"card_no": self.card, "pin": "258031"}
            ok(world.hospital.caller("security_admin", campus=campus).post(f"{SSO}/staff/{self.nurse}/badge", body))
        self.tokens = ok(self.station.post(f"{SSO}/switches", {"card_no": self.card, "pin": "258031"}))
        self.me = world.caller(self.tokens["access_token"], campus)

    def row(self) -> dict[str, Any]:
        sql = "SELECT * FROM platform.screen_locks WHERE staff_id = %s ORDER BY lock_id DESC LIMIT 1"
        return self.world.hospital.rows(sql, [self.nurse])[0]

    def at_it(self) -> list[tuple[UUID, bool]]:
        sql = "SELECT staff_id, ended_at IS NULL AS open FROM platform.workstation_sessions WHERE workstation LIKE %s"
        rows = self.world.hospital.rows(sql + " ORDER BY opened_at", [f"%-{self.code}"])
        return [(row["staff_id"], row["open"]) for row in rows]


def sid(world: World, me: Caller) -> str:
    return str(world.verify(me.token).session_id)


def running(world: World, person: UUID) -> set[str]:
    return {one["id"] for one in world.admin.get_sessions(str(person))}


def dead(world: World, me: Caller) -> None:
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")


def alive(world: World, me: Caller) -> None:
    world.see_deny_list()
    assert me.get(f"{BASE}/my/rights").status_code == 200


def renewed(world: World, tokens: dict[str, Any]) -> Caller:
    """What the realm itself gives for the refresh token: it can't be told to wait."""
    form = {"grant_type": "refresh_token", "client_id": "his-web", "refresh_token": tokens["refresh_token"]}
    answer = httpx.post(f"{world.issuer}/protocol/openid-connect/token", data=form, trust_env=False)
    return world.caller(answer.json()["access_token"])


def test_a_lock_holds_every_token_of_the_session_until_the_pin_opens_another(world: World) -> None:
    desk = Desk(world)
    before = sid(world, desk.me)
    locked = ok(desk.station.post(LOCK, IDLE))
    assert (locked["name"], locked["by_badge"], locked["way"]) == ("覃小兰", True, None)
    assert ok(desk.station.post(LOCK, {"cause": "asked"}))["lock_id"] == locked["lock_id"]  # locked stays locked
    assert ok(desk.station.get(LOCK))["locked_at"] == locked["locked_at"]
    state = ok(desk.me.get(f"{SSO}/my/session"))  # this process has not read the list yet
    assert (state["locked_at"], state["end_after_minutes"]) == (locked["locked_at"], 30)
    refused(desk.me.post(f"{SSO}/my/session", {"end_others": False}), 423, "session_locked")
    dead(world, desk.me)
    dead(world, renewed(world, desk.tokens))

    key = str(uuid4())
    opened = ok(desk.station.post(UNLOCK, PIN, key=key))
    assert (opened["state"], opened["account_id"]) == ("done", str(desk.nurse))
    again = ok(desk.station.post(UNLOCK, PIN, key=key))
    assert (again["state"], again["access_token"]) == ("pending", "")
    me = world.caller(opened["access_token"])
    alive(world, me)
    assert running(world, desk.nurse) == {sid(world, me)} != {before}
    assert (desk.row()["way"], desk.row()["ended_at"]) == ("pin", None)
    assert desk.at_it() == [(desk.nurse, True)]  # the same turn at the workstation
    assert world.verify(me.token).methods == frozenset()  # what wants a strong sign-on stays shut
    refused(desk.station.get(LOCK), 404, "screen_not_locked")
    refused(desk.station.post(UNLOCK, PIN), 404, "screen_not_locked")
    sql = "SELECT action FROM kernel.audit_entries WHERE action LIKE 'screen.%%' AND subject_id = %s ORDER BY at"
    acts = [row["action"] for row in world.hospital.rows(sql, [str(desk.nurse)])]
    assert acts == ["screen.locked", "screen.unlocked"]
    dead(world, desk.me)


def test_key_and_idle_timer_at_once_lock_once_and_two_answers_at_once_unlock_once(world: World) -> None:
    desk = Desk(world)
    with ThreadPoolExecutor(2) as pool:
        locks = list(pool.map(lambda cause: desk.station.post(LOCK, {"cause": cause}), ("idle", "asked")))
        assert {one.status_code for one in locks} <= {201, 409}
        assert 201 in {one.status_code for one in locks}
        opened = list(pool.map(lambda _: desk.station.post(UNLOCK, PIN), range(2)))
    assert sorted(one.status_code for one in opened) == [201, 404]
    assert len(world.hospital.rows("SELECT 1 FROM platform.screen_locks WHERE staff_id = %s", [desk.nurse])) == 1
    assert len(running(world, desk.nurse)) == 1


def test_the_own_badge_unlocks_and_five_wrong_answers_end_the_session(world: World) -> None:
    desk, other = Desk(world), Desk(world)
    ok(desk.station.post(LOCK, IDLE))
    refused(other.station.post(UNLOCK, PIN), 404, "screen_not_locked")  # not that workstation's lock
    refused(desk.me.post(UNLOCK, PIN), 403, "wrong_caller")  # only the workstation asks
    refused(desk.station.post(UNLOCK, {"pin": None, "card_no": None}), 422, "invalid")
    refused(desk.station.post(UNLOCK, {"pin": None, "card_no": other.card}), 401, "unlock_refused")
    assert (desk.row()["failures"], desk.row()["unlocked_at"]) == (1, None)
    ok(desk.station.post(UNLOCK, {"pin": None, "card_no": desk.card}))
    assert desk.row()["way"] == "badge"

    ok(desk.station.post(LOCK, IDLE))
    for _ in range(4):
        refused(desk.station.post(UNLOCK, WRONG), 401, "unlock_refused")
    last = refused(desk.station.post(UNLOCK, WRONG), 401, "unlock_refused")
    assert "会话已结束" in last["detail"]
    assert desk.row()["ended_at"] is not None
    assert running(world, desk.nurse) == set()
    assert world.hospital.events("account_locked")[-1]["data"]["staff_id"] == str(desk.nurse)  # PINs count at the badge
    [notice] = world.hospital.rows("SELECT * FROM platform.session_notices WHERE account_id = %s", [desk.nurse])
    assert notice["cause"] == "unlock_failed"
    world.minute()
    assert desk.at_it() == [(desk.nurse, False)]
    refused(desk.station.post(f"{SSO}/switches", {"card_no": desk.card, "pin": "258031"}), 423, "badge_locked")


def test_a_locked_pin_opens_no_screen(world: World) -> None:
    desk = Desk(world)
    ok(desk.station.post(LOCK, IDLE))
    world.hospital.execute(
        "UPDATE platform.badges SET locked_until = now() + interval '9 minutes' WHERE staff_id = %s", [desk.nurse]
    )
    refused(desk.station.post(UNLOCK, PIN), 423, "badge_locked")
    refused(desk.station.post(UNLOCK, {"pin": None, "card_no": desk.card}), 423, "badge_locked")
    ok(world.consortium.security.post(f"{SSO}/staff/{desk.nurse}/badge/end"))
    refused(desk.station.post(UNLOCK, PIN), 401, "unlock_refused")
    assert (desk.row()["failures"], desk.row()["unlocked_at"]) == (0, None)


def test_elsewhere_only_a_new_sign_on_unlocks(world: World) -> None:
    desk, person = Desk(world), world.person("schedule_clerk")
    body = {"cause": "asked", "place": "医务科 302", "workstation": None}
    me = world.caller(world.sign_on(person)["access_token"])
    refused(me.post(f"{SSO}/my/lock", {**body, "workstation": "no-such-desk"}), 404, "device_not_found")
    assert world.hospital.rows("SELECT 1 FROM platform.screen_locks WHERE staff_id = %s", [person]) == []
    locked = ok(me.post(f"{SSO}/my/lock", body))
    assert (locked["place"], locked["by_badge"]) == ("医务科 302", False)
    assert ok(me.post(f"{SSO}/my/lock", body))["lock_id"] == locked["lock_id"]
    mine = {"lock_id": locked["lock_id"]}
    refused(me.post(f"{SSO}/my/unlock", mine), 401, "unlock_refused")  # the locked session vouches for nobody
    dead(world, me)
    refused(desk.me.post(f"{SSO}/my/unlock", mine), 404, "screen_not_locked")  # somebody else
    refused(desk.station.post(f"{SSO}/my/unlock", mine), 403, "wrong_caller")
    refused(desk.station.post(f"{SSO}/my/lock", body), 403, "wrong_caller")

    anew = world.caller(world.sign_on(person)["access_token"])
    after = ok(anew.post(f"{SSO}/my/unlock", mine))
    assert (after["way"], after["lock_id"]) == ("password", locked["lock_id"])
    assert running(world, person) == {sid(world, anew)}
    refused(anew.post(f"{SSO}/my/unlock", mine), 404, "screen_not_locked")
    alive(world, anew)


def test_a_sign_on_before_the_lock_or_without_a_password_unlocks_nothing(world: World) -> None:
    desk = Desk(world)
    early = world.caller(world.sign_on(desk.nurse)["access_token"])
    with world.later(minutes=1):
        lock_id = ok(desk.station.post(LOCK, IDLE))["lock_id"]
        refused(early.post(f"{SSO}/my/unlock", {"lock_id": lock_id}), 401, "unlock_refused")
    second = Desk(world)
    by_badge = ok(second.station.post(f"{SSO}/switches", {"card_no": desk.card, "pin": "258031"}))
    other = world.caller(by_badge["access_token"])
    refused(other.post(f"{SSO}/my/unlock", {"lock_id": lock_id}), 401, "unlock_refused")
    assert desk.row()["unlocked_at"] is None


def test_a_session_signed_on_by_password_goes_on_at_its_workstation_by_pin(world: World) -> None:
    desk = Desk(world)
    person = world.person("schedule_clerk")
    badge(world, set(), person, f"CARD{uuid4().hex[:10].upper()}", "370462")
    me = world.caller(world.sign_on(person)["access_token"])
    body = {"cause": "idle", "place": "护士站 2 号", "workstation": desk.code}
    assert ok(me.post(f"{SSO}/my/lock", body))["by_badge"] is True
    opened = ok(desk.station.post(UNLOCK, {"pin": "370462", "card_no": None}))
    assert opened["account_id"] == str(person)
    assert desk.at_it() == [(desk.nurse, False), (person, True)]
    assert running(world, person) == {sid(world, world.caller(opened["access_token"]))}
    assert running(world, desk.nurse) == set()  # whoever was at it before has gone


def test_half_an_hour_behind_a_lock_ends_the_session(world: World) -> None:
    desk = Desk(world)
    ok(desk.station.post(LOCK, IDLE))
    with world.later(minutes=29):
        world.minute()
    assert running(world, desk.nurse) == {sid(world, desk.me)}
    with world.later(minutes=31):
        refused(desk.station.post(UNLOCK, PIN), 409, "lock_expired")
        assert desk.row()["unlocked_at"] is None
        world.minute()
        world.minute()  # the same minute told again ends nothing more
        assert desk.row()["ended_at"] is not None
    assert running(world, desk.nurse) == set()
    [notice] = world.hospital.rows("SELECT * FROM platform.session_notices WHERE account_id = %s", [desk.nurse])
    assert notice["cause"] == "locked_too_long"
    assert "请重新登录" in notice["message"]
    world.minute()
    assert desk.at_it() == [(desk.nurse, False)]
    refused(desk.station.post(LOCK, IDLE), 409, "workstation_empty")
    refused(desk.station.get(LOCK), 404, "screen_not_locked")


def test_the_next_user_changes_over_at_a_locked_workstation(world: World) -> None:
    desk, other = Desk(world), Desk(world)
    ok(desk.station.post(LOCK, IDLE))
    answer = ok(desk.station.post(f"{SSO}/switches", {"card_no": other.card, "pin": "258031"}))
    assert answer["account_id"] == str(other.nurse)
    assert (desk.row()["ended_at"] is None, desk.row()["way"]) == (False, None)
    assert running(world, desk.nurse) == set()
    assert desk.at_it() == [(desk.nurse, False), (other.nurse, True)]
    refused(desk.station.post(UNLOCK, PIN), 404, "screen_not_locked")


def test_nobody_frozen_unlocks(world: World) -> None:
    desk = Desk(world)
    ok(desk.station.post(LOCK, IDLE))
    body = {"reason_code": "incident", "reason": "账号疑似被盗"}
    ok(world.consortium.security.post(f"{BASE}/staff/{desk.nurse}/freeze", body))
    refused(desk.station.post(UNLOCK, PIN), 403, "account_shut")
    before = world.hospital.census()
    shut = refused(desk.station.post(f"{SSO}/switches", {"card_no": desk.card, "pin": "258031"}), 403, "account_shut")
    assert "冻结" in shut["detail"]
    assert desk.row()["unlocked_at"] is None
    assert world.hospital.census()["platform.workstation_sessions"] == before["platform.workstation_sessions"]
    assert world.hospital.events("login_failed")[-1]["data"]["reason"] == "shut"


def test_while_the_realm_is_out_of_reach_the_locked_session_itself_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(world)
    ok(desk.station.post(LOCK, IDLE))
    dead(world, desk.me)
    down = world.settings.model_copy(update={"keycloak_url": "http://127.0.0.1:9"})
    with monkeypatch.context() as outage:
        outage.setattr(directory, "settings", lambda: down)
        answer = ok(desk.station.post(UNLOCK, PIN))
    assert (answer["state"], answer["access_token"], answer["account_id"]) == ("resumed", "", str(desk.nurse))
    alive(world, desk.me)
    assert desk.row()["way"] == "pin"


def test_a_lock_of_another_campus_is_nobodys_here(world: World) -> None:
    desk = Desk(world, "mch")
    ok(desk.station.post(LOCK, IDLE))
    refused(desk.station.at("hq").post(UNLOCK, PIN), 403, "acting_campus")
    assert ok(desk.station.post(UNLOCK, PIN))["state"] == "done"
    ok(desk.station.post(LOCK, IDLE))
    with world.later(minutes=31):
        world.minute()  # the head hospital ends it
        world.minute("mch")  # its own campus sets the workstation free
    assert desk.at_it() == [(desk.nurse, False)]
