"""What the tests of the outpatient area start from. Those of the schedule begin on a Monday before the doors open."""

from collections.abc import Iterator

import pytest

from functions.outpatient.schedule.api.reading import SHOWN
from tests.outpatient.test_schedule_scene import MONDAY, Office, moment
from tests.support.clinic import Desk, open_hospital, register_person, resident_id
from tests.support.hospital import Hospital, cloned_hospital


@pytest.fixture(autouse=True)
def _nothing_shown() -> None:
    """One process answers for the hospitals of many tests here: nothing shown in one is shown in the next."""
    SHOWN.clear()


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital() as one:
        one.clock.set(moment(MONDAY, "05:00"))
        yield one


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


@pytest.fixture
def monday(hospital: Hospital) -> None:
    """Whatever time a test before left."""
    hospital.clock.set(moment(MONDAY, "06:00"))
