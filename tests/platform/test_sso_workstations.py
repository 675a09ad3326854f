"""Shared workstations at the real realm (换班登录), and the sealed account while the realm is gone."""

from datetime import timedelta

import pytest

from functions.platform.sso import directory
from tests.platform.beyond import SSO, badge, enrolled, signed_on
from tests.platform.conftest import BASE, ORGANISATION, ok, refused
from tests.platform.realm import Refused, Totp, World


@pytest.fixture
def secrets() -> set[str]:
    return set()


@pytest.mark.case("42", 7)
def test_two_nurses_change_twenty_times_and_each_act_stands_under_the_right_name(
    world: World, secrets: set[str]
) -> None:
    station = signed_on(world, secrets, enrolled(world, secrets, "ward-1", "workstation"))
    nurses = [world.person("registrar"), world.person("registrar")]
    cards = [("CARD00000001", "258031"), ("CARD00000002", "913572")]
    for nurse, (card, pin) in zip(nurses, cards, strict=True):
        badge(world, secrets, nurse, card, pin)
    done: list[str] = []
    for turn in range(20):
        card, pin = cards[turn % 2]
        answer = ok(station.post(f"{SSO}/switches", {"card_no": card, "pin": pin}))
        secrets.update({answer["access_token"], answer["refresh_token"]})
        me = world.caller(answer["access_token"])
        assert me.get(f"{ORGANISATION}/staff/{nurses[0]}").status_code == 200
        done.append(str(nurses[turn % 2]))
    audited = world.hospital.rows(
        "SELECT actor FROM kernel.audit_entries WHERE action = 'staff.read' AND subject_id = %s ORDER BY at, entry_id",
        [str(nurses[0])],
    )
    assert [row["actor"] for row in audited] == done
    rows = world.hospital.rows("SELECT * FROM platform.workstation_sessions ORDER BY opened_at")
    assert [str(row["staff_id"]) for row in rows] == done
    assert [row["ended_at"] is None for row in rows] == [False] * 19 + [True]
    assert len(world.admin.get_sessions(str(nurses[0]))) == 0
    assert len(world.admin.get_sessions(str(nurses[1]))) == 1
    refused(me.post(f"{SSO}/switches", {"card_no": cards[0][0], "pin": cards[0][1]}), 403, "wrong_caller")


def test_a_pin_opens_nothing_elsewhere_and_locks(world: World, secrets: set[str]) -> None:
    station = signed_on(world, secrets, enrolled(world, secrets, "ward-2", "workstation"))
    nurse = world.person("registrar")
    weak = {"card_no": "CARD00000009", "pin": "123456"}
    refused(world.consortium.security.post(f"{SSO}/staff/{nurse}/badge", weak), 422, "weak_pin")
    badge(world, secrets, nurse, "CARD00000009", "370462")
    again = {"card_no": "CARD00000010", "pin": "370462"}
    refused(world.consortium.security.post(f"{SSO}/staff/{nurse}/badge", again), 409, "badge_held")
    path = f"{SSO}/switches"
    refused(station.post(path, {"card_no": "CARD99999999", "pin": "370462"}), 401, "badge_refused")
    for _ in range(4):
        refused(station.post(path, {"card_no": "CARD00000009", "pin": "111222"}), 401, "badge_refused")
    refused(station.post(path, {"card_no": "CARD00000009", "pin": "111222"}), 423, "badge_locked")
    refused(station.post(path, {"card_no": "CARD00000009", "pin": "370462"}), 423, "badge_locked")
    assert world.hospital.events("account_locked")[-1]["data"]["way"] == "badge"
    world.hospital.clock.move(minutes=16)
    try:
        answer = ok(station.post(path, {"card_no": "CARD00000009", "pin": "370462"}))
        secrets.update({answer["access_token"], answer["refresh_token"]})
    finally:
        world.hospital.clock.offset = timedelta()
    me = world.caller(answer["access_token"])
    actor = world.verify(me.token)
    assert (actor.methods, actor.signed_on_at) == (frozenset(), None)
    ok(me.post(f"{SSO}/my/badge/lost"))
    refused(station.post(path, {"card_no": "CARD00000009", "pin": "370462"}), 401, "badge_refused")


def test_sealing_shuts_out_at_once_even_while_the_realm_is_out_of_reach(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = world.consortium.security, world.consortium.second_security
    asked = ok(first.post(f"{SSO}/emergency-accesses", {"reason": "演练"}))
    path = f"{SSO}/emergency-accesses/{asked['access_id']}"
    down = world.settings.model_copy(update={"keycloak_url": "http://127.0.0.1:9"})
    with monkeypatch.context() as outage:
        outage.setattr(directory, "settings", lambda: down)
        refused(second.post(f"{path}/open", {"version": 1}), 503, "realm_out_of_reach")
    assert ok(first.get(f"{SSO}/emergency-accesses"))["items"][0]["state"] == "sealed"  # nobody knows a password
    world.hospital.execute("DELETE FROM kernel.denied_subjects")  # the realm counts in whole seconds
    world.see_deny_list()
    asked = ok(first.post(f"{SSO}/emergency-accesses", {"reason": "演练"}))
    path = f"{SSO}/emergency-accesses/{asked['access_id']}"
    opened, phone = ok(second.post(f"{path}/open", {"version": 1})), Totp()
    tokens = world.browser().sign_on(opened["username"], opened["password"], otp=phone)
    user = world.caller(tokens["access_token"])
    assert user.get(f"{BASE}/my/rights").status_code == 200
    with monkeypatch.context() as outage:
        outage.setattr(directory, "settings", lambda: down)
        refused(first.post(f"{path}/seal"), 503, "realm_out_of_reach")
        world.see_deny_list()
        refused(user.get(f"{BASE}/my/rights"), 401, "subject_denied")
        assert ok(first.get(f"{SSO}/emergency-accesses"))["items"][0]["state"] == "open"
    assert ok(first.post(f"{path}/seal"))["state"] == "sealed"
    with pytest.raises(Refused):
        world.browser().sign_on(opened["username"], opened["password"], otp=phone)
    refused(first.post(f"{path}/seal"), 409, "emergency_state")
