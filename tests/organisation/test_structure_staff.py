"""Staff: engaged, changed, moved between units, suspended, leaving."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from uuid import UUID

import pytest

from events.platform import AccountLocked
from functions.organisation.structure import service
from functions.organisation.structure.problems import StaffNotFound
from functions.organisation.structure.schemas.people import ChangePrimaryUnit
from shared.identity.tokens import TokenVerifier
from shared.ids import new_id
from shared.problems import Stale
from tests.organisation.conftest import BASE, Consortium
from tests.support import tokens


def test_engaging_makes_a_person_everybody_can_name(consortium: Consortium) -> None:
    unit = consortium.unit(name="儿科")
    made = consortium.engage(
        unit_id=unit["unit_id"],
        staff_no="D0815",
        name="覃小兰",
        category="doctor",
        title_code="232",
        mobile="13877201234",
    )
    assert (made["title"], made["title_rank"], made["mobile"]) == ("副主任医师", "associate_senior", "13877201234")
    with consortium.hospital.tx("mch") as tx:
        person = service.staff_member(tx, UUID(made["staff_id"]))
        assert (person.staff_no, person.name, person.title_rank) == ("D0815", "覃小兰", "associate_senior")
        assert service.staff_by_no(tx, "d0815") == person
        assert service.staff_members(tx, [person.staff_id, new_id()]) == {person.staff_id: person}
        with pytest.raises(StaffNotFound):
            service.staff_member(tx, new_id())
    joined = consortium.hospital.events("staff_joined")[-1]["data"]
    assert (joined["staff_no"], joined["unit_id"]) == ("D0815", unit["unit_id"])
    assert "name" not in joined
    members = consortium.admin.get(f"{BASE}/units/{unit['unit_id']}/staff").json()["items"]
    assert [(member["name"], member["is_primary"]) for member in members] == [("覃小兰", True)]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"staff_no": "FIRST1"}, 409, "staff_no_taken"),
        ({"title_code": "999"}, 422, "title_unknown"),
        ({"unit_id": "00000000-0000-7000-8000-000000000000"}, 404, "unit_not_found"),
        ({"mobile": "12"}, 422, "invalid"),
        ({"id_number": "450205199001011234"}, 422, "invalid"),
    ],
)
def test_refusals_engage_nobody(consortium: Consortium, change: dict[str, str], status: int, code: str) -> None:
    if code == "staff_no_taken":
        consortium.engage(staff_no="first1")
    body = {
        "staff_no": "fresh1",
        "name": "新人",
        "category": "nurse",
        "unit_id": consortium.tree()["root"]["unit_id"],
        **change,
    }
    before = consortium.hospital.census()
    refused = consortium.personnel.post(f"{BASE}/staff", body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert consortium.hospital.census() == before


def test_people_are_engaged_into_the_own_campus(consortium: Consortium) -> None:
    before = consortium.hospital.census()
    body = {"staff_no": "x77", "name": "甲", "category": "nurse", "unit_id": consortium.tree("mch")["root"]["unit_id"]}
    refused = consortium.personnel.post(f"{BASE}/staff", body)
    assert (refused.status_code, refused.json()["code"]) == (404, "unit_not_found")
    assert consortium.admin.post(f"{BASE}/staff", body).json()["code"] == "permission_denied"
    assert consortium.hospital.census() == before


@pytest.mark.case("P-organisation", 10)
def test_the_directory_shows_other_campuses_names_and_office_phones_only(consortium: Consortium) -> None:
    made = consortium.engage(name="梁广播", office_phone="0772-100", mobile="13900001111")
    for beginning in ("梁广", "lgb", made["staff_no"][:6]):
        here = consortium.admin.get(f"{BASE}/directory", q=beginning).json()
        there = consortium.mch_admin.get(f"{BASE}/directory", q=beginning).json()
        mine = next(entry for entry in here if entry["staff_id"] == made["staff_id"])
        theirs = next(entry for entry in there if entry["staff_id"] == made["staff_id"])
        assert mine["mobile"] == "139****1111", "outside the own unit the middle is hidden"
        assert theirs == {**mine, "mobile": None}
        assert (theirs["office_phone"], theirs["unit_name"]) == ("0772-100", "总院")
    assert consortium.mch_admin.get(f"{BASE}/staff/{made['staff_id']}").json()["mobile"] is None
    assert consortium.admin.get(f"{BASE}/directory", q="无此人").json() == []


def test_a_record_is_changed_by_its_own_campus_with_its_version(consortium: Consortium) -> None:
    made = consortium.engage(title_code="233", category="doctor")
    path = f"{BASE}/staff/{made['staff_id']}"
    before = consortium.hospital.census()
    foreign = consortium.mch_personnel.patch(path, {"version": 1, "name": "改名"})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "staff_not_found")
    assert consortium.hospital.census() == before
    changed = consortium.personnel.patch(path, {"version": 1, "title_code": "232", "mobile": "13912345678"})
    assert (changed.status_code, changed.json()["title_rank"], changed.json()["version"]) == (
        200,
        "associate_senior",
        2,
    )
    assert changed.json()["mobile"] == "13912345678"
    assert consortium.personnel.patch(path, {"version": 1, "name": "旧"}).json()["code"] == "version_conflict"
    assert consortium.personnel.patch(path, {"version": 2, "name": None}).status_code == 422
    event = [entry for entry in consortium.hospital.events("staff_changed") if entry["subject"] == made["staff_id"]]
    assert [entry["data"]["fields"] for entry in event] == [["title_code", "mobile"]]
    log = consortium.hospital.rows(
        "SELECT before, after FROM organisation.change_log WHERE change = 'changed' AND subject_id = %s",
        [made["staff_id"]],
    )
    assert log == [{"before": {"title_code": "233"}, "after": {"title_code": "232"}}]


@pytest.mark.case("P-organisation", 7)
def test_two_changes_of_the_primary_unit_at_once(consortium: Consortium) -> None:
    left, right = consortium.unit(name="左科"), consortium.unit(name="右科")
    person = consortium.engage()
    hospital = consortium.hospital

    def move(unit_id: str) -> None:
        with hospital.tx("hq") as tx:
            day = tx.today + timedelta(days=3)
            command = ChangePrimaryUnit(unit_id=UUID(unit_id), effective_on=day, version=1, reason="调科")
            service.change_primary_unit(tx, UUID(person["staff_id"]), command)

    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(move, left["unit_id"]), threads.submit(move, right["unit_id"])]
        outcomes = [future.exception(10) for future in futures]
    assert sorted(str(type(outcome).__name__) for outcome in outcomes) == ["NoneType", Stale.__name__]
    rows = hospital.rows(
        "SELECT unit_id::text, valid_from, valid_to FROM organisation.staff_units"
        " WHERE staff_id = %s AND superseded_at IS NULL ORDER BY valid_from",
        [person["staff_id"]],
    )
    assert len(rows) == 2
    assert rows[0]["valid_to"] == rows[1]["valid_from"]
    assert rows[1]["unit_id"] == (left if outcomes[0] is None else right)["unit_id"]


def test_moving_to_a_unit_one_already_helps_in(consortium: Consortium) -> None:
    ward, clinic = consortium.unit(name="病区"), consortium.unit(name="门诊")
    person = consortium.engage(unit_id=ward["unit_id"])
    path = f"{BASE}/staff/{person['staff_id']}"
    assert consortium.personnel.post(f"{path}/units", {"unit_id": clinic["unit_id"]}).status_code == 201
    twice = consortium.personnel.post(f"{path}/units", {"unit_id": clinic["unit_id"]})
    assert (twice.status_code, twice.json()["code"]) == (409, "already_in_unit")
    body = {"unit_id": clinic["unit_id"], "effective_on": consortium.today(1), "version": 1, "reason": "调科"}
    assert consortium.personnel.post(f"{path}/change-primary-unit", body).status_code == 200
    here = consortium.personnel.get(f"{BASE}/units/{clinic['unit_id']}/staff").json()["items"]
    then = consortium.personnel.get(f"{BASE}/units/{clinic['unit_id']}/staff", at=consortium.today(1)).json()["items"]
    assert ([member["is_primary"] for member in here], [member["is_primary"] for member in then]) == ([False], [True])
    left = consortium.personnel.get(f"{BASE}/units/{ward['unit_id']}/staff", at=consortium.today(1)).json()["items"]
    assert left == []


def test_the_database_itself_refuses_two_primary_units(consortium: Consortium) -> None:
    person = consortium.engage()
    with pytest.raises(Exception, match="ex_staff_units_primary"):
        consortium.hospital.execute(
            "INSERT INTO organisation.staff_units (row_id, campus_id, staff_id, unit_id, is_primary, valid_from,"
            " recorded_at, recorded_by, reason) SELECT gen_random_uuid(), campus_id, staff_id, %s, true, valid_from,"
            " now(), 'x', '' FROM organisation.staff_units WHERE staff_id = %s",
            [consortium.unit()["unit_id"], person["staff_id"]],
        )


def test_the_list_of_people_comes_in_pages(consortium: Consortium) -> None:
    for _ in range(3):
        consortium.engage(consortium.mch_personnel)
    first = consortium.mch_personnel.get(f"{BASE}/staff", limit=2).json()
    rest = consortium.mch_personnel.get(f"{BASE}/staff", limit=200, cursor=first["next"]).json()
    numbers = [person["staff_no"] for person in first["items"] + rest["items"]]
    assert numbers == sorted(numbers)
    assert len(numbers) == consortium.hospital.value("SELECT count(*) FROM organisation.staff WHERE campus_id = 'mch'")
    assert {person["campus_id"] for person in first["items"] + rest["items"]} == {"mch"}


def test_suspension_and_return(consortium: Consortium) -> None:
    person = consortium.engage()
    staff = UUID(person["staff_id"])
    path = f"{BASE}/staff/{staff}"
    denied = "SELECT count(*) FROM kernel.denied_subjects WHERE subject = %s AND expires_at > %s"
    now = consortium.hospital.clock
    assert (
        consortium.personnel.post(f"{path}/suspend", {"reason": "调查", "version": 1}).json()["status"] == "suspended"
    )
    assert consortium.accounts()[staff].enabled is False
    assert consortium.hospital.value(denied, [str(staff), now()]) == 1
    again = consortium.personnel.post(f"{path}/suspend", {"reason": "调查", "version": 2})
    assert (again.status_code, again.json()["code"]) == (409, "staff_not_active")
    assert consortium.personnel.post(f"{path}/resume", {"reason": "查清", "version": 2}).json()["status"] == "active"
    assert consortium.accounts()[staff].enabled is True
    assert consortium.hospital.value(denied, [str(staff), now()]) == 0


@pytest.mark.case("P-organisation", 11)
def test_a_leaver_is_signed_off_and_stays_an_author(consortium: Consortium) -> None:
    hospital = consortium.hospital
    hospital.runtime.verifier = TokenVerifier(
        issuer=tokens.ISSUER, audience=tokens.AUDIENCE, fetch=lambda: tokens.jwks(), denied=hospital.runtime.deny_list
    )
    person = consortium.engage(name="农离职")
    staff = UUID(person["staff_id"])
    assert consortium.assign(str(staff), "campus_admin").status_code == 201
    leaver = hospital.caller("campus_admin", campus="hq", staff_id=staff)
    assert leaver.get(f"{BASE}/campuses").status_code == 200
    left = consortium.personnel.post(f"{BASE}/staff/{staff}/end", {"reason": "辞职", "version": 1})
    assert (left.status_code, left.json()["status"]) == (200, "left")
    hospital.runtime.refresh_deny_list()
    refused = leaver.get(f"{BASE}/campuses")
    assert refused.status_code == 401
    assert consortium.admin.get(f"{BASE}/campuses").status_code == 200
    account = consortium.accounts()[staff]
    assert (account.enabled, account.posts) == (False, {})
    with hospital.tx("mch") as tx:
        assert service.staff_member(tx, staff).name == "农离职"
    assert [event["data"]["post"] for event in hospital.events("post_ended") if event["subject"] == str(staff)] == [
        "campus_admin"
    ]
    assert hospital.events("staff_left")[-1]["subject"] == str(staff)
    assert consortium.admin.get(f"{BASE}/directory", q="农离职").json() == []
    again = consortium.personnel.post(f"{BASE}/staff/{staff}/end", {"reason": "辞职", "version": 3})
    assert (again.status_code, again.json()["code"]) == (409, "staff_not_active")
    reused = {
        "staff_no": person["staff_no"].lower(),
        "name": "新人",
        "category": "nurse",
        "unit_id": consortium.tree()["root"]["unit_id"],
    }
    assert consortium.personnel.post(f"{BASE}/staff", reused).json()["code"] == "staff_no_taken"


def test_a_shut_account_shows_on_the_card_for_a_day(consortium: Consortium) -> None:
    hospital = consortium.hospital
    person = consortium.engage()
    path = f"{BASE}/staff/{person['staff_id']}"
    assert consortium.personnel.get(path).json()["sign_on_locked_at"] is None
    with hospital.tx("hq") as tx:
        tx.emit(AccountLocked(staff_id=UUID(person["staff_id"]), way="password", until=None))
    assert hospital.drain() >= 1
    locks = "SELECT count(*) FROM organisation.sign_on_locks WHERE staff_id = %s"
    assert hospital.value(locks, [person["staff_id"]]) == 1, "a redelivery changes nothing"
    assert consortium.mch_admin.get(path).json()["sign_on_locked_at"] is not None
    hospital.clock.move(days=2)
    try:
        assert consortium.personnel.get(path).json()["sign_on_locked_at"] is None
    finally:
        hospital.clock.move(days=-2)


def test_leaving_at_a_stated_minute(consortium: Consortium) -> None:
    hospital = consortium.hospital
    person = consortium.engage()
    staff = UUID(person["staff_id"])
    assert consortium.assign(str(staff), "schedule_clerk").status_code == 201
    at = consortium.moment(hours=6)
    planned = consortium.personnel.post(f"{BASE}/staff/{staff}/end", {"reason": "退休", "version": 1, "at": at})
    assert (planned.status_code, planned.json()["status"]) == (200, "active")
    assert consortium.accounts()[staff].posts == {"hq": frozenset({"schedule_clerk"})}
    refused = consortium.assign(str(staff), "finance", is_main=False)
    assert (refused.status_code, refused.json()["code"]) == (409, "staff_not_active")
    with hospital.tx("hq") as tx:
        assert service.sign_off_leavers(tx) == 0
    hospital.clock.move(hours=7)
    try:
        account = consortium.accounts()[staff]
        assert (account.enabled, account.posts) == (False, {})
        with hospital.tx("mch") as tx:
            assert service.sign_off_leavers(tx) == 0
        with hospital.tx("hq") as tx:
            assert service.sign_off_leavers(tx) == 1
        with hospital.tx("hq") as tx:
            assert service.sign_off_leavers(tx) == 0
            assert service.staff_member(tx, staff).status == "left"
    finally:
        hospital.clock.move(hours=-7)
    past = consortium.engage()
    body = {"reason": "辞职", "version": 1, "at": consortium.moment(days=-1)}
    before = hospital.census()
    refused = consortium.personnel.post(f"{BASE}/staff/{past['staff_id']}/end", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "past_change")
    assert hospital.census() == before


def test_the_minute_signs_off_leavers(consortium: Consortium) -> None:
    person = consortium.engage()
    leaving = consortium.moment(hours=1)
    body = {"reason": "退休", "version": 1, "at": leaving}
    assert consortium.personnel.post(f"{BASE}/staff/{person['staff_id']}/end", body).json()["status"] == "active"
    consortium.hospital.minute("organisation/structure", "hq")
    assert consortium.told("staff_left", person["staff_id"]) == []
    consortium.hospital.clock.move(hours=2)
    try:
        consortium.hospital.minute("organisation/structure", "mch")
        assert consortium.told("staff_left", person["staff_id"]) == [], "the home campus signs off"
        consortium.hospital.minute("organisation/structure", "hq")
        consortium.hospital.minute("organisation/structure", "hq")
        assert len(consortium.told("staff_left", person["staff_id"])) == 1
        assert date.fromisoformat(consortium.told("staff_left", person["staff_id"])[0]["left_at"][:10])
    finally:
        consortium.hospital.clock.move(hours=-2)
