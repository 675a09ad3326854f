"""Codes of units and people, shared centres, workstations, acting, lists."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.organisation.structure import service
from functions.organisation.structure.problems.wards import WorkstationNotFound
from tests.organisation.conftest import BASE, Consortium


def code_of(consortium: Consortium, unit: str, system: str, at: str | None = None) -> str | None:
    from datetime import date

    with consortium.hospital.tx("mch") as tx:
        return service.unit_code(tx, UUID(unit), system, date.fromisoformat(at) if at else None)


def test_a_unit_is_mapped_from_a_day_on(consortium: Consortium) -> None:
    unit = consortium.unit(name="儿科")["unit_id"]
    path = f"{BASE}/units/{unit}/codes/insurance_department"
    made = consortium.admin.put(path, {"code": "A07", "name": "儿科"})
    assert [(row["code"], row["system_title"]) for row in made.json()] == [("A07", "医保科别（caty）")], made.text
    later = consortium.today(10)
    changed = consortium.admin.put(path, {"code": "A07.01", "valid_from": later})
    assert [row["valid_to"] for row in changed.json()] == [later, None]
    assert code_of(consortium, unit, "insurance_department") == "A07"
    assert code_of(consortium, unit, "insurance_department", later) == "A07.01"
    lines = {row["unit_id"]: row["codes"] for row in consortium.mch_admin.get(f"{BASE}/unit-codes", campus="hq").json()}
    assert lines[unit] == {"insurance_department": "A07"}
    missing = consortium.admin.get(f"{BASE}/lists/units-without-code/insurance_department").json()
    assert unit not in {row["subject_id"] for row in missing}
    assert unit in {
        row["subject_id"] for row in consortium.admin.get(f"{BASE}/lists/units-without-code/front_page").json()
    }
    assert unit in {
        row["subject_id"] for row in consortium.admin.get(f"{BASE}/lists/units-without-code/subject").json()
    }
    ended = consortium.admin.put(path, {"code": None, "valid_from": consortium.today(20)})
    assert ended.json()[-1]["valid_to"] == consortium.today(20)


def test_the_same_standard_clinic_is_found_at_every_campus(consortium: Consortium) -> None:
    here = consortium.unit(name="产科")["unit_id"]
    there = consortium.unit(consortium.mch_admin, name="产科门诊")["unit_id"]
    for caller, unit in ((consortium.admin, here), (consortium.mch_admin, there)):
        assert caller.put(f"{BASE}/units/{unit}/codes/standard_clinic", {"code": "obs-general"}).status_code == 200
    found = consortium.admin.get(f"{BASE}/unit-codes/standard_clinic/obs-general").json()
    assert {row["unit_id"] for row in found} == {here, there}


def test_refused_codes_change_nothing(consortium: Consortium) -> None:
    unit = consortium.unit()["unit_id"]
    before = consortium.hospital.census()
    for caller, system, body, expected in [
        (consortium.admin, "horoscope", {"code": "x"}, (422, "unit_code_system_unknown")),
        (consortium.admin, "statistics", {"code": "x", "valid_from": "2020-01-01"}, (422, "past_change")),
        (consortium.mch_admin, "statistics", {"code": "x"}, (404, "unit_not_found")),
        (consortium.personnel, "statistics", {"code": "x"}, (403, "permission_denied")),
    ]:
        refused = caller.put(f"{BASE}/units/{unit}/codes/{system}", body)
        assert (refused.status_code, refused.json()["code"]) == expected, refused.text
    assert consortium.hospital.census() == before


def test_a_persons_code_belongs_to_one(consortium: Consortium) -> None:
    first, second = (consortium.engage(category="doctor")["staff_id"] for _ in range(2))
    code = f"D{uuid4().int % 10**11:011d}"
    path = f"{BASE}/staff/{first}/codes/insurance_doctor"
    assert consortium.personnel.put(path, {"code": code}).json()[0]["system_title"] == "医保医师代码"
    with consortium.hospital.tx("mch") as tx:
        assert service.staff_code(tx, UUID(first), "insurance_doctor") == code
        assert service.staff_code(tx, UUID(second), "insurance_doctor") is None
    before = consortium.hospital.census()
    taken = consortium.personnel.put(f"{BASE}/staff/{second}/codes/insurance_doctor", {"code": code})
    assert (taken.status_code, taken.json()["code"]) == (409, "staff_code_taken")
    unknown = consortium.personnel.put(f"{BASE}/staff/{second}/codes/horoscope", {"code": code})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "licence_invalid")
    foreign = consortium.mch_personnel.put(path, {"code": None})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "staff_not_found")
    assert consortium.hospital.census() == before
    assert consortium.personnel.put(path, {"code": None}).json() == []


def test_a_shared_centre_serves_other_campuses(consortium: Consortium) -> None:
    centre = consortium.unit(name="影像诊断中心", kind="shared_centre")["unit_id"]
    path = f"{BASE}/units/{centre}/serves"
    made = consortium.admin.put(path, {"campus": "mch"})
    assert [row["unit_id"] for row in made.json()] == [centre], made.text
    assert [row["name"] for row in consortium.mch_admin.get(f"{BASE}/centres").json()] == ["影像诊断中心"]
    clinic = consortium.unit()["unit_id"]
    before = consortium.hospital.census()
    for unit, body, expected in [
        (centre, {"campus": "mch"}, (409, "unit_serves_already")),
        (centre, {"campus": "hq"}, (422, "invalid")),
        (centre, {"campus": "zz"}, (404, "campus_not_found")),
        (clinic, {"campus": "mch"}, (422, "not_a_centre")),
    ]:
        refused = consortium.admin.put(f"{BASE}/units/{unit}/serves", body)
        assert (refused.status_code, refused.json()["code"]) == expected, refused.text
    assert consortium.hospital.census() == before
    assert consortium.admin.put(path, {"campus": "mch", "serves": False}).json() == []


# -- workstations


def machine(consortium: Consortium, **fields: Any) -> dict[str, Any]:
    body = {
        "code": f"ws-{uuid4().hex[:8]}",
        "name": "收费1号机",
        "unit_id": consortium.tree()["root"]["unit_id"],
        "host": f"HQ-PC-{uuid4().hex[:6]}",
        "certificate": uuid4().hex * 2,
        "printers": {"registration_slip": "slip-printer-1"},
        "card_readers": ["id-card"],
        **fields,
    }
    answer = consortium.admin.post(f"{BASE}/workstations", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_workstation_is_found_by_machine_and_certificate(consortium: Consortium) -> None:
    made = machine(consortium)
    by_host = consortium.admin.get(f"{BASE}/workstations/by-host/{made['host'].upper()}")
    by_certificate = consortium.admin.get(f"{BASE}/workstations/by-certificate/{made['certificate'].upper()}")
    assert by_host.json() == by_certificate.json() == made
    assert consortium.mch_admin.get(f"{BASE}/workstations/by-host/{made['host']}").status_code == 404
    path = f"{BASE}/workstations/{made['workstation_id']}"
    body = {"version": 1, "printers": {"registration_slip": "slip-printer-2"}, "host": None}
    changed = consortium.admin.patch(path, body)
    assert (changed.json()["printers"], changed.json()["host"]) == ({"registration_slip": "slip-printer-2"}, None)
    assert changed.json()["name"] == "收费1号机"
    assert consortium.admin.patch(path, {"version": 1, "name": "旧"}).json()["code"] == "version_conflict"
    assert consortium.admin.patch(path, {"version": 2, "name": None}).json()["code"] == "invalid"
    retired = consortium.admin.post(f"{path}/retire", {"version": 2, "reason": "报废"})
    assert (retired.status_code, retired.json()["status"]) == (200, "retired")
    with pytest.raises(WorkstationNotFound), consortium.hospital.tx("hq") as tx:
        service.workstation_by_certificate(tx, made["certificate"])
    again = machine(consortium, certificate=made["certificate"])
    assert again["certificate"] == made["certificate"], "free for the machine that takes its place"
    codes = [row["code"] for row in consortium.admin.get(f"{BASE}/workstations", limit=200).json()["items"]]
    assert made["code"] not in codes
    assert codes == sorted(codes)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"code": "same"}, 409, "workstation_code_taken"),
        ({"host": "same"}, 409, "workstation_host_taken"),
        ({"certificate": "same"}, 409, "workstation_certificate_taken"),
        ({"unit_id": "mch"}, 404, "unit_not_found"),
        ({"place_id": str(uuid4())}, 404, "place_not_found"),
        ({"certificate": "short"}, 422, "invalid"),
    ],
)
def test_refused_workstations(consortium: Consortium, fields: dict[str, Any], status: int, code: str) -> None:
    made = machine(consortium)
    body = {"code": f"x{uuid4().hex[:8]}", "name": "机", "unit_id": made["unit_id"]}
    for name, value in fields.items():
        body[name] = made[name] if value == "same" else value
    if body["unit_id"] == "mch":
        body["unit_id"] = consortium.tree("mch")["root"]["unit_id"]
    before = consortium.hospital.census()
    refused = consortium.admin.post(f"{BASE}/workstations", body)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert consortium.hospital.census() == before


# -- acting


def test_a_person_acts_only_as_what_is_held_now(consortium: Consortium) -> None:
    person = consortium.engage()
    staff = UUID(person["staff_id"])
    assert consortium.assign(str(staff), "schedule_clerk").status_code == 201
    caller = consortium.hospital.caller("schedule_clerk", campus="hq", staff_id=staff)
    choice = caller.get(f"{BASE}/acting/choices").json()
    assert [(one["campus_id"], one["post"]) for one in choice] == [("hq", "schedule_clerk")]
    assert caller.get(f"{BASE}/acting").json() == []
    body = {"unit_id": choice[0]["unit_id"], "post": "schedule_clerk"}
    station = machine(consortium)["workstation_id"]
    chosen = caller.post(f"{BASE}/acting", {**body, "workstation_id": station})
    assert (chosen.status_code, chosen.json()["post_title"], chosen.json()["unit_name"]) == (201, "排班员", "总院")
    assert caller.get(f"{BASE}/acting").json() == [chosen.json()]
    before = consortium.hospital.census()
    for wrong in ({**body, "post": "registrar"}, {**body, "unit_id": consortium.tree("mch")["root"]["unit_id"]}):
        refused = caller.post(f"{BASE}/acting", wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "not_your_post")
    assert caller.post(f"{BASE}/acting", {**body, "workstation_id": str(uuid4())}).status_code == 404
    assert consortium.hospital.census() == before


# -- lists


def test_what_needs_looking_after(consortium: Consortium) -> None:
    idle = consortium.engage(name="无岗人")
    busy = consortium.engage()
    assert consortium.assign(busy["staff_id"], "registrar").status_code == 201
    listed: list[str] = []
    cursor = None
    while True:
        page = consortium.personnel.get(
            f"{BASE}/lists/people-without-post", limit=2, **({"cursor": cursor} if cursor else {})
        ).json()
        listed += [row["subject_id"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert idle["staff_id"] in listed
    assert busy["staff_id"] not in listed
    empty = {row["post"] for row in consortium.personnel.get(f"{BASE}/lists/posts-without-people").json()}
    assert "registrar" not in empty
    assert "audit_admin" in empty
    assert consortium.mch_admin.get(f"{BASE}/lists/posts-without-people").json()["code"] == "permission_denied"


def test_incompatible_posts_that_arose_by_time_are_listed(consortium: Consortium) -> None:
    """A pair entered behind the rules (an old system's data) is found though nobody assigned it here."""
    person = consortium.engage(name="两头管")
    assert consortium.assign(person["staff_id"], "registrar").status_code == 201
    path = f"{BASE}/lists/incompatible-posts"
    assert person["staff_id"] not in {row["subject_id"] for row in consortium.personnel.get(path).json()}
    consortium.hospital.execute(
        "INSERT INTO organisation.post_assignments (assignment_id, campus_id, staff_id, post, unit_id, is_main,"
        " valid_from, basis, assigned_at, assigned_by) SELECT gen_random_uuid(), campus_id, staff_id, 'cashier_lead',"
        " unit_id, false, valid_from, '', now(), 'migration' FROM organisation.post_assignments WHERE staff_id = %s",
        [person["staff_id"]],
    )
    found = [row for row in consortium.personnel.get(path).json() if row["subject_id"] == person["staff_id"]]
    assert any("收费与退费审批不相容" in row["finding"] for row in found)


def test_staffing_of_a_campus(consortium: Consortium) -> None:
    ward = consortium.unit(consortium.mch_admin, kind="nursing")["unit_id"]
    nursing = consortium.hospital.caller("nursing_office", campus="mch")
    before = consortium.mch_admin.get(f"{BASE}/staffing").json()
    for number in range(1, 6):
        assert nursing.post(f"{BASE}/beds", {"ward_id": ward, "number": str(number)}).status_code == 201
    for category, unit in (("nurse", ward), ("nurse", ward), ("doctor", ward)):
        consortium.engage(consortium.mch_personnel, unit_id=unit, category=category)
    after = consortium.mch_admin.get(f"{BASE}/staffing").json()
    assert (after["open_beds"] - before["open_beds"], after["ward_nurses"] - before["ward_nurses"]) == (5, 2)
    assert (after["doctors"] - before["doctors"], after["nurses"] - before["nurses"]) == (1, 2)
    assert after["nurses_per_bed"] == "0.40"
    assert before["nurses_per_bed"] is None


def test_a_persons_life_here(consortium: Consortium) -> None:
    person = consortium.engage(category="doctor", title_code="232")
    staff = person["staff_id"]
    assert consortium.assign(staff, "schedule_clerk").status_code == 201
    paper = {"kind": "physician", "number": "1" * 15, "category": "clinical", "valid_from": "2020-01-01"}
    assert consortium.personnel.post(f"{BASE}/staff/{staff}/licences", paper).status_code == 201
    affairs = consortium.hospital.caller("medical_affairs", campus="hq")
    granted = affairs.post(
        f"{BASE}/staff/{staff}/privileges", {"kind": "prescribing", "level": 0, "evidence": "考核合格"}
    )
    assert granted.status_code == 201, granted.text
    life = consortium.personnel.get(f"{BASE}/staff/{staff}/history").json()
    assert [one["kind"] for one in life][:2] == ["licence", "unit"]
    assert {one["title"] for one in life} == {"主属科室", "排班员", "医师执业证书", "处方权"}
    assert consortium.admin.get(f"{BASE}/staff/{staff}/history").json()["code"] == "permission_denied"
    assert consortium.personnel.get(f"{BASE}/staff/{uuid4()}/history").status_code == 404
