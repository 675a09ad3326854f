"""Sheets in and out: people, units, beds and licences from Excel, row by row; good rows load, bad ones are told."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from functions.organisation.structure.models import SheetImport, UnitVersion
from functions.organisation.structure.problems.wards import SheetUnreadable
from functions.organisation.structure.queries import credentials, unit_codes, wards
from functions.organisation.structure.rules import TITLES
from functions.organisation.structure.rules.credentials import check_licence
from functions.organisation.structure.rules.personal import read_id_number
from functions.organisation.structure.rules.sheets import LONGEST, SHEETS, BadRow, heads, plain, read_row
from functions.organisation.structure.schemas.credentials import PracticePlace, RecordLicence
from functions.organisation.structure.schemas.people import EngageStaff
from functions.organisation.structure.schemas.structure import CreateUnit
from functions.organisation.structure.schemas.wards import CreateBed, ImportSheet, ImportView, RowReport
from functions.organisation.structure.service.beds import WARD_KINDS, add_bed, established_left
from functions.organisation.structure.service.identities import holders_of
from functions.organisation.structure.service.licences import add_licence, record_licence
from functions.organisation.structure.service.rotations import plan_posts
from functions.organisation.structure.service.sheet_rows import Ready, Row, known_as, later, units_here, why
from functions.organisation.structure.service.staff import add_person
from functions.organisation.structure.service.units import locked_future, plant
from shared.command import Document
from shared.ids import new_id
from shared.problems import Problem
from shared.spreadsheets import WorkbookRefused, workbook_rows
from shared.storage import XLSX
from shared.tx import Tx

UNPACKED = 30 * 1024 * 1024
"""Bytes a workbook may unpack to."""
Loader = Callable[[Tx, Sequence[Row], dict[int, str]], Ready]


def import_sheet(tx: Tx, command: ImportSheet) -> ImportView:
    """Load a sheet of the acting campus: each good row as if it had been entered, each bad one with what to mend.

    `dry_run` writes nothing. Raises SheetUnreadable for a file that is no such sheet.
    """
    rows, refused = _rows(command.kind, command.content)
    ready = _LOADERS[command.kind](tx, rows, refused)
    if not command.dry_run:
        for _, load in ready:
            load()
    outcome = "valid" if command.dry_run else "loaded"
    reports = [RowReport(row=number, outcome="refused", message=why) for number, why in refused.items()]
    reports += [RowReport.model_validate({"row": number, "outcome": outcome, "message": ""}) for number, _ in ready]
    reports.sort(key=lambda report: report.row)
    loaded = 0 if command.dry_run else len(ready)
    import_id: UUID | None = None
    if not command.dry_run:
        import_id = new_id()
        tx.session.add(
            SheetImport(
                import_id=import_id,
                campus_id=tx.campus,
                kind=command.kind,
                sha256=hashlib.sha256(command.content).digest(),
                total=len(reports),
                loaded=loaded,
                report=[report.model_dump() for report in reports],
                imported_at=tx.now,
                imported_by=tx.actor.subject,
            )
        )
        tx.audit("sheet.imported", "sheet", import_id, sheet=command.kind, total=len(reports), loaded=loaded)
    return ImportView(import_id=import_id, kind=command.kind, total=len(reports), loaded=loaded, rows=reports)


def imports(tx: Tx, before: UUID, limit: int) -> list[SheetImport]:
    """Sheets imported at the acting campus, latest first."""
    return tx.session.all(unit_codes.IMPORTS, campus=tx.campus, before=before, limit=limit)


def template(kind: str) -> Document:
    """The empty sheet of a kind, with its words to choose from."""
    title, columns = SHEETS[kind]
    marked = [column.title + ("*" if column.needed else "") for column in columns]
    choices = {place: list(column.words) for place, column in enumerate(columns) if column.words is not None}
    hints = [column.hint for column in columns]
    return Document(lambda: workbook(title, marked, [], choices, hints), XLSX, f"{title}.xlsx")


def workbook(
    title: str,
    headings: Sequence[str],
    lines: Sequence[Sequence[str | int]],
    choices: dict[int, list[str]] | None = None,
    hints: Sequence[str] = (),
) -> bytes:
    """An .xlsx of one sheet. Text stays text: nothing a person typed becomes a formula."""
    from xlsxwriter import Workbook  # type: ignore[import-untyped]

    target = BytesIO()
    with Workbook(target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet(title[:31])
        bold = book.add_format({"bold": True, "bg_color": "#EDEDED", "border": 1})
        text = book.add_format({"num_format": "@"})
        sheet.freeze_panes(1, 0)
        for place, heading in enumerate(headings):
            sheet.write_string(0, place, heading, bold)
            sheet.set_column(place, place, max(10, len(heading) * 2 + 2), text)
            if hints and hints[place]:
                sheet.write_comment(0, place, hints[place])
        for place, words in (choices or {}).items():
            sheet.data_validation(1, place, LONGEST, place, {"validate": "list", "source": words})
        for number, line in enumerate(lines, 1):
            for place, value in enumerate(line):
                if isinstance(value, int):
                    sheet.write_number(number, place, value)
                else:
                    sheet.write_string(number, place, value)
    return target.getvalue()


# -- reading


def _rows(kind: str, content: bytes) -> tuple[list[Row], dict[int, str]]:
    """Rows with their number in the sheet, and refusals by number."""
    cells = _cells(content)
    first = next(cells, None)
    if first is None:
        raise SheetUnreadable("表格是空的，请下载模板填写后上传。")
    columns = heads(kind, first)
    rows: list[Row] = []
    refused: dict[int, str] = {}
    for number, line in enumerate(cells, 2):
        if number > LONGEST + 1:
            raise SheetUnreadable(f"一次最多导入 {LONGEST} 行，请分次上传。")
        if any(plain(cell) for cell in line):
            try:
                rows.append((number, read_row(columns, line)))
            except BadRow as bad:
                refused[number] = str(bad)
    return rows, refused


def _cells(content: bytes) -> Iterator[Any]:
    try:
        yield from workbook_rows(content, unpacked=UNPACKED)
    except WorkbookRefused as refused:
        raise SheetUnreadable(str(refused)) from refused


# -- loading


def _staff(tx: Tx, rows: Sequence[Row], refused: dict[int, str]) -> Ready:
    units = units_here(tx)
    numbers = [str(fields["staff_no"]).lower() for _, fields in rows]
    known = set(tx.session.all(unit_codes.KNOWN_STAFF_NOS, staff_nos=numbers))
    titles = {title.name: code for code, title in TITLES.items()}
    papers = [str(fields["id_number"]) for _, fields in rows if "id_number" in fields]
    taken = set(holders_of(tx, [one for paper in papers if (one := _readable(paper))])) if papers else set()
    ready: Ready = []
    for number, fields in rows:
        try:
            unit = known_as(units, fields.pop("unit_code"), "科室代码")
            since = fields.get("engaged_on", tx.today)
            if unit.valid_to is not None or unit.valid_from > since:
                raise BadRow("科室在入职日期尚未启用或将关闭")
            title = fields.pop("title", None)
            if title is not None:
                fields["title_code"] = known_as(titles, title, "职称")
            command = EngageStaff(unit_id=unit.unit_id, **fields)
            if command.staff_no.lower() in known:
                raise BadRow("工号已使用，或在表中重复")
            if command.id_number is not None and command.id_number in taken:
                raise BadRow("身份证号已登记在他人名下，或在表中重复")
            taken |= {command.id_number} if command.id_number is not None else set()
            known.add(command.staff_no.lower())
            ready.append((number, later(add_person, tx, command, since)))
        except (BadRow, ValidationError, Problem) as bad:
            refused[number] = why(bad)
    return ready


def _readable(paper: str) -> str | None:
    try:
        return read_id_number(paper)
    except ValueError:
        return None


def _plan_units(tx: Tx, rows: Sequence[Row], refused: dict[int, str]) -> Ready:
    codes = [str(fields["code"]) for _, fields in rows]
    used = set(tx.session.all(unit_codes.KNOWN_UNIT_CODES, campus=tx.campus, codes=codes))
    units = units_here(tx)
    by_code: dict[str, UUID] = {code: row.unit_id for code, row in units.items()}
    future = locked_future(tx, tx.today)
    planned: set[str] = set()
    ready: Ready = []
    for number, fields in rows:
        try:
            parent = fields.pop("parent_code", None)
            if parent is not None and parent not in planned and known_as(units, parent, "上级科室代码").valid_to:
                raise BadRow("上级科室将变更或关闭，请手工新建")
            command = CreateUnit(**fields)
            if command.code in used:
                raise BadRow("科室代码已使用，或在表中重复")
            used.add(command.code)
            planned.add(command.code)
            ready.append((number, later(_plant, tx, command, parent, by_code, future)))
        except (BadRow, ValidationError, Problem) as bad:
            refused[number] = why(bad)
    return ready


def _plant(
    tx: Tx, command: CreateUnit, parent: str | None, by_code: dict[str, UUID], future: list[UnitVersion]
) -> None:
    placed = command if parent is None else command.model_copy(update={"parent_id": by_code[parent]})
    by_code[command.code] = plant(tx, placed, future, tx.today).unit_id


def _beds(tx: Tx, rows: Sequence[Row], refused: dict[int, str]) -> Ready:
    units = units_here(tx)
    codes = [str(fields["room_code"]) for _, fields in rows if "room_code" in fields]
    rooms = {
        room.code: room.place_id for room in tx.session.all(unit_codes.ROOMS_BY_CODE, campus=tx.campus, codes=codes)
    }
    used = {(bed.ward_id, bed.number) for bed in tx.session.all(wards.BEDS_OF_CAMPUS, campus=tx.campus, at=tx.now)}
    ready: Ready = []
    left = established_left(tx)
    for number, fields in rows:
        try:
            ward = known_as(units, fields.pop("ward_code"), "病区代码")
            if ward.kind not in WARD_KINDS:
                raise BadRow(f"“{ward.name}”不是病区或临床科室")
            room = fields.pop("room_code", None)
            room_id = None if room is None else known_as(rooms, room, "病室代码")
            command = CreateBed(ward_id=ward.unit_id, room_id=room_id, **fields)
            if (ward.unit_id, command.number) in used:
                raise BadRow("该病区已有此床号，或在表中重复")
            if command.established and left == 0:
                raise BadRow("超过核定编制床位，请改为非编制")
            if command.established and left is not None:
                left -= 1
            used.add((ward.unit_id, command.number))
            ready.append((number, later(add_bed, tx, command)))
        except (BadRow, ValidationError, Problem) as bad:
            refused[number] = why(bad)
    return ready


def _licences(tx: Tx, rows: Sequence[Row], refused: dict[int, str]) -> Ready:
    numbers = [str(fields["staff_no"]).lower() for _, fields in rows]
    people = {row.sign_on_name: row for row in tx.session.all(unit_codes.STAFF_BY_NOS, staff_nos=numbers)}
    privileged = set(
        tx.session.all(credentials.PRIVILEGED_AMONG, staff_ids=[person.staff_id for person in people.values()])
    )
    known = tx.session.all(
        credentials.KNOWN_LICENCES,
        kinds=sorted({str(fields["kind"]) for _, fields in rows}),
        numbers=[str(fields["number"]) for _, fields in rows],
    )
    ready: Ready = []
    for number, fields in rows:
        try:
            person = known_as(people, str(fields.pop("staff_no")).lower(), "工号")
            if person.campus_id != tx.campus or person.status == "left":
                raise BadRow("该工号不是本院区在职职工")
            command = RecordLicence(**fields)
            until = None if command.expires_on is None else command.expires_on + timedelta(days=1)
            check_licence(command.kind, command.number, command.valid_from, until, command.category)
            for other in known:
                if (other.kind, other.number) != (command.kind, command.number):
                    continue
                if other.staff_id != person.staff_id:
                    raise BadRow("证书编号已登记在他人名下，或在表中重复")
                ends_before = until is not None and until <= other.valid_from
                if not ends_before and (other.valid_to is None or other.valid_to > command.valid_from):
                    raise BadRow("该证书在此期间已登记，或在表中重复")
            known.append(
                credentials.KnownLicence(person.staff_id, command.kind, command.number, command.valid_from, until)
            )
            if person.staff_id in privileged:
                ready.append((number, later(record_licence, tx, person.staff_id, command)))
            else:
                places = [PracticePlace(campus=tx.campus)]
                ready.append((number, later(add_licence, tx, person.staff_id, command, places)))
        except (BadRow, ValidationError, Problem) as bad:
            refused[number] = why(bad)
    return ready


_LOADERS: dict[str, Loader] = {
    "staff": _staff,
    "units": _plan_units,
    "beds": _beds,
    "licences": _licences,
    "posts": plan_posts,
}
