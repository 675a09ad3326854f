"""Forms and the public screen: 门诊出诊表, 出诊考勤表, 停诊通知, 替诊审批单. Names are looked up all at once."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import Session
from functions.outpatient.schedule.queries import changes, figures, grid, plans
from functions.outpatient.schedule.queries.grid import WeekRow
from functions.outpatient.schedule.service.pool import LAST_CALL
from shared.command import Document
from shared.problems import NotFound
from shared.schemas import SHANGHAI
from shared.tx import Tx

if TYPE_CHECKING:
    from functions.organisation.structure.service import PlaceInfo, StaffInfo

PART_NAMES = {"morning": "上午", "noon": "中午", "afternoon": "下午", "evening": "晚间", "whole_day": "全天"}
GRADE_NAMES = {"general": "普通", "associate_chief": "副主任", "chief": "主任", "specialist": "专科"}
OUTCOME_NAMES = {"on_time": "准时", "late": "迟到", "early_leave": "早退", "absent": "缺诊", "open": "出诊中"}
SHOWN = ("published", "open", "closed", "stopped")
MOST = 1500
"""Lines of a form at most: a week of both halves of every day."""
GENERAL = "普通门诊"


def timetable(tx: Tx, since: date, until: date) -> Document:
    """门诊出诊表 of the acting campus: every published session of some days with its room and doctor."""
    rows = _grid(tx, since, until)
    staff = _staff(tx, (row.doctor_id for row in rows))
    rooms = _rooms(tx)
    data = {
        "from_day": since,
        "to_day": until,
        "rows": [
            {
                "day": row.day,
                "part": PART_NAMES[row.part],
                "time": _hours(row.starts_at, row.ends_at),
                "clinic": row.clinic_name,
                "doctor": _name(staff, row.doctor_id),
                "title": _title(staff, row.doctor_id) or "—",
                "room": rooms.get(row.room_id, "详询导诊台"),
                "state": "停诊" if row.status == "stopped" else "出诊",
            }
            for row in sorted(rows, key=lambda row: (row.starts_at, row.clinic_name, str(row.session_id)))
        ],
    }
    return organisation.office_form(tx, "clinic_timetable", data, f"门诊出诊表-{since.isoformat()}.pdf")


def attendance_sheet(tx: Tx, since: date, until: date) -> Document:
    """出诊考勤表 of the acting campus over some days."""
    rows = tx.session.all(figures.ATTENDANCE_SHEET, campus=tx.campus, since=since, until=until, limit=MOST)
    staff = _staff(tx, (row.doctor_id for row in rows))
    data = {
        "from_day": since,
        "to_day": until,
        "sessions": len(rows),
        "on_time": sum(row.outcome == "on_time" for row in rows),
        "rows": [
            {
                "day": row.day,
                "part": PART_NAMES[row.part],
                "doctor": _name(staff, row.doctor_id),
                "clinic": row.clinic_name,
                "outcome": OUTCOME_NAMES[row.outcome] + ("（更正）" if row.corrected else ""),
                "late": row.late_minutes,
                "early": row.early_minutes,
            }
            for row in rows
        ],
    }
    tx.audit("attendance.printed", "campus", tx.campus, since=since.isoformat(), until=until.isoformat())
    return organisation.office_form(tx, "clinic_attendance", data, f"出诊考勤表-{since.isoformat()}.pdf")


def stop_notice(tx: Tx, session_id: UUID) -> Document:
    """停诊通知 of a stopped session, for the door and the hall."""
    session = _session(tx, session_id)
    if session.status != "stopped":
        raise rules.SessionStateWrong("该班次没有停诊，无需打印停诊通知。", current_status=session.status)
    found = tx.session.all(
        changes.CHANGES, campus=tx.campus, session=session_id, status_="done", before=_LAST, limit=50
    )
    affected = next((one.affected for one in found if one.kind == "stop"), 0)
    data = {**_facts(tx, session), "reason": session.stop_reason or "—", "affected": affected}
    return organisation.office_form(tx, "stop_notice", data, f"停诊通知-{session.day.isoformat()}.pdf")


def replacement_form(tx: Tx, change_id: UUID) -> Document:
    """替诊审批单 of a replacement."""
    change = tx.session.first(changes.CHANGE, change_id=change_id)
    if change is None or change.campus_id != tx.campus or change.kind != "replace":
        raise NotFound("本院区没有这条替诊，请刷新后重试。")
    session = _session(tx, change.session_id)
    detail = change.detail
    before = UUID(detail["from_doctor"]) if detail["from_doctor"] else None
    after = UUID(detail["to_doctor"])
    staff = _staff(tx, (before, after))
    data = {
        **_facts(tx, session),
        "doctor": _name(staff, before),
        "to_doctor": _name(staff, after),
        "from_grade": GRADE_NAMES.get(detail["from_grade"], detail["from_grade"]),
        "to_grade": GRADE_NAMES.get(detail["to_grade"], detail["to_grade"]),
        "old_price": detail["old_price"],
        "new_price": detail["new_price"],
        "reason": change.reason,
        "affected": change.affected,
    }
    return organisation.office_form(tx, "replacement_form", data, f"替诊审批单-{session.day.isoformat()}.pdf")


def board(tx: Tx, day: date) -> list[dict[str, Any]]:
    """The public screen of a campus's day: doctors, rooms, numbers left, sessions stopped."""
    rows = [row for row in _grid(tx, day, day) if row.status != "closed"]
    staff = _staff(tx, (row.doctor_id for row in rows))
    rooms = _rooms(tx)
    left = {
        one.session_id: one.remaining
        for one in tx.session.all(grid.LEFT_OF_DAY, campus=tx.campus, day=day, now=tx.now, last_call=tx.now + LAST_CALL)
    }
    return [
        {
            "session_id": row.session_id,
            "clinic_name": row.clinic_name,
            "doctor_name": _name(staff, row.doctor_id) if row.doctor_id else None,
            "doctor_title": _title(staff, row.doctor_id),
            "room": rooms.get(row.room_id, "详询导诊台"),
            "part": row.part,
            "starts_at": row.starts_at,
            "ends_at": row.ends_at,
            "status": row.status,
            "remaining": left.get(row.session_id, 0),
        }
        for row in sorted(rows, key=lambda row: (row.starts_at, row.clinic_name, str(row.session_id)))
    ]


_LAST = UUID(int=2**128 - 1)


def _grid(tx: Tx, since: date, until: date) -> list[WeekRow]:
    found = tx.session.all(
        grid.WEEK,
        campus=tx.campus,
        since=since,
        until=until,
        unit=None,
        doctor=None,
        room=None,
        clinic=None,
        after=UUID(int=0),
        limit=MOST,
    )
    return [row for row in found if row.status in SHOWN]


def _session(tx: Tx, session_id: UUID) -> Session:
    session = tx.session.first(plans.SESSION, session_id=session_id)
    if session is None or session.campus_id != tx.campus:
        raise NotFound("本院区没有这个班次，请刷新后重试。")
    return session


def _facts(tx: Tx, session: Session) -> dict[str, Any]:
    clinic = tx.session.one(plans.CLINIC, clinic_id=session.clinic_id)
    start = session.starts_at.astimezone(SHANGHAI)
    weekday = "一二三四五六日"[start.weekday()]
    return {
        "clinic": clinic.name,
        "doctor": _name(_staff(tx, (session.doctor_id,)), session.doctor_id),
        "time": f"{start:%Y-%m-%d}（周{weekday}）{_hours(session.starts_at, session.ends_at)}",
        "room": _place(organisation.place(tx, session.room_id)),
    }


def _staff(tx: Tx, ids: Iterable[UUID | None]) -> "dict[UUID, StaffInfo]":
    wanted = sorted({one for one in ids if one is not None})
    return organisation.staff_members(tx, wanted) if wanted else {}


def _name(staff: "dict[UUID, StaffInfo]", doctor_id: UUID | None) -> str:
    return staff[doctor_id].name if doctor_id in staff else GENERAL


def _title(staff: "dict[UUID, StaffInfo]", doctor_id: UUID | None) -> str | None:
    return (staff[doctor_id].title or None) if doctor_id in staff else None


def _rooms(tx: Tx) -> dict[UUID, str]:
    return {place.place_id: _place(place) for place in organisation.places(tx, "room", "", MOST)}


def _place(place: "PlaceInfo") -> str:
    return f"{place.building}{place.floor} {place.name}".strip()


def _hours(starts_at: datetime, ends_at: datetime) -> str:
    return f"{starts_at.astimezone(SHANGHAI):%H:%M}-{ends_at.astimezone(SHANGHAI):%H:%M}"
