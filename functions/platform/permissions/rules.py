"""Rules of permissions: templates, single grants, quarters. No I/O, no clock."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from functions.platform.permissions.problems import (
    CompanionMissing,
    EndMissing,
    NothingChanges,
    SeparationBroken,
    TemplateBreaksSeparation,
    TemplateTooFar,
    TermTooLong,
    UnknownPermission,
)
from shared.identity.posts import EVERY_POST, PERMISSIONS, POSTS
from shared.identity.rights import FRESH_SIGN_ON, MAX_CHANGES, claim_of
from shared.identity.separation import SEPARATION_RULES, SeparationRule

Risk = Literal["ordinary", "sensitive", "privileged"]
RISK_TITLES: Mapping[str, str] = MappingProxyType({"ordinary": "普通", "sensitive": "敏感", "privileged": "特权"})
DIMENSION_TITLES: Mapping[str, str] = MappingProxyType({"campus": "本院区", "department": "本科室", "own": "本人经管"})
FREEZE_REASONS: Mapping[str, str] = MappingProxyType(
    {"leaver": "离职", "incident": "安全事件", "risk": "登录风险", "lost_credential": "证件或口令遗失"}
)

GRANT_TERM = timedelta(days=90)
OUTSIDER_TERM = timedelta(days=7)
"""A privileged permission of an outsider, who has somebody along (GB/T 22239-2019, 外部人员访问管理)."""
LEARNERS = frozenset({"resident", "visiting", "intern", "third_party"})
"""规培, 进修, 实习, 第三方: whatever they get has an end."""
ATTEST_WITHIN = timedelta(days=15)
LATE_AT_ONCE = 20
"""Reviews of a campus that are found overdue in one minute; the others follow in the next."""
HEAD = "department_head"
"""Who answers a review, and therefore keeps that post."""
OFFICES = frozenset({"administrative", "committee", "virtual"})
"""Kinds of units without patients."""


def risk_of(permission: str) -> Risk:
    """Privileged: only posts with a second factor hold it. Sensitive: it asks for a fresh sign-on."""
    holding = [post for post in POSTS.values() if permission in post.permissions]
    if holding and all(post.privileged for post in holding):
        return "privileged"
    return "sensitive" if permission in FRESH_SIGN_ON else "ordinary"


def known(permissions: Iterable[str]) -> frozenset[str]:
    """These permissions, all of them declared. Raises UnknownPermission."""
    wanted = frozenset(permissions)
    if strangers := sorted(wanted - PERMISSIONS.keys()):
        raise UnknownPermission(f"没有权限点：{'、'.join(strangers)}。权限点由程序声明，不能自行添加。")
    return wanted


def check_template(permissions: Collection[str]) -> None:
    """Refuse a template on two sides of a separation rule. Raises TemplateBreaksSeparation."""
    for rule in SEPARATION_RULES:
        if rule.broken_by(permissions):
            raise TemplateBreaksSeparation(
                f"{rule.title}：{_named(rule, permissions)} 不能在同一模板，请拆到不同岗位。", rule=rule.code
            )


def check_distance(contents: Mapping[str, Collection[str]]) -> None:
    """Refuse published templates that differ from the release by more than a token carries. Raises TemplateTooFar."""
    differences = sum(len(lines) for lines in claim_of(contents).values())
    if differences > MAX_CHANGES:
        raise TemplateTooFar(
            f"各岗位模板与现行版本程序的差异已达 {differences} 项（上限 {MAX_CHANGES} 项），请随下一版本程序发布。"
        )


def difference(before: Collection[str], after: Collection[str]) -> tuple[list[str], list[str]]:
    """Permissions added and removed. Raises NothingChanges."""
    added, removed = sorted(set(after) - set(before)), sorted(set(before) - set(after) - EVERY_POST)
    if not added and not removed:
        raise NothingChanges("新模板与现行模板相同，请先修改。")
    return added, removed


def broken_by(
    held: Mapping[str, Collection[str]], contents: Mapping[str, frozenset[str]]
) -> list[tuple[SeparationRule, str | None]]:
    """Rules broken by posts held (campus -> posts) when posts mean `contents`; the campus, or None for all together."""
    by_campus = {
        campus: frozenset().union(*(contents.get(post, frozenset()) for post in posts))
        for campus, posts in held.items()
    }
    everywhere = frozenset().union(*by_campus.values())
    found: list[tuple[SeparationRule, str | None]] = []
    for rule in SEPARATION_RULES:
        if rule.anywhere:
            found += [(rule, None)] if rule.broken_by(everywhere) else []
        else:
            found += [(rule, campus) for campus, holds in sorted(by_campus.items()) if rule.broken_by(holds)]
    return found


def check_extra(permission: str, here: Collection[str], everywhere: Collection[str]) -> None:
    """Refuse a single permission that joins what must be kept apart. Raises SeparationBroken."""
    for rule in SEPARATION_RULES:
        held = set(everywhere if rule.anywhere else here)
        if rule.broken_by({*held, permission}) and not rule.broken_by(held):
            raise SeparationBroken(
                f"{rule.title}：该职工现有权限与“{PERMISSIONS[permission]}”不相容，请由其他人员办理。", rule=rule.code
            )


def check_term(
    permission: str, employment: str, valid_from: datetime, valid_to: datetime | None, *, accompanied: bool
) -> datetime:
    """The end of a single grant. Raises EndMissing, TermTooLong, CompanionMissing."""
    if valid_to is None:
        raise EndMissing("单项授权须填写截止日期，最长 90 天。")
    outsider = employment == "third_party" and risk_of(permission) == "privileged"
    longest = OUTSIDER_TERM if outsider else GRANT_TERM
    if valid_to > valid_from + longest:
        raise TermTooLong(f"此授权最长 {longest.days} 天，请缩短期限，到期可重新申请。")
    if outsider and not accompanied:
        raise CompanionMissing("外部人员使用特权权限须指定陪同人。")
    return valid_to


def check_post_term(employment: str, valid_to: datetime | None) -> None:
    """People who are here to learn, and outsiders, hold posts with an end. Raises EndMissing."""
    if employment in LEARNERS and valid_to is None:
        raise EndMissing("实习、进修、规培及第三方人员的岗位须填写截止日期。")


def quarter_of(day: date) -> str:
    """The quarter of a day, such as 2026Q1."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def periods_of(day: date) -> list[str]:
    """What is to be reviewed on a day: the quarter, and in its other two months the month's privileged (2026M02)."""
    quarter = quarter_of(day)
    return [quarter] if day.month % 3 == 1 else [quarter, f"{day.year}M{day.month:02}"]


def is_privileged(code: str) -> bool:
    """Whether a post or a permission is privileged (特权): reviewed every month."""
    return POSTS[code].privileged if code in POSTS else code in PERMISSIONS and risk_of(code) == "privileged"


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain behind a yes or no (为什么)."""

    kind: str
    """post, template, licence, grant, freeze."""
    text: str
    row_id: str | None
    holds: bool


def _named(rule: SeparationRule, permissions: Collection[str]) -> str:
    guilty = sorted(frozenset().union(*rule.sides) & set(permissions))
    return "、".join(f"“{PERMISSIONS[one]}”" for one in guilty)
