"""Rules of the charge catalogue: pure, no I/O (spec 40, "States and rules")."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from uuid import UUID

from functions.catalogue.prices import marks
from functions.catalogue.prices.marks import NEITHER, UNSAID, Marks
from functions.catalogue.prices.problems import (
    MarketPriceTooSoon,
    PriceAboveCeiling,
    PriceBackDated,
    PricePeriodOverlaps,
    QuantityNotAllowed,
)
from shared.schemas import SHANGHAI

LEVELS = ("tertiary", "secondary", "primary")
KINDS = ("registration", "service", "drug", "consumable", "bed", "package")
FEE_CLASSES = tuple(f"{number:02d}" for number in range(1, 15))
COLUMNS = {
    "code": "项目代码",
    "national_code": "国家代码",
    "name": "项目名称",
    "content": "项目内涵",
    "excluded": "除外内容",
    "note": "计价说明",
    "unit": "计价单位",
    "kind": "类型",
    "fee_class": "收费类别",
    "direct_entry": "收费处可录",
    "price_tertiary": "三级价格",
    "price_secondary": "二级价格",
    "price_primary": "一级价格",
    "front_page": "病案首页费用类别",
    "account": "会计科目",
    "wubi": "五笔码",
    **marks.NAMES,
}
"""Columns of an imported list and what staff call them."""

SCHEMES = {"front_page": "病案首页", "account": "会计科目", "cost": "成本核算", "insurance": "医保"}
"""Schemes an item may need a code in before it is published, as staff call them."""
MAPPED = ("front_page", "account")
"""Columns of a list that say what an item is in a scheme: its code there, and behind a blank its name."""

LONGEST = {
    "code": 40,
    "national_code": 30,
    "name": 200,
    "content": 2000,
    "excluded": 2000,
    "note": 2000,
    "unit": 20,
    "front_page": 120,
    "account": 120,
    "wubi": 100,
}
"""Most characters of a column; others hold few."""

Booking = Callable[[str], tuple[str, str] | None]
"""Receipt fee class and kind an item is usually booked by, from its code."""
MOST = Decimal("9999999999.9999")
CANCEL_UNTIL = timedelta(hours=1)
"""A scheduled price may be cancelled until so long before it takes effect (spec 40, "States and rules")."""
MARKET_NOTICE = timedelta(days=7)
"""A market-regulated price (市场调节价) is made public so long before it holds (spec 40, capability 11)."""
BATCH_ROWS = 20_000
"""Rows of one batch, over all the calls that bring them."""


def initials(name: str) -> str:
    """First letters of the pinyin of a name, for typing; other letters and digits stand as they are."""
    from pypinyin import Style, lazy_pinyin

    return re.sub(r"[^a-z0-9]", "", "".join(lazy_pinyin(name, style=Style.FIRST_LETTER)).lower())


# -- imported lists


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
    note: str = ""
    mappings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By scheme: code and name there."""
    wubi: str = ""
    """What the list gives; it goes before the one worked out from the name."""
    marks: Marks = UNSAID


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item the catalogue already has, with its prices of now by level."""

    name: str
    unit: str
    kind: str
    fee_class: str
    status: str
    prices: Mapping[str, Decimal]
    ceilings: Mapping[str, Decimal]
    mappings: Mapping[str, str] = field(default_factory=dict)
    """By scheme: its code there."""
    own_price: bool = True
    """Whether it may have a price: a package only by approval."""
    marks: Marks = NEITHER


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a row: `change` is new, changed or same, and empty when there are faults."""

    item: ListedItem | None
    change: str
    faults: list[str]


def price_of(text: str) -> Decimal:
    """A price from a cell: not negative, at most four decimals. Raises ValueError."""
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("须为数字") from error
    if not price.is_finite() or price < 0 or price > MOST:
        raise ValueError("须为不小于零的数字")
    exact = price.quantize(Decimal("0.0001"))
    if price != exact:
        raise ValueError("最多四位小数")
    return exact


def read_row(row: Mapping[str, str | None], units: Collection[str]) -> tuple[ListedItem | None, list[str]]:
    """A row as an item with prices, or what is wrong with it, in the words of the list."""
    cells = {name: (value or "").strip() for name, value in row.items()}
    faults = [f"没有“{name}”这一列" for name in cells if name not in COLUMNS]
    for name in ("code", "name", "unit", "kind", "fee_class"):
        if not cells.get(name):
            faults.append(f"{COLUMNS[name]}为空")
    if any("\ufffd" in value for value in cells.values()):
        faults.append("含有不可用的字符")
    if cells.get("code") and not re.fullmatch(r"[A-Za-z0-9_.\-]{1,40}", cells["code"]):
        faults.append(f"{COLUMNS['code']}只能有字母、数字和 . _ -，最多 40 位")
    if cells.get("unit") and cells["unit"] not in units:
        faults.append(f"{COLUMNS['unit']}“{cells['unit'][:20]}”不在单位表中")
    if cells.get("kind") and cells["kind"] not in KINDS:
        faults.append(f"{COLUMNS['kind']}“{cells['kind'][:20]}”不在允许范围")
    if cells.get("fee_class") and cells["fee_class"] not in FEE_CLASSES:
        faults.append(f"{COLUMNS['fee_class']}须为 01 至 14")
    faults += [
        f"{COLUMNS[name]}过长" for name, most in LONGEST.items() if name != "code" and len(cells.get(name, "")) > most
    ]
    said, wrong = marks.read_marks(cells)
    faults += wrong
    prices: dict[str, Decimal] = {}
    tried = False
    for level in LEVELS:
        if text := cells.get(f"price_{level}", ""):
            tried = True
            try:
                prices[level] = price_of(text)
            except ValueError as error:
                faults.append(f"{COLUMNS[f'price_{level}']}“{text[:20]}”{error}")
    if not tried:
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
        note=cells.get("note", ""),
        mappings={scheme: _target(cells[scheme]) for scheme in MAPPED if cells.get(scheme)},
        wubi=cells.get("wubi", ""),
        marks=said,
    )
    return item, []


def _target(cell: str) -> tuple[str, str]:
    """A code of a scheme and its name, which may be left out."""
    code, _, name = cell.partition(" ")
    return code[:60], name.strip() or code


def judge_rows(
    rows: Sequence[tuple[int, Mapping[str, str | None]]],
    units: Collection[str],
    known: Mapping[str, KnownItem],
    booking: Booking = lambda code: None,
    required: Sequence[str] = (),
) -> list[Verdict]:
    """What becomes of each numbered row of a list; of two rows with one code the later is wrong. `required` names the
    schemes without which no item is published.

    What a list leaves unsaid of an item the catalogue has stays as it is; `booking` proposes receipt class and kind of
    a new one by its code.
    """
    first: dict[str, int] = {}
    verdicts = []
    for number, row in rows:
        code = (row.get("code") or "").strip()
        item, faults = read_row(_completed(row, known.get(code), booking), units)
        if code and code in first:
            faults = [*faults, f"项目代码与第 {first[code]} 行重复"]
        elif code:
            first[code] = number
        change = ""
        if item is not None and not faults:
            change, faults = _against(item, known.get(item.code), required)
        verdicts.append(Verdict(None, "", faults) if faults else Verdict(item, change, []))
    return verdicts


def _completed(row: Mapping[str, str | None], known: KnownItem | None, booking: Booking) -> Mapping[str, str | None]:
    said = {name for name in ("unit", "kind", "fee_class") if (row.get(name) or "").strip()}
    if known is not None:
        return {"unit": known.unit, "kind": known.kind, "fee_class": known.fee_class} | {
            name: cell for name, cell in row.items() if name in said or name not in {"unit", "kind", "fee_class"}
        }
    usual = booking((row.get("code") or "").strip()) if "fee_class" not in said else None
    if usual is None:
        return row
    return {**row, "fee_class": usual[0], "kind": row.get("kind") if "kind" in said else usual[1]}


def _against(item: ListedItem, known: KnownItem | None, required: Sequence[str]) -> tuple[str, list[str]]:
    """A list changes prices; what an item is, it does not change behind anybody's back."""
    now = known.marks if known is not None else NEITHER
    clash = marks.contradiction(item.marks, bool(now.market_priced), bool(now.special_need))
    if clash is not None:
        return "", [clash]
    if known is None:
        faults = ["套餐须先登记组成与批准文号，再定价"] if item.kind == "package" else []
        return "new", [*faults, *_unmapped(required, item.mappings)]
    faults = [
        f"{COLUMNS[name]}与现有项目“{getattr(known, name)}”不一致"
        for name in ("name", "unit", "kind", "fee_class")
        if getattr(item, name) != getattr(known, name)
    ]
    faults += [
        f"{COLUMNS[scheme]}与现有对照“{known.mappings[scheme]}”不一致"
        for scheme, (code, _) in item.mappings.items()
        if known.mappings.get(scheme, code) != code
    ]
    if known.status in {"suspended", "withdrawn"}:
        faults.append("该项目已停用，请先恢复")
    if known.status == "draft":
        faults += _unmapped(required, {**known.mappings, **item.mappings})
    if not known.own_price:
        faults.append("套餐按所含项目收费，未经批准不能有自己的价格")
    faults += [
        f"{COLUMNS[f'price_{level}']} {price} 超过最高限价 {known.ceilings[level]}"
        for level, price in item.prices.items()
        if level in known.ceilings and price > known.ceilings[level]
    ]
    same = (
        known.status == "published"
        and all(known.prices.get(level) == price for level, price in item.prices.items())
        and item.mappings.keys() <= known.mappings.keys()
        and all(said in (None, stands) for said, stands in zip(item.marks, known.marks, strict=True))
    )
    return "same" if same else "changed", faults


def _unmapped(required: Sequence[str], mapped: Collection[str]) -> list[str]:
    missing = lacking(required, mapped)
    return [f"缺少{schemes_named(missing)}对照，不能发布"] if missing else []


def lacking(required: Sequence[str], mapped: Collection[str]) -> list[str]:
    """Required schemes in which an item has no code."""
    return [scheme for scheme in required if scheme not in mapped]


def schemes_named(schemes: Sequence[str]) -> str:
    """Schemes as staff call them."""
    return "、".join(SCHEMES[scheme] for scheme in schemes)


# -- periods


@dataclass(frozen=True, slots=True)
class Period:
    """A checked price over `[valid_from, valid_to)`."""

    version_id: UUID
    unit_price: Decimal
    valid_from: datetime
    valid_to: datetime | None


def predecessor(existing: Sequence[Period], start: datetime, end: datetime | None) -> Period | None:
    """The open-ended price that a new one over `[start, end)` succeeds, if there is one.

    Everything else the new one would meet is an overlap: PricePeriodOverlaps shows both.
    """
    found: Period | None = None
    for period in existing:
        if (end is not None and period.valid_from >= end) or (period.valid_to is not None and period.valid_to <= start):
            continue
        if period.valid_to is None and period.valid_from < start:
            found = period
            continue
        raise PricePeriodOverlaps(
            f"与已复核的价格 {period.unit_price} 元（{_day(period.valid_from)} 起）时段重叠，"
            "请调整生效时间或先取消原价格。",
            existing={
                "version_id": str(period.version_id),
                "unit_price": str(period.unit_price),
                "valid_from": period.valid_from.astimezone(SHANGHAI).isoformat(),
                "valid_to": period.valid_to.astimezone(SHANGHAI).isoformat() if period.valid_to else None,
            },
        )
    return found


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def require_future(valid_from: datetime, now: datetime) -> None:
    """A price never takes effect in the past; wrong prices are corrected by the correction procedure."""
    if valid_from < now:
        raise PriceBackDated("价格生效时间不能早于现在；已执行的错误价格请走更正程序。")


def require_notice(valid_from: datetime, now: datetime) -> None:
    """A campus's own price is announced for a week before it holds."""
    if valid_from < now + MARKET_NOTICE:
        raise MarketPriceTooSoon(
            f"市场调节价须公示 {MARKET_NOTICE.days} 日后执行，最早可从 {_day(now + MARKET_NOTICE)} 起，请调整生效时间。"
        )


def require_ceiling(unit_price: Decimal, ceiling: Decimal | None) -> None:
    """A price is at most the government's ceiling."""
    if ceiling is not None and unit_price > ceiling:
        raise PriceAboveCeiling(f"定价 {unit_price} 元超过最高限价 {ceiling} 元，请核对依据文件。")


# -- quantities


def check_quantity(
    name: str,
    unit: str,
    quantity: Decimal,
    already_today: Decimal,
    *,
    most: Decimal | None,
    most_per_day: Decimal | None,
    step: Decimal | None,
) -> None:
    """Refuse a quantity that is no multiple of the step, or more than one line or one day may hold."""
    if step is not None and quantity % step != 0:
        raise QuantityNotAllowed(f"“{name}”的数量须为 {_plain(step)}{unit} 的整数倍，请核对数量。")
    if most is not None and quantity > most:
        raise QuantityNotAllowed(f"“{name}”一次最多 {_plain(most)}{unit}，请核对数量。")
    if most_per_day is not None and already_today + quantity > most_per_day:
        raise QuantityNotAllowed(
            f"“{name}”每日最多 {_plain(most_per_day)}{unit}，今日已记 {_plain(already_today)}{unit}，请核对数量。"
        )


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
