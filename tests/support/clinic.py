"""A small hospital ready for patients: both campuses, a price, a clinic, and sessions on sale when a test asks."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import CreatePlace, CreateUnit, Founder, OpenCampus, PlaceKind, UnitKind
from shared.schemas import SHANGHAI
from tests.support.hospital import Caller, Hospital

CAMPUSES = {"hq": ("H", "总院", "tertiary"), "mch": ("M", "妇幼分院", "secondary")}
FEE = {"hq": Decimal("12.00"), "mch": Decimal("9.00")}
FEE_CODE = "110200001"


@dataclass
class Desk:
    """One campus: its unit, room, counters, clinic, and a registrar."""

    campus: str
    unit_id: UUID
    room_id: UUID
    counters: list[UUID]
    clinic: dict[str, Any]
    registrar: Caller


def open_hospital(hospital: Hospital, **clinic: Any) -> dict[str, Desk]:
    """Open both campuses with a unit, a room, three counters, a priced clinic and a registrar each."""
    for code in CAMPUSES:
        with hospital.tx(code) as tx:
            command = _opening(code)
            (organisation.bootstrap if code == "hq" else organisation.open_campus)(tx, command)
    officer, checker = hospital.caller("price_officer"), hospital.caller("price_checker")
    rows = [_row(FEE_CODE, "普通门诊诊查费", FEE), _row("110200002", "专家门诊诊查费", {"hq": 30, "mch": 20})]
    batch = ok(
        officer.post("/api/catalogue/prices/batches", {"title": "价格目录", "basis_document": "依据", "rows": rows})
    )
    ok(checker.post(f"/api/catalogue/prices/batches/{batch['batch_id']}/publish", {"version": 1}))
    return {code: _desk(hospital, code, clinic) for code in CAMPUSES}


def put_on_sale(
    hospital: Hospital,
    desk: Desk,
    *,
    numbers: int = 10,
    quotas: dict[str, int] | None = None,
    bands: int = 1,
    desk_no: int = 1,
) -> dict[str, Any]:
    """A session of the desk's clinic that is on sale now, its bands from now on."""
    clerk = hospital.caller("schedule_clerk", campus=desk.campus)
    office = hospital.caller("schedule_approver", campus=desk.campus)
    start = hospital.clock().replace(microsecond=0) - timedelta(minutes=1)
    body = {
        "clinic_id": desk.clinic["clinic_id"],
        "room_id": str(desk.room_id),
        "desk": desk_no,
        "day": start.astimezone(SHANGHAI).date().isoformat(),
        "part": "morning",
        "bands": [
            {
                "starts_at": (start + timedelta(minutes=30 * place)).isoformat(),
                "ends_at": (start + timedelta(minutes=30 * place + 30)).isoformat(),
                "count": numbers // bands,
            }
            for place in range(bands)
        ],
        "quotas": quotas or {"window": numbers},
    }
    path = "/api/outpatient/schedule/sessions"
    session = ok(clerk.post(path, body))
    ok(clerk.post(f"{path}/{session['session_id']}/submit", {"version": 1}))
    ok(office.post(f"{path}/{session['session_id']}/approve", {"version": 2}))
    published: dict[str, Any] = ok(office.post(f"{path}/{session['session_id']}/publish", {"version": 3}))
    return published


def register_person(caller: Caller, number: str, name: str = "韦春兰", **changes: Any) -> str:
    """Put a person into the index; gives the patient id."""
    body = {"document": {"type": "resident_id", "number": number}, "name": name, "phone": "13800001111", **changes}
    return str(ok(caller.post("/api/patients/index/patients", body))["patient_id"])


def resident_id(serial: int, born: str = "19860315", sex: int = 2, region: str = "450223") -> str:
    """A valid resident ID number: `serial` 0-49 per birth date, `sex` 1 or 2."""
    from shared.resident_id import check_digit

    digits = f"{region}{born}{serial * 2 + (1 if sex == 1 else 0):03d}"
    return digits + check_digit(digits)


def open_shift(desk: Desk, counter: int = 0, caller: Caller | None = None, amount: str = "500.00") -> dict[str, Any]:
    """Open a shift of the desk's registrar, or another's, at one of its counters."""
    who = caller or desk.registrar
    shift: dict[str, Any] = ok(
        who.post("/api/payments/cashier/shifts", {"counter_id": str(desk.counters[counter]), "opening_float": amount})
    )
    return shift


def register_visit(caller: Caller, patient_id: str, session: dict[str, Any]) -> Any:
    return ok(
        caller.post(
            "/api/outpatient/registration/visits", {"patient_id": patient_id, "session_id": session["session_id"]}
        )
    )


def pay_cash(caller: Caller, visit: dict[str, Any]) -> Any:
    """Settle the fees of a visit in cash, exactly."""
    return ok(
        caller.post(
            "/api/payments/billing/settlements",
            {
                "charge_ids": [charge["charge_id"] for charge in visit["charges"]],
                "expected_total": visit["fee"],
                "tenders": [{"method": "cash", "amount": visit["fee"], "received": visit["fee"]}],
            },
        )
    )


def ok(answer: Any) -> Any:
    """The JSON of an answer that must be a success."""
    assert answer.status_code < 300, f"{answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def _opening(code: str) -> OpenCampus:
    letter, name, level = CAMPUSES[code]
    founder = Founder(
        staff_no=f"{letter}0001",
        name="院区管理",
        category="management",
        posts=["consortium_admin" if code == "hq" else "campus_admin"],
    )
    return OpenCampus(
        code=code,
        letter=letter,
        name=f"安和县{name}",
        short_name=name,
        price_level=level,
        address="安和县",
        founders=[founder],
    )


def _row(code: str, name: str, prices: Any) -> dict[str, str]:
    return {
        "code": code,
        "name": name,
        "unit": "次",
        "kind": "service",
        "fee_class": "02",
        "price_tertiary": str(prices["hq"]),
        "price_secondary": str(prices["mch"]),
    }


def _desk(hospital: Hospital, campus: str, clinic: dict[str, Any]) -> Desk:
    with hospital.tx(campus) as tx:
        unit = organisation.create_unit(tx, CreateUnit(code="internal", name="内科", kind=UnitKind.CLINICAL))
        building = organisation.create_place(tx, CreatePlace(kind=PlaceKind.BUILDING, code="b", name="门诊楼"))
        floor = organisation.create_place(
            tx, CreatePlace(kind=PlaceKind.FLOOR, code="f", name="2层", parent_id=building.place_id)
        )
        room = organisation.create_place(
            tx,
            CreatePlace(kind=PlaceKind.ROOM, code="r", name="201诊室", parent_id=floor.place_id, unit_id=unit.unit_id),
        )
        counters = [
            organisation.create_place(
                tx,
                CreatePlace(
                    kind=PlaceKind.COUNTER, code=f"c{number}", name=f"{number}号窗口", parent_id=floor.place_id
                ),
            ).place_id
            for number in range(1, 4)
        ]
    clerk = hospital.caller("schedule_clerk", campus=campus)
    body = {
        "code": "internal-general",
        "name": "内科普通门诊",
        "unit_id": str(unit.unit_id),
        "grade": "general",
        "fee_item_code": FEE_CODE,
        "standard_code": "internal-general",
        **clinic,
    }
    made = ok(clerk.post("/api/outpatient/schedule/clinics", body))
    registrar = hospital.caller("registrar", campus=campus)
    return Desk(campus, unit.unit_id, room.place_id, counters, made, registrar)
