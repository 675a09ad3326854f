"""Passwords by posts at the real realm: 14 characters for the privileged, set here, known by rule and time only."""

from collections.abc import Iterator
from datetime import timedelta
from json import dumps
from secrets import token_hex
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.platform.sso import directory
from functions.platform.sso import rules_passwords as rules
from functions.platform.sso.problems_offline import WeakPassword
from functions.platform.sso.problems_passwords import KnownPassword
from infra.local.keycloak import Keycloak
from shared.identity.keycloak_admin import call
from shared.identity.known_passwords import is_known
from tests.platform.beyond import SSO
from tests.platform.conftest import BASE, ok, refused
from tests.platform.realm import PASSWORD, Browser, Refused, Totp, World, action_of, opened_world
from tests.platform.test_sso_reset import PATH as RESET
from tests.platform.test_sso_reset import Phone, station
from tests.support.hospital import Caller

PATH, PRIVILEGED, STATE = f"{SSO}/my/password", f"{SSO}/idle-accounts", f"{SSO}/my/session"
SHORT, LONG = "Kurz-und-9", "Lang-genug-2026"
WHY = {"reason": "本人到场，核对工作证"}


@pytest.fixture(scope="module")
def world(keycloak: Keycloak) -> Iterator[World]:
    with opened_world(keycloak) as one:
        yield one


def states(world: World, person: UUID) -> list[int]:
    sql = "SELECT least FROM platform.password_states WHERE staff_id = %s"
    return [row["least"] for row in world.hospital.rows(sql, [person])]


def signed_on(world: World, person: UUID, password: str = PASSWORD, otp: Totp | None = None) -> Caller:
    """Signed on as if a moment had passed: tokens of the very second of a change are refused, and each try takes a code
    of the telephone's three."""
    world.hospital.execute(
        "UPDATE kernel.denied_subjects SET issued_before = issued_before - interval '2 seconds' WHERE subject = %s",
        [str(person)],
    )
    return world.signed_on(person, password=password, otp=otp)


def officer(world: World) -> tuple[UUID, Phone]:
    """Somebody with a privileged post and a telephone; bound without the page, which would use a code up."""
    person, phone = world.person("security_admin"), Phone()
    phone.secret = token_hex(10)
    kind = {"subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA256"}
    bound = {"type": "otp", "secretData": dumps({"value": phone.secret}), "credentialData": dumps(kind)}
    account = world.admin.get_user(str(person))
    account.pop("userProfileMetadata", None)
    call(world.admin, "put", f"users/{person}", {**account, "requiredActions": [], "credentials": [bound]})
    return person, phone


def body(password: str, present: str = PASSWORD) -> dict[str, Any]:
    return {"present": present, "password": password}


def test_somebody_ordinary_needs_ten_and_knows_the_present_one(world: World) -> None:
    person = world.person("registrar", name="覃小兰")
    me = signed_on(world, person)
    before = world.hospital.census()
    name = world.username(person)
    for password in (
        "Kurz-9",
        "nurkleinbuchstaben",
        f"Ab-{name}-9",
        "Ab-qinxiaolan-9",
        "Zz-Zongyuan-77",
        "Ab-tanxiaolan-9",
        PASSWORD,
    ):
        refused(me.post(PATH, body(password)), 422, "weak_password")
    refused(me.post(PATH, body("P@ssw0rd-2026")), 422, "known_password")
    assert world.hospital.census() == before
    refused(me.post(PATH, body(SHORT, "Falsch-falsch-1")), 422, "present_password_wrong")
    failed = [one["data"] for one in world.hospital.events("login_failed") if one["data"]["account_id"] == str(person)]
    assert [(one["way"], one["reason"]) for one in failed] == [("password_change", "password")]
    assert states(world, person) == [14]
    sent, key = body(SHORT), "change-it-once-1"
    assert ok(me.post(PATH, sent, key=key)) == {"state": "done"}
    assert world.admin.get_sessions(str(person)) == [], "signed off everywhere"
    world.see_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")
    with pytest.raises(Refused):
        world.sign_on(person)
    again = signed_on(world, person, SHORT)
    assert states(world, person) == [10]
    refused(again.post(PATH, body(PASSWORD, SHORT)), 422, "weak_password")  # among the last five
    kept = f"{world.hospital.rows('SELECT * FROM kernel.audit_entries')}{world.hospital.events()}"
    assert SHORT not in kept
    assert "Falsch-falsch-1" not in kept


def test_a_privileged_post_needs_fourteen_and_two_factors(world: World) -> None:
    person, phone = officer(world)
    me = signed_on(world, person, otp=phone)
    ok(me.get(PRIVILEGED))
    before = world.hospital.census()
    answer = refused(me.post(PATH, body(SHORT)), 422, "weak_password")
    assert "14" in answer["detail"]
    assert world.hospital.census() == before
    assert ok(me.post(PATH, body(LONG))) == {"state": "done"}
    after = signed_on(world, person, LONG, phone)
    ok(after.get(PRIVILEGED))
    assert states(world, person) == [14]


def test_who_becomes_privileged_with_a_short_one_sets_another_first(world: World) -> None:
    person, phone = world.person("schedule_clerk"), Phone()
    ok(signed_on(world, person).post(PATH, body(SHORT)))
    assert states(world, person) == [10]
    world.consortium.assign(str(person), "medical_affairs")
    world.settle()
    first = signed_on(world, person, SHORT, phone)  # binds the telephone
    assert world.verify(first.token).password_due == "short"
    refused(first.post(PATH, body(LONG, SHORT)), 403, "second_factor_required")
    ok(signed_on(world, person, SHORT, phone).post(PATH, body(LONG, SHORT)))
    assert "password_due" not in world.admin.get_user(str(person))["attributes"]


def test_a_short_one_shuts_only_what_is_privileged_until_another_is_set(world: World) -> None:
    person, phone = officer(world)
    world.hospital.execute("UPDATE platform.password_states SET least = 10 WHERE staff_id = %s", [person])
    world.reconcile()
    me = signed_on(world, person, otp=phone)
    assert world.verify(me.token).password_due == "short"
    answer = refused(me.get(PRIVILEGED), 403, "password_due")
    assert "14 位" in answer["detail"]
    assert ok(me.get(f"{BASE}/my/rights"))
    assert ok(me.get(STATE))["password_due"] == "short"
    ok(me.post(PATH, body(LONG)))
    ok(signed_on(world, person, LONG, phone).get(PRIVILEGED))
    assert "password_due" not in world.admin.get_user(str(person))["attributes"]


def changed_at_the_realms_page(browser: Browser, username: str, password: str, otp: Totp, chosen: str) -> None:
    """The page any program can send somebody to: `kc_action`."""
    page, _ = browser.authorise(kc_action="UPDATE_PASSWORD")
    answer = browser.ask("POST", action_of(page), data={"username": username, "password": password})
    for _ in range(4):
        if 'name="password-new"' in answer.text:
            browser.ask("POST", action_of(answer), data={"password-new": chosen, "password-confirm": chosen})
            return
        if answer.status_code == 302 and answer.headers["location"].startswith(browser.redirect):
            break
        if answer.status_code == 302:
            answer = browser.ask("GET", answer.headers["location"])
        else:
            answer = browser.ask("POST", action_of(answer), data={"otp": otp.code()})
    raise Refused("no page for another password")


def test_a_short_one_set_at_the_realms_own_page_does_not_pass(world: World) -> None:
    person, phone = officer(world)
    with pytest.raises(Refused):
        changed_at_the_realms_page(world.browser(), world.username(person), PASSWORD, phone, SHORT)
    assert states(world, person) == [14], "that page is shut"
    path = "authentication/required-actions/UPDATE_PASSWORD"
    call(world.admin, "put", path, {**call(world.admin, "get", path), "enabled": True})  # by hand
    changed_at_the_realms_page(world.browser(), world.username(person), PASSWORD, phone, SHORT)
    world.reconcile()
    assert not call(world.admin, "get", path)["enabled"], "shut again"
    assert states(world, person) == [10], "heard of"
    world.minute()  # tells the account
    refused(signed_on(world, person, SHORT, phone).get(PRIVILEGED), 403, "password_due")


def test_a_given_password_opens_nothing_but_the_way_to_an_own_one(world: World) -> None:
    person, phone = officer(world)
    given = ok(world.consortium.security.post(f"{SSO}/staff/{person}/password", WHY))["password"]
    assert states(world, person) == [0]
    world.minute()
    me = signed_on(world, person, given, phone)
    assert world.verify(me.token).password_due == "initial"
    refused(me.get(PRIVILEGED), 403, "password_due")
    refused(me.get("/api/organisation/structure/campuses"), 403, "password_due")
    ok(me.post(PATH, body(LONG, given)))
    ok(signed_on(world, person, LONG, phone).get(PRIVILEGED))
    with pytest.raises(Refused):
        world.sign_on(person, password=given)


def test_ninety_days_and_a_week_of_warning(world: World) -> None:
    person, phone = officer(world)
    me = signed_on(world, person, otp=phone)
    assert ok(me.get(STATE))["password_due_at"] is None
    ok(me.get(PRIVILEGED))

    def age(days: int) -> None:
        sql = "UPDATE platform.password_states SET set_at = %s WHERE staff_id = %s"
        world.hospital.execute(sql, [world.hospital.clock() - timedelta(days=days), person])

    age(84)
    assert ok(me.get(STATE))["password_due_at"] is not None
    world.minute()
    told = "SELECT due_told_at FROM platform.password_states WHERE staff_id = %s"
    assert world.hospital.value(told, [person]) is None
    age(91)
    world.minute()
    assert world.hospital.value(told, [person]) is not None
    late = signed_on(world, person, otp=phone)
    assert world.verify(late.token).password_due == "expired"
    refused(late.get(PRIVILEGED), 403, "password_due")
    ok(late.post(PATH, body(LONG)))
    assert (
        world.hospital.value("SELECT due_told_at FROM platform.password_states WHERE staff_id = %s", [person]) is None
    )
    ok(signed_on(world, person, LONG, phone).get(PRIVILEGED))


def test_a_reset_by_the_owner_goes_by_the_same_rule(world: World) -> None:
    here, (person, phone) = station(world, "pw-reset"), officer(world)
    world.hospital.execute("UPDATE platform.password_states SET least = 10 WHERE staff_id = %s", [person])
    asked = {"staff_no": world.username(person), "code": phone.code(), "password": SHORT}
    answer = refused(here.post(RESET, asked), 422, "weak_password")
    assert "14 位" in answer["detail"]
    assert states(world, person) == [10]
    ok(here.post(RESET, {**asked, "code": phone.code(), "password": LONG}))
    assert states(world, person) == [14]


def test_a_mark_taken_off_by_hand_comes_back(world: World) -> None:
    person = world.person("security_admin")
    world.hospital.execute("UPDATE platform.password_states SET least = 10 WHERE staff_id = %s", [person])
    world.reconcile()
    account = world.admin.get_user(str(person))
    assert account["attributes"].pop("password_due") == ["short"]
    world.admin.update_user(str(person), account)
    assert "password_due" not in world.admin.get_user(str(person))["attributes"]
    world.reconcile()
    assert world.admin.get_user(str(person))["attributes"]["password_due"] == ["short"]


def test_without_a_fresh_sign_on_or_with_the_realm_away_nothing_changes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = world.person("registrar")
    me = signed_on(world, person)
    before = world.hospital.census()
    world.hospital.clock.move(minutes=6)
    try:
        refused(me.post(PATH, body(LONG)), 401, "fresh_sign_on_required")
    finally:
        world.hospital.clock.offset = timedelta()
    assert world.hospital.census() == before
    down = world.settings.model_copy(update={"keycloak_url": "http://127.0.0.1:9"})
    monkeypatch.setattr(directory, "settings", lambda: down)
    refused(me.post(PATH, body(LONG)), 503, "realm_out_of_reach")
    monkeypatch.setattr(directory, "settings", lambda: world.settings)
    assert world.sign_on(person)["access_token"], "the old password stands"
    assert states(world, person) == [14]


@given(st.text(max_size=24), st.sampled_from((10, 14)), st.from_regex(r"[A-Za-z0-9]{3,8}", fullmatch=True))
def test_no_short_simple_or_speaking_password_passes(password: str, least: int, word: str) -> None:
    kinds = (str.islower, str.isupper, str.isdigit, lambda one: not one.isalnum())
    classes = sum(any(kind(one) for one in password) for kind in kinds)
    plain = "".join(one for one in password.lower() if one.isalnum())
    good = len(password) >= least and classes >= 3 and word.lower() not in plain and not is_known(password)
    try:
        rules.check_password(password, least, [word, "", "覃"])
        assert good
    except (WeakPassword, KnownPassword):
        assert not good or "覃" in password


def test_what_is_due_and_when() -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 11, 23, tzinfo=UTC)
    ago = lambda days: now - timedelta(days=days)  # noqa: E731
    for privileged_now, set_at, least, wanted in (
        (False, None, None, ""),
        (False, ago(179), 10, ""),
        (False, ago(180), 10, f"aged:{int(now.timestamp())}"),
        (False, ago(400), 0, "initial"),
        (True, ago(181), 14, f"aged:{int(now.timestamp()) - 86400}"),
        (False, ago(1), 0, "initial"),
        (True, None, None, "short"),
        (True, ago(1), 10, "short"),
        (True, ago(1), 0, "initial"),
        (True, ago(89), 14, ""),
        (True, ago(90), 14, "expired"),
    ):
        assert rules.due(privileged_now, set_at, least, now) == wanted
    assert rules.due_at(True, ago(82), now) is None
    assert rules.due_at(True, ago(83), now) == now + timedelta(days=7)
    assert rules.due_at(False, ago(173), now) == now + timedelta(days=7)
    assert rules.due_at(False, None, now) is None
