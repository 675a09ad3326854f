"""Price lists as the authorities publish them: headings in one row or two, classification rows, footnotes. Pure.

Shapes read: 全国医疗服务价格项目规范 (2001, 2007, 2012) as provinces publish it with a price column for each level, the
立项指南 tables of 国家医保局 (服务产出, 价格构成), and our own template (`rules.COLUMNS`).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from functions.catalogue.prices import rules
from functions.catalogue.prices.problems import BatchTooLong, ListUnreadable

Plain = Callable[[Any], str]
Cells = dict[str, str | None]
HEADING_WITHIN = 15
"""The heading stands within so many rows."""
LAST_ROW = 32_000
"""Last row of a sheet that is read; rows are numbered as the sheet numbers them."""
ALIASES: Mapping[str, tuple[str, ...]] = {
    "code": ("项目编码", "收费项目编码", "收费项目代码", "医疗服务项目编码", "医疗服务项目代码", "编码", "代码"),
    "national_code": ("国家项目代码", "国家项目编码", "国家编码", "医保编码", "国家医保编码", "医保项目代码"),
    "name": ("医疗服务项目名称", "收费项目名称", "名称"),
    "content": ("服务产出", "内涵"),
    "composition": ("价格构成",),
    "excluded": ("除外内容及耗材", "除外耗材"),
    "note": ("说明", "计价说明", "项目说明", "备注"),
    "unit": ("单位", "收费单位"),
    "kind": ("项目类型",),
    "fee_class": ("财政票据收费类别", "医疗收费项目类别"),
    "wubi": ("五笔", "五笔简码", "五笔首码"),
    "market_priced": ("是否市场调节价", "市场调节"),
    "special_need": ("是否特需", "特需", "特需医疗服务", "是否特需服务"),
    "price_tertiary": ("三级", "三级医院", "三级医疗机构", "三级医院价格", "三级医疗机构价格", "三类", "三类价格"),
    "price_secondary": ("二级", "二级医院", "二级医疗机构", "二级医院价格", "二级医疗机构价格", "二类", "二类价格"),
    "price_primary": ("一级", "一级医院", "一级医疗机构", "一级医院价格", "一级医疗机构价格", "一类", "一类价格"),
}
"""What official lists call our columns besides the names of our own template."""
PASSED_OVER = frozenset({"序号", "财务分类", "编号", "备案", "加收项", "扩展项"})
"""Columns of official lists that say nothing to a price; their cells are not kept."""
KIND_NAMES = {
    "挂号": "registration",
    "医疗服务": "service",
    "服务": "service",
    "药品": "drug",
    "耗材": "consumable",
    "卫生材料": "consumable",
    "床位": "bed",
    "套餐": "package",
}
"""What official lists call the kinds of items."""
FOOTNOTES = ("注", "说明", "备注", "合计")
_NAMES = {label: name for name, label in rules.COLUMNS.items()}
_NAMES |= {name: name for name in rules.COLUMNS}
_NAMES |= {alias: name for name, aliases in ALIASES.items() for alias in aliases}


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of a list by the sheet's own numbers. `ignored` rows are none: headings, classification, notes, blanks."""

    rows: list[tuple[int, Cells]]
    ignored: int


def read_list(rows: Iterable[Sequence[Any]], plain: Plain) -> Sheet:
    """A spreadsheet as a price list. `plain` gives a cell as text.

    Raises ListUnreadable without a heading, BatchTooLong.
    """
    texts = [[plain(cell) for cell in row] for row in rows]
    heading, headings = _heading(texts)
    listed: list[tuple[int, Cells]] = []
    for number, row in enumerate(texts[heading:], heading + 1):
        if any(row) and not _is_note(row):
            listed.append((number, _cells(row, headings)))
    kept = _without_classes(listed)
    if len(kept) > rules.BATCH_ROWS or (kept and kept[-1][0] > LAST_ROW):
        raise BatchTooLong(f"一个批次最多 {rules.BATCH_ROWS} 行，请拆分表格后导入。")
    return Sheet(kept, len(texts) - len(kept))


def _heading(texts: Sequence[Sequence[str]]) -> tuple[int, dict[int, str]]:
    """How many rows the heading ends after, and the column at each place. A heading of two rows names more columns."""
    for number, row in enumerate(texts[:HEADING_WITHIN], 1):
        alone = _named(row)
        if not {"code", "name"} <= set(alone.values()):
            continue
        below = texts[number] if number < len(texts) else ()
        both = _named([low or high for high, low in _pairs(row, below)])
        known = rules.COLUMNS.keys()
        if {"code", "name"} <= set(both.values()) and len(known & set(both.values())) > len(
            known & set(alone.values())
        ):
            return number + 1, both
        return number, alone
    raise ListUnreadable("没有找到表头，请确认表中有“项目代码”和“项目名称”两列。")


def _pairs(high: Sequence[str], low: Sequence[str]) -> list[tuple[str, str]]:
    width = max(len(high), len(low))
    return [(high[at] if at < len(high) else "", low[at] if at < len(low) else "") for at in range(width)]


def _named(row: Sequence[str]) -> dict[int, str]:
    """Column names by place; of two columns of one name the first counts. Unknown ones keep their heading."""
    found: dict[int, str] = {}
    for place, text in enumerate(row):
        heading = re.sub(r"\s+|[（(][^）)]*[）)]", "", text)
        name = _NAMES.get(heading) or _NAMES.get(text.strip()) or heading
        if name and name not in PASSED_OVER and name not in found.values():
            found[place] = name
    return found


def _cells(row: Sequence[str], headings: Mapping[int, str]) -> Cells:
    cells: Cells = {}
    for place, name in headings.items():
        text = row[place] if place < len(row) else ""
        if name not in rules.COLUMNS and name != "composition" and not text:
            continue
        if name == "fee_class" and text.isdigit():
            text = text.zfill(2)
        cells[name] = (KIND_NAMES.get(text, text) if name == "kind" else text)[:2100] or None
    composition = cells.pop("composition", None)
    if composition:
        output = cells.get("content")
        cells["content"] = (
            f"服务产出：{output}；价格构成：{composition}"[:2100] if output else f"价格构成：{composition}"
        )
    return cells


def _is_note(row: Sequence[str]) -> bool:
    filled = [text for text in row if text]
    return len(filled) == 1 and filled[0].startswith(FOOTNOTES)


def _without_classes(listed: Sequence[tuple[int, Cells]]) -> list[tuple[int, Cells]]:
    """Leave out rows of the classification: no unit, no price, and a code other rows' codes begin with."""
    codes = sorted({cells["code"] or "" for _, cells in listed if cells.get("code")})
    parents = {code for code, following in pairwise(codes) if following.startswith(code)}
    return [
        (number, cells)
        for number, cells in listed
        if cells.get("code") not in parents
        or cells.get("unit")
        or any(cells.get(f"price_{level}") for level in rules.LEVELS)
    ]


# -- what a list leaves unsaid

_BOOKED = (
    ("1101", "13", "registration"),
    ("1102", "02", "service"),
    ("1109", "01", "bed"),
    ("1110", "02", "service"),
    ("11", "14", "service"),
    ("1201", "07", "service"),
    ("12", "05", "service"),
    ("1", "14", "service"),
    ("21", "03", "service"),
    ("22", "03", "service"),
    ("23", "03", "service"),
    ("24", "05", "service"),
    ("25", "04", "service"),
    ("26", "04", "service"),
    ("27", "03", "service"),
    ("33", "06", "service"),
    ("3", "05", "service"),
    ("4", "05", "service"),
)
"""Receipt class and kind by the first digits of a nine-digit code of the 2001 and 2007 specifications: 一般医疗服务,
医技诊疗, 临床诊疗, 中医及民族医诊疗. A proposal for new items that the officers see before they publish (verify)."""


def usual_booking(code: str) -> tuple[str, str] | None:
    """Receipt fee class and kind of an item by its national nine-digit code; None for other codes."""
    if not re.fullmatch(r"[1-4]\d{8}([-.a-zA-Z0-9]{0,8})?", code):
        return None
    return next(((fee_class, kind) for first, fee_class, kind in _BOOKED if code.startswith(first)), None)
