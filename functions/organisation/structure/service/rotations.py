"""Many appointments at once from a sheet: the days on which residents, nurses and trainees rotate (轮转)."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from pydantic import ValidationError

from functions.organisation.structure.models import PostAssignment, StaffUnit
from functions.organisation.structure.queries import people, unit_codes
from functions.organisation.structure.rules.sheets import BadRow
from functions.organisation.structure.schemas.people import AssignPost, JoinUnit
from functions.organisation.structure.service.posts import appointed, enter_post
from functions.organisation.structure.service.sheet_rows import Ready, Row, known_as, later, units_here, why
from functions.organisation.structure.service.staff import join_unit
from shared.problems import Problem
from shared.schemas import midnight
from shared.tx import Tx


def plan_posts(tx: Tx, rows: Sequence[Row], refused: dict[int, str]) -> Ready:
    """Appointments of a sheet, each checked as one entered by hand, against those before it in the sheet as well.

    Somebody of this campus who does not belong to the unit joins it for the term, which then needs an end.
    """
    units = units_here(tx)
    numbers = [str(fields["staff_no"]).lower() for _, fields in rows]
    known = {row.sign_on_name: row for row in tx.session.all(unit_codes.STAFF_BY_NOS, staff_nos=numbers)}
    belongs: dict[UUID, list[StaffUnit]] = {}
    for part in tx.session.all(people.UNITS_OF_SOME, staff_ids=sorted({row.staff_id for row in known.values()})):
        belongs.setdefault(part.staff_id, []).append(part)
    planned: dict[UUID, list[PostAssignment]] = {}
    joining: set[tuple[UUID, UUID]] = set()
    ready: Ready = []
    for number, fields in sorted(rows, key=lambda row: str(row[1]["staff_no"]).lower()):  # locks in one order
        try:
            person = known_as(known, str(fields.pop("staff_no")).lower(), "工号")
            unit = None if "unit_code" not in fields else known_as(units, fields.pop("unit_code"), "科室代码")
            since: date = fields.pop("from_day", tx.today)
            last: date | None = fields.pop("to_day", None)
            if last is not None and last < since:
                raise BadRow("“结束日期”早于“开始日期”")
            until = None if last is None else last + timedelta(days=1)
            command = AssignPost(
                staff_id=person.staff_id,
                unit_id=None if unit is None else unit.unit_id,
                valid_from=None if since == tx.today else midnight(since),
                valid_to=None if until is None else midnight(until),
                is_main=fields.pop("is_main", False),
                **fields,
            )
            joins = None
            if unit is not None and unit.valid_to is not None and (until is None or unit.valid_to < until):
                raise BadRow("该科室在此期间将变更或关闭，请缩短任期或手工办理")
            if unit is not None and person.campus_id == tx.campus:
                joins = _joins(belongs.get(person.staff_id, []), unit.unit_id, since, until)
                if joins is not None and (person.staff_id, unit.unit_id) in joining:
                    raise BadRow("该职工在表中已有一行到此科室轮转，请合并或分次导入")
            row = appointed(tx, command, planned.get(person.staff_id, ()), joins=joins is not None)
            planned.setdefault(person.staff_id, []).append(row)
            if joins is not None:
                joining.add((person.staff_id, joins.unit_id))
                ready.append((number, later(_join_and_enter, tx, person.staff_id, joins, row)))
            else:
                ready.append((number, later(enter_post, tx, row)))
        except (BadRow, ValidationError, Problem) as bad:
            refused[number] = why(bad)
    return ready


def _joins(parts: Sequence[StaffUnit], unit_id: UUID, since: date, until: date | None) -> JoinUnit | None:
    """What makes a person of the house belong to the unit for the term; None for somebody who does all that time."""
    here = [part for part in parts if part.unit_id == unit_id and (part.valid_to is None or part.valid_to > since)]
    if any(part.valid_from <= since and (part.valid_to is None or (until and until <= part.valid_to)) for part in here):
        return None
    if until is None:
        raise BadRow("该职工不属于此科室，轮转须填写“结束日期”")
    if any(part.valid_from < until for part in here):
        raise BadRow("该职工在此期间只有部分日子属于此科室，请调整日期或先办理入科")
    return JoinUnit(unit_id=unit_id, valid_from=since, valid_to=until)


def _join_and_enter(tx: Tx, staff_id: UUID, joins: JoinUnit, row: PostAssignment) -> None:
    join_unit(tx, staff_id, joins)
    enter_post(tx, row)
