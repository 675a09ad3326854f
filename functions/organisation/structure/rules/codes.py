"""Other systems' codes of units. No I/O, no clock."""

from collections.abc import Mapping
from types import MappingProxyType

from functions.organisation.structure.problems.wards import UnitCodeUnknown

UNIT_SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "insurance_department": "医保科别（caty）",
        "front_page": "病案首页科别（RC023）",
        "statistics": "卫生统计科室分类",
        "cost_centre": "成本中心",
        "standard_clinic": "标准门诊",
    }
)
"""Systems with codes of their own; 诊疗科目 stands on the unit itself (`subject_code`)."""


def check_system(system: str) -> str:
    """The title of a system. Raises UnitCodeUnknown."""
    if system not in UNIT_SYSTEMS:
        raise UnitCodeUnknown(f"没有对照“{system}”；可用的对照：{'、'.join(UNIT_SYSTEMS)}。")
    return UNIT_SYSTEMS[system]
