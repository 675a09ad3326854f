"""What the tests of registration share: paths, an emergency clinic, a doctor, visits moved through their states."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import EngageStaff, StaffCategory
from functions.outpatient.registration import service
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.schemas import RegisterVisit
from tests.support.clinic import FEE_CODE, Desk, ok
from tests.support.hospital import Caller, Hospital
from tests.support.server import listening

REGISTRATION = "/api/outpatient/registration"
VISITS = f"{REGISTRATION}/visits"
EXPERT_FEE_CODE = "110200002"


def refused(hospital: Hospital, caller: Caller, path: str, body: dict, status: int, code: str) -> dict[str, Any]:
    """The problem of a command that must be refused and write nothing."""
    before = hospital.census()
    answer = caller.post(path, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["detail"]
    assert hospital.census() == before
    return dict(answer.json())


def clinic_of(hospital: Hospital, desk: Desk, code: str, **changes: Any) -> Desk:
    """The desk with another clinic of its unit."""
    body = {
        "code": code,
        "standard_code": code,
        "name": changes.pop("name", "内科门诊"),
        "unit_id": str(desk.unit_id),
        "grade": "general",
        "fee_item_code": FEE_CODE,
        **changes,
    }
    clerk = hospital.caller("schedule_clerk", campus=desk.campus)
    return replace(desk, clinic=ok(clerk.post("/api/outpatient/schedule/clinics", body)))


def emergency_clinic(hospital: Hospital, desk: Desk) -> str:
    """The emergency clinic of a campus."""
    made = clinic_of(hospital, desk, "emergency", name="急诊科", grade="emergency")
    return str(made.clinic["clinic_id"])


def engage(hospital: Hospital, number: str, name: str, category: str = "doctor", campus: str = "hq") -> UUID:
    """A member of staff; gives the staff id."""
    with hospital.tx(campus) as tx:
        body = EngageStaff(
            staff_no=number,
            name=name,
            category=StaffCategory(category),
            unit_id=organisation.unit_by_code(tx, "internal").unit_id,
        )
        return organisation.engage_staff(tx, body).staff_id


def register_by_phone(hospital: Hospital, patient_id: str, session_id: str, campus: str = "hq") -> Visit:
    """What the mini-program does for its patients: the same use case, through its own channel."""
    command = RegisterVisit(patient_id=UUID(patient_id), session_id=UUID(session_id))
    with hospital.tx(campus) as tx:
        return service.register_visit(tx, command, "mini").visit


def at_once(hospital: Hospital, callers: Sequence[Caller], path: str, body: dict[str, Any]) -> list[httpx.Response]:
    """The same command by several people in the same moment."""
    start = threading.Barrier(len(callers))

    with (
        listening(hospital) as address,
        httpx.Client(base_url=address, timeout=30) as client,
        ThreadPoolExecutor(len(callers)) as pool,
    ):

        def send(caller: Caller) -> httpx.Response:
            start.wait(10)
            return client.post(path, json=body, headers=caller.headers())

        return list(pool.map(send, callers))


def see(hospital: Hospital, visit: dict[str, Any], doctor_id: UUID, *, finish: bool = True) -> None:
    """The patient checks in, is seen by a doctor, and goes."""
    encounter_id = UUID(visit["encounter_id"])
    with hospital.tx(visit["campus_id"]) as tx:
        service.check_in(tx, encounter_id)
        service.start_consultation(tx, encounter_id, doctor_id)
        if finish:
            service.finish_visit(tx, encounter_id)


def visit_row(hospital: Hospital, visit: dict[str, Any]) -> dict[str, Any]:
    """The visit as it stands in the database."""
    return hospital.rows("SELECT * FROM outpatient.visits WHERE encounter_id = %s", [visit["encounter_id"]])[0]


def charges_of(hospital: Hospital, visit: dict[str, Any]) -> list[tuple[str, str]]:
    """Amount and status of every charge of a visit, in order."""
    rows = hospital.rows(
        "SELECT amount, status FROM payments.charges WHERE encounter_id = %s ORDER BY charge_id",
        [visit["encounter_id"]],
    )
    return [(str(row["amount"]), row["status"]) for row in rows]


def at(hospital: Hospital, moment: str) -> datetime:
    """Set the hospital's clock: `2026-03-02 09:00`, Asia/Shanghai."""
    when = datetime.fromisoformat(f"{moment}:00+08:00")
    hospital.clock.set(when)
    return when
