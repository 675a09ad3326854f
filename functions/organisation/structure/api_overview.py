"""HTTP routes of successions and codes of units, sheets, lists and prints."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.organisation.structure import service
from functions.organisation.structure.models import UnitCode
from functions.organisation.structure.queries.structure import UnitInfo
from functions.organisation.structure.rules.codes import UNIT_SYSTEMS
from functions.organisation.structure.schemas.people import EpisodeView
from functions.organisation.structure.schemas.structure import UnitView
from functions.organisation.structure.schemas.times import Day
from functions.organisation.structure.schemas.wards import (
    CentreView,
    CodedUnitView,
    FindingView,
    ImportSheet,
    ImportView,
    MergeUnits,
    RatioView,
    RowReport,
    SetServes,
    SetUnitCode,
    ShareView,
    SplitUnit,
    SuccessionView,
    ToldView,
    UnitCodeView,
)
from shared.command import Document, command, query
from shared.http import Router
from shared.identity.posts import POSTS
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
CodeCursor = Annotated[str | None, Parameter(max_length=40)]
Campus = Annotated[str | None, Parameter(pattern=r"^[a-z][a-z0-9]{1,9}$")]
System = Annotated[str, Path(pattern=r"^[a-z_]{2,40}$")]
SheetKind = Literal["staff", "units", "beds", "licences", "posts"]
LAST = UUID(int=2**128 - 1)
SHEET_RIGHTS = {
    "staff": "organisation.structure.write_staff",
    "licences": "organisation.structure.write_staff",
    "units": "organisation.structure.write",
    "beds": "organisation.structure.write_beds",
    "posts": "organisation.structure.assign_post",
}


# -- successions and codes of units


@router.post("/units/{unit_id}/split", status_code=201)
@command("organisation.structure.write")
def split_unit(tx: Tx, unit_id: UUID, body: SplitUnit) -> list[UnitView]:
    """Split a unit from a day on (科室拆分)."""
    made, _ = service.split_unit(tx, unit_id, body)
    return [_unit(info) for info in made]


@router.post("/units/merge", status_code=201)
@command("organisation.structure.write")
def merge_units(tx: Tx, body: MergeUnits) -> UnitView:
    """Merge units from a day on (科室合并)."""
    made, _ = service.merge_units(tx, body)
    return _unit(made)


@router.get("/successions")
@query("organisation.structure.read")
def list_successions(tx: Tx, campus: Campus = None) -> list[SuccessionView]:
    """Every split and merger of a campus (科室拆并)."""
    return [
        SuccessionView(
            effective_on=one.effective_on,
            from_unit_id=one.old,
            to_unit_id=one.new,
            share=one.share,
            back_share=one.back_share,
        )
        for one in service.successions(tx, campus)
    ]


@router.get("/units/{unit_id}/told-on")
@query("organisation.structure.read")
def units_told_on(tx: Tx, unit_id: UUID, day: Day, seen_on: Day) -> ToldView:
    """What a unit's figures of one day count for in the structure of another (统计对照)."""
    there = service.unit_campus(tx, unit_id)
    shares = service.units_told_on(tx, unit_id, day, seen_on, there)
    return ToldView(unit_id=unit_id, shares=[ShareView(unit_id=one, share=share) for one, share in shares.items()])


@router.get("/units/{unit_id}/codes")
@query("organisation.structure.read")
def unit_codes(tx: Tx, unit_id: UUID) -> list[UnitCodeView]:
    """Codes other systems know a unit by (科室对照)."""
    return [_code(row) for row in service.unit_codes_of(tx, unit_id)]


@router.put("/units/{unit_id}/codes/{system}")
@command("organisation.structure.write")
def set_unit_code(tx: Tx, unit_id: UUID, system: System, body: SetUnitCode) -> list[UnitCodeView]:
    """Set or end a code of a unit (登记科室对照)."""
    return [_code(row) for row in service.set_unit_code(tx, unit_id, system, body)]


@router.get("/unit-codes")
@query("organisation.structure.read")
def coded_units(tx: Tx, campus: Campus = None, at: Day | None = None) -> list[CodedUnitView]:
    """Units of a campus with their codes on a day (科室代码对照)."""
    found: dict[UUID, CodedUnitView] = {}
    for line in service.coded_units(tx, campus, at):
        view = found.setdefault(
            line.unit_id, CodedUnitView(unit_id=line.unit_id, unit_code=line.unit_code, name=line.name, codes={})
        )
        if line.system is not None and line.code is not None:
            view.codes[line.system] = line.code
    return list(found.values())


@router.get("/unit-codes/{system}/{code}")
@query("organisation.structure.read")
def units_by_code(
    tx: Tx, system: System, code: Annotated[str, Path(pattern=r"^[A-Za-z0-9_.\-]{1,40}$")]
) -> list[UnitCodeView]:
    """Units of every open campus a system knows by one code (同一标准门诊的各院区科室)."""
    return [_code(row) for row in service.units_by_code(tx, system, code)]


@router.get("/unit-codes.pdf")
@query("organisation.structure.read")
def print_unit_codes(tx: Tx, at: Day | None = None) -> Document:
    """科室代码对照表 as PDF."""
    return service.unit_codes_form(tx, at)


@router.get("/unit-codes.xlsx")
@query("organisation.structure.read")
def export_unit_codes(tx: Tx, at: Day | None = None) -> Document:
    """科室代码对照表 as .xlsx."""
    return service.unit_codes_sheet(tx, at)


@router.put("/units/{unit_id}/serves")
@command("organisation.structure.write")
def set_serves(tx: Tx, unit_id: UUID, body: SetServes) -> list[CentreView]:
    """A shared centre works for a campus, or no longer (共享中心服务院区)."""
    return [CentreView.model_validate(row) for row in service.set_serves(tx, unit_id, body)]


@router.get("/centres")
@query("organisation.structure.read")
def centres_for(tx: Tx, campus: Campus = None) -> list[CentreView]:
    """Shared centres that work for a campus (为本院区服务的共享中心)."""
    return [CentreView.model_validate(row) for row in service.centres_for(tx, campus)]


# -- sheets


@router.get("/imports/{kind}/template.xlsx")
@query("organisation.structure.read")
def sheet_template(tx: Tx, kind: SheetKind) -> Document:
    """The empty sheet to fill in (导入模板)."""
    return service.template(kind)


@router.post("/imports", status_code=201)
@command("organisation.structure.read")
def import_sheet(tx: Tx, body: ImportSheet) -> ImportView:
    """Load a filled-in sheet, or try it (表格导入); whoever may enter its rows by hand may load them."""
    tx.actor.require(SHEET_RIGHTS[body.kind], tx.campus)
    return service.import_sheet(tx, body)


@router.get("/imports")
@query("organisation.structure.read")
def list_imports(tx: Tx, limit: Limit = 20, cursor: UUID | None = None) -> Page[ImportView]:
    """Sheets imported at the acting campus, latest first (导入记录)."""
    found = service.imports(tx, cursor or LAST, limit)
    return Page[ImportView](
        items=[
            ImportView(
                import_id=row.import_id,
                kind=row.kind,
                total=row.total,
                loaded=row.loaded,
                rows=[RowReport.model_validate(line) for line in row.report],
            )
            for row in found
        ],
        next=str(found[-1].import_id) if len(found) == limit else None,
    )


# -- what needs looking after


@router.get("/lists/people-without-post")
@query("organisation.structure.assign_post")
def people_without_post(tx: Tx, limit: Limit = 100, cursor: CodeCursor = None) -> Page[FindingView]:
    """Active people who hold no post (无岗人员)."""
    found = service.people_without_post(tx, cursor or "", limit)
    return Page[FindingView](
        items=[
            FindingView(subject_id=row.staff_id, code=row.staff_no, name=row.name, finding="没有岗位") for row in found
        ],
        next=found[-1].staff_no if len(found) == limit else None,
    )


@router.get("/lists/posts-without-people")
@query("organisation.structure.assign_post")
def posts_without_people(tx: Tx) -> list[dict[str, str]]:
    """Posts nobody holds at the acting campus (空岗)."""
    return [{"post": code, "title": POSTS[code].title} for code in service.posts_without_people(tx)]


@router.get("/lists/incompatible-posts")
@query("organisation.structure.assign_post")
def incompatible_posts(tx: Tx) -> list[FindingView]:
    """People who hold incompatible posts now, whatever the way it came (不相容岗位)."""
    return [
        FindingView(
            subject_id=account.staff_id,
            code=account.staff_no,
            name=account.name,
            finding=f"{found.rule.title}：{'、'.join(sorted(POSTS[post].title for post in found.posts))}",
        )
        for account, found in service.broken_separations(tx)
    ]


@router.get("/lists/units-without-code/{system}")
@query("organisation.structure.read")
def units_without_code(tx: Tx, system: System) -> list[FindingView]:
    """Units a system should know and doesn't; `subject` for 诊疗科目 (未对照科室)."""
    return [
        FindingView(subject_id=row.unit_id, code=row.unit_code, name=row.name, finding="未对照")
        for row in service.units_without_code(tx, system)
    ]


@router.get("/staffing")
@query("organisation.structure.read")
def staffing(tx: Tx, day: Day | None = None) -> RatioView:
    """床护比 and 医护比 of the acting campus."""
    return RatioView.model_validate(service.staffing(tx, day))


@router.get("/staff/{staff_id}/history")
@query("organisation.structure.write_staff")
def life_of(tx: Tx, staff_id: UUID) -> list[EpisodeView]:
    """Everything a person was and held here, earliest first (人员履历)."""
    return [EpisodeView.model_validate(one) for one in service.life_of(tx, staff_id)]


@router.get("/secondments/{secondment_id}/notice.pdf")
@query("organisation.structure.assign_post")
def print_secondment(tx: Tx, secondment_id: UUID) -> Document:
    """派驻通知书 as PDF."""
    return service.secondment_notice(tx, secondment_id)


@router.get("/posts/{post}/holders.pdf")
@query("organisation.structure.assign_post")
def print_post_list(tx: Tx, post: Annotated[str, Path(max_length=40, pattern=r"^[a-z_]+$")]) -> Document:
    """岗位任命表 as PDF."""
    return service.post_list(tx, post)


# -- shapes


def _unit(row: UnitInfo) -> UnitView:
    return UnitView.model_validate(row)


def _code(row: UnitCode) -> UnitCodeView:
    return UnitCodeView(
        unit_id=row.unit_id,
        system=row.system,
        system_title=UNIT_SYSTEMS[row.system],
        code=row.code,
        name=row.name,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )
