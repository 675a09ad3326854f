"""What the tests of the schedule share: a Monday morning, doctors, sessions on sale."""

from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import CreatePlace, EngageStaff, PlaceKind, StaffCategory
from functions.outpatient.schedule import service
from shared.ids import new_id
from shared.schemas import SHANGHAI
from tests.support.clinic import Desk, ok
from tests.support.hospital import Caller, Hospital

PATH = "/api/outpatient/schedule"
MONDAY = date(2026, 3, 2)
_serial = count(1)


def moment(day: date, time: str) -> datetime:
    """A time of day in Shanghai."""
    hour, minute, *second = (int(part) for part in time.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, *second, tzinfo=SHANGHAI)


def engage(hospital: Hospital, desk: Desk, title: str | None = "233") -> UUID:
    """A doctor of the desk's campus; titles: 231 主任医师, 232 副主任医师, 233 主治医师."""
    with hospital.tx(desk.campus) as tx:
        return organisation.engage_staff(
            tx,
            EngageStaff(
                staff_no=f"D{next(_serial):05d}",
                name="覃医生",
                category=StaffCategory.DOCTOR,
                title_code=title,
                unit_id=desk.unit_id,
            ),
        ).staff_id


def new_room(hospital: Hospital, desk: Desk) -> UUID:
    """Another room of the campus, so that a test has one to itself."""
    with hospital.tx(desk.campus) as tx:
        building = organisation.create_place(
            tx, CreatePlace(kind=PlaceKind.BUILDING, code=f"b{next(_serial)}", name="门诊楼")
        )
        return organisation.create_place(
            tx,
            CreatePlace(kind=PlaceKind.ROOM, code=f"room{next(_serial)}", name="诊室", parent_id=building.place_id),
        ).place_id


def bands(
    day: date, start: str = "08:00", *, number: int = 4, each: int = 3, minutes: int = 30
) -> list[dict[str, Any]]:
    begin = moment(day, start)
    return [
        {
            "starts_at": (begin + timedelta(minutes=minutes * place)).isoformat(),
            "ends_at": (begin + timedelta(minutes=minutes * place + minutes)).isoformat(),
            "count": each,
        }
        for place in range(number)
    ]


def take(hospital: Hospital, session: dict[str, Any], count: int = 1) -> list[UUID]:
    """Numbers of a session taken at the window; whose they are."""
    owners = []
    for _ in range(count):
        with hospital.tx("hq") as tx:
            owners.append(new_id())
            service.take_slot(tx, UUID(session["session_id"]), "window", owners[-1])
    return owners


def plan(hospital: Hospital, desk: Desk, day: date, start: str = "08:00", **more: Any) -> dict[str, Any]:
    """The body of a plan: four bands of three numbers at windows, in a room of its own, unless told otherwise."""
    number, each = more.pop("number", 4), more.pop("each", 3)
    return {
        "clinic_id": desk.clinic["clinic_id"],
        "room_id": str(more.pop("room_id", None) or new_room(hospital, desk)),
        "day": day.isoformat(),
        "part": "morning",
        "bands": bands(day, start, number=number, each=each),
        "quotas": {"window": number * each},
        **{key: str(value) if isinstance(value, UUID) else value for key, value in more.items()},
    }


class Office:
    """The people who make a campus's schedule."""

    def __init__(self, hospital: Hospital, desk: Desk) -> None:
        self.hospital = hospital
        self.desk = desk
        self.clerk = hospital.caller("schedule_clerk", campus=desk.campus)
        self.approver = hospital.caller("schedule_approver", campus=desk.campus)
        self.head = hospital.caller("department_head", campus=desk.campus)
        self.medical = hospital.caller("medical_affairs", campus=desk.campus)

    def draft(self, day: date, start: str = "08:00", **more: Any) -> dict[str, Any]:
        made: dict[str, Any] = ok(
            self.clerk.post(f"{PATH}/sessions", plan(self.hospital, self.desk, day, start, **more))
        )
        return made

    def approved(self, day: date, start: str = "08:00", **more: Any) -> dict[str, Any]:
        made = self.draft(day, start, **more)
        self.step(self.clerk, made, "submit", 1)
        approved: dict[str, Any] = ok(self.step(self.approver, made, "approve", 2))
        return approved

    def published(self, day: date, start: str = "08:00", **more: Any) -> dict[str, Any]:
        made = self.approved(day, start, **more)
        published: dict[str, Any] = ok(self.step(self.approver, made, "publish", 3))
        return published

    def step(self, who: Caller, session: dict[str, Any], action: str, version: int | None = None, **body: Any) -> Any:
        seen = {} if version is None else {"version": version}
        return who.post(f"{PATH}/sessions/{session['session_id']}/{action}", {**seen, **body})


def states(hospital: Hospital, session_id: str) -> dict[str, int]:
    """How many numbers of a session are in which state."""
    rows = hospital.rows(
        "SELECT status, count(*) AS n FROM outpatient.slots WHERE session_id = %s GROUP BY 1 ORDER BY 1", [session_id]
    )
    return {row["status"]: row["n"] for row in rows}


def channels(hospital: Hospital, session_id: str) -> dict[str, int]:
    """How many numbers of a session belong to which channel."""
    rows = hospital.rows(
        "SELECT channel, count(*) AS n FROM outpatient.slots WHERE session_id = %s GROUP BY 1 ORDER BY 1", [session_id]
    )
    return {row["channel"]: row["n"] for row in rows}


def told(hospital: Hospital, kind: str, session_id: str) -> list[dict[str, Any]]:
    """What was told about a session."""
    return [event["data"] for event in hospital.events(kind) if event["subject"] == session_id]


def twice(hospital: Hospital, campus: str = "hq") -> None:
    """The schedule's minute, delivered twice as a relay may."""
    for _ in range(2):
        hospital.minute("outpatient/schedule", campus=campus)


def status(hospital: Hospital, session: dict[str, Any]) -> str:
    """The state a session is in."""
    return str(hospital.value("SELECT status FROM outpatient.sessions WHERE session_id = %s", [session["session_id"]]))
