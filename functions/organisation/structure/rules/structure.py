"""Rules of the organisation: titles, settings, the tree over time, posts that must not meet. No I/O, no clock."""

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from uuid import UUID

from functions.organisation.structure.problems import (
    IncompatiblePosts,
    ParentNotInForce,
    PastChange,
    PostHeldAlready,
    PrivilegedTooLong,
    SecondMainPost,
    SecondRoot,
    SettingInvalid,
    UnitCycle,
    UnknownPost,
)
from shared.identity.posts import POSTS
from shared.identity.separation import Conflict, conflicts

PRIVILEGED_TERM = timedelta(days=366)
"""A privileged post is held for 12 months at most, then reviewed (GB/T 22239-2019, 8.1.4.2)."""

ADMINISTRATORS = frozenset({"system_admin", "security_admin", "audit_admin"})
"""The three administrators (三员分立, GB/T 22239-2019, 8.1.5)."""

SECONDMENT_TERM = timedelta(days=366)
"""A secondment lasts 12 months at most and can be renewed (spec P-organisation no. 10)."""

PRICE_LEVELS: Mapping[str, str] = MappingProxyType({"tertiary": "三级", "secondary": "二级", "primary": "一级"})

Rank = Literal["senior", "associate_senior", "intermediate", "junior", "assistant", "none"]

RANKS: Mapping[str, str] = MappingProxyType(
    {
        "senior": "正高级",
        "associate_senior": "副高级",
        "intermediate": "中级",
        "junior": "初级（师）",
        "assistant": "初级（士）",
        "none": "无职称",
    }
)


@dataclass(frozen=True, slots=True)
class Title:
    """A professional title (专业技术职务) and its rank."""

    name: str
    rank: Rank


_BY_RANK: tuple[Rank, ...] = ("senior", "associate_senior", "intermediate", "junior", "assistant")
TITLES: Mapping[str, Title] = MappingProxyType(
    {
        f"{series}{position}": Title(name, rank)
        for series, names in {
            "23": ("主任医师", "副主任医师", "主治医师", "医师", "医士"),
            "24": ("主任药师", "副主任药师", "主管药师", "药师", "药士"),
            "25": ("主任护师", "副主任护师", "主管护师", "护师", "护士"),
            "26": ("主任技师", "副主任技师", "主管技师", "技师", "技士"),
        }.items()
        for position, (name, rank) in enumerate(zip(names, _BY_RANK, strict=True), 1)
    }
)
"""Titles of health professionals, GB/T 8561, by code."""


def title_rank(title_code: str | None) -> Rank:
    """Rank of a title; people without one have `none`."""
    return TITLES[title_code].rank if title_code is not None and title_code in TITLES else "none"


@dataclass(frozen=True, slots=True)
class SettingType:
    """A key an administrator may set for a campus."""

    title: str
    kind: type[bool] | type[int] | type[str]
    default: Any
    pattern: str = ""


_HOURS = r"\d{2}:\d{2}-\d{2}:\d{2}(,\d{2}:\d{2}-\d{2}:\d{2}){0,3}"
SETTINGS: Mapping[str, SettingType] = MappingProxyType(
    {
        "cash_rounding": SettingType("现金收款抹零到角", bool, False),
        "inquiry_phone": SettingType("咨询电话（印于凭条）", str, "", r"[0-9\-]{0,20}"),
        "noon_break": SettingType("午休时间", str, "12:00-14:30", r"\d{2}:\d{2}-\d{2}:\d{2}"),
        "follow_up_days": SettingType("挂号有效天数（一次挂号管几天）", int, 3),
        "open_weekdays": SettingType("门诊开诊星期（1 为周一）", str, "1234567", r"1?2?3?4?5?6?7?"),
        "open_on_holidays": SettingType("法定节假日门诊照常开诊", bool, False),
        "summer_season": SettingType("夏季作息起止（月-日）", str, "06-01/09-30", r"\d{2}-\d{2}/\d{2}-\d{2}"),
        "hours_summer": SettingType("夏季作息", str, "08:00-12:00,15:00-18:00", _HOURS),
        "hours_winter": SettingType("冬季作息", str, "08:00-12:00,14:30-17:30", _HOURS),
        "night_shift": SettingType("夜班起止", str, "17:30-08:00", r"\d{2}:\d{2}-\d{2}:\d{2}"),
    }
)
"""Campus settings by key, with type and default."""


def checked_setting(key: str, value: Any) -> Any:
    """A setting's value, or SettingInvalid with what it should be."""
    known = SETTINGS.get(key)
    if known is None:
        raise SettingInvalid(f"没有参数“{key}”；可用的参数：{'、'.join(SETTINGS)}。")
    if type(value) is not known.kind:
        wanted = {bool: "是或否", int: "整数", str: "文字"}[known.kind]
        raise SettingInvalid(f"“{known.title}”须为{wanted}。")
    if isinstance(value, str) and known.pattern and not re.fullmatch(known.pattern, value):
        raise SettingInvalid(f"“{known.title}”格式不正确，例如 {known.default or '0772-6812345'}。")
    if isinstance(value, str) and not _clock_times(value):
        raise SettingInvalid(f"“{known.title}”中有不存在的日期或时间，例如 {known.default}。")
    if isinstance(value, int) and not 0 <= value <= 365:
        raise SettingInvalid(f"“{known.title}”须在 0 至 365 之间。")
    return value


def _clock_times(value: str) -> bool:
    """Whether every HH:MM and MM-DD of a setting exists."""
    if re.fullmatch(r"\d{2}-\d{2}/\d{2}-\d{2}", value):
        days = [tuple(map(int, part.split("-"))) for part in value.split("/")]
        return all(1 <= month <= 12 and 1 <= day <= monthrange(2024, month)[1] for month, day in days)
    times = [part.split(":") for part in re.findall(r"\d{2}:\d{2}", value)]
    return all(int(hour) < 24 and int(minute) < 60 for hour, minute in times)


TEMPLATE: tuple[tuple[str, str, str], ...] = (
    ("dept-clinical", "临床科室", "clinical"),
    ("dept-medtech", "医技科室", "medtech"),
    ("dept-pharmacy", "药学部", "pharmacy"),
    ("dept-nursing", "护理单元", "nursing"),
    ("dept-office", "行政后勤", "administrative"),
)
"""Units below the root of a campus just opened: code, name, kind."""
ROOT_CODE = "root"

_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def valid_uscc(code: str) -> bool:
    """Whether a 统一社会信用代码 has its check character right (GB 32100-2015, annex A)."""
    if len(code) != 18 or any(character not in _USCC for character in code):
        return False
    total = sum(_USCC.index(character) * pow(3, place, 31) for place, character in enumerate(code[:17]))
    return _USCC[-total % 31] == code[17]


_SURNAMES = dict(zip("曾覃翟单解缪仇乐区朴盖查卜", "zqzsxmqyopgzb", strict=True))


def initials(name: str, *, person: bool = False) -> str:
    """First letters of the pinyin of a name, for typing; a person's surname is read as a surname (覃 Qín)."""
    from pypinyin import Style, lazy_pinyin

    letters = "".join(lazy_pinyin(name, style=Style.FIRST_LETTER)).lower()
    if person and name[:1] in _SURNAMES:
        letters = _SURNAMES[name[0]] + letters[1:]
    return re.sub(r"[^a-z0-9]", "", letters)


# -- the tree over time


@dataclass(frozen=True, slots=True)
class Node:
    """A unit's place in the tree over `[valid_from, valid_to)`."""

    unit_id: UUID
    parent_id: UUID | None
    valid_from: date
    valid_to: date | None

    def on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


def tree_on(nodes: Iterable[Node], day: date) -> dict[UUID, UUID | None]:
    """Unit -> parent, of the units in force on a day."""
    return {node.unit_id: node.parent_id for node in nodes if node.on(day)}


def check_tree(nodes: Sequence[Node], since: date) -> None:
    """Refuse a history that is no tree on some day from `since` on.

    On every such day there is one root, every parent is in force, and nobody is above himself. Only days on which
    something begins or ends need looking at. Raises SecondRoot, ParentNotInForce or UnitCycle.
    """
    turns = {node.valid_from for node in nodes} | {node.valid_to for node in nodes if node.valid_to is not None}
    for day in sorted({since} | {turn for turn in turns if turn > since}):
        tree = tree_on(nodes, day)
        if sum(parent is None for parent in tree.values()) > 1:
            raise SecondRoot(f"{day:%Y-%m-%d} 起院区会有两个根，请选择上级科室。")
        sound: set[UUID] = set()
        for unit_id in tree:
            _climb(tree, unit_id, sound, day)


def _climb(tree: Mapping[UUID, UUID | None], unit_id: UUID, sound: set[UUID], day: date) -> None:
    path: list[UUID] = []
    at: UUID | None = unit_id
    while at is not None and at not in sound:
        if at not in tree:
            raise ParentNotInForce(f"上级科室在 {day:%Y-%m-%d} 不在有效期内，请先调整上级科室或生效日期。")
        if at in path:
            raise UnitCycle(f"{day:%Y-%m-%d} 起科室会成为自己的下级，请另选上级科室。")
        path.append(at)
        at = tree[at]
    sound.update(path)


def covers(periods: Iterable[tuple[date, date | None]], since: date, until: date | None) -> bool:
    """Whether periods `[from, to)` without overlap hold every day of `[since, until)`; None is for ever."""
    reached: date | None = since
    for start, end in sorted(periods, key=lambda period: period[0]):
        if reached is not None and start <= reached:
            reached = None if end is None else max(reached, end)
    return reached is None or (until is not None and reached >= until)


def not_before(moment: date | datetime, now: date | datetime, what: str) -> None:
    """Refuse a change of what has already been."""
    if moment < now:
        raise PastChange(f"{what}不能早于现在；过去的记录不可更改。")


# -- posts


@dataclass(frozen=True, slots=True)
class Holding:
    """A post held at a campus over `[valid_from, valid_to)`."""

    campus: str
    post: str
    valid_from: datetime
    valid_to: datetime | None

    def at(self, moment: datetime) -> bool:
        return self.valid_from <= moment and (self.valid_to is None or moment < self.valid_to)


class Term(NamedTuple):
    """An appointment: the post, where it is held, and whether it is the main one."""

    campus: str
    unit_id: UUID
    post: str
    is_main: bool
    valid_from: datetime
    valid_to: datetime | None

    def meets(self, other: "Term") -> bool:
        """Whether both are held at some moment. One called off before it began is held at none."""
        if self.valid_from == self.valid_to or other.valid_from == other.valid_to:
            return False
        return (other.valid_to is None or self.valid_from < other.valid_to) and (
            self.valid_to is None or other.valid_from < self.valid_to
        )


def check_beside(terms: Iterable[Term], new: Term) -> None:
    """Refuse a second main post, and the same post twice, at the same time. Raises SecondMainPost, PostHeldAlready.

    The database refuses both as well; here the row of a sheet learns it before anything is written.
    """
    for term in terms:
        if not term.meets(new):
            continue
        if (term.campus, term.unit_id, term.post) == (new.campus, new.unit_id, new.post):
            raise PostHeldAlready(PostHeldAlready.constraint_detail)
        if term.is_main and new.is_main:
            raise SecondMainPost(SecondMainPost.constraint_detail)


def posts_at(holdings: Iterable[Holding], moment: datetime) -> dict[str, frozenset[str]]:
    """Campus -> posts held at a moment."""
    held: dict[str, set[str]] = {}
    for holding in holdings:
        if holding.at(moment):
            held.setdefault(holding.campus, set()).add(holding.post)
    return {campus: frozenset(posts) for campus, posts in held.items()}


def check_posts(holdings: Sequence[Holding], new: Sequence[Holding]) -> None:
    """Refuse new posts that would meet an incompatible one (不相容岗位) at any moment. Raises IncompatiblePosts.

    Rules already broken without the new posts are not held against them.
    """
    for addition in new:
        together = [*holdings, *(other for other in new if other is not addition)]
        turns = {addition.valid_from} | {other.valid_from for other in together if addition.at(other.valid_from)}
        for moment in sorted(turns):
            found = _broken_by(addition, together, moment)
            if found is not None:
                titles = "、".join(sorted(POSTS[post].title for post in found.posts if post in POSTS))
                where = "" if found.campus is None else "在同一院区"
                raise IncompatiblePosts(
                    f"{found.rule.title}：{titles}{where}不能由同一人担任，请改由他人担任或先结束原岗位。",
                    rule=found.rule.code,
                )


def _broken_by(addition: Holding, others: Iterable[Holding], moment: datetime) -> Conflict | None:
    held = posts_at([*others, addition], moment)
    for conflict in conflicts(held):
        concerned = conflict.campus is None or conflict.campus == addition.campus
        if concerned and addition.post in conflict.posts:
            return conflict
    return None


def check_post(post: str, valid_from: datetime, valid_to: datetime | None) -> datetime | None:
    """The end of an assignment: a privileged post gets one within 12 months. Raises UnknownPost, PrivilegedTooLong."""
    known = POSTS.get(post)
    if known is None:
        raise UnknownPost(f"没有岗位“{post}”，请从岗位表中选择。")
    if not known.privileged:
        return valid_to
    longest = valid_from + PRIVILEGED_TERM
    if valid_to is not None and valid_to > longest:
        raise PrivilegedTooLong(f"“{known.title}”为特权岗位，任期最长 12 个月，请缩短任期，到期复核后再任。")
    return valid_to or longest


# -- secondment

Mode = Literal["full_time", "weekdays", "dates", "standing"]


def acts_on(mode: str, weekdays: Sequence[int], dates: Sequence[date], day: date) -> bool:
    """Whether a secondment in force lets the person act at the receiving campus on a day."""
    if mode == "weekdays":
        return day.isoweekday() in weekdays
    if mode == "dates":
        return day in dates
    return True
