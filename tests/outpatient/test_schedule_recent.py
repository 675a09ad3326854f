"""What is left is shown at most two seconds old, and sold by what is true."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.outpatient.schedule import service
from functions.outpatient.schedule.service.recent import AGE, MOST, Recent
from shared.ids import new_id
from tests.outpatient.registering import refused
from tests.outpatient.test_schedule_scene import MONDAY, PATH, Office, moment
from tests.support.clinic import Desk, ok, register_person, resident_id
from tests.support.hospital import Caller, Hospital

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


def left(caller: Caller, session: dict[str, Any], **asked: Any) -> int:
    page = ok(caller.get(f"{PATH}/availability", day=session["day"], **{"limit": 200, **asked}))
    [row] = [one for one in page["items"] if one["session_id"] == session["session_id"]]
    return sum(row["remaining"].values())


def test_everybody_is_shown_the_same_for_two_seconds(hospital: Hospital, office: Office) -> None:
    session = office.published(MONDAY, "09:00", number=1, each=2)
    one, other = hospital.caller("registrar"), hospital.caller("registrar", campus="mch")
    assert left(one, session) == 2
    with hospital.tx("hq") as tx:
        service.take_slot(tx, UUID(session["session_id"]), "window", new_id())
    assert left(one, session) == left(other, session, campus=["hq"]) == 2, "asked by whomever, from wherever"
    assert left(one, session, limit=199) == 1, "another question is another answer"
    assert left(office.clerk, session) == 1, "who makes the schedule sees what is"
    hospital.clock.move(seconds=2)
    assert left(other, session, campus=["hq"]) == 1


def test_a_number_that_is_gone_is_shown_and_not_sold(
    hospital: Hospital, desks: dict[str, Desk], office: Office
) -> None:
    session = office.published(MONDAY, "10:00", number=1, each=1)
    window = desks["hq"].registrar
    patient = register_person(window, resident_id(1))
    assert left(window, session) == 1
    with hospital.tx("hq") as tx:
        service.take_slot(tx, UUID(session["session_id"]), "window", new_id())
    assert left(window, session) == 1
    body = {"patient_id": patient, "session_id": session["session_id"]}
    refused(hospital, window, "/api/outpatient/registration/visits", body, 409, "session_full")
    with hospital.tx("hq") as tx:
        found = service.availability(tx, MONDAY, ["hq"], None, 200, UUID(int=0))
    [row] = [one for one in found if str(one.session_id) == session["session_id"]]
    assert sum(row.remaining.values()) == 0, "who sells asks the pool"


def test_an_answer_is_read_once_and_again_when_it_is_old() -> None:
    recent: Recent[int] = Recent()
    asked = iter(range(10))

    def read() -> int:
        return next(asked)

    almost = NOW + AGE - timedelta(microseconds=1)
    assert [recent.answer("a", when, read) for when in (NOW, almost, NOW + AGE)] == [0, 0, 1]
    assert recent.answer("a", NOW, read) == 2, "a moment before the answer was read is not served by it"
    assert recent.answer("b", NOW + AGE, read) == 3


def test_a_process_keeps_no_more_than_it_can_hold() -> None:
    recent: Recent[int] = Recent()
    assert [recent.answer(place, NOW, lambda: 7) for place in range(MOST * 2)] == [7] * MOST * 2
    assert recent.answer(MOST * 2, NOW, lambda: -1) == -1
    assert recent.answer(0, NOW, lambda: -1) == 7, "the first ones are kept"
    assert recent.answer(MOST + 1, NOW, lambda: -1) == -1, "what found no place is read again"
    later = NOW + AGE
    assert recent.answer("new", later, lambda: 1) == 1
    assert recent.answer("new", later, lambda: 2) == 1, "old answers make room"


def test_a_reading_that_fails_is_not_kept() -> None:
    recent: Recent[int] = Recent()

    def fails() -> int:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        recent.answer("a", NOW, fails)
    assert recent.answer("a", NOW, lambda: 1) == 1
