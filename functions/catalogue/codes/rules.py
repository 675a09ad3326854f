"""Rules of code systems: how official rows are read and judged, hierarchy. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.catalogue.codes.problems import HeadingsDiffer
from functions.catalogue.codes.searching import own_wubi
from functions.catalogue.codes.sheets import Row, plain
from shared.spreadsheets import Cell

ICD10 = r"[A-Z]\d{2}(\.[\dx](\d{2}(x\d{3})?)?)?[†*+]?"
"""ICD-10 extended as 国临版 and 医保版 write it (spec P-codes, "Pattern checks")."""
MORPHOLOGY = r"M\d{4,5}/[01236]"
ICD9CM3 = r"\d{2}\.\d[\dx]?(\d{2}(x\d{3})?)?"

HEADINGS: Mapping[str, tuple[str, ...]] = {
    "code": ("编码", "代码", "诊断编码", "疾病编码", "主要编码", "诊断代码", "手术编码", "手术操作代码", "值", "code"),
    "display": ("名称", "诊断名称", "疾病名称", "手术名称", "手术操作名称", "值含义", "含义", "display"),
    "parent": ("上级编码", "父级编码", "parent"),
    "sex": ("性别限制", "sex"),
    "age_min_days": ("最小日龄", "age_min_days"),
    "age_max_days": ("最大日龄", "age_max_days"),
    "additional": ("附加编码", "星号编码", "additional"),
    "grey": ("灰码", "是否灰码", "grey"),
    "type": ("类别", "操作类别", "type"),
    "entry": ("录入选项", "entry"),
    "note": ("说明", "备注", "note"),
    "wubi": ("五笔码", "五笔", "五笔简码", "五笔首码", "wubi"),
}
"""What official lists call their columns; a profile of a system may name others."""
ATTRIBUTES = ("additional", "grey", "type", "entry", "note", "wubi")
ABOVE = ("类目", "亚目", "细目")
"""Levels above the code that wide lists carry in every row, as 类目代码 and 类目名称 (医保版 ICD-10 and ICD-9-CM-3)."""
GROUPS = {"章": "chapter", "节": "section"}
"""Levels above the categories, named by the range of codes they hold (A00-B99), as 章代码范围 and 章的名称."""
_DASHES = str.maketrans(dict.fromkeys("－–—～~至", "-"))
FOOTNOTES = ("注：", "注:", "备注：", "说明：")
HEADING_WITHIN = 15
"""The heading stands within so many rows."""

_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94)} | {0x3000: 0x20, 0xA0: 0x20}
_BREAKS = re.compile(r"[\r\n\t\u200b\ufeff]+")


def clean_text(text: str) -> str:
    """A display as it is kept: no line breaks or odd blanks. Full-width brackets, roman numerals, † and * stay."""
    text = _BREAKS.sub("", text).replace("\xa0", " ").replace("\u3000", " ")
    return re.sub(r" {2,}", " ", text).strip()


def clean_code(text: str) -> str:
    """A code as it is kept: half-width, without blanks."""
    return re.sub(r"\s+", "", _BREAKS.sub("", text).translate(_FULL_WIDTH))


# -- official lists


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the columns of a sheet stand, and the heading row they were found in (from 1)."""

    heading: int
    places: Mapping[str, int]


@dataclass(slots=True)
class Entry:
    """A good row."""

    row_no: int
    code: str
    display: str
    parent: str | None = None
    sex: str | None = None
    age_min_days: int | None = None
    age_max_days: int | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    group: str | None = None
    """Section or chapter it stands under in a wide list: its parent where its code has none."""

    @property
    def is_group(self) -> bool:
        """A chapter or section: its code is a range, no other code begins with it."""
        return "level" in self.attrs


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that could not be taken, with its cells and what is wrong in the words of the list."""

    row_no: int
    cells: dict[str, str]
    faults: list[str]


@dataclass(slots=True)
class Reading:
    """What a sheet holds: rows_read = entries + rejected + ignored."""

    rows_read: int
    ignored: int
    entries: list[Entry]
    rejected: list[Rejected]
    above: list[Entry] = field(default_factory=list)
    """Categories that stand in columns of their own instead of rows: codes of the version, not rows of the sheet."""

    @property
    def codes(self) -> list[Entry]:
        """All codes of the version."""
        return [*self.entries, *self.above]


def find_columns(rows: Sequence[Row], profile: Mapping[str, Any]) -> Columns:
    """The heading row: the first that names a code and a display. Raises HeadingsDiffer with what was seen."""
    named: Mapping[str, Sequence[str]] = {
        **HEADINGS,
        **{name: [str(heading)] for name, heading in profile.get("columns", {}).items()},
    }
    for number, row in enumerate(rows[:HEADING_WITHIN], 1):
        texts = [clean_text(plain(cell)) for cell in row]
        places = {
            name: texts.index(heading) for name, headings in named.items() for heading in headings if heading in texts
        }
        if "code" in places and "display" in places:
            return Columns(number, places)
    seen = [[clean_text(plain(cell)) for cell in row][:20] for row in rows[:3]]
    raise HeadingsDiffer("没有找到编码列与名称列，请指定各列的表头后重试。", seen=seen)


def read_sheet(
    rows: Iterable[Row], profile: Mapping[str, Any], pattern: str, known: Collection[str] = frozenset()
) -> Reading:
    """Read an official list. `known`: codes of the version before, which decide whether an O may be read as a zero.

    Every row is counted once. Of two rows with one code the later is rejected.
    """
    everything = list(rows)
    columns = find_columns(everything, profile)
    fits = re.compile(pattern)
    reading = Reading(len(everything), columns.heading, [], [])
    first: dict[str, Entry] = {}
    filled: dict[str, Cell] = {}
    fill_down = set(profile.get("fill_down", ()))
    for row_no, row in enumerate(everything[columns.heading :], columns.heading + 1):
        cells = {name: row[place] for name, place in columns.places.items() if place < len(row)}
        for name in fill_down & cells.keys():
            if plain(cells[name]) == "":
                cells[name] = filled.get(name, "")
            filled[name] = cells[name]
        texts = [plain(cell) for cell in row]
        if not any(texts) or next(text for text in texts if text).startswith(FOOTNOTES):
            reading.ignored += 1
            continue
        entry, faults = _read_row(row_no, cells, fits, known)
        if entry.code in first and not faults:
            before = first[entry.code]
            faults.append(f"编码与第 {before.row_no} 行“{before.display}”重复")
        if faults:
            reading.rejected.append(Rejected(row_no, {name: plain(cell) for name, cell in cells.items()}, faults))
            continue
        first[entry.code] = entry
        reading.entries.append(entry)
    reading.above = _above(everything, columns.heading, first)
    return reading


def _above(rows: Sequence[Row], heading: int, own: Mapping[str, Entry]) -> list[Entry]:
    """Categories of a wide list, each once, where no row of its own has the code, and the chapters and sections above
    them. Tells every entry which section or chapter it stands under."""
    texts = [clean_text(plain(cell)) for cell in rows[heading - 1]]
    places = [_pair(texts, level, ("代码", "编码"), ("名称",)) for level in ABOVE]
    wanted = [one for one in places if one is not None]
    grouped = [
        (level, pair)
        for name, level in GROUPS.items()
        if (pair := _pair(texts, name, ("代码范围", "编码范围", "代码", "编码"), ("名称", "的名称"))) is not None
    ]
    by_row = {entry.row_no: entry for entry in own.values()}
    groups: dict[str, Entry] = {}
    categories: dict[str, Entry] = {}
    standing: dict[str, str] = {}
    for row_no, row in enumerate(rows[heading:] if wanted or grouped else (), heading + 1):
        group = _group(row_no, row, grouped, groups, standing)
        for place in wanted:
            code, display = _named(row, place)
            if code and display and code not in own and code not in categories:
                categories[code] = Entry(row_no, code, display, attrs={"heading": True}, group=group)
        if row_no in by_row:
            by_row[row_no].group = group
    return [*_kept_groups(groups, {*own, *categories}, [*own.values(), *categories.values()]), *categories.values()]


def _pair(texts: Sequence[str], level: str, codes: Sequence[str], names: Sequence[str]) -> tuple[int, int] | None:
    """Where the code and the name of a level stand."""
    code = next((texts.index(f"{level}{end}") for end in codes if f"{level}{end}" in texts), None)
    name = next((texts.index(f"{level}{end}") for end in names if f"{level}{end}" in texts), None)
    return (code, name) if code is not None and name is not None else None


def _named(row: Row, place: tuple[int, int]) -> tuple[str, str]:
    if max(place) >= len(row):
        return "", ""
    return clean_code(plain(row[place[0]])), clean_text(plain(row[place[1]]))[:500]


def _group(
    row_no: int,
    row: Row,
    grouped: Sequence[tuple[str, tuple[int, int]]],
    groups: dict[str, Entry],
    standing: dict[str, str],
) -> str | None:
    """The section or chapter a row stands under; where its cells are empty (合并单元格) that of the row above."""
    above: str | None = None
    for level, place in grouped:
        code, display = _named(row, place)
        code = code.translate(_DASHES)
        if code and display and standing.get(level) != code:
            standing[level] = code
            if level == "chapter":
                standing.pop("section", None)
            if code not in groups:
                groups[code] = Entry(row_no, code, display, attrs={"heading": True, "level": level}, group=above)
        above = standing.get(level, above)
    return above


def _kept_groups(groups: dict[str, Entry], taken: Collection[str], entries: Iterable[Entry]) -> list[Entry]:
    """Chapters and sections that are no code themselves; what stands under one that is stands under the one above."""

    def kept(code: str | None) -> str | None:
        while code is not None and code in taken:
            code = groups[code].group
        return code

    for entry in (*groups.values(), *entries):
        entry.group = kept(entry.group)
    return [entry for code, entry in groups.items() if code not in taken]


def _read_row(
    row_no: int, cells: Mapping[str, Cell], fits: re.Pattern[str], known: Collection[str]
) -> tuple[Entry, list[str]]:
    faults: list[str] = []
    code_cell = cells.get("code", "")
    code = clean_code(plain(code_cell))
    display = clean_text(plain(cells.get("display", "")))
    if not code:
        faults.append("编码为空")
    elif not isinstance(code_cell, str):
        faults.append(f"编码“{code}”被表格存成了数字或日期，请把该列设为文本后重新导出")
    elif not fits.fullmatch(code):
        repaired = _zeros_for_letters(code, fits)
        if repaired is not None and repaired in known:
            code = repaired
        else:
            faults.append(f"编码“{code[:40]}”不符合编码规则")
    if not display:
        faults.append("名称为空")
    elif len(display) > 500:
        faults.append("名称过长")
    entry = Entry(row_no, code, display, parent=clean_code(plain(cells.get("parent", ""))) or None)
    sex = plain(cells.get("sex", ""))
    if sex:
        entry.sex = {"男": "1", "女": "2", "1": "1", "2": "2"}.get(sex)
        if entry.sex is None:
            faults.append(f"性别限制“{sex[:10]}”须为男或女")
    for name in ("age_min_days", "age_max_days"):
        text = plain(cells.get(name, ""))
        if text and not text.isdigit():
            faults.append(f"日龄“{text[:10]}”须为整数")
        elif text:
            setattr(entry, name, int(text))
    for name in ATTRIBUTES:
        text = clean_text(plain(cells.get(name, "")))
        if text:
            entry.attrs[name] = True if name == "grey" and text in {"是", "1", "Y", "灰码"} else text
    if entry.attrs.get("grey") not in (None, True):
        del entry.attrs["grey"]
    if typed := own_wubi(entry.attrs.pop("wubi", None)):
        entry.attrs["wubi"] = typed
    return entry, faults


def _zeros_for_letters(code: str, fits: re.Pattern[str]) -> str | None:
    """A code that ends in the letter O where a zero belongs."""
    repaired = re.sub(r"[Oo]+$", lambda found: "0" * len(found.group()), code)
    return repaired if repaired != code and fits.fullmatch(repaired) else None


# -- hierarchy


def bare(code: str) -> str:
    """A code without its dagger or asterisk."""
    return code.rstrip("†*+")


def arrange(entries: Sequence[Entry], hierarchy: str) -> list[str]:
    """Give every entry its parent; returns the codes whose named parent is not in the list (lost parents).

    `prefix`: the parent is the longest other code it begins with, of a code that begins with none the section or
    chapter it stands under.
    """
    if hierarchy == "none":
        for entry in entries:
            entry.parent = None
        return []
    codes = {entry.code for entry in entries}
    if hierarchy == "column":
        return [entry.code for entry in entries if entry.parent is not None and entry.parent not in codes]
    ordered = sorted((entry.code for entry in entries if not entry.is_group), reverse=True)
    by_bare = {bare(code): code for code in ordered}
    for entry in entries:
        stem = "" if entry.is_group else bare(entry.code)
        prefixes = (stem[:length] for length in range(len(stem) - 1, 0, -1))
        entry.parent = next((by_bare[prefix] for prefix in prefixes if prefix in by_bare), entry.group)
    return []


def parents_of(entries: Iterable[Entry]) -> frozenset[str]:
    """Codes that have others below them; the rest are leaves."""
    return frozenset(entry.parent for entry in entries if entry.parent is not None)


def diagnosis_attributes(code: str) -> dict[str, Any]:
    """What follows from a diagnosis code itself: * and external causes are never principal."""
    if code.endswith("*") or code[:1] in "VWXY":
        return {"principal": "never"}
    return {}


# -- differences


@dataclass(frozen=True, slots=True)
class Difference:
    """What a list changes against the version before."""

    new: frozenset[str]
    changed: frozenset[str]
    unchanged: int
    withdrawn: frozenset[str]


def signature(
    display: str, attrs: Mapping[str, Any], sex: str | None, age_min_days: int | None, age_max_days: int | None
) -> str:
    """All of a code that would be a change if it differed."""
    return repr((display, sorted((name, str(value)) for name, value in attrs.items()), sex, age_min_days, age_max_days))


def difference(before: Mapping[str, str], entries: Iterable[Entry]) -> Difference:
    """Compare by code and signature."""
    now = {
        entry.code: signature(entry.display, entry.attrs, entry.sex, entry.age_min_days, entry.age_max_days)
        for entry in entries
    }
    new = frozenset(now.keys() - before.keys())
    changed = frozenset(code for code, mark in now.items() if code in before and before[code] != mark)
    return Difference(new, changed, len(now) - len(new) - len(changed), frozenset(before.keys() - now.keys()))


def count_is_odd(codes: int, announced: int | None) -> bool:
    """Whether a count is more than 1 % away from what the issuer announced."""
    return announced is not None and abs(codes - announced) * 100 > announced
