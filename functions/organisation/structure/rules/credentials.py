"""Licences and clinical privileges: what rests on what, and the judgement of one moment. No I/O, no clock.

Order of the judgement (first failure is the answer): the person works here, a licence is valid, its practice place
covers the campus, the privilege is valid for campus and level, it is not suspended.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from functions.organisation.structure.problems.credentials import (
    LicenceInvalid,
    LicenceMissing,
    PrivilegeNotEarned,
    PrivilegeUnknown,
)
from functions.organisation.structure.rules.structure import RANKS, Rank
from shared.schemas import SHANGHAI

WARNING_DAYS = (90, 60, 30, 7)
"""Days before its expiry on which a licence is warned of (spec P-organisation no. 7)."""
DELEGATION_TERM = timedelta(days=14)
"""A post is stood in for 14 days at most (spec P-organisation no. 12)."""


@dataclass(frozen=True, slots=True)
class LicenceType:
    """A kind of licence. `placed`: it is valid only at its practice places. `term_years`: longest validity."""

    title: str
    pattern: str = r"[0-9A-Za-z\-]{6,40}"
    placed: bool = False
    term_years: int | None = None


LICENCES: Mapping[str, LicenceType] = MappingProxyType(
    {
        "physician_qualification": LicenceType("医师资格证书", r"\d{24}|\d{27}"),
        "physician": LicenceType("医师执业证书", r"\d{15}", placed=True),
        "nurse": LicenceType("护士执业证书", r"\d{12}", placed=True, term_years=5),
        "pharmacist": LicenceType("药师资格或执业药师注册证"),
        "technician": LicenceType("卫生技术资格证书"),
        "large_equipment": LicenceType("大型医用设备上岗证"),
        "radiation": LicenceType("放射工作人员证"),
        "maternal_child": LicenceType("母婴保健技术考核合格证书"),
        "prenatal_diagnosis": LicenceType("产前诊断技术资质"),
        "midwifery": LicenceType("助产技术资质"),
    }
)
"""Kinds of licences, numbered as the certificates show. Nurses are registered for five years (护士条例 article 8)."""

PHYSICIAN_CATEGORIES: Mapping[str, str] = MappingProxyType(
    {"clinical": "临床", "dental": "口腔", "public_health": "公共卫生", "tcm": "中医"}
)


@dataclass(frozen=True, slots=True)
class PrivilegeKind:
    """A kind of privilege: levels from low to high, licences one of which it rests on, the rank each level needs."""

    title: str
    licences: tuple[str, ...]
    levels: tuple[str, ...] = ()
    ranks: tuple[Rank, ...] = ()


_GRADES = ("一级手术", "二级手术", "三级手术", "四级手术")
_REPORT = ("报告", "审核")
PRIVILEGES: Mapping[str, PrivilegeKind] = MappingProxyType(
    {
        "prescribing": PrivilegeKind("处方权", ("physician",)),
        "narcotic_psy1": PrivilegeKind("麻醉药品和第一类精神药品处方权", ("physician",)),
        "psy2": PrivilegeKind("第二类精神药品处方权", ("physician",)),
        "antibiotic": PrivilegeKind(
            "抗菌药物处方权",
            ("physician",),
            ("非限制使用级", "限制使用级", "特殊使用级"),
            ("junior", "intermediate", "associate_senior"),
        ),
        "tcm_decoction": PrivilegeKind("中药饮片处方权", ("physician",)),
        "chemotherapy": PrivilegeKind("抗肿瘤药物处方权", ("physician",), ("普通使用级", "限制使用级")),
        "long_term_prescription": PrivilegeKind("长期处方权", ("physician",)),
        "surgery": PrivilegeKind("手术权限", ("physician",), _GRADES),
        "anaesthesia": PrivilegeKind("麻醉权限", ("physician",)),
        "endoscopy": PrivilegeKind("内镜诊疗权限", ("physician",), _GRADES),
        "high_risk_procedure": PrivilegeKind("高风险诊疗操作权限", ("physician", "nurse")),
        "transfusion": PrivilegeKind(
            "临床用血权限",
            ("physician",),
            ("申请", "上级审核", "科主任核准"),
            ("intermediate", "associate_senior", "associate_senior"),
        ),
        "teleconsultation": PrivilegeKind("远程会诊权限", ("physician",)),
        "report_imaging": PrivilegeKind("影像报告权限", ("physician",), _REPORT),
        "report_ultrasound": PrivilegeKind("超声报告权限", ("physician",), _REPORT),
        "report_ecg": PrivilegeKind("心电报告权限", ("physician",), _REPORT),
        "report_laboratory": PrivilegeKind("检验报告权限", ("technician", "physician"), _REPORT),
        "dispensing": PrivilegeKind("处方调剂权", ("pharmacist",)),
        "prescription_review": PrivilegeKind("处方审核权", ("pharmacist",)),
        "prenatal_diagnosis": PrivilegeKind("产前诊断权限", ("prenatal_diagnosis",)),
        "midwifery": PrivilegeKind("助产权限", ("midwifery", "maternal_child")),
    }
)
"""Privileges by kind. Ranks of antibiotics: 抗菌药物临床应用管理办法 article 24; of blood: 医疗机构临床用血管理办法
article 20; pharmacists: 处方管理办法 article 29."""

POST_LICENCES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"outpatient_doctor": ("physician",), "outpatient_pharmacist": ("pharmacist",)}
)
"""Posts that need one of these licences to be assigned: who signs prescriptions is a registered physician (医师法
article 14), who dispenses them is a pharmacist (处方管理办法 article 29)."""

STAFF_SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "insurance_doctor": "医保医师代码",
        "insurance_nurse": "医保护士代码",
        "insurance_pharmacist": "医保药师代码",
        "insurance_technician": "医保医技人员代码",
        "health_worker": "卫生人员代码",
    }
)
"""Systems that know a person by a code of their own."""
STAFF_CODE_PATTERN = r"[0-9A-Za-z]{6,30}"


def check_licence(kind: str, number: str, valid_from: date, valid_to: date | None, category: str | None) -> None:
    """Refuse a licence that can't be: unknown kind, number of another shape, longer than its term. LicenceInvalid."""
    known = LICENCES.get(kind)
    if known is None:
        raise LicenceInvalid(f"没有证书类别“{kind}”，请从证书类别表中选择。")
    if not re.fullmatch(known.pattern, number):
        raise LicenceInvalid(f"“{known.title}”编号格式不正确，请按证书原件核对。")
    if valid_to is not None and valid_to <= valid_from:
        raise LicenceInvalid("证书有效期止不能早于有效期起。")
    if known.term_years is not None:
        if valid_to is None:
            raise LicenceInvalid(f"“{known.title}”须填写有效期止。")
        if valid_to > _years_later(valid_from, known.term_years):
            raise LicenceInvalid(f"“{known.title}”有效期最长 {known.term_years} 年，请核对起止日期。")
    if kind == "physician" and category not in PHYSICIAN_CATEGORIES:
        raise LicenceInvalid(f"医师执业证书须注明类别：{'、'.join(PHYSICIAN_CATEGORIES.values())}。")


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # February 29
        return date(day.year + years, 3, 1)


def notice_due(days_left: int) -> int | None:
    """The warning a licence is due for with so many days to its last one: 90, 60, 30, 7; 0 when that is past."""
    if days_left < 0:
        return 0
    return next((days for days in sorted(WARNING_DAYS) if days_left <= days), None)


def privilege_kind(kind: str, level: int) -> PrivilegeKind:
    """A kind with a level it has. Raises PrivilegeUnknown."""
    known = PRIVILEGES.get(kind)
    if known is None:
        raise PrivilegeUnknown(f"没有权限类别“{kind}”，请从权限表中选择。")
    if not (1 <= level <= len(known.levels) if known.levels else level == 0):
        levels = "、".join(f"{number} {name}" for number, name in enumerate(known.levels, 1))
        raise PrivilegeUnknown(f"“{known.title}”{'的级别为：' + levels if levels else '不分级'}。")
    return known


def level_title(kind: str, level: int) -> str:
    """`抗菌药物处方权（特殊使用级）`."""
    known = PRIVILEGES.get(kind)
    if known is None:
        return kind
    return f"{known.title}（{known.levels[level - 1]}）" if 1 <= level <= len(known.levels) else known.title


_RANK_ORDER = tuple(reversed(tuple(RANKS)))


def check_earned(kind: str, level: int, rank: Rank, licences: Iterable[str]) -> None:
    """Refuse a grant to somebody without the licence or the title it rests on. LicenceMissing, PrivilegeNotEarned."""
    known = privilege_kind(kind, level)
    if not set(known.licences) & set(licences):
        wanted = "或".join(LICENCES[name].title for name in known.licences)
        raise LicenceMissing(f"授予“{known.title}”须先登记有效的{wanted}。", licences=list(known.licences))
    needed = known.ranks[level - 1] if known.ranks and level else "none"
    if _RANK_ORDER.index(rank) < _RANK_ORDER.index(needed):
        raise PrivilegeNotEarned(f"“{level_title(kind, level)}”须{RANKS[needed]}以上职称，该职工为{RANKS[rank]}。")


# -- the judgement of one moment


class Period(NamedTuple):
    """Something that holds over `[valid_from, valid_to)`, with the row that says so."""

    row_id: UUID
    valid_from: datetime
    valid_to: datetime | None

    def at(self, moment: datetime) -> bool:
        return self.valid_from <= moment and (self.valid_to is None or moment < self.valid_to)


class HeldLicence(NamedTuple):
    """A licence with its practice places (campus, period)."""

    kind: str
    number: str
    period: Period
    places: tuple[tuple[str, Period], ...]


class HeldPrivilege(NamedTuple):
    """A privilege with the suspensions it had (period, reason)."""

    kind: str
    level: int
    campuses: frozenset[str]
    procedures: frozenset[str]
    period: Period
    suspensions: tuple[tuple[Period, str], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a person for a judgement. `filed`: campuses a secondment filed the practice for, and when."""

    staff_id: UUID
    name: str
    employed: Period
    suspensions: Sequence[Period]
    licences: Sequence[HeldLicence]
    privileges: Sequence[HeldPrivilege]
    filed: Sequence[tuple[str, Period]]


class Verdict(NamedTuple):
    """Whether a person may, with the reason in words and the row it rests on.

    `code`: allowed, staff_not_active, licence_missing, licence_expired, place_not_filed, privilege_missing,
    privilege_level, privilege_campus, privilege_procedure, privilege_over, privilege_suspended. `source` is the table
    of `source_id`: staff, staff_suspensions, licences, privileges, privilege_suspensions; None when no row speaks.
    """

    allowed: bool
    code: str
    reason: str
    source: str | None
    source_id: UUID | None


def judge_person(facts: Facts, moment: datetime) -> Verdict | None:
    """Refusal because the person does not work here at that moment, or None."""
    if not facts.employed.at(moment):
        return Verdict(False, "staff_not_active", f"{facts.name}此时不在职。", "staff", facts.staff_id)
    for period in facts.suspensions:
        if period.at(moment):
            return Verdict(False, "staff_not_active", f"{facts.name}此时停职。", "staff_suspensions", period.row_id)
    return None


def judge_licence(facts: Facts, kinds: Sequence[str], campus: str, moment: datetime) -> Verdict:
    """Whether one of these licences is valid at a moment and may be practised at a campus."""
    refused = judge_person(facts, moment)
    if refused is not None:
        return refused
    wanted = "或".join(LICENCES[kind].title for kind in kinds)
    of_kind = [licence for licence in facts.licences if licence.kind in kinds]
    valid = [licence for licence in of_kind if licence.period.at(moment)]
    if not valid:
        past = max((one.period for one in of_kind), key=lambda period: period.valid_from, default=None)
        if past is None:
            return Verdict(False, "licence_missing", f"{facts.name}没有登记{wanted}。", None, None)
        until = past.valid_to or past.valid_from
        when = f"已于 {until.astimezone(SHANGHAI) - timedelta(days=1):%Y-%m-%d} 到期" if until <= moment else "尚未生效"
        return Verdict(False, "licence_expired", f"{facts.name}的{wanted}{when}。", "licences", past.row_id)
    filed = {place for place, period in facts.filed if period.at(moment)}
    for licence in valid:
        places = {place for place, period in licence.places if period.at(moment)}
        if not LICENCES[licence.kind].placed or campus in places | filed:
            return Verdict(True, "allowed", f"{LICENCES[licence.kind].title}有效。", "licences", licence.period.row_id)
    return Verdict(
        False,
        "place_not_filed",
        f"{facts.name}的{wanted}执业地点不包括本院区，请先办理多机构备案。",
        "licences",
        valid[0].period.row_id,
    )


def judge_privilege(
    facts: Facts, kind: str, level: int, campus: str, moment: datetime, procedure: str | None = None
) -> Verdict:
    """Whether a person may use a privilege of at least this level at a campus and moment."""
    known = privilege_kind(kind, level)
    licence = judge_licence(facts, known.licences, campus, moment)
    if not licence.allowed:
        return licence
    refusals: list[tuple[int, Verdict]] = []
    for held in facts.privileges:
        if held.kind == kind:
            verdict, depth = _judge_held(facts.name, held, level, campus, moment, procedure)
            if verdict.allowed:
                return verdict
            refusals.append((depth, verdict))
    if refusals:
        return max(refusals, key=lambda refusal: refusal[0])[1]
    return Verdict(False, "privilege_missing", f"{facts.name}没有{level_title(kind, level)}。", None, None)


def _judge_held(
    name: str, held: HeldPrivilege, level: int, campus: str, moment: datetime, procedure: str | None
) -> tuple[Verdict, int]:
    """The verdict by one privilege, and how far it got: the furthest refusal is the one worth telling."""
    title = level_title(held.kind, held.level)
    row = held.period.row_id

    def refused(depth: int, code: str, reason: str) -> tuple[Verdict, int]:
        return Verdict(False, code, reason, "privileges", row), depth

    if held.level < level:
        wanted = level_title(held.kind, level)
        return refused(held.level, "privilege_level", f"{name}只有{title}，没有{wanted}。")
    if campus not in held.campuses:
        return refused(10, "privilege_campus", f"{name}的{title}不适用于本院区。")
    if held.procedures and procedure is not None and procedure not in held.procedures:
        return refused(11, "privilege_procedure", f"{name}的{title}不包括此项操作。")
    if not held.period.at(moment):
        return refused(12, "privilege_over", f"{name}的{title}此时无效（未生效、到期或已收回）。")
    for period, reason in held.suspensions:
        if period.at(moment):
            told = f"{name}的{title}已于 {period.valid_from.astimezone(SHANGHAI):%Y-%m-%d %H:%M} 暂停：{reason}"
            return Verdict(False, "privilege_suspended", told, "privilege_suspensions", period.row_id), 13
    return Verdict(True, "allowed", f"{title}有效。", "privileges", row), 99
