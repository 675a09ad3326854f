"""Both campuses, entered through the front door as their offices would: what is there already is left alone."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from loadtests.desk import Desk
from loadtests.founding import FOUNDING_POSTS, SEED, founders_of, opening
from loadtests.front_desk import FrontDesk
from loadtests.population.hospital import (
    ChargeItem,
    Department,
    StaffMember,
    campuses,
    charge_items,
    departments,
    sessions,
    staff,
)
from loadtests.town import Town

ORGANISATION = "/api/organisation/structure"
SCHEDULE = "/api/outpatient/schedule"
PRICES = "/api/catalogue/prices"
GATEWAY = "/api/payments/gateway"
CATEGORIES = {"outpatient_doctor": "doctor"}
SECOND_POSTS = {"system_admin": "index_steward", "consortium_finance": "finance"}
"""Who enters merchants and who puts them in force, where a branch has nobody for it: post -> post of the stand-in."""
GRADES = {"general": "general", "associate": "associate_chief", "chief": "chief", "emergency": "emergency"}


def prepare_hospital(front: FrontDesk, synchronise: Callable[[], Any]) -> None:
    """Open the branch, then units, places, staff and posts of each campus, the price list and the clinics."""
    head = campuses()[0].code
    admin = front.desk(_holder(head, "consortium_admin").staff_no, head)
    known = {campus["code"] for campus in _all(admin, f"{ORGANISATION}/campuses")}
    for campus in campuses():
        if campus.code not in known:
            command = opening(campus).model_dump(mode="json", exclude_none=True)
            admin.post(f"{ORGANISATION}/campuses", command, key=_key("campus", campus.code))
    if len(known) < len(campuses()):
        synchronise()
        front.forget()
    has_channels = Town(front.settings).is_open
    changed = sum(_fill(front, campus.code) for campus in campuses())
    if has_channels:
        changed += sum(_give_second_posts(front, campus.code) for campus in campuses())
    if changed:
        synchronise()
        front.forget()
    _publish_prices(front, head)
    for campus in campuses():
        _define_clinics(front, campus.code)
    if has_channels:
        _open_merchants(front)


def _fill(front: FrontDesk, campus: str) -> int:
    office = front.desk(_holder(campus, "campus_admin").staff_no, campus)
    personnel = front.desk(_holder(campus, "personnel").staff_no, campus)
    units = {unit["code"]: unit for unit in _all(office, f"{ORGANISATION}/units")}
    for department in _departments(campus):
        if department.code not in units:
            units[department.code] = _create_unit(office, department)
    places = {place["code"]: place for place in _all(office, f"{ORGANISATION}/places")}
    _create_places(office, campus, units, places)
    present = {member["staff_no"] for member in _all(personnel, f"{ORGANISATION}/staff")}
    changed = 0
    for member in staff(SEED):
        if member.campus == campus and member.post not in FOUNDING_POSTS and member.staff_no not in present:
            _engage(personnel, member, units[member.department]["unit_id"])
            changed += 1
    return changed


def _create_unit(office: Desk, department: Department) -> Any:
    return office.post(
        f"{ORGANISATION}/units",
        {
            "code": department.code,
            "name": department.name,
            "kind": department.kind,
            "subject_code": department.subject_code or None,
            "location": f"{department.building}{department.floor}层",
        },
        key=_key("unit", office.campus, department.code),
    )


def _create_places(office: Desk, campus: str, units: dict[str, Any], places: dict[str, Any]) -> None:
    def place(kind: str, code: str, name: str, parent: str | None, unit: str | None) -> None:
        if code not in places:
            body = {
                "kind": kind,
                "code": code,
                "name": name,
                "parent_id": places[parent]["place_id"] if parent else None,
                "unit_id": units[unit]["unit_id"] if unit else None,
            }
            places[code] = office.post(f"{ORGANISATION}/places", body, key=_key("place", campus, code))

    for department in _departments(campus):
        building, floor = building_code(department.building), floor_code(department)
        place("building", building, department.building, None, None)
        place("floor", floor, f"{department.floor}层", building, None)
    for session in _sessions(campus):
        department = next(unit for unit in _departments(campus) if unit.code == session.department)
        place("room", room_code(session.room), session.room, floor_code(department), department.code)
    for department in _departments(campus):
        if any(clinic.grade == "emergency" for clinic in department.clinics):
            place("room", f"room-{department.code}", f"{department.name}诊室", floor_code(department), department.code)
    cashier = next(unit for unit in _departments(campus) if unit.code == "cashier")
    for number in range(1, len(registrars(campus)) + 1):
        place("counter", f"counter-{number}", f"{number}号窗口", floor_code(cashier), "cashier")


def _engage(personnel: Desk, member: StaffMember, unit_id: str) -> None:
    engaged = personnel.post(
        f"{ORGANISATION}/staff",
        {
            "staff_no": member.staff_no,
            "name": member.name,
            "category": CATEGORIES.get(member.post, "management"),
            "title_code": member.title_code or None,
            "mobile": member.phone,
            "unit_id": unit_id,
        },
        key=_key("staff", member.staff_no),
    )
    if member.post == "outpatient_doctor":
        number = f"1{uuid5(NAMESPACE_URL, member.staff_no).int % 10**14:014d}"
        licence = {"kind": "physician", "number": number, "category": "clinical", "valid_from": "2015-07-01"}
        personnel.post(
            f"{ORGANISATION}/staff/{engaged['staff_id']}/licences", licence, key=_key("licence", member.staff_no)
        )
    personnel.post(
        f"{ORGANISATION}/post-assignments",
        {"staff_id": engaged["staff_id"], "post": member.post, "unit_id": unit_id},
        key=_key("post", member.staff_no, member.post),
    )


def _publish_prices(front: FrontDesk, head: str) -> None:
    checker = front.desk(_holder(head, "price_checker").staff_no, head)
    if checker.get(f"{PRICES}/public", limit=1)["items"]:
        return
    officer = front.desk(_holder(head, "price_officer").staff_no, head)
    batch = officer.post(
        f"{PRICES}/batches",
        {
            "title": "县域医共体医疗服务价格目录（演示）",
            "basis_document": "演示数据，非官方价格",
            "rows": [_row(item) for item in charge_items()],
        },
        key=_key("prices"),
    )
    if batch["faults"]:
        raise SystemExit(f"price list: {batch['faults'][:3]}")
    checker.post(
        f"{PRICES}/batches/{batch['batch_id']}/publish", {"version": batch["version"]}, key=_key("publish", "prices")
    )


def _row(item: ChargeItem) -> dict[str, str]:
    return {
        "code": item.code,
        "national_code": item.national_code,
        "name": item.name,
        "content": item.content,
        "excluded": item.excluded,
        "unit": item.unit,
        "kind": item.kind,
        "fee_class": item.fee_class,
        "direct_entry": "1" if item.kind == "consumable" else "",
        **{f"price_{level}": str(price) for level, price in item.prices.items()},
    }


def _define_clinics(front: FrontDesk, campus: str) -> None:
    clerk = front.desk(_holder(campus, "schedule_clerk").staff_no, campus)
    known = {clinic["code"] for clinic in _all(clerk, f"{SCHEDULE}/clinics")}
    units = {unit["code"]: unit["unit_id"] for unit in _all(clerk, f"{ORGANISATION}/units")}
    for department in _departments(campus):
        for clinic in department.clinics:
            code = clinic_code(department.code, clinic.grade)
            if code in known:
                continue
            body = {
                "code": code,
                "name": clinic.name,
                "unit_id": units[department.code],
                "grade": GRADES[clinic.grade],
                "fee_item_code": clinic.fee_item,
                "standard_code": code,
                "sex_limit": "2" if department.code in {"gynaecology", "obstetrics"} else None,
                "age_to": 14 if department.code == "paediatrics" else None,
            }
            clerk.post(f"{SCHEDULE}/clinics", body, key=_key("clinic", campus, code))


def _give_second_posts(front: FrontDesk, campus: str) -> int:
    personnel = front.desk(_holder(campus, "personnel").staff_no, campus)
    numbers: dict[str, str] = {}
    given = 0
    for post in SECOND_POSTS:
        member = _bearer(campus, post)
        if member.post == post:
            continue
        numbers = numbers or {one["staff_no"]: one["staff_id"] for one in _all(personnel, f"{ORGANISATION}/staff")}
        staff_id = numbers[member.staff_no]
        held = personnel.get(f"{ORGANISATION}/staff/{staff_id}/posts")
        if not any((one["campus_id"], one["post"]) == (campus, post) for one in held):
            body = {"staff_id": staff_id, "post": post, "is_main": False}
            personnel.post(f"{ORGANISATION}/post-assignments", body)
            given += 1
    return given


def _bearer(campus: str, post: str) -> StaffMember:
    """Who holds a post at a campus, in a branch as the second one."""
    member = _holder(campus, post)
    return member if member.post == post else _holder(campus, SECOND_POSTS[post])


def _open_merchants(front: FrontDesk) -> None:
    """Every campus's merchants at the simulated channels: entered by information staff, put in force by finance."""
    contracts = json.loads((Path(front.settings.secrets_dir) / "contracts.json").read_text(encoding="utf-8"))
    for contract in contracts:
        technician = front.desk(_bearer(contract["campus"], "system_admin").staff_no, contract["campus"])
        overseer = front.desk(_bearer(contract["campus"], "consortium_finance").staff_no, contract["campus"])
        merchant = next(
            (
                one
                for one in _all(technician, f"{GATEWAY}/merchants")
                if (one["campus_id"], one["channel"], one["merchant_no"])
                == (contract["campus"], contract["channel"], contract["merchant_no"])
            ),
            None,
        )
        if merchant is None:
            merchant = technician.post(f"{GATEWAY}/merchants", _merchant(contract))
        if merchant["state"] != "stopped":
            _put_keys(technician, overseer, merchant["merchant_id"], contract["keys"])
            _put_in_force(technician, overseer, merchant)


def _merchant(contract: dict[str, Any]) -> dict[str, Any]:
    campus = next(one for one in campuses() if one.code == contract["campus"])
    return {
        "channel": contract["channel"],
        "merchant_no": contract["merchant_no"],
        "app_id": contract["app_id"],
        "name": campus.name,
        "bank_name": "农业银行",
        "account_tail": contract["merchant_no"][-4:],
        "products": ["payment_code", "qr"],
        "limit_per_payment": "50000.00",
        "fee_rate": "0.006",
    }


def _put_keys(technician: Desk, overseer: Desk, merchant_id: str, wanted: list[dict[str, str]]) -> None:
    path = f"{GATEWAY}/merchants/{merchant_id}/keys"
    known = {(key["role"], key["serial"]): key for key in technician.get(path)}
    for key in wanted:
        entered = known.get((key["role"], key["serial"])) or technician.post(path, key)
        if entered["approved_at"] is None:
            body = {"version": entered["version"], "overlap_minutes": 0}
            overseer.post(f"{GATEWAY}/keys/{entered['key_id']}/approve", body)


def _put_in_force(technician: Desk, overseer: Desk, merchant: Any) -> None:
    path = f"{GATEWAY}/merchants/{merchant['merchant_id']}"
    if merchant["state"] == "draft":
        merchant = technician.post(f"{path}/test", {"version": merchant["version"]})
        if merchant["state"] != "tested":
            raise SystemExit(f"merchant {merchant['channel']} of {merchant['campus_id']}: {merchant['test_result']}")
    if merchant["state"] == "tested":
        overseer.post(f"{path}/activate", {"version": merchant["version"]})


# -- names shared with the morning


def registrars(campus: str) -> list[StaffMember]:
    """The people at the windows of a campus."""
    return [member for member in staff(SEED) if member.campus == campus and member.post == "registrar"]


def holder(campus: str, post: str) -> StaffMember:
    """The first member of staff who holds a post at a campus."""
    return _holder(campus, post)


def clinic_code(department: str, grade: str) -> str:
    return f"{department}-{grade}"


def building_code(building: str) -> str:
    return "building-" + uuid5(NAMESPACE_URL, building).hex[:8]


def floor_code(department: Department) -> str:
    return f"{building_code(department.building)}-{department.floor}"


def room_code(room: str) -> str:
    return "room-" + uuid5(NAMESPACE_URL, room).hex[:10]


def all_items(desk: Desk, path: str, **params: Any) -> list[Any]:
    """Every item of a list, page by page."""
    return list(_all(desk, path, **params))


def _all(desk: Desk, path: str, **params: Any) -> Iterator[Any]:
    cursor = None
    while True:
        page = desk.get(path, cursor=cursor, **params)
        if isinstance(page, list):
            yield from page
            return
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


def _holder(campus: str, post: str) -> StaffMember:
    found = [member for member in staff(SEED) if member.campus == campus and member.post == post]
    return found[0] if found else founders_of(campus)[0]


def _departments(campus: str) -> list[Department]:
    return [department for department in departments() if department.campus == campus]


def _sessions(campus: str) -> list[Any]:
    return [session for session in sessions(date(2026, 7, 1), staff(SEED)) if session.campus == campus]


def _key(*parts: str) -> str:
    """The same decision, the same key: a preparation cut off half way goes on where it stopped."""
    return str(uuid5(NAMESPACE_URL, "his-demo:" + ":".join(parts)))
