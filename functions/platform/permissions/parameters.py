"""Parameters (系统参数) as the code declares them. A module that needs one adds a line; the hospital sets values."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Literal

from functions.platform.permissions.problems import LevelNotAllowed, ParameterInvalid, UnknownParameter

Level = Literal["system", "campus", "department", "workstation"]
LEVELS: tuple[Level, ...] = ("workstation", "department", "campus", "system")
"""Nearest first: the first level with a value decides."""
LEVEL_TITLES: Mapping[str, str] = MappingProxyType(
    {"workstation": "工作站", "department": "科室", "campus": "院区", "system": "系统", "default": "默认"}
)
Kind = Literal["bool", "int", "decimal", "text", "enum", "range"]
KIND_TITLES = {"bool": "是或否", "int": "整数", "decimal": "数", "text": "文字", "enum": "选项", "range": "时段"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter.

    kind: bool, int, decimal (as text), text, enum (one of `choices`), range (`HH:MM-HH:MM`).
    levels: where it may be set. risky: takes effect when a second person of that campus has agreed, so it is never set
    below a campus. feature: a switch of a function (功能开关). owner: the office that answers for it.
    """

    key: str
    title: str
    kind: Kind
    default: Any
    meaning: str
    owner: str
    levels: frozenset[Level] = frozenset(LEVELS)
    lowest: Decimal | None = None
    highest: Decimal | None = None
    choices: tuple[str, ...] = ()
    risky: bool = False

    def __post_init__(self) -> None:
        if self.risky and not self.levels <= {"system", "campus"}:
            raise ValueError(f"{self.key}: a risky parameter is set for the system and for campuses")

    @property
    def feature(self) -> bool:
        return self.key.startswith("feature.")


def _int(
    key: str, title: str, default: int, lowest: int, highest: int, meaning: str, owner: str, **more: Any
) -> Parameter:
    return Parameter(
        key, title, "int", default, meaning, owner, lowest=Decimal(lowest), highest=Decimal(highest), **more
    )


_UP_TO_CAMPUS = frozenset[Level]({"system", "campus"})

PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        parameter.key: parameter
        for parameter in (
            _int("outpatient.registration.validity_days", "挂号有效天数", 3, 1, 30, "一次挂号管几天", "门诊部"),
            _int("platform.sso.idle_clinical", "临床锁屏分钟", 10, 1, 30, "临床工作站无操作几分钟锁屏", "信息科"),
            _int("platform.sso.idle_counter", "收费药房锁屏分钟", 5, 1, 15, "收费、药房窗口无操作几分钟锁屏", "信息科"),
            _int("platform.sso.idle_office", "办公锁屏分钟", 15, 1, 30, "办公工作站无操作几分钟锁屏", "信息科"),
            _int(
                "platform.sso.crl_grace_hours",
                "吊销列表宽限小时",
                24,
                0,
                168,
                "CA 吊销列表过期几小时后停用该 CA 的证书",
                "信息科",
                levels=frozenset[Level]({"system"}),
                risky=True,
            ),
            _int(
                "platform.sso.persons_per_wechat",
                "每个微信绑定人数",
                5,
                1,
                10,
                "一个微信号最多绑定几名就诊人",
                "门诊部",
                levels=_UP_TO_CAMPUS,
            ),
            _int(
                "platform.sso.pin_failures",
                "换班口令错误次数",
                5,
                3,
                10,
                "胸卡口令连续错几次后锁定 15 分钟",
                "信息科",
                levels=_UP_TO_CAMPUS,
                risky=True,
            ),
            _int(
                "platform.sso.cas_ticket_seconds",
                "CAS 票据有效秒数",
                10,
                10,
                60,
                "CAS 系统须在几秒内核对票据",
                "信息科",
                levels=frozenset({"system"}),
                risky=True,
            ),
            _int(
                "platform.sso.family_months",
                "成年家属绑定月数",
                12,
                1,
                36,
                "成年家属的绑定几个月后自动解除，须本人重新同意",
                "门诊部",
                levels=_UP_TO_CAMPUS,
            ),
            Parameter(
                "platform.sso.emergency_hours",
                "应急账号开启时长",
                "int",
                2,
                "应急账号开启后几小时自动封存",
                "信息科",
                levels=_UP_TO_CAMPUS,
                lowest=Decimal(1),
                highest=Decimal(4),
                risky=True,
            ),
            Parameter(
                "feature.badge_switch",
                "胸卡换班登录",
                "bool",
                True,
                "共用工作站可用胸卡加口令换人",
                "护理部",
                _UP_TO_CAMPUS,
            ),
            Parameter(
                "feature.patient_login", "患者微信登录", "bool", True, "患者可用微信登录小程序", "门诊部", _UP_TO_CAMPUS
            ),
        )
    }
)


def declared(key: str) -> Parameter:
    """The declaration. Raises UnknownParameter."""
    if key not in PARAMETERS:
        raise UnknownParameter(f"没有参数“{key}”，请从参数表中选择。")
    return PARAMETERS[key]


def checked(parameter: Parameter, level: str, value: Any) -> Any:
    """A value fit for the parameter at a level. Raises LevelNotAllowed, ParameterInvalid."""
    if level not in parameter.levels:
        allowed = "、".join(LEVEL_TITLES[one] for one in LEVELS if one in parameter.levels)
        raise LevelNotAllowed(f"“{parameter.title}”只能在这些级别设置：{allowed}。")
    match parameter.kind:
        case "bool":
            good = isinstance(value, bool)
        case "int":
            good = isinstance(value, int) and not isinstance(value, bool) and _within(parameter, Decimal(value))
        case "decimal":
            good = isinstance(value, str) and _decimal(parameter, value)
        case "text":
            good = isinstance(value, str) and len(value) <= 200 and "\x00" not in value
        case "enum":
            good = value in parameter.choices
        case "range":
            good = isinstance(value, str) and _range(value)
    if not good:
        bounds = f"，{parameter.lowest} 至 {parameter.highest}" if parameter.lowest is not None else ""
        choices = f"：{'、'.join(parameter.choices)}" if parameter.choices else ""
        raise ParameterInvalid(f"“{parameter.title}”须为{KIND_TITLES[parameter.kind]}{bounds}{choices}。")
    return value


def _within(parameter: Parameter, value: Decimal) -> bool:
    return (parameter.lowest is None or value >= parameter.lowest) and (
        parameter.highest is None or value <= parameter.highest
    )


def _decimal(parameter: Parameter, value: str) -> bool:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    return number.is_finite() and _within(parameter, number)


def _range(value: str) -> bool:
    start, dash, end = value.partition("-")
    return bool(dash) and all(_clock(part) for part in (start, end))


def _clock(text: str) -> bool:
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and hours.isdecimal() and minutes.isdecimal()):
        return False
    return int(hours) < 24 and int(minutes) < 60
