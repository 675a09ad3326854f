"""A day's numbers put on sale: one session for each doctor and the emergency desk, enough for everybody who will come.

Sessions of an earlier run on the same day stay; where too little of them is left they are extended. In the place of one
that was stopped another is opened.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from loadtests.founding import SEED
from loadtests.front_desk import FrontDesk
from loadtests.population import REFERENCE_DAY, VisitWish
from loadtests.population.hospital import departments, sessions, staff
from loadtests.preparing import ORGANISATION, SCHEDULE, all_items, clinic_code, holder, room_code
from shared.schemas import SHANGHAI, midnight

SPARE = 1.3
"""Patients choose the doctor with the most numbers left; a little more than one for each keeps none of them waiting."""
BAND, MORNING = timedelta(minutes=30), 7
"""A band of a session and how many a morning has."""
MORE = timedelta(minutes=5)
"""A band added to a session; short, so that a session extended often still ends on its day."""
MOST_IN_A_BAND = 100
EMERGENCY = 210
"""Numbers of an emergency desk when fewer are expected."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A session as it should be: `numbers` of a clinic, by one doctor or, without one, by the desk."""

    clinic: str
    staff_no: str | None
    room: str
    numbers: int


def put_on_sale(front: FrontDesk, campus: str, now: datetime, wishes: Iterable[VisitWish]) -> None:
    """Open what a campus needs for these wishes, from a minute ago on."""
    clerk = front.desk(holder(campus, "schedule_clerk").staff_no, campus)
    office = front.desk(holder(campus, "schedule_approver").staff_no, campus)
    clinics = {clinic["code"]: clinic["clinic_id"] for clinic in all_items(clerk, f"{SCHEDULE}/clinics")}
    places = {place["code"]: place["place_id"] for place in all_items(clerk, f"{ORGANISATION}/places")}
    doctors = {row["staff_no"]: row["staff_id"] for row in all_items(clerk, f"{ORGANISATION}/staff")}
    start = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
    day = start.astimezone(SHANGHAI).date().isoformat()
    on_sale = {
        (session["clinic_id"], session["doctor_id"]): session
        for session in all_items(clerk, f"{SCHEDULE}/availability", day=day)
        if session["status"] != "stopped"
    }
    versions = {
        row["session_id"]: row["version"] for row in all_items(clerk, f"{SCHEDULE}/sessions", since=day, until=day)
    }
    expected = Counter(clinic_code(wish.department, wish.grade) for wish in wishes if wish.campus == campus)
    for wanted in _wanted(campus, expected):
        clinic_id = clinics[wanted.clinic]
        doctor_id = doctors[wanted.staff_no] if wanted.staff_no else None
        session = on_sale.get((clinic_id, doctor_id))
        if session is None:
            numbers = {"bands": _bands(start, wanted.numbers, BAND, MORNING), "quotas": _quotas(wanted.numbers)}
            body = {"clinic_id": clinic_id, "doctor_id": doctor_id, "room_id": places[wanted.room], "day": day}
            session = clerk.post(f"{SCHEDULE}/sessions", {**body, "part": "morning", **numbers})
            for desk, step in ((clerk, "submit"), (office, "approve"), (office, "publish")):
                path = f"{SCHEDULE}/sessions/{session['session_id']}/{step}"
                session = desk.post(path, {"version": session["version"]})
        elif (missing := wanted.numbers - sum(session["remaining"].values())) > 0:
            after = datetime.fromisoformat(session["ends_at"])
            more = {
                "bands": _bands(after, missing, MORE, 1),
                "quotas": _quotas(missing),
                "reason": "现场患者较多，增加号源",
            }
            body = {"version": versions[session["session_id"]], **more}
            office.post(f"{SCHEDULE}/sessions/{session['session_id']}/extend", body)


def _wanted(campus: str, expected: Counter[str]) -> Iterator[_Wanted]:
    planned = [session for session in sessions(REFERENCE_DAY, staff(SEED)) if session.campus == campus]
    doctors = Counter(clinic_code(session.department, session.grade) for session in planned)
    for session in planned:
        code = clinic_code(session.department, session.grade)
        numbers = max(session.numbers, math.ceil(SPARE * expected[code] / doctors[code]))
        yield _Wanted(code, session.staff_no, room_code(session.room), numbers)
    for department in departments():
        if department.campus == campus and any(clinic.grade == "emergency" for clinic in department.clinics):
            code = clinic_code(department.code, "emergency")
            numbers = max(EMERGENCY, math.ceil(SPARE * expected[code]))
            yield _Wanted(code, None, f"room-{department.code}", numbers)


def _bands(start: datetime, numbers: int, most: timedelta, least: int) -> list[dict[str, Any]]:
    """Bands from `start` on, `least` of them or as many as the numbers need, evenly filled.

    They last as long as `most`, in the evening less: half of what is left of the day stays for a later extension.
    """
    count = min(numbers, max(least, math.ceil(numbers / MOST_IN_A_BAND)))
    left = midnight(start.astimezone(SHANGHAI).date() + timedelta(days=1)) - start
    length = min(most, timedelta(seconds=left.total_seconds() // (2 * count)))
    return [
        {
            "starts_at": (start + place * length).isoformat(),
            "ends_at": (start + (place + 1) * length).isoformat(),
            "count": numbers * (place + 1) // count - numbers * place // count,
        }
        for place in range(count)
    ]


def _quotas(numbers: int) -> dict[str, int]:
    """A fifth is kept for old people, the rest is the windows'."""
    elder = math.ceil(numbers / 5)
    return {"elder": elder, "window": numbers - elder}
