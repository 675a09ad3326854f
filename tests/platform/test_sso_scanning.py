"""Sign-on by scanning at the real realm: a workstation's code, a telephone that agrees, one session, once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from tests.platform.beyond import SSO, badge, enrolled
from tests.platform.beyond import signed_on as device_on
from tests.platform.conftest import BASE, ok, refused
from tests.platform.realm import World
from tests.support.hospital import Caller

SCANS = f"{SSO}/scanned-sign-ons"
YES, NO = {"agree": True, "end_others": False}, {"agree": False, "end_others": False}
YES_AND_LEAVE = {"agree": True, "end_others": True}


class Shown(NamedTuple):
    """A code on a screen, as the telephone reads it."""

    path: str
    code: dict[str, str]
    campus: str


@pytest.fixture(scope="module")
def station(world: World) -> Caller:
    return a_station(world)


def a_station(world: World, campus: str = "hq", kind: str = "workstation") -> Caller:
    return device_on(world, set(), enrolled(world, set(), f"s{uuid4().hex[:8]}", kind, campus))


def show(station: Caller) -> Shown:
    answer = ok(station.post(SCANS))
    scheme, campus, scan_id, code = answer["qr"].split(":")
    assert (scheme, scan_id) == ("his-scan", answer["scan_id"])
    return Shown(f"{SCANS}/{scan_id}", {"code": code}, campus)


def phone(world: World, person: UUID) -> Caller:
    return world.caller(world.sign_on(person)["access_token"])


def agreed(me: Caller, shown: Shown) -> None:
    ok(me.post(f"{shown.path}/scan", shown.code))
    assert ok(me.post(f"{shown.path}/decision", YES))["state"] == "agreed"


def scans(world: World) -> list[dict[str, Any]]:
    return world.hospital.rows("SELECT * FROM platform.scanned_sign_ons ORDER BY scan_id")


def test_a_code_agreed_to_on_the_telephone_signs_the_workstation_on_once(world: World, station: Caller) -> None:
    person = world.person("schedule_clerk")
    me, shown = phone(world, person), show(station)
    refused(station.post(f"{shown.path}/collect", shown.code), 409, "scan_not_agreed")
    read = ok(me.post(f"{shown.path}/scan", shown.code))
    assert (read["state"], read["workstation"]) == ("scanned", world.verify(station.token).name)
    assert refused(station.post(f"{shown.path}/collect", shown.code), 409, "scan_not_agreed")["state"] == "scanned"
    assert ok(me.post(f"{shown.path}/decision", YES))["state"] == "agreed"

    key = str(uuid4())
    answer = ok(station.post(f"{shown.path}/collect", shown.code, key=key))
    assert (answer["state"], answer["account_id"]) == ("done", str(person))
    again = ok(station.post(f"{shown.path}/collect", shown.code, key=key))
    assert (again["state"], again["access_token"]) == ("pending", "")
    refused(station.post(f"{shown.path}/collect", shown.code), 409, "scan_gone")
    refused(me.post(f"{shown.path}/decision", YES), 409, "scan_gone")
    there = world.caller(answer["access_token"])
    assert there.get(f"{BASE}/my/rights").status_code == 200
    assert world.verify(there.token).signed_on_at is None  # what wants a fresh password still asks for it
    here = world.hospital.rows("SELECT * FROM platform.workstation_sessions WHERE ended_at IS NULL")
    assert [row["staff_id"] for row in here] == [person]
    assert world.hospital.events("logged_in")[-1]["data"]["way"] == "scan"
    kept = world.hospital.rows("SELECT body FROM kernel.idempotent_answers")
    assert not any(shown.code["code"].encode() in bytes(row["body"]) for row in kept)
    sql = "SELECT action FROM kernel.audit_entries WHERE action LIKE 'scan.%%' AND subject_id = %s ORDER BY at"
    acts = [row["action"] for row in world.hospital.rows(sql, [str(person)])]
    assert acts == ["scan.read", "scan.deciding", "scan.agreed"]


def test_two_collectors_at_once_get_one_session(world: World) -> None:
    station, person = a_station(world), world.person("schedule_clerk")
    shown = show(station)
    agreed(phone(world, person), shown)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: station.post(f"{shown.path}/collect", shown.code), range(2)))
    assert sorted(one.status_code for one in answers) == [201, 409]
    sql = "SELECT count(*) FROM platform.workstation_sessions WHERE staff_id = %s"
    assert world.hospital.value(sql, [person]) == 1


def test_an_old_a_refused_and_a_strange_code_open_nothing(world: World, station: Caller) -> None:
    person, other = world.person("schedule_clerk"), world.person("schedule_clerk")
    me, shown = phone(world, person), show(station)
    before = world.hospital.census()
    with world.later(minutes=2):
        refused(me.post(f"{shown.path}/scan", shown.code), 409, "scan_gone")
        refused(station.post(f"{shown.path}/collect", shown.code), 409, "scan_gone")
    refused(me.post(f"{shown.path}/scan", {"code": "A" * 32}), 409, "scan_gone")
    refused(me.post(f"{SCANS}/{uuid4()}/scan", shown.code), 409, "scan_gone")
    refused(me.post(f"{shown.path}/decision", YES), 409, "scan_gone")  # agreed to before it was read
    assert world.hospital.census() == before
    assert [row["state"] for row in scans(world) if row["scan_id"] == UUID(shown.path.rpartition("/")[2])] == ["shown"]

    ok(me.post(f"{shown.path}/scan", shown.code))
    refused(phone(world, other).post(f"{shown.path}/scan", shown.code), 409, "scan_gone")  # somebody was first
    refused(phone(world, other).post(f"{shown.path}/decision", YES), 409, "scan_gone")
    with world.later(minutes=2):
        refused(me.post(f"{shown.path}/decision", YES), 409, "scan_gone")
    assert ok(me.post(f"{shown.path}/decision", NO))["state"] == "refused"
    refused(station.post(f"{shown.path}/collect", shown.code), 409, "scan_refused")
    refused(me.post(f"{shown.path}/decision", YES), 409, "scan_gone")  # no is no

    late = show(station)
    agreed(me, late)
    with world.later(minutes=2):
        refused(station.post(f"{late.path}/collect", late.code), 409, "scan_gone")
    assert person not in running_at(world, station)


def running_at(world: World, station: Caller) -> set[UUID]:
    sql = "SELECT staff_id FROM platform.workstation_sessions WHERE workstation = %s AND ended_at IS NULL"
    return {row["staff_id"] for row in world.hospital.rows(sql, [world.verify(station.token).name])}


def test_a_new_code_takes_the_place_of_one_nobody_scanned(world: World) -> None:
    station, me = a_station(world), phone(world, world.person("schedule_clerk"))
    rows = len(scans(world))
    first, second = show(station), show(station)
    assert len(scans(world)) == rows + 1
    refused(me.post(f"{first.path}/scan", first.code), 409, "scan_gone")
    ok(me.post(f"{second.path}/scan", second.code))
    third = show(station)
    assert len(scans(world)) == rows + 2  # what was scanned is kept
    ok(me.post(f"{third.path}/scan", third.code))


def test_another_workstation_another_campus_and_other_callers_get_nothing(world: World, station: Caller) -> None:
    person = world.person("schedule_clerk")
    me, shown = phone(world, person), show(station)
    refused(me.at("mch").post(f"{shown.path}/scan", shown.code), 403, "acting_campus")
    stranger = world.caller(world.sign_on(world.person("schedule_clerk", campus="mch"))["access_token"], "mch")
    refused(stranger.post(f"{shown.path}/scan", shown.code), 409, "scan_gone")
    agreed(me, shown)
    refused(a_station(world).post(f"{shown.path}/collect", shown.code), 409, "scan_gone")
    refused(a_station(world, "mch").post(f"{shown.path}/collect", shown.code), 409, "scan_gone")
    refused(me.post(f"{shown.path}/collect", shown.code), 403, "wrong_caller")
    refused(me.post(SCANS), 403, "wrong_caller")
    refused(a_station(world, kind="bridge").post(SCANS), 403, "permission_denied")
    assert ok(station.post(f"{shown.path}/collect", shown.code))["account_id"] == str(person)


def test_a_session_by_badge_vouches_for_no_other(world: World) -> None:
    station, person, card = a_station(world), world.person("schedule_clerk"), f"CARD{uuid4().hex[:10].upper()}"
    badge(world, set(), person, card, "258031")
    by_badge = world.caller(ok(station.post(f"{SSO}/switches", {"card_no": card, "pin": "258031"}))["access_token"])
    shown = show(a_station(world))
    refused(by_badge.post(f"{shown.path}/scan", shown.code), 403, "wrong_caller")


def test_to_agree_the_password_must_be_fresh_and_to_refuse_it_need_not(world: World, station: Caller) -> None:
    me = phone(world, world.person("schedule_clerk"))
    with world.later(minutes=6):
        shown = show(station)
        ok(me.post(f"{shown.path}/scan", shown.code))
        refused(me.post(f"{shown.path}/decision", YES), 401, "fresh_sign_on_required")
        assert [row["state"] for row in scans(world) if str(row["scan_id"]) in shown.path] == ["scanned"]
        assert ok(me.post(f"{shown.path}/decision", NO))["state"] == "refused"


def test_nobody_frozen_comes_in_by_a_code_agreed_to_before(world: World) -> None:
    station, person = a_station(world), world.person("schedule_clerk")
    me, shown = phone(world, person), show(station)
    agreed(me, shown)
    body = {"reason_code": "incident", "reason": "账号疑似被盗"}
    ok(world.consortium.security.post(f"{BASE}/staff/{person}/freeze", body))
    refused(station.post(f"{shown.path}/collect", shown.code), 403, "account_shut")
    assert running_at(world, station) == set()
    assert world.hospital.events("login_failed")[-1]["data"] == {
        "account_id": str(person),
        "way": "scan",
        "reason": "shut",
    }
    next_one = show(station)
    answer = me.post(f"{next_one.path}/scan", next_one.code)  # the telephone's token dies within seconds
    if answer.status_code == 200:
        refused(me.post(f"{next_one.path}/decision", YES), 403, "account_shut")
    assert [row["state"] for row in scans(world) if str(row["scan_id"]) in next_one.path] != ["agreed"]


def test_a_cashier_agrees_that_the_oldest_session_ends(world: World) -> None:
    station, person = a_station(world), world.person("registrar")
    me, shown = phone(world, person), show(station)
    ok(me.post(f"{shown.path}/scan", shown.code))
    problem = refused(me.post(f"{shown.path}/decision", YES), 409, "session_limit_reached")
    assert (problem["max_sessions"], len(problem["others"])) == (1, 1)
    assert [row["state"] for row in scans(world) if str(row["scan_id"]) in shown.path] == ["scanned"]
    assert ok(me.post(f"{shown.path}/decision", YES_AND_LEAVE))["state"] == "agreed"
    ok(station.post(f"{shown.path}/collect", shown.code))
    [notice] = world.hospital.rows("SELECT * FROM platform.session_notices WHERE account_id = %s", [person])
    assert (notice["cause"], notice["realm_session"]) == ("displaced", world.verify(me.token).session_id)


def test_where_no_further_session_is_allowed_there_is_none_by_scan(world: World, station: Caller) -> None:
    policy = {"subject": "post:price_officer", "max_sessions": 1, "beyond": "refuse", "reason": "价格维护只在一处"}
    ok(world.consortium.security.post(f"{SSO}/session-policies", policy))
    me, shown = phone(world, world.person("price_officer")), show(station)
    ok(me.post(f"{shown.path}/scan", shown.code))
    for body in (YES, YES_AND_LEAVE):
        refused(me.post(f"{shown.path}/decision", body), 409, "session_limit_reached")
    refused(station.post(f"{shown.path}/collect", shown.code), 409, "scan_not_agreed")
