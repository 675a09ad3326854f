"""HTTP routes of beds, workstations and the calendar."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.organisation.structure import service
from functions.organisation.structure.models import Workstation
from functions.organisation.structure.queries.wards import BedInfo
from functions.organisation.structure.schemas.times import At, Day
from functions.organisation.structure.schemas.wards import (
    BedCountView,
    BedDaysView,
    BedHistoryView,
    BedOut,
    BedStep,
    BedView,
    CalendarDayView,
    ChangeBed,
    ChangeWorkstation,
    CreateBed,
    CreateWorkstation,
    RetireWorkstation,
    SetCalendar,
    WorkstationView,
)
from functions.organisation.structure.service.calendaring import CalendarInfo
from shared.command import Document, command, query
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
CodeCursor = Annotated[str | None, Parameter(max_length=40)]
Campus = Annotated[str | None, Parameter(pattern=r"^[a-z][a-z0-9]{1,9}$")]


# -- beds


@router.get("/wards/{ward_id}/beds")
@query("organisation.structure.read")
def beds_of_ward(tx: Tx, ward_id: UUID, at: At | None = None) -> list[BedView]:
    """Beds of a ward as at a moment (床位图)."""
    return [_bed(row) for row in service.beds_of_ward(tx, ward_id, at)]


@router.post("/beds", status_code=201)
@command("organisation.structure.write_beds")
def create_bed(tx: Tx, body: CreateBed) -> BedView:
    """Set up a bed (增设床位)."""
    return _bed(service.create_bed(tx, body))


@router.get("/beds/{bed_id}")
@query("organisation.structure.read")
def read_bed(tx: Tx, bed_id: UUID, at: At | None = None) -> BedView:
    """One bed as at a moment."""
    return _bed(service.bed(tx, bed_id, at))


@router.get("/beds/{bed_id}/history")
@query("organisation.structure.read")
def bed_history(tx: Tx, bed_id: UUID) -> list[BedHistoryView]:
    """A bed's life (床位沿革)."""
    return [BedHistoryView.model_validate(row) for row in service.bed_history(tx, bed_id)]


@router.patch("/beds/{bed_id}")
@command("organisation.structure.write_beds")
def change_bed(tx: Tx, bed_id: UUID, body: ChangeBed) -> BedView:
    """Change a bed (变更床位)."""
    return _bed(service.change_bed(tx, bed_id, body))


@router.post("/beds/{bed_id}/out-of-service")
@command("organisation.structure.write_beds")
def put_out_of_service(tx: Tx, bed_id: UUID, body: BedOut) -> BedView:
    """Put an empty bed out of service (停用)."""
    return _bed(service.put_out_of_service(tx, bed_id, body))


@router.post("/beds/{bed_id}/in-service")
@command("organisation.structure.write_beds")
def put_in_service(tx: Tx, bed_id: UUID, body: BedStep) -> BedView:
    """Put a bed back in service (恢复)."""
    return _bed(service.put_in_service(tx, bed_id, body))


@router.post("/beds/{bed_id}/retire")
@command("organisation.structure.write_beds")
def retire_bed(tx: Tx, bed_id: UUID, body: BedStep) -> list[dict[str, str]]:
    """Retire an empty bed (撤销); answers what others had to say."""
    return [objection.document() for objection in service.retire_bed(tx, bed_id, body)]


@router.get("/bed-counts")
@query("organisation.structure.read")
def bed_counts(tx: Tx, day: Day | None = None) -> list[BedCountView]:
    """Beds of each ward at 24:00 of a day (编制、开放床位)."""
    on = day or tx.today
    names = _names(tx, on)
    return [BedCountView(ward=names.get(row.ward_id, ""), **row._asdict()) for row in service.bed_counts(tx, on)]


@router.get("/bed-days")
@query("organisation.structure.read")
def bed_days(tx: Tx, first: Day, last: Day) -> list[BedDaysView]:
    """Open bed days of each ward (实际开放总床日数)."""
    names = _names(tx, min(last, tx.today))
    return [
        BedDaysView(ward=names.get(row.ward_id, ""), **row._asdict()) for row in service.open_bed_days(tx, first, last)
    ]


@router.get("/wards/{ward_id}/bed-labels.pdf")
@query("organisation.structure.read")
def bed_labels(tx: Tx, ward_id: UUID) -> Document:
    """床头二维码 of a ward as PDF."""
    return service.bed_labels(tx, ward_id)


# -- workstations


@router.get("/workstations")
@query("organisation.structure.read")
def list_workstations(tx: Tx, limit: Limit = 100, cursor: CodeCursor = None) -> Page[WorkstationView]:
    """Workstations of the acting campus in use (工作站)."""
    found = service.workstations(tx, cursor or "", limit)
    return Page[WorkstationView](
        items=[_workstation(row) for row in found], next=found[-1].code if len(found) == limit else None
    )


@router.get("/workstations/by-host/{host}")
@query("organisation.structure.read")
def workstation_by_host(tx: Tx, host: Annotated[str, Path(pattern=r"^[0-9A-Za-z.\-]{1,100}$")]) -> WorkstationView:
    """The workstation with this machine name."""
    return _workstation(service.workstation_by_host(tx, host))


@router.get("/workstations/by-certificate/{fingerprint}")
@query("organisation.structure.read")
def workstation_by_certificate(
    tx: Tx, fingerprint: Annotated[str, Path(pattern=r"^[0-9A-Fa-f]{64}$")]
) -> WorkstationView:
    """The workstation with this client certificate (SHA-256)."""
    return _workstation(service.workstation_by_certificate(tx, fingerprint))


@router.post("/workstations", status_code=201)
@command("organisation.structure.write")
def create_workstation(tx: Tx, body: CreateWorkstation) -> WorkstationView:
    """Register a workstation (登记工作站)."""
    return _workstation(service.create_workstation(tx, body))


@router.patch("/workstations/{workstation_id}")
@command("organisation.structure.write")
def change_workstation(tx: Tx, workstation_id: UUID, body: ChangeWorkstation) -> WorkstationView:
    """Change a workstation."""
    return _workstation(service.change_workstation(tx, workstation_id, body))


@router.post("/workstations/{workstation_id}/retire")
@command("organisation.structure.write")
def retire_workstation(tx: Tx, workstation_id: UUID, body: RetireWorkstation) -> WorkstationView:
    """Take a workstation out of use (停用工作站)."""
    return _workstation(service.retire_workstation(tx, workstation_id, body))


# -- calendar


@router.get("/calendar")
@query("organisation.structure.read")
def read_calendar(tx: Tx, first: Day, last: Day, campus: Campus = None) -> list[CalendarDayView]:
    """Every day of a span at a campus: clinics open, workday, hours (日历)."""
    return [_day(one) for one in service.calendar(tx, first, last, campus)]


@router.put("/calendar")
@command("organisation.structure.write")
def set_calendar(tx: Tx, body: SetCalendar) -> list[CalendarDayView]:
    """Enter, replace or clear holidays, swapped workdays and closed days (节假日、调休、停诊日)."""
    return [_day(one) for one in service.set_calendar(tx, body)]


# -- shapes


def _names(tx: Tx, day: Day) -> dict[UUID, str]:
    return {found.unit_id: found.name for found in service.unit_tree(tx, at=day)}


def _bed(row: BedInfo) -> BedView:
    return BedView.model_validate(row)


def _workstation(row: Workstation) -> WorkstationView:
    return WorkstationView.model_validate(row)


def _day(one: CalendarInfo) -> CalendarDayView:
    fields: dict[str, Any] = one._asdict()
    fields["hours"] = [(f"{first:%H:%M}", f"{last:%H:%M}") for first, last in one.hours]
    return CalendarDayView(**fields)
