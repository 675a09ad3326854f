"""Both campuses, entered through the front door as their offices would: what is there already is left alone."""

from collections.abc import Callable, Iterator
from datetime import date
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

ORGANISATION = "/api/organisation/structure"
SCHEDULE = "/api/outpatient/schedule"
PRICES = "/api/catalogue/prices"
CATEGORIES = {"outpatient_doctor": "doctor"}
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
    changed = sum(_fill(front, campus.code) for campus in campuses())
    if changed:
        synchronise()
        front.forget()
    _publish_prices(front, head)
    for campus in campuses():
        _define_clinics(front, campus.code)


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
