"""Rules of outpatient registration: pure, no I/O (spec 01, "States and rules")."""

from datetime import date, datetime, time, timedelta

from shared.problems import Problem
from shared.schemas import SHANGHAI


class AlreadyRegistered(Problem):
    status = 409
    code = "already_registered"
    title = "已挂过该班次的号"
    constraint = "uq_visits_patient_session"
    constraint_detail = "该患者已挂本班次的号，如需补打凭条请用“补打”，如需换号请先退号。"


class SexNotAdmitted(Problem):
    status = 422
    code = "clinic_sex_limit"
    title = "性别不符合该门诊范围"


class AgeNotAdmitted(Problem):
    status = 422
    code = "clinic_age_limit"
    title = "年龄不符合该门诊范围"


class PatientDeceased(Problem):
    status = 422
    code = "patient_deceased"
    title = "患者已登记死亡"


class VisitNotCancellable(Problem):
    status = 409
    code = "visit_not_cancellable"
    title = "当前状态不能退号"


KIND_OF_GRADE = {
    "general": "general",
    "associate_chief": "expert",
    "chief": "expert",
    "specialist": "specialist",
    "convenience": "convenience",
    "nursing": "convenience",
    "multidisciplinary": "expert",
    "emergency": "emergency",
}
"""Kind of visit (号别) by the grade of its clinic."""

STATUS_NAMES = {
    "registered": "已挂号",
    "waiting": "候诊",
    "in_consultation": "就诊中",
    "finished": "已就诊",
    "cancelled": "已退号",
    "no_show": "未到诊",
}

CANCELLABLE = ("registered", "waiting")


def visit_number(letter: str, day: date, number: int) -> str:
    """Campus letter + yyMMdd + five digits: `A26030200017`."""
    return f"{letter}{day:%y%m%d}{number:05d}"


def valid_until(kind: str, registered_at: datetime, band_end: datetime | None) -> datetime:
    """When a visit's right to be seen ends: 24 h for emergency, otherwise 24:00 of the clinic's day."""
    if kind == "emergency":
        return registered_at + timedelta(hours=24)
    day = (band_end or registered_at).astimezone(SHANGHAI).date()
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI)


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
) -> None:
    """Refuse a patient whom the clinic does not treat: sex (GB/T 2261.1) or age in completed years.

    An unknown sex or birth date passes: the doctor decides.
    """
    if sex_limit is not None and sex in {"1", "2"} and sex != sex_limit:
        wanted = "男性" if sex_limit == "1" else "女性"
        raise SexNotAdmitted(f"该门诊只接诊{wanted}患者，请核对患者性别或改挂其他门诊。")
    if birth_date is None or (age_from is None and age_to is None):
        return
    age = completed_years(birth_date, day)
    if (age_from is not None and age < age_from) or (age_to is not None and age > age_to):
        low = f"{age_from}周岁及以上" if age_from is not None else ""
        high = f"{age_to}周岁及以下" if age_to is not None else ""
        raise AgeNotAdmitted(f"该门诊接诊{low}{'、' if low and high else ''}{high}患者，请改挂其他门诊。", age=age)


def require_cancellable(status: str) -> None:
    """Refuse to cancel after the consultation has begun."""
    if status not in CANCELLABLE:
        way_out = "如需退费请由医生放行后办理。" if status in {"in_consultation", "finished"} else "请刷新后核对。"
        raise VisitNotCancellable(f"该号当前为“{STATUS_NAMES[status]}”，不能退号。{way_out}", current_status=status)
