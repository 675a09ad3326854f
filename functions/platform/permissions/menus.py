"""Menus of the workstation: each entry opens with one permission, so a post's menu follows from what it may do."""

from collections.abc import Callable
from typing import NamedTuple


class Entry(NamedTuple):
    """A menu entry: its view in the web client, and the permission that opens it. `home`: where a post may begin."""

    code: str
    title: str
    group: str
    permission: str
    home: int
    """Higher is the better first screen; 0 is none."""


ENTRIES: tuple[Entry, ...] = (
    Entry("registration", "挂号", "门诊", "outpatient.registration.write", 90),
    Entry("cashier", "收费结算", "门诊", "payments.billing.write", 80),
    Entry("shift", "收费班次", "门诊", "payments.cashier.write", 0),
    Entry("refund-approval", "退费审批", "门诊", "payments.billing.approve", 70),
    Entry("visits", "就诊查询", "门诊", "outpatient.registration.read", 10),
    Entry("sessions", "排班号源", "门诊", "outpatient.schedule.read", 20),
    Entry("session-approval", "排班审批", "门诊", "outpatient.schedule.approve", 60),
    Entry("patients", "患者查询", "患者", "patients.index.read", 15),
    Entry("duplicates", "疑似重复", "患者", "patients.index.merge", 70),
    Entry("access-review", "调阅审查", "患者", "patients.index.review_access", 70),
    Entry("prices", "价格目录", "物价", "catalogue.prices.read", 5),
    Entry("price-drafts", "价格维护", "物价", "catalogue.prices.write", 80),
    Entry("price-approval", "价格复核", "物价", "catalogue.prices.approve", 80),
    Entry("organisation", "组织机构", "管理", "organisation.structure.read", 1),
    Entry("staff", "人员档案", "管理", "organisation.structure.write_staff", 80),
    Entry("permissions", "权限查询", "权限", "platform.permissions.read", 40),
    Entry("grants", "授权与模板", "权限", "platform.permissions.grant", 90),
    Entry("permission-approval", "权限审批", "权限", "platform.permissions.approve", 85),
    Entry("attestation", "权限复核", "权限", "platform.permissions.attest", 75),
    Entry("data-rules", "数据规则", "权限", "platform.permissions.grant", 0),
    Entry("packages", "配置包", "权限", "platform.permissions.packages", 0),
    Entry("numbers", "编号规则", "权限", "platform.permissions.packages", 0),
    Entry("parameters", "系统参数", "权限", "platform.permissions.configure", 70),
    Entry("sessions-online", "登录与会话", "权限", "platform.sso.read", 30),
    Entry("devices", "接入设备", "权限", "platform.sso.devices", 30),
    Entry("maintenance", "运行状态", "运维", "operations.maintenance.read", 95),
    Entry("audit", "审计", "运维", "operations.audit.read", 95),
)


def menu_of(may: Callable[[str], bool]) -> list[Entry]:
    """The entries somebody may open, in the order of the menu."""
    return [entry for entry in ENTRIES if may(entry.permission)]


def home_of(entries: list[Entry]) -> str | None:
    """The screen to begin with."""
    best = max(entries, key=lambda entry: entry.home, default=None)
    return best.code if best is not None and best.home else None
