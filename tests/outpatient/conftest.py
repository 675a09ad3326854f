"""What the tests of the outpatient area start from."""

from uuid import UUID

import pytest

from functions.outpatient.schedule.api.reading import SHOWN
from tests.outpatient.registering import emergency_clinic, engage
from tests.outpatient.test_schedule_scene import MONDAY, Office, moment
from tests.support.clinic import Desk, open_hospital, register_person, resident_id
from tests.support.hospital import Hospital


@pytest.fixture(autouse=True)
def _nothing_shown() -> None:
    """One process answers for the hospitals of many tests here: nothing shown in one is shown in the next."""
    SHOWN.clear()


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> dict[str, Desk]:
    return open_hospital(hospital)


@pytest.fixture(scope="module")
def office(hospital: Hospital, desks: dict[str, Desk]) -> Office:
    return Office(hospital, desks["hq"])


@pytest.fixture(scope="module")
def branch(hospital: Hospital, desks: dict[str, Desk]) -> Office:
    return Office(hospital, desks["mch"])


@pytest.fixture(scope="module")
def people(hospital: Hospital, desks: dict[str, Desk]) -> list[str]:
    return [register_person(desks["hq"].registrar, resident_id(serial)) for serial in range(40)]


@pytest.fixture(scope="module")
def clinic(hospital: Hospital, desks: dict[str, Desk]) -> str:
    return emergency_clinic(hospital, desks["hq"])


@pytest.fixture(scope="module")
def doctor(hospital: Hospital, desks: dict[str, Desk]) -> UUID:
    return engage(hospital, "D0001", "罗建国")


@pytest.fixture
def monday(hospital: Hospital) -> None:
    """Whatever time a test before left."""
    hospital.clock.set(moment(MONDAY, "06:00"))
