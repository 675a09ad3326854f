"""Rules of the charge catalogue: pure, no I/O (spec 40, "States and rules")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from functions.catalogue.prices.problems import PriceAboveCeiling, PriceBackDated

LEVELS = ("tertiary", "secondary", "primary")
KINDS = ("registration", "service", "drug", "consumable", "bed", "package")
FEE_CLASSES = tuple(f"{number:02d}" for number in range(1, 15))
COLUMNS = {
    "code": "项目代码",
    "national_code": "国家代码",
    "name": "项目名称",
    "content": "项目内涵",
    "excluded": "除外内容",
    "unit": "计价单位",
    "kind": "类型",
    "fee_class": "收费类别",
    "direct_entry": "收费处可录",
    "price_tertiary": "三级价格",
    "price_secondary": "二级价格",
    "price_primary": "一级价格",
}
"""Columns of an imported list and what staff call them."""

MOST = Decimal("9999999999.9999")


@dataclass(frozen=True, slots=True)
class ListedItem:
    """A good row of an imported list: an item and its prices by level."""

    code: str
    national_code: str | None
    name: str
    content: str
    excluded: str
    unit: str
    kind: str
    fee_class: str
    direct_entry: bool
    prices: Mapping[str, Decimal]


def price_of(text: str) -> Decimal:
    """A price from a cell: not negative, at most four decimals. Raises ValueError."""
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("须为数字") from error
    if not price.is_finite() or price < 0 or price > MOST:
        raise ValueError("须为不小于零的数字")
    if price != price.quantize(Decimal("0.0001")):
        raise ValueError("最多四位小数")
    return price


def read_row(row: Mapping[str, str | None]) -> tuple[ListedItem | None, list[str]]:
    """A row as an item with prices, or what is wrong with it, in the words of the list."""
    cells = {name: (value or "").strip() for name, value in row.items()}
    faults = [f"没有“{name}”这一列" for name in cells if name not in COLUMNS]
    for name in ("code", "name", "unit", "kind", "fee_class"):
        if not cells.get(name):
            faults.append(f"{COLUMNS[name]}为空")
    if any("\x00" in value for value in cells.values()):
        faults.append("含有不可用的字符")
    if cells.get("kind") and cells["kind"] not in KINDS:
        faults.append(f"{COLUMNS['kind']}“{cells['kind']}”不在允许范围")
    if cells.get("fee_class") and cells["fee_class"] not in FEE_CLASSES:
        faults.append(f"{COLUMNS['fee_class']}须为 01 至 14")
    if len(cells.get("code", "")) > 40 or len(cells.get("name", "")) > 200:
        faults.append("代码或名称过长")
    prices = {}
    for level in LEVELS:
        if text := cells.get(f"price_{level}", ""):
            try:
                prices[level] = price_of(text)
            except ValueError as error:
                faults.append(f"{COLUMNS[f'price_{level}']}“{text}”{error}")
    if not prices and not any("价格" in fault for fault in faults):
        faults.append("没有任何价格")
    if faults:
        return None, faults
    item = ListedItem(
        code=cells["code"],
        national_code=cells.get("national_code") or None,
        name=cells["name"],
        content=cells.get("content", ""),
        excluded=cells.get("excluded", ""),
        unit=cells["unit"],
        kind=cells["kind"],
        fee_class=cells["fee_class"],
        direct_entry=cells.get("direct_entry", "") in {"1", "是", "true"},
        prices=prices,
    )
    return item, []


def faults_of_list(rows: Sequence[Mapping[str, str | None]]) -> list[list[str]]:
    """What is wrong with each row, repeated codes included."""
    first: dict[str, int] = {}
    found = []
    for number, row in enumerate(rows, 1):
        _, faults = read_row(row)
        code = (row.get("code") or "").strip()
        if code and code in first:
            faults = [*faults, f"项目代码与第 {first[code]} 行重复"]
        elif code:
            first[code] = number
        found.append(faults)
    return found


def require_future(valid_from: datetime, now: datetime) -> None:
    """A price never takes effect in the past; wrong prices are corrected by the correction procedure."""
    if valid_from < now:
        raise PriceBackDated("价格生效时间不能早于现在；已执行的错误价格请走更正程序。")


def require_ceiling(unit_price: Decimal, ceiling: Decimal | None) -> None:
    """A price is at most the government's ceiling."""
    if ceiling is not None and unit_price > ceiling:
        raise PriceAboveCeiling(f"定价 {unit_price} 元超过最高限价 {ceiling} 元，请核对依据文件。")
