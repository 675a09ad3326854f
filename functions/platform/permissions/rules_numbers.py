"""Which rule of numbers a campus may choose (编号规则), so that no number is ever given twice. No I/O, no clock."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from functions.platform.permissions.problems import (
    NumberMarkReset,
    NumberMarkTaken,
    NumberRuleInvalid,
    NumberRuleTooLate,
    SeriesFixed,
    SeriesUnknown,
)
from shared.numbers import NUMBERINGS, RESET_TITLES, Form, Numbering, Reset

NARROWEST: Mapping[Reset, int] = MappingProxyType({"day": 3, "month": 4, "year": 5, "never": 6})
"""Digits a number needs at least, so that a period of a busy campus fits."""
WIDEST = 8
_MARK = re.compile(r"[A-HJ-NP-Z]{2,4}")
"""Two to four capitals without I and O, which are read as 1 and 0."""


class UsedMark(NamedTuple):
    """A mark some campus chose, at whatever time."""

    at_campus: str
    series: str
    mark: str
    reset: str


def numbering(series: str) -> Numbering:
    """A declared series. Raises SeriesUnknown."""
    if series not in NUMBERINGS:
        raise SeriesUnknown(f"没有编号“{series}”，请从编号表中选择。")
    return NUMBERINGS[series]


def changeable(series: str) -> Numbering:
    """A declared series a campus may have read otherwise. Raises SeriesUnknown, SeriesFixed."""
    found = numbering(series)
    if found.fixed:
        raise SeriesFixed(f"“{found.title}”不能更改：{found.fixed}。")
    return found


def check_form(known: Numbering, form: Form, campus: str, used: Iterable[UsedMark]) -> None:
    """Refuse a form that reads badly or under which a number could be given twice; `used` are uses of its mark.

    Raises NumberRuleInvalid, NumberMarkTaken, NumberMarkReset.
    """
    if form.mark != known.form.mark and not _MARK.fullmatch(form.mark):
        own = f"，或原前缀“{known.form.mark}”" if known.form.mark else ""
        raise NumberRuleInvalid(f"前缀须为 2 至 4 个大写字母{own}，不用易与 1、0 混淆的 I、O；院区字母由系统加在最前。")
    narrowest = NARROWEST[form.reset]
    if not narrowest <= form.width <= WIDEST:
        raise NumberRuleInvalid(f"{RESET_TITLES[form.reset]}的编号须有 {narrowest} 至 {WIDEST} 位流水号。")
    for other in NUMBERINGS.values():
        if other.series != known.series and other.form.mark == form.mark:
            raise NumberMarkTaken(f"前缀“{form.mark}”已用于“{other.title}”，请换一个前缀。")
    for use in used:
        if use.mark != form.mark:
            continue
        if use.series != known.series:
            title = NUMBERINGS[use.series].title if use.series in NUMBERINGS else use.series
            raise NumberMarkTaken(f"前缀“{form.mark}”已用于“{title}”（含其他院区和以往规则），请换一个前缀。")
        if use.at_campus == campus and use.reset != form.reset:
            raise _other_reset(form)
    if form.mark == known.form.mark and form.reset != known.form.reset:
        raise _other_reset(form)


def check_start(valid_from: date, today: date) -> None:
    """A rule begins on a day to come: what is numbered stays as it is. Raises NumberRuleTooLate."""
    if valid_from <= today:
        raise NumberRuleTooLate("编号规则最早从明天起生效，已用的号码不改，请填写以后的日期。")


def _other_reset(form: Form) -> NumberMarkReset:
    return NumberMarkReset(
        f"前缀“{form.mark}”在本院区按另一种方式归零，改为{RESET_TITLES[form.reset]}可能与旧号重复，请同时换一个前缀。"
    )
