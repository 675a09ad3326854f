"""People who cannot get in, at the real realm: the first day, a forgotten password, a lock, a lost telephone."""

import re
from uuid import UUID

import pytest

from functions.platform.sso import directory
from functions.platform.sso.service.recovery import first_password
from shared.identity.keycloak_admin import call
from tests.platform.beyond import SSO
from tests.platform.conftest import BASE, ok, refused
from tests.platform.realm import Refused, Totp, World

WHY = {"reason": "本人到场，核对工作证"}
CHOSEN = "Wo-de-mima-2026"


def first_day(world: World, person: UUID, password: str, chosen: str = CHOSEN) -> None:
    """Sign on with the slip's password, which opens nothing, and choose another."""
    me = world.signed_on(person, password=password)
    refused(me.get("/api/organisation/structure/campuses"), 403, "password_due")
    ok(me.post(f"{SSO}/my/password", {"present": password, "password": chosen}))


def newcomer(world: World, *posts: str) -> UUID:
    """Somebody whose account the product has just made: nobody knows a password of it."""
    person = world.consortium.posted(*posts)
    world.settle()
    return person


def test_somebody_new_gets_in_with_a_slip_that_is_good_once(world: World) -> None:
    person = newcomer(world, "registrar")
    with pytest.raises(Refused):
        world.sign_on(person)
    given = ok(world.consortium.security.post(f"{SSO}/staff/{person}/password", WHY, key="slip-of-paper-1"))
    assert given["username"] == world.username(person)
    assert ok(world.consortium.security.post(f"{SSO}/staff/{person}/password", WHY, key="slip-of-paper-1")) == {
        **given,
        "password": None,
    }, "a repeated answer holds no password: it is kept nowhere"
    first_day(world, person, given["password"])
    me = world.signed_on(person, password=CHOSEN)
    assert world.verify(me.token).posts == {"hq": {"registrar"}}
    with pytest.raises(Refused):
        world.browser().sign_on(given["username"], given["password"])
    kept = str(world.hospital.rows("SELECT * FROM kernel.audit_entries")) + str(world.hospital.events("sessions_ended"))
    assert given["password"] not in kept
    assert world.hospital.value(
        "SELECT detail ->> 'reason' FROM kernel.audit_entries WHERE action = 'password.given' AND subject_id = %s",
        [str(person)],
    )


def test_a_forgotten_password_ends_what_was_signed_on_with_it(world: World) -> None:
    person = world.person("registrar")
    me = world.caller(world.sign_on(person)["access_token"])
    assert me.get(f"{BASE}/my/rights").status_code == 200
    given = ok(world.consortium.security.post(f"{SSO}/staff/{person}/password", WHY))
    assert world.admin.get_sessions(str(person)) == []
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")
    with pytest.raises(Refused):
        world.sign_on(person)
    first_day(world, person, given["password"])


def test_five_wrong_passwords_lock_and_the_office_lets_the_person_try_again(world: World) -> None:
    person = world.person("registrar")
    path = f"{SSO}/staff/{person}/unlock"
    assert ok(world.consortium.security.post(path, WHY))["found"] == 0
    world.guess_wrong(person)
    with pytest.raises(Refused):
        world.sign_on(person)
    opened = ok(world.consortium.security.post(path, WHY))
    assert (opened["found"], opened["password"]) == (1, None)
    assert world.sign_on(person)["access_token"]


def test_a_lost_telephone_is_replaced_and_the_old_one_opens_nothing(world: World) -> None:
    person = world.person("owner_office")
    lost, new = Totp(), Totp()
    me = world.caller(world.sign_on(person, otp=lost)["access_token"])
    world.hospital.execute("DELETE FROM kernel.outbox")
    done = ok(world.consortium.security.post(f"{SSO}/staff/{person}/second-factor/reset", WHY))
    assert done["found"] == 1
    [alarm] = world.hospital.events("login_risk_found")
    assert (alarm["data"]["staff_id"], alarm["data"]["cause"]) == (str(person), "privileged_second_factor.reset")
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")
    with pytest.raises(Refused):
        world.sign_on(person)
    assert world.sign_on(person, otp=new)["access_token"]
    assert new.secret not in {"", lost.secret}
    kinds = [one["type"] for one in call(world.admin, "get", f"users/{person}/credentials")]
    assert sorted(kinds) == ["otp", "password"]


def test_nobody_lets_himself_in_and_another_campus_has_its_own_office(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, leaver = world.person("registrar"), world.person("registrar")
    hospital, path = world.hospital, "password"
    me = world.consortium.signed_on(world.consortium.posted("security_admin"))
    elsewhere = hospital.caller("security_admin", campus="mch")
    world.settle()
    hospital.execute("UPDATE organisation.staff SET status = 'suspended' WHERE staff_id = %s", [leaver])
    before = hospital.census()
    for verb in ("password", "unlock", "second-factor/reset"):
        refused(me.post(f"{SSO}/staff/{me.staff_id}/{verb}", WHY), 422, "same_person")
        refused(elsewhere.post(f"{SSO}/staff/{person}/{verb}", WHY), 404, "account_not_here")
        refused(me.post(f"{SSO}/staff/{leaver}/{verb}", WHY), 404, "account_not_here")
        refused(world.consortium.system.post(f"{SSO}/staff/{person}/{verb}", WHY), 403, "permission_denied")
    assert hospital.census() == before
    down = world.settings.model_copy(update={"keycloak_url": "http://127.0.0.1:9"})
    monkeypatch.setattr(directory, "settings", lambda: down)
    refused(world.consortium.security.post(f"{SSO}/staff/{person}/{path}", WHY), 503, "realm_out_of_reach")
    monkeypatch.setattr(directory, "settings", lambda: world.settings)
    assert world.sign_on(person)["access_token"], "the old password stands while no new one could be given"


def test_a_first_password_can_be_read_from_paper_and_keeps_the_policy() -> None:
    drawn = {first_password() for _ in range(500)}
    assert len(drawn) == 500
    for one in drawn:
        assert re.fullmatch(r"[A-Z][a-z]{3}-[a-z2-9]{4}-[a-z2-9]{4}", one)
        assert sum(character.isdigit() for character in one) == 4
        assert not set(one) & set("0O1lI")
