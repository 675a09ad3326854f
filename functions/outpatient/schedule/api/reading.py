"""Routes: what is left, the week grid, figures."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query as Parameter

from functions.outpatient.schedule import prints, rules, service
from functions.outpatient.schedule.api.routing import FIRST, Limit, router
from functions.outpatient.schedule.queries import figures, grid
from functions.outpatient.schedule.queries.figures import Figures
from functions.outpatient.schedule.queries.grid import WeekRow
from functions.outpatient.schedule.schemas.people import BoardRow, SessionRow, StatisticView
from functions.outpatient.schedule.schemas.plans import Day
from functions.outpatient.schedule.schemas.pool import AvailabilityView, BandView, CampusOffer
from functions.outpatient.schedule.service.recent import Recent
from shared.command import Document, query
from shared.database.engine import REPORT
from shared.schemas import Page
from shared.tx import Tx

SHOWN: Recent[Page[AvailabilityView]] = Recent()
CodeParameter = Annotated[str | None, Parameter(max_length=40, pattern=r"^[A-Za-z0-9_.\-]+$")]


@router.get("/availability")
@query("outpatient.schedule.read")
def availability(
    tx: Tx,
    day: Day,
    campus: Annotated[list[str] | None, Parameter(max_length=20)] = None,
    standard_code: CodeParameter = None,
    unit_id: UUID | None = None,
    doctor_id: UUID | None = None,
    limit: Limit = 100,
    cursor: UUID | None = None,
) -> Page[AvailabilityView]:
    """Sessions of a day with the numbers left, here or at any campuses ("总院无号、分院有余号").

    At most two seconds old: every campus sees the one pool, so whoever asks the same gets the same answer. A sale asks
    the pool itself, and who makes the schedule sees at once what they did.
    """
    campuses = tuple(campus or [tx.campus])
    after = cursor or FIRST

    def read() -> Page[AvailabilityView]:
        found = service.availability(
            tx, day, list(campuses), standard_code, limit, after, unit_id=unit_id, doctor_id=doctor_id
        )
        return Page[AvailabilityView](
            items=[AvailabilityView.model_validate(item._asdict()) for item in found],
            next=str(found[-1].session_id) if len(found) == limit else None,
        )

    if tx.actor.may("outpatient.schedule.write", tx.campus):
        return read()
    return SHOWN.answer((day, campuses, standard_code, unit_id, doctor_id, limit, after), tx.now, read)


@router.get("/sessions/{session_id}/bands")
@query("outpatient.schedule.read")
def bands(tx: Tx, session_id: UUID) -> list[BandView]:
    """What is left of a session, band by band."""
    shown: dict[tuple[object, object], BandView] = {}
    for one in service.bands_left(tx, session_id):
        key = (one.band_start, one.band_end)
        known = shown.get(key)
        shown[key] = BandView(
            band_start=one.band_start,
            band_end=one.band_end,
            total=one.total + (known.total if known else 0),
            remaining={**(known.remaining if known else {}), one.channel: one.remaining},
        )
    return list(shown.values())


@router.get("/compare")
@query("outpatient.schedule.read")
def compare(
    tx: Tx, day: Day, standard_code: Annotated[str, Parameter(max_length=40, pattern=r"^[A-Za-z0-9_.\-]+$")]
) -> list[CampusOffer]:
    """One standard clinic at every campus: what is left, where, for how much (院区对比)."""
    return [
        CampusOffer(
            campus_id=one.clinic.campus_id,
            campus_name=one.campus_name,
            address=one.address,
            clinic_id=one.clinic.clinic_id,
            clinic_name=one.clinic.clinic_name,
            grade=one.clinic.grade,
            price=one.price,
            total=one.clinic.total,
            remaining=one.clinic.remaining,
            sessions=one.clinic.sessions,
        )
        for one in service.compare_campuses(tx, standard_code, day)
    ]


@router.get("/sessions")
@query("outpatient.schedule.read")
def week(
    tx: Tx,
    since: Day,
    until: Day,
    unit_id: UUID | None = None,
    doctor_id: UUID | None = None,
    room_id: UUID | None = None,
    clinic_id: UUID | None = None,
    limit: Limit = 200,
    cursor: UUID | None = None,
) -> Page[SessionRow]:
    """The week grid: sessions of this campus by department, doctor, room or clinic (周视图), at most five weeks."""
    _require_window(since, until, 35)
    found = tx.session.all(
        grid.WEEK,
        campus=tx.campus,
        since=since,
        until=until,
        unit=unit_id,
        doctor=doctor_id,
        room=room_id,
        clinic=clinic_id,
        after=cursor or FIRST,
        limit=limit,
    )
    return Page[SessionRow](
        items=[_row(one) for one in found], next=str(found[-1].session_id) if len(found) == limit else None
    )


@router.get("/statistics")
@query("outpatient.schedule.read", REPORT)
def statistics(
    tx: Tx, since: Day, until: Day, by: Literal["doctor", "unit", "clinic"] = "doctor"
) -> list[StatisticView]:
    """Stop rate, punctuality, use of numbers, no-shows by doctor, department or clinic (出诊统计), at most 92 days."""
    _require_window(since, until, 92)
    found = tx.session.all(figures.FIGURES[by], campus=tx.campus, since=since, until=until)
    return [_figures(one) for one in found]


@router.get("/board")
@query("outpatient.schedule.read")
def board(tx: Tx, day: Day | None = None) -> list[BoardRow]:
    """The public screen: today's doctors, rooms, numbers left, sessions stopped (出诊公示)."""
    return [BoardRow(**row) for row in prints.board(tx, day or tx.today)]


@router.get("/timetable.pdf")
@query("outpatient.schedule.read", REPORT)
def timetable_pdf(tx: Tx, since: Day, until: Day) -> Document:
    """The timetable of some days as PDF, at most two weeks (门诊出诊表)."""
    _require_window(since, until, 14)
    return prints.timetable(tx, since, until)


@router.get("/attendance.pdf")
@query("outpatient.schedule.approve", REPORT)
def attendance_pdf(tx: Tx, since: Day, until: Day) -> Document:
    """The attendance sheet of some days as PDF, at most a month (出诊考勤表)."""
    _require_window(since, until, 31)
    return prints.attendance_sheet(tx, since, until)


@router.get("/sessions/{session_id}/stop-notice.pdf")
@query("outpatient.schedule.read")
def stop_notice_pdf(tx: Tx, session_id: UUID) -> Document:
    """The notice of a stopped session as PDF (停诊通知)."""
    return prints.stop_notice(tx, session_id)


@router.get("/changes/{change_id}/replacement.pdf")
@query("outpatient.schedule.read")
def replacement_pdf(tx: Tx, change_id: UUID) -> Document:
    """The form of a replacement as PDF (替诊审批单)."""
    return prints.replacement_form(tx, change_id)


def _require_window(since: Day, until: Day, days: int) -> None:
    if not 0 <= (until - since).days <= days:
        raise rules.PlanInvalid(f"查询范围须在 {days} 天以内。")


def _row(one: WeekRow) -> SessionRow:
    fields = {name: getattr(one, name) for name in SessionRow.model_fields if name != "total"}
    planned = sum(band["count"] for band in one.planned or []) if one.status in rules.UNPUBLISHED else one.total
    return SessionRow(**fields, total=planned)


def _figures(one: Figures) -> StatisticView:
    return StatisticView(
        key=one.key,
        sessions=one.sessions,
        stopped=one.stopped,
        stopped_urgent=one.stopped_urgent,
        stop_rate=_percent(one.stopped_urgent, one.sessions),
        held=one.held,
        on_time=one.on_time,
        on_time_rate=_percent(one.on_time, one.held),
        numbers=int(one.numbers),
        taken=int(one.taken),
        utilisation=_percent(int(one.taken), int(one.numbers)),
        used=int(one.used),
        no_show=int(one.no_show),
        no_show_rate=_percent(int(one.no_show), int(one.taken)),
    )


def _percent(part: int, whole: int) -> str | None:
    if not whole:
        return None
    return str((Decimal(part * 100) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP))
