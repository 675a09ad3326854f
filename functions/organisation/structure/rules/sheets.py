"""Sheets of the organisation (.xlsx): the columns of each, and reading one row. No I/O, no clock."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from numbers import Real
from types import MappingProxyType
from typing import Any

from functions.organisation.structure.problems.wards import SheetUnreadable
from shared.identity.posts import POSTS

LONGEST = 3000
"""Rows of a sheet at most."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, the field it fills, and the words it may hold with the codes they mean."""

    title: str
    field: str
    needed: bool = False
    words: Mapping[str, str | bool] | None = None
    is_day: bool = False
    is_text: bool = False
    """A number the spreadsheet has rounded is refused: it keeps fifteen digits of one that is longer."""
    hint: str = ""


_YES_NO: Mapping[str, str | bool] = {"是": True, "否": False}
CATEGORIES: Mapping[str, str | bool] = {
    "医师": "doctor",
    "药师": "pharmacist",
    "护士": "nurse",
    "技师": "technician",
    "管理": "management",
    "工勤": "support",
}
EMPLOYMENT: Mapping[str, str | bool] = {
    "编内": "established",
    "编外": "contract",
    "返聘": "reemployed",
    "规培": "resident",
    "进修": "visiting",
    "实习": "intern",
    "第三方": "third_party",
}
UNIT_KINDS: Mapping[str, str | bool] = {
    "临床": "clinical",
    "医技": "medtech",
    "药学": "pharmacy",
    "病区": "nursing",
    "诊区": "clinic_area",
    "行政后勤": "administrative",
    "共享中心": "shared_centre",
    "委员会": "committee",
    "虚拟": "virtual",
}
BED_CLASSES: Mapping[str, str | bool] = {
    "普通": "normal",
    "抢救": "rescue",
    "监护": "intensive",
    "母婴同室": "mother_baby",
    "新生儿": "newborn",
    "隔离": "isolation",
    "日间": "day",
    "留观": "observation",
    "加床": "extra",
    "婴儿床": "cot",
}
LICENCE_KINDS: Mapping[str, str | bool] = {
    "医师资格证书": "physician_qualification",
    "医师执业证书": "physician",
    "护士执业证书": "nurse",
    "药师资格或执业药师注册证": "pharmacist",
    "卫生技术资格证书": "technician",
    "大型医用设备上岗证": "large_equipment",
    "放射工作人员证": "radiation",
    "母婴保健技术考核合格证书": "maternal_child",
    "产前诊断技术资质": "prenatal_diagnosis",
    "助产技术资质": "midwifery",
}
PHYSICIANS: Mapping[str, str | bool] = {
    "临床": "clinical",
    "口腔": "dental",
    "公共卫生": "public_health",
    "中医": "tcm",
}

POST_TITLES: Mapping[str, str | bool] = {post.title: post.code for post in POSTS.values()}

SHEETS: Mapping[str, tuple[str, tuple[Column, ...]]] = MappingProxyType(
    {
        "staff": (
            "人员导入表",
            (
                Column("工号", "staff_no", True),
                Column("姓名", "name", True),
                Column("人员类别", "category", True, CATEGORIES),
                Column("职称", "title", hint="如 副主任医师，按 GB/T 8561"),
                Column("用工性质", "employment", False, EMPLOYMENT),
                Column("科室代码", "unit_code", True),
                Column("入职日期", "engaged_on", is_day=True, hint="空为今天"),
                Column("身份证号", "id_number", is_text=True, hint="18 位，单元格须为文本格式"),
                Column("手机号", "mobile"),
                Column("办公电话", "office_phone"),
            ),
        ),
        "units": (
            "科室导入表",
            (
                Column("科室代码", "code", True),
                Column("科室名称", "name", True),
                Column("简称", "short_name"),
                Column("类别", "kind", True, UNIT_KINDS),
                Column("上级科室代码", "parent_code", hint="空为院区根科室；可为本表前面的行"),
                Column("诊疗科目", "subject_code", hint="如 03 或 05.01"),
                Column("位置", "location"),
                Column("电话", "phone"),
            ),
        ),
        "beds": (
            "床位导入表",
            (
                Column("病区代码", "ward_code", True),
                Column("床号", "number", True),
                Column("病室代码", "room_code"),
                Column("类别", "bed_class", True, BED_CLASSES),
                Column("编制", "established", True, _YES_NO),
                Column("开放", "open", True, _YES_NO),
                Column("性别限制", "gender", False, {"不限": "any", "男": "1", "女": "2"}),
                Column("床位费项目", "price_class"),
                Column("护理组", "nursing_group"),
            ),
        ),
        "licences": (
            "执业证书导入表",
            (
                Column("工号", "staff_no", True),
                Column("证书类别", "kind", True, LICENCE_KINDS),
                Column("证书编号", "number", True),
                Column("执业类别", "category", False, PHYSICIANS),
                Column("执业范围", "scope"),
                Column("发证机关", "issuer"),
                Column("发证日期", "issued_on", is_day=True),
                Column("有效期起", "valid_from", True, is_day=True),
                Column("有效期止", "expires_on", is_day=True, hint="含当日；长期有效为空"),
            ),
        ),
        "posts": (
            "岗位轮转表",
            (
                Column("工号", "staff_no", True),
                Column("岗位", "post", True, POST_TITLES),
                Column("科室代码", "unit_code", hint="空为主属科室；不是本人科室的，按起止日期兼属"),
                Column("开始日期", "from_day", is_day=True, hint="空为此刻起"),
                Column("结束日期", "to_day", is_day=True, hint="含当日；到其他科室轮转的必填"),
                Column("主岗", "is_main", False, _YES_NO, hint="空为否"),
                Column("依据", "basis"),
            ),
        ),
    }
)
"""Title and columns of each sheet, by kind."""


class BadRow(ValueError):
    """A row that can't be loaded, with what to mend."""


def heads(kind: str, first_row: Sequence[Any]) -> list[Column | None]:
    """The column of each cell of a heading row. Raises SheetUnreadable naming the headings that are missing."""
    title, columns = SHEETS[kind]
    by_title = {column.title: column for column in columns}
    found = [by_title.get(plain(cell).rstrip("*")) for cell in first_row]
    missing = [column.title for column in columns if column.needed and column not in found]
    if missing:
        raise SheetUnreadable(f"{title}缺少列：{'、'.join(missing)}。请下载模板填写，不要改动表头。")
    return found


def read_row(columns: Sequence[Column | None], cells: Sequence[Any]) -> dict[str, Any]:
    """Fields of a row; empty cells are left out. Raises BadRow."""
    fields: dict[str, Any] = {}
    empty: list[str] = []
    for column, cell in zip(columns, cells, strict=False):
        if column is None:
            continue
        text = plain(cell)
        if not text:
            if column.needed:
                empty.append(column.title)
        elif column.is_text and isinstance(cell, Real):
            raise BadRow(f"“{column.title}”已被表格存成数字，末几位不可靠，请把该列设为文本后重新填写")
        elif column.is_day:
            fields[column.field] = read_day(column.title, cell)
        elif column.words is not None:
            if text not in column.words:
                raise BadRow(f"“{column.title}”须为：{'、'.join(column.words)}")
            fields[column.field] = column.words[text]
        else:
            fields[column.field] = text
    if empty:
        raise BadRow(f"未填：{'、'.join(empty)}")
    return fields


def plain(cell: Any) -> str:
    """A cell as text; a number without the decimals a spreadsheet gives to whole ones."""
    if cell is None or isinstance(cell, bool):
        return "" if cell is None else ("是" if cell else "否")
    if isinstance(cell, Real):
        number = Decimal(str(cell))
        return str(int(number)) if number == number.to_integral_value() else str(number)
    return str(cell).strip()


def read_day(title: str, cell: Any) -> date:
    """A day from a date cell or from 2026-03-01, 2026/3/1, 20260301. Raises BadRow."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    found = re.fullmatch(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?", plain(cell))
    try:
        year, month, day = map(int, found.groups()) if found else (0, 0, 0)
        return date(year, month, day)
    except ValueError:
        raise BadRow(f"“{title}”不是日期，例如 2026-03-01") from None
