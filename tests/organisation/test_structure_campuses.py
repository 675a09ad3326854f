"""Campuses are data: opened, changed, set, closed without a release."""

from datetime import timedelta

import pytest

from functions.organisation.structure import service
from functions.organisation.structure.queries import structure as queries
from shared.numbers import Series
from shared.problems import Conflict
from shared.schemas import SHANGHAI
from tests.organisation.conftest import BASE, Consortium

ZX = {
    "code": "zx",
    "letter": "Z",
    "name": "中心卫生院",
    "short_name": "中心院",
    "price_level": "primary",
    "address": "中心路2号",
}


def founder(staff_no: str, *posts: str) -> dict[str, object]:
    return {"staff_no": staff_no, "name": "单小春", "category": "management", "posts": list(posts)}


def test_bootstrap_made_the_head_hospital_and_its_administrator(consortium: Consortium) -> None:
    campuses = {campus["code"]: campus for campus in consortium.admin.get(f"{BASE}/campuses").json()}
    assert campuses["hq"]["is_head"] is True
    assert campuses["mch"]["is_head"] is False
    assert (campuses["hq"]["price_level"], campuses["mch"]["price_level_label"]) == ("tertiary", "二级")
    first = next(account for account in consortium.accounts().values() if account.staff_no == "10001")
    assert first.enabled
    assert first.posts == {"hq": frozenset({"consortium_admin", "personnel"})}


def test_bootstrap_happens_once(consortium: Consortium) -> None:
    before = consortium.hospital.census()
    command = service.OpenCampus.model_validate({**ZX, "founders": [founder("30001", "consortium_admin")]})
    with pytest.raises(Conflict), consortium.hospital.tx("zx") as tx:
        service.bootstrap(tx, command)
    assert consortium.hospital.census() == before


@pytest.mark.case("P-organisation", 1)
def test_a_third_campus_is_data_alone(consortium: Consortium) -> None:
    hospital = consortium.hospital
    body = {**ZX, "founders": [founder("30001", "personnel", "campus_admin")]}
    opened = consortium.opener.post(f"{BASE}/campuses", body)
    assert opened.status_code == 201, opened.text
    tree = consortium.tree("zx")
    assert tree["root"]["kind"] == "campus"
    assert {unit["parent_id"] for code, unit in tree.items() if code != "root"} == {tree["root"]["unit_id"]}
    first = next(account for account in consortium.accounts().values() if account.staff_no == "30001")
    assert first.posts == {"zx": frozenset({"personnel", "campus_admin"})}

    personnel = hospital.caller("personnel", campus="zx")
    window = consortium.unit(hospital.caller("campus_admin", campus="zx"), code="cashier", kind="administrative")
    registrar = consortium.engage(personnel, unit_id=window["unit_id"])
    assert consortium.assign(registrar["staff_id"], "registrar", personnel).status_code == 201
    posts = [
        account.posts for account in consortium.accounts().values() if str(account.staff_id) == registrar["staff_id"]
    ]
    assert posts == [{"zx": frozenset({"registrar"})}]

    visit_no = Series("visit", daily=True)
    with hospital.tx("hq") as tx:
        assert tx.number(visit_no) == 1
        assert tx.number(visit_no) == 2
    with hospital.tx("zx") as tx:
        assert tx.number(visit_no) == 1
        assert [entry.campus_id for entry in tx.session.all(queries.CHANGES, **_changes("hq"))] == []
    event = hospital.events("campus_opened")[-1]
    assert (event["data"]["campus_code"], event["data"]["price_level"]) == ("zx", "primary")


def _changes(campus: str) -> dict[str, object]:
    from uuid import UUID

    return {"campus": campus, "kind": "campus", "subject_id": "mch", "before": UUID(int=2**128 - 1), "limit": 10}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"code": "hq", "letter": "Q"}, 409, "campus_code_taken"),
        ({"letter": "H"}, 409, "campus_letter_taken"),
        ({"is_head": True}, 409, "head_campus_exists"),
        ({"code": "ZX"}, 422, "invalid"),
        ({"uscc": "91350100M000100Y44"}, 422, "invalid"),
        ({"insurance_code": "X45022300001"}, 422, "invalid"),
        ({"opened_on": "2999-01-01"}, 422, "invalid"),
        ({"founders": [founder("40001", "registrar", "cashier_lead")]}, 422, "incompatible_posts"),
        ({"founders": [founder("40001", "wizard")]}, 422, "unknown_post"),
        ({"founders": [founder("10001", "personnel")]}, 409, "staff_no_taken"),
    ],
)
def test_refusals_open_nothing(consortium: Consortium, change: dict[str, object], status: int, code: str) -> None:
    before = consortium.hospital.census()
    body = {**ZX, "code": "zy", "letter": "Y", **change}
    refused = consortium.opener.post(f"{BASE}/campuses", body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert consortium.hospital.census() == before


def test_only_the_consortium_administrator_opens(consortium: Consortium) -> None:
    before = consortium.hospital.census()
    for caller in (consortium.admin, consortium.personnel):
        refused = caller.post(f"{BASE}/campuses", {**ZX, "code": "zy", "letter": "Y"})
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert consortium.hospital.client.post(f"{BASE}/campuses", json=ZX).status_code == 401
    assert consortium.hospital.census() == before


def test_founding_rights_end_with_the_transaction(consortium: Consortium) -> None:
    """Who opened a campus yesterday writes nothing there today without acting there."""
    import psycopg

    from functions.organisation.structure.models import Unit
    from shared.ids import new_id

    with pytest.raises(psycopg.errors.InsufficientPrivilege), consortium.hospital.tx("hq") as tx:
        tx.session.add(Unit(unit_id=new_id(), campus_id="mch", code="smuggled"))
    assert consortium.hospital.value("SELECT count(*) FROM organisation.units WHERE code = 'smuggled'") == 0


def test_a_campus_is_changed_with_its_version(consortium: Consortium) -> None:
    seen = consortium.opener.get(f"{BASE}/campuses/mch").json()
    body = {"version": seen["version"], "phone": "0772-6812345", "grade": "二级甲等"}
    changed = consortium.opener.patch(f"{BASE}/campuses/mch", body)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["phone"], changed.json()["name"]) == ("0772-6812345", seen["name"])
    assert changed.headers["etag"] == f'"{seen["version"] + 1}"'
    stale = consortium.opener.patch(f"{BASE}/campuses/mch", {**body, "phone": "0772-1"})
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert consortium.opener.get(f"{BASE}/campuses/mch").json()["phone"] == "0772-6812345"
    log = consortium.opener.get(f"{BASE}/changes", kind="campus", subject_id="mch").json()["items"]
    assert (log[0]["before"]["phone"], log[0]["after"]["phone"]) == (None, "0772-6812345")


def test_price_level_changes_from_a_moment_on(consortium: Consortium) -> None:
    soon = consortium.moment(days=10)
    body = {"price_level": "tertiary", "valid_from": soon, "reason": "升级评审通过"}
    answer = consortium.opener.post(f"{BASE}/campuses/mch/price-level", body)
    assert (answer.status_code, answer.json()["price_level"]) == (200, "secondary")
    hospital = consortium.hospital
    with hospital.tx("mch") as tx:
        level = service.price_level_of("mch", queries._AT)
        from sqlalchemy import select

        from shared.database.query import Query

        at = Query(str, select(level))
        eve = hospital.clock() + timedelta(days=9)
        assert tx.session.one(at, at=eve) == "secondary"
        assert tx.session.one(at, at=hospital.clock() + timedelta(days=11)) == "tertiary"
        assert tx.session.one(at, at=hospital.clock() - timedelta(days=4000)) is None
    past = consortium.opener.post(
        f"{BASE}/campuses/mch/price-level", {**body, "valid_from": consortium.moment(days=-1)}
    )
    assert (past.status_code, past.json()["code"]) == (422, "past_change")


def test_settings_are_typed_and_dated(consortium: Consortium) -> None:
    set_now = consortium.admin.put(f"{BASE}/settings/cash_rounding", {"value": True})
    assert set_now.status_code == 200, set_now.text
    later = consortium.moment(days=3)
    body = {"value": False, "valid_from": later, "reason": "取消抹零"}
    assert consortium.admin.put(f"{BASE}/settings/cash_rounding", body).status_code == 200
    hospital = consortium.hospital
    with hospital.tx("hq") as tx:
        assert service.setting(tx, "cash_rounding") is True
        assert service.setting(tx, "cash_rounding", campus="mch") is False
        assert service.setting(tx, "cash_rounding", at=hospital.clock() + timedelta(days=4)) is False
        assert service.setting(tx, "noon_break") == "12:00-14:30"
    listed = {entry["key"]: entry for entry in consortium.mch_admin.get(f"{BASE}/settings", campus="hq").json()}
    assert listed["cash_rounding"]["value"] is True
    for key, value in [("cash_rounding", 1), ("noon_break", "noon"), ("follow_up_days", True), ("no_such", "x")]:
        before = hospital.census()
        refused = consortium.admin.put(f"{BASE}/settings/{key}", {"value": value})
        assert (refused.status_code, refused.json()["code"]) == (422, "setting_invalid"), key
        assert hospital.census() == before


def test_a_setting_belongs_to_the_acting_campus(consortium: Consortium) -> None:
    assert consortium.mch_admin.put(f"{BASE}/settings/follow_up_days", {"value": 5}).status_code == 200
    with consortium.hospital.tx("hq") as tx:
        assert service.setting(tx, "follow_up_days") == 3
        assert service.setting(tx, "follow_up_days", campus="mch") == 5


def test_a_campus_in_use_stays_open(consortium: Consortium) -> None:
    version = consortium.opener.get(f"{BASE}/campuses/mch").json()["version"]
    before = consortium.hospital.census()
    refused = consortium.opener.post(f"{BASE}/campuses/mch/close", {"reason": "撤并", "version": version})
    assert (refused.status_code, refused.json()["code"]) == (409, "campus_in_use")
    assert consortium.hospital.census() == before


def test_an_empty_campus_closes(consortium: Consortium) -> None:
    hospital = consortium.hospital
    opened = consortium.opener.post(f"{BASE}/campuses", {**ZX, "code": "tmp", "letter": "T"})
    assert opened.status_code == 201
    admin = hospital.caller("campus_admin", campus="tmp")
    for code, unit in consortium.tree("tmp").items():
        if code != "root":
            body = {"closes_on": consortium.today(), "version": unit["version"], "reason": "撤并"}
            assert admin.post(f"{BASE}/units/{unit['unit_id']}/close", body).status_code == 200
    body = {"reason": "撤并", "version": opened.json()["version"]}
    closed = consortium.opener.post(f"{BASE}/campuses/tmp/close", body)
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    with hospital.tx("hq") as tx:
        assert "tmp" not in {campus.code for campus in service.open_campuses(tx)}
    again = consortium.opener.post(f"{BASE}/campuses", {**ZX, "code": "tmp", "letter": "U"})
    assert again.json()["code"] == "campus_code_taken"


def test_a_repeated_command_opens_once(consortium: Consortium) -> None:
    body = {**ZX, "code": "rep", "letter": "R"}
    first = consortium.opener.post(f"{BASE}/campuses", body, key="open-campus-rep")
    again = consortium.opener.post(f"{BASE}/campuses", body, key="open-campus-rep")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert len([row for row in consortium.hospital.events("campus_opened") if row["data"]["campus_code"] == "rep"]) == 1


def test_today_is_the_hospitals_day(consortium: Consortium) -> None:
    opened = consortium.hospital.value("SELECT opened_on FROM organisation.campuses WHERE code = 'mch'")
    assert opened == consortium.hospital.clock().astimezone(SHANGHAI).date()
