"""Each integrity check of the number pool finds what it is there to find, and nothing in a day like any other."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.outpatient.schedule import service
from integrity.runner import run
from shared.ids import new_id
from shared.schemas import SHANGHAI
from tests.outpatient.test_schedule_scene import PATH, Office, engage
from tests.support.clinic import Desk, ok, register_person, resident_id
from tests.support.hospital import Hospital

OURS = (
    "outpatient.slot_numbers",
    "outpatient.slot_of_stopped_session",
    "outpatient.slot_owner_once",
    "outpatient.session_published_whole",
    "outpatient.extra_cap",
    "outpatient.session_barred_doctor",
    "outpatient.release_late",
)


@pytest.fixture(scope="module")
def session(hospital: Hospital, desks: dict[str, Desk]) -> dict[str, Any]:
    """A day like any other: numbers taken, extended, one extra, one session stopped."""
    office = Office(hospital, desks["hq"])
    tomorrow = hospital.clock().astimezone(SHANGHAI).date() + timedelta(days=1)
    waves = [{"share": 50, "days_before": 2, "time": "07:00"}, {"share": 50, "days_before": 0, "time": "01:00"}]
    made = office.published(
        tomorrow, doctor_id=engage(hospital, desks["hq"]), extra_cap=1, waves=waves, quotas={"window": 12}
    )
    other = office.published(tomorrow, "14:00")
    for one in (made, other):
        for _ in range(3):
            with hospital.tx("hq") as tx:
                service.take_slot(tx, UUID(one["session_id"]), "window", new_id(), owner_kind="booking")
    patient = register_person(desks["hq"].registrar, resident_id(1))
    ok(office.clerk.post(f"{PATH}/sessions/{made['session_id']}/extras", {"patient_id": patient, "reason": "复诊"}))
    ok(office.step(office.approver, other, "stop", 4, reason="停诊"))
    hospital.minute("outpatient/schedule", campus="hq")
    return made


def found(hospital: Hospital) -> dict[str, int]:
    return {one.name: one.count for one in run(hospital.settings.auditor_database_url) if one.name in OURS}


DAMAGE = {
    "outpatient.slot_numbers": (
        "UPDATE outpatient.slots SET number = 40 WHERE session_id = %(id)s AND number = 5",
        "UPDATE outpatient.slots SET number = 5 WHERE session_id = %(id)s AND number = 40",
    ),
    "outpatient.slot_of_stopped_session": (
        "UPDATE outpatient.sessions SET status = 'stopped' WHERE session_id = %(id)s",
        "UPDATE outpatient.sessions SET status = 'published' WHERE session_id = %(id)s",
    ),
    "outpatient.slot_owner_once": (
        "UPDATE outpatient.slots SET status = 'taken', owner_kind = 'booking', owner_id = (SELECT owner_id FROM"
        " outpatient.slots WHERE session_id = %(id)s AND number = 1) WHERE session_id = %(id)s AND number = 7",
        "UPDATE outpatient.slots SET status = 'free', owner_kind = NULL, owner_id = NULL"
        " WHERE session_id = %(id)s AND number = 7",
    ),
    "outpatient.session_published_whole": (
        "UPDATE outpatient.sessions SET bands = bands || bands WHERE session_id = %(id)s",
        "UPDATE outpatient.sessions SET bands = NULL WHERE session_id = %(id)s",
    ),
    "outpatient.extra_cap": (
        "UPDATE outpatient.sessions SET extra_cap = 0 WHERE session_id = %(id)s",
        "UPDATE outpatient.sessions SET extra_cap = 1 WHERE session_id = %(id)s",
    ),
    "outpatient.session_barred_doctor": (
        "INSERT INTO outpatient.doctor_bars SELECT gen_random_uuid(), doctor_id, NULL, 'staff_left', 'x',"
        " now() - interval '1 day', now() - interval '1 day' FROM outpatient.sessions WHERE session_id = %(id)s",
        "UPDATE outpatient.doctor_bars SET lifted_at = now()",
    ),
    "outpatient.release_late": (
        "UPDATE outpatient.release_waves SET released_at = NULL, due_at = now() - interval '1 hour'"
        " WHERE session_id = %(id)s",
        "UPDATE outpatient.release_waves SET released_at = now() WHERE session_id = %(id)s",
    ),
}


def test_every_check_has_its_damage() -> None:
    assert set(DAMAGE) == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_a_check_finds_its_damage_and_nothing_else(hospital: Hospital, session: dict[str, Any], name: str) -> None:
    assert found(hospital) == dict.fromkeys(OURS, 0)
    damage, repair = DAMAGE[name]
    hospital.execute(damage, {"id": session["session_id"]})
    assert found(hospital)[name] > 0
    hospital.execute(repair, {"id": session["session_id"]})
    assert found(hospital)[name] == 0
