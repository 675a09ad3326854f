"""Rules of outpatient registration: pure, no I/O (spec 01, "States and rules")."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from functions.outpatient.registration.problems import (
    AgeNotAdmitted,
    FollowUpRefused,
    NotToday,
    PayerInvalid,
    SexNotAdmitted,
    VisitExpired,
    VisitStateWrong,
)
from shared.schemas import SHANGHAI, midnight

SOURCE = "outpatient/registration"
"""Source module under which billing keeps what registration charges."""

CHANNELS = MappingProxyType({"staff": "window", "device": "kiosk", "patient": "mini"})
"""Sales channel by who acts."""

KIND_OF_GRADE = MappingProxyType(
    {
        "general": "general",
        "associate_chief": "expert",
        "chief": "expert",
        "multidisciplinary": "expert",
        "specialist": "specialist",
        "disease": "specialist",
        "emergency": "emergency",
    }
)
"""Kind of visit (号别) by the grade of its clinic; nursing, midwifery and pharmacy clinics are convenience (便民)."""

KIND_NAMES = MappingProxyType(
    {
        "general": "普通号",
        "expert": "专家号",
        "specialist": "专科号",
        "convenience": "便民号",
        "emergency": "急诊号",
        "follow_up": "续诊号",
    }
)

STATUS_NAMES = MappingProxyType(
    {
        "registered": "已挂号",
        "waiting": "候诊",
        "in_consultation": "就诊中",
        "finished": "已就诊",
        "cancelled": "已退号",
        "no_show": "未到诊",
    }
)

CANCELLABLE = ("registered", "waiting")
"""Before the consultation: cancelled and transferred without anybody's release."""
BEGUN = ("in_consultation", "finished")
"""Cancelled only with the doctor's release and the lead's approval."""
OPEN = (*CANCELLABLE, "in_consultation")
SLIP = (*CANCELLABLE, *BEGUN)
"""A slip is printed of these; of a cancelled or missed visit it would only mislead."""


def kind_of(grade: str) -> str:
    """Kind of visit (号别) of a clinic's grade."""
    return KIND_OF_GRADE.get(grade, "convenience")


def visit_number(letter: str, day: date, number: int) -> str:
    """Campus letter + yyMMdd + five digits: `A26030200017`."""
    return f"{letter}{day:%y%m%d}{number:05d}"


def valid_until(kind: str, registered_at: datetime, band_end: datetime | None) -> datetime:
    """When a visit's right to be seen ends: 24 h for emergency, otherwise 24:00 of the clinic's day."""
    if kind == "emergency":
        return registered_at + timedelta(hours=24)
    day = (band_end or registered_at).astimezone(SHANGHAI).date()
    return midnight(day + timedelta(days=1))


def completed_years(birth_date: date, day: date) -> int:
    """Age in completed years (周岁) on a day."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def require_admission(
    *,
    sex: str,
    birth_date: date | None,
    day: date,
    sex_limit: str | None,
    age_from: int | None,
    age_to: int | None,
    age_allowed: bool = False,
) -> None:
    """Refuse a patient whom the clinic does not treat: sex (GB/T 2261.1) or age in completed years.

    An unknown sex or birth date passes: the doctor decides. `age_allowed`: the clinic agreed to this patient's age.
    """
    if sex_limit is not None and sex in {"1", "2"} and sex != sex_limit:
        wanted = "男性" if sex_limit == "1" else "女性"
        raise SexNotAdmitted(f"该门诊只接诊{wanted}患者，请核对患者性别或改挂其他门诊。")
    if birth_date is None or age_allowed or (age_from is None and age_to is None):
        return
    age = completed_years(birth_date, day)
    if (age_from is not None and age < age_from) or (age_to is not None and age > age_to):
        low = f"{age_from}周岁及以上" if age_from is not None else ""
        high = f"{age_to}周岁及以下" if age_to is not None else ""
        raise AgeNotAdmitted(
            f"该门诊接诊{low}{'、' if low and high else ''}{high}患者，请改挂其他门诊；"
            "经门诊医师同意接诊的，选择同意的医师后可挂号。",
            age=age,
        )


# -- who pays

INSUTYPE_OF = MappingProxyType({"employee": "310", "resident": "390"})
"""险种 of the two insured payer kinds."""
MED_TYPES = MappingProxyType({"11": "普通门诊", "12": "门诊挂号", "13": "急诊", "14": "门诊慢特病", "51": "生育门诊"})
"""医疗类别 of outpatient visits (国家医保信息平台代码集)."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays for a visit and on what ground. Codes as in models.Visit."""

    payer_kind: str = "self_pay"
    insutype: str | None = None
    med_type: str | None = None
    special_disease: str | None = None
    work_injury: bool = False
    trauma: bool = False
    third_party: bool = False

    @property
    def insured(self) -> bool:
        """Whether the basic medical insurance is asked to pay."""
        return self.payer_kind in INSUTYPE_OF


def settled_payer(payer: Payer, *, emergency: bool, sex: str) -> Payer:
    """The payer with what follows from it filled in; PayerInvalid for what cannot be together.

    The insurance of employees is 310, of residents 390. An injury at work or one a third party answers for is not the
    insurance fund's (社会保险法 第三十条), so such a visit is self-paid or a contract unit's. 急诊 is for emergency
    visits, 慢特病 needs its disease, 生育门诊 is for women.
    """
    if not payer.insured:
        if payer.insutype or payer.med_type or payer.special_disease:
            raise PayerInvalid("自费和合同单位不填险种、医疗类别和慢特病病种，请清空或改选医保费别。")
        return payer
    if payer.work_injury or payer.third_party:
        ground = "工伤" if payer.work_injury else "有第三方责任的外伤"
        raise PayerInvalid(f"{ground}不在基本医疗保险基金支付范围（社会保险法第三十条），费别请改为自费或合同单位。")
    insutype = INSUTYPE_OF[payer.payer_kind]
    if payer.insutype not in (None, insutype):
        raise PayerInvalid(f"险种与费别不符：该费别的险种为 {insutype}，请核对。")
    med_type = payer.med_type or ("13" if emergency else "14" if payer.special_disease else "11")
    if med_type not in MED_TYPES:
        raise PayerInvalid(f"门急诊没有医疗类别“{med_type}”，请从 {'、'.join(MED_TYPES)} 中选择。")
    if med_type == "13" and not emergency:
        raise PayerInvalid("医疗类别“急诊”只用于急诊号，请改选普通门诊或改挂急诊。")
    if (med_type == "14") != (payer.special_disease is not None):
        raise PayerInvalid("门诊慢特病须选择备案病种；其他医疗类别不填病种，请核对。")
    if med_type == "51" and sex == "1":
        raise PayerInvalid("生育门诊只用于女性参保人，请核对患者性别或医疗类别。")
    return Payer(
        payer.payer_kind, insutype, med_type, payer.special_disease, payer.work_injury, payer.trauma, payer.third_party
    )


# -- follow-up without fee (续诊号)


@dataclass(frozen=True, slots=True)
class FirstVisit:
    """A visit whose right to a follow-up is asked for."""

    encounter_id: UUID
    campus_id: str
    unit_id: UUID
    kind: str
    status: str
    day: date
    report_pending: bool
    """A report ordered then was not ready when the visit ended."""
    used: bool


def last_follow_up_day(first_day: date, days: int, closed: Collection[date]) -> date:
    """The last day of the right: `days` calendar days counting the first; closed days move it to the next opening."""
    last = first_day + timedelta(days=days - 1)
    while last in closed:
        last += timedelta(days=1)
    return last


def require_follow_up(
    first: FirstVisit, *, campus: str, unit_id: UUID, general: bool, day: date, last_day: date, days: int
) -> None:
    """Refuse a follow-up without fee that the rule does not give (一次挂号管三天, spec 01 no. 4)."""
    if first.used:
        raise FollowUpRefused("该次就诊的续诊号已用过一次，本次请按普通挂号办理。", reason="used")
    if first.campus_id != campus or first.unit_id != unit_id:
        raise FollowUpRefused("续诊号只用于同一院区同一科室，请改选原就诊科室或按普通挂号办理。", reason="other_unit")
    if first.kind != "general" or not general:
        raise FollowUpRefused("续诊号只用于普通门诊，请按普通挂号办理。", reason="not_general")
    if first.status not in BEGUN:
        raise FollowUpRefused("原就诊尚未接诊或已退号，请使用原号就诊或按普通挂号办理。", reason="not_seen")
    if day <= first.day:
        raise FollowUpRefused("原号今日有效，请直接到分诊台回诊报到，不需要续诊号。", reason="still_valid")
    if not first.report_pending:
        raise FollowUpRefused("原就诊没有待出的检查检验报告，请按普通挂号办理。", reason="no_report")
    if day > last_day:
        raise FollowUpRefused(f"续诊须在首诊起 {days} 日内（至 {last_day:%m-%d}），请按普通挂号办理。", reason="late")


# -- states


def require_status(status: str, allowed: Collection[str], act: str) -> None:
    """Refuse a step that the visit's state does not allow."""
    if status not in allowed:
        raise VisitStateWrong(f"该号当前为“{STATUS_NAMES[status]}”，不能{act}，请刷新后核对。", current_status=status)


def require_valid(valid_until: datetime, now: datetime) -> None:
    """Refuse to see a patient on a number whose validity is over."""
    if now >= valid_until:
        raise VisitExpired(
            f"该号有效期至 {valid_until.astimezone(SHANGHAI):%m-%d %H:%M}，已过期，请重新挂号。",
            valid_until=valid_until.isoformat(),
        )


def require_today(band_start: datetime | None, now: datetime) -> None:
    """Refuse to check in on another day than the number's."""
    if band_start is None:
        return
    day = band_start.astimezone(SHANGHAI).date()
    if day > now.astimezone(SHANGHAI).date():
        raise NotToday(f"该号为 {day:%m-%d} 的号，请当日报到。", day=day.isoformat())
