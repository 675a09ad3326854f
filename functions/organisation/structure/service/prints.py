"""Forms of the organisation: 派驻通知书, 岗位任命表, 处方权签名留样备案表, 科室代码对照表, 离职交接单, 床头二维码."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from functions.organisation.structure.models import Secondment
from functions.organisation.structure.queries import credentials, signatures
from functions.organisation.structure.queries.people import STAFF
from functions.organisation.structure.rules.codes import UNIT_SYSTEMS
from functions.organisation.structure.rules.credentials import PRIVILEGES, level_title, privilege_kind
from functions.organisation.structure.service.beds import beds_of_ward
from functions.organisation.structure.service.codes import coded_units
from functions.organisation.structure.service.consortium import campus
from functions.organisation.structure.service.handover import handover_of
from functions.organisation.structure.service.letterhead import office_form
from functions.organisation.structure.service.posts import holders
from functions.organisation.structure.service.secondments import secondment
from functions.organisation.structure.service.sheets import workbook
from functions.organisation.structure.service.staff import staff_member, staff_members
from functions.organisation.structure.service.units import unit, unit_tree
from shared.command import Document
from shared.identity.posts import POSTS
from shared.printing import check_data, render
from shared.printing.published import layout_in_force
from shared.problems import NotFound
from shared.schemas import SHANGHAI
from shared.storage import XLSX
from shared.tx import Tx

LONGEST = 2000
"""Lines of a form at most."""
_KINDS = {"management": "管理", "technical": "技术", "circuit": "巡诊", "rotation": "轮转", "support": "支援"}
_STATES = {"proposed": "审批中", "approved": "已批准", "active": "派驻中", "ended": "已结束", "withdrawn": "已撤回"}
_WEEKDAYS = "一二三四五六日"


def secondment_notice(tx: Tx, secondment_id: UUID) -> Document:
    """派驻通知书 of a secondment that is agreed. Raises SecondmentNotFound, NotFound before it is."""
    row, _ = secondment(tx, secondment_id)
    if row.status in {"proposed", "withdrawn"}:
        raise NotFound("该派驻尚未审批完成，不能打印通知书。")
    person = staff_member(tx, row.staff_id)
    start, end = row.valid_from.astimezone(SHANGHAI), row.valid_to.astimezone(SHANGHAI)
    data = {
        "name": person.name,
        "staff_no": person.staff_no,
        "staff_title": person.title or None,
        "home": campus(tx, row.home_campus).short_name,
        "receiving": campus(tx, row.receiving_campus).short_name,
        "unit": unit(tx, row.unit_id, start.date()).name,
        "kind": _KINDS[row.kind],
        "posts": "、".join(_post(post) for post in row.posts),
        "days": _days(row),
        "from_day": start.date(),
        "to_day": (end - timedelta(microseconds=1)).date(),
        "filed": "已完成" if row.practice_filed else "无需或见执业证书",
        "status": _STATES[row.status],
        "cost_share": row.cost_share,
        "performance_share": row.performance_share,
    }
    return office_form(tx, "secondment_notice", data, f"派驻通知书-{person.staff_no}.pdf")


def post_list(tx: Tx, post: str) -> Document:
    """岗位任命表: who holds a post of the acting campus now."""
    held = holders(tx, post)
    if not held:
        raise NotFound("本院区此时无人任此岗位。")
    people = staff_members(tx, [one.staff_id for one in held])
    names = {found.unit_id: found.name for found in unit_tree(tx)}
    rows = [
        {
            "post": _post(one.post),
            "unit": names.get(one.unit_id, "—"),
            "staff_no": people[one.staff_id].staff_no,
            "name": people[one.staff_id].name,
            "main": "代班" if one.delegation_id else "派驻" if one.secondment_id else "主岗" if one.is_main else "兼岗",
            "valid_from": one.valid_from,
            "valid_to": one.valid_to,
        }
        for one in held[:LONGEST]
    ]
    return office_form(tx, "post_list", {"rows": rows}, f"岗位任命表-{_post(post)}.pdf")


def privilege_record(tx: Tx, kind: str) -> Document:
    """处方权签名留样备案表: who holds a privilege granted here, with licence number and specimen."""
    known = privilege_kind(kind, int(kind in PRIVILEGES and bool(PRIVILEGES[kind].levels)))
    held = tx.session.all(
        credentials.HOLDERS_OF, campus=tx.campus, kind=kind, at=tx.now, after=UUID(int=0), limit=LONGEST
    )
    if not held:
        raise NotFound(f"本院区此时没有人有{known.title}。")
    ids = [row.staff_id for row in held]
    numbers = tx.session.send(credentials.LICENCE_NUMBERS, staff_ids=ids, kinds=list(known.licences), day=tx.today)
    specimens = tx.session.send(signatures.SIGNATURES_OF, staff_ids=ids, campus=tx.campus, at=tx.now)
    people = staff_members(tx, ids)
    licences = {found.staff_id: found.number for found in numbers.all()}
    signed = {found.staff_id: found for found in specimens.all()}
    rows: list[dict[str, Any]] = [
        {
            "staff_no": people[row.staff_id].staff_no,
            "name": people[row.staff_id].name,
            "staff_title": people[row.staff_id].title or None,
            "licence": licences.get(row.staff_id),
            "privilege": level_title(row.kind, row.level),
            "valid_from": row.valid_from,
            "certificate": signed[row.staff_id].certificate_serial if row.staff_id in signed else None,
            "sha256": signed[row.staff_id].sha256.hex()[:16] if row.staff_id in signed else None,
        }
        for row in held
    ]
    rows.sort(key=lambda row: row["staff_no"])
    tx.audit("privilege_record.printed", "campus", tx.campus, privilege=kind, people=len(rows))
    return office_form(tx, "privilege_record", {"rows": rows}, f"处方权签名留样备案表-{known.title}.pdf")


def handover_form(tx: Tx, staff_id: UUID) -> Document:
    """离职交接单: what a leaver hands over, to whom, with room to sign. Raises NotFound without a list."""
    items = handover_of(tx, staff_id)
    if not items:
        raise NotFound("该职工没有交接清单；办理离职时自动生成。")
    people = tx.session.send(STAFF, staff_id=staff_id)
    successors = staff_members(tx, [item.taken_by for item in items if item.taken_by is not None])
    person = people.one()
    data = {
        "name": person.name,
        "staff_no": person.staff_no,
        "leaves_at": person.leaves_at,
        "open": sum(item.settled_at is None for item in items),
        "rows": [
            {
                "message": item.message,
                "way_out": item.way_out,
                "taken_by": successors[item.taken_by].name if item.taken_by is not None else None,
                "note": item.note or None,
                "settled_at": item.settled_at,
            }
            for item in items
        ],
    }
    return office_form(tx, "handover_list", data, f"离职交接单-{person.staff_no}.pdf")


def unit_codes_form(tx: Tx, at: date | None = None) -> Document:
    """科室代码对照表 of the acting campus on a day."""
    rows = [
        {key: value or None for key, value in {"code": code, "name": name, "subject": subject, **codes}.items()}
        for code, name, subject, codes in _code_lines(tx, at)
    ]
    return office_form(tx, "unit_codes", {"day": at or tx.today, "rows": rows}, "科室代码对照表.pdf")


def unit_codes_sheet(tx: Tx, at: date | None = None) -> Document:
    """科室代码对照表 as .xlsx, for the offices that map further."""
    titles = ["科室代码", "科室名称", "诊疗科目", *UNIT_SYSTEMS.values()]
    lines = [
        [code, name, subject or "", *(codes.get(system, "") for system in UNIT_SYSTEMS)]
        for code, name, subject, codes in _code_lines(tx, at)
    ]
    return Document(lambda: workbook("科室代码对照表", titles, lines), XLSX, "科室代码对照表.xlsx")


def bed_labels(tx: Tx, ward_id: UUID) -> Document:
    """床头二维码 of every bed of a ward: what a phone or a scanner at the bedside reads."""
    ward = unit(tx, ward_id)
    beds = [{"number": bed.number, "code": f"bed:{bed.bed_id}"} for bed in beds_of_ward(tx, ward_id)]
    if not beds:
        raise NotFound("该病区没有床位。")
    layout = layout_in_force(tx, "bed_labels")
    data = {"ward": ward.name, "beds": beds}
    check_data(layout, data)
    return Document(lambda: render(layout, data), "application/pdf", f"床头二维码-{ward.code}.pdf")


def _code_lines(tx: Tx, at: date | None) -> list[tuple[str, str, str | None, dict[str, str]]]:
    tree = {found.unit_id: found for found in unit_tree(tx, at=at)}
    codes: dict[UUID, dict[str, str]] = {unit_id: {} for unit_id in tree}
    for line in coded_units(tx, at=at):
        if line.system is not None and line.code is not None and line.unit_id in codes:
            codes[line.unit_id][line.system] = line.code
    return [(found.code, found.name, found.subject_code, codes[found.unit_id]) for found in tree.values()]


def _days(row: Secondment) -> str:
    if row.mode == "weekdays":
        return "每" + "、".join(f"周{_WEEKDAYS[day - 1]}" for day in row.weekdays)
    if row.mode == "dates":
        return f"共 {len(row.dates)} 天（见附表）"
    return "常设远程" if row.mode == "standing" else "全职"


def _post(code: str) -> str:
    return POSTS[code].title if code in POSTS else code
