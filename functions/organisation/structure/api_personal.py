"""HTTP routes of what personnel keep of a person: ID number, picture, scans of licences, hand-over."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.organisation.structure.queries.people import StaffInfo
from functions.organisation.structure.schemas.personal import (
    AddPhoto,
    AddScan,
    FindByIdNumber,
    HandoverView,
    IdNumberKept,
    IdNumberView,
    KnownPerson,
    OpenWorkView,
    RecordIdNumber,
    RetirePicture,
    SettleHandover,
    StaffFileView,
)
from functions.organisation.structure.schemas.times import At
from functions.organisation.structure.service import handover as handing_over
from functions.organisation.structure.service import identities, pictures, prints
from shared.command import Document, Onward, command, query
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
FIRST = UUID(int=0)


# -- ID numbers


@router.post("/staff/find-by-id-number")
@query("organisation.structure.write_staff")
def find_by_id_number(tx: Tx, body: FindByIdNumber) -> KnownPerson:
    """Who in the consortium has an ID number, before somebody is engaged a second time (按身份证号查重)."""
    found: StaffInfo = identities.staff_by_id_number(tx, body.number)
    return KnownPerson.model_validate(found)


@router.post("/staff/{staff_id}/id-number")
@command("organisation.structure.write_staff")
def record_id_number(tx: Tx, staff_id: UUID, body: RecordIdNumber) -> IdNumberKept:
    """Record or correct a person's ID number (登记、更正身份证号)."""
    return IdNumberKept(staff_id=staff_id, masked=identities.record_id_number(tx, staff_id, body))


@router.get("/staff/{staff_id}/id-number")
@query("organisation.structure.write_staff")
def read_id_number(tx: Tx, staff_id: UUID) -> IdNumberView:
    """The whole ID number of a person of the acting campus; the reading is on record (查看身份证号)."""
    return IdNumberView(staff_id=staff_id, number=identities.id_number_of(tx, staff_id))


# -- pictures and scans


@router.post("/staff/{staff_id}/photo", status_code=201)
@command("organisation.structure.write_staff")
def add_photo(tx: Tx, staff_id: UUID, body: AddPhoto) -> StaffFileView:
    """A person's picture; the one before is retired (登记人员照片)."""
    answer: Onward[StaffFileView] = pictures.add_photo(tx, staff_id, body)
    return answer  # type: ignore[return-value]  # the edge takes an Onward of what the route answers


@router.get("/staff/{staff_id}/photo")
@query("organisation.structure.read")
def photo(tx: Tx, staff_id: UUID) -> Document:
    """A person's picture, at the home campus (人员照片)."""
    return pictures.photo(tx, staff_id)


@router.post("/licences/{licence_id}/scans", status_code=201)
@command("organisation.structure.write_staff")
def add_scan(tx: Tx, licence_id: UUID, body: AddScan) -> StaffFileView:
    """One page of a licence's scan (登记证书扫描件)."""
    answer: Onward[StaffFileView] = pictures.add_scan(tx, licence_id, body)
    return answer  # type: ignore[return-value]  # the edge takes an Onward of what the route answers


@router.get("/licences/{licence_id}/scans")
@query("organisation.structure.read_scans")
def scans_of(tx: Tx, licence_id: UUID) -> list[StaffFileView]:
    """Pages of a licence's scan, at the home campus (证书扫描件目录)."""
    return [pictures.file_view(row) for row in pictures.scans_of(tx, licence_id)]


@router.get("/licence-scans/{staff_file_id}")
@query("organisation.structure.read_scans")
def scan(tx: Tx, staff_file_id: UUID) -> Document:
    """One page of a licence's scan (查看证书扫描件)."""
    return pictures.scan(tx, staff_file_id)


@router.post("/licence-scans/{staff_file_id}/retire")
@command("organisation.structure.write_staff")
def retire_scan(tx: Tx, staff_file_id: UUID, body: RetirePicture) -> StaffFileView:
    """Take a page out of use (停用证书扫描件)."""
    return pictures.file_view(pictures.retire_scan(tx, staff_file_id, body))


# -- hand-over


@router.get("/staff/{staff_id}/open-work")
@query("organisation.structure.write_staff")
def open_work(tx: Tx, staff_id: UUID, at: At | None = None) -> list[OpenWorkView]:
    """What a person would leave open, before leaving is decided (离职前未结事项)."""
    return handing_over.open_work_of(tx, staff_id, at)


@router.get("/staff/{staff_id}/handover")
@query("organisation.structure.write_staff")
def handover(tx: Tx, staff_id: UUID) -> list[HandoverView]:
    """A leaver's hand-over list (离职交接清单)."""
    return [HandoverView.model_validate(row) for row in handing_over.handover_of(tx, staff_id)]


@router.get("/handover-items")
@query("organisation.structure.write_staff")
def open_handover(tx: Tx, limit: Limit = 100, cursor: UUID | None = None) -> Page[HandoverView]:
    """What leavers of the acting campus have not handed over yet (未完成交接)."""
    found = handing_over.open_handover(tx, cursor or FIRST, limit)
    return Page[HandoverView](
        items=[HandoverView.model_validate(row) for row in found],
        next=str(found[-1].item_id) if len(found) == limit else None,
    )


@router.post("/handover-items/{item_id}/settle")
@command("organisation.structure.write_staff")
def settle_handover(tx: Tx, item_id: UUID, body: SettleHandover) -> HandoverView:
    """A colleague took it over, or it needs nobody any more (办理交接)."""
    return HandoverView.model_validate(handing_over.settle_handover(tx, item_id, body))


@router.get("/staff/{staff_id}/handover.pdf")
@query("organisation.structure.write_staff")
def handover_form(tx: Tx, staff_id: UUID) -> Document:
    """The hand-over list on paper (离职交接单)."""
    return prints.handover_form(tx, staff_id)
