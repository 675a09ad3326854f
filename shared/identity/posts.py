"""Posts (岗位) and what each may do, as data.

A permission is `<area>.<module>.<action>`. A post is a template of permissions; who holds which post at which campus is
organisation/structure's. There are no negative rules: rights are the union of the posts held at the acting campus.
What one person must not join is in separation.py, what patients and devices may do in callers.py.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from shared.identity.callers import DEVICES, PATIENT
from shared.identity.post_template import DESK_READS, Dimension, Post, by_code, template

__all__ = [
    "DEVICES",
    "EVERY_POST",
    "PATIENT",
    "PERMISSIONS",
    "POSTS",
    "Dimension",
    "Post",
    "consortium_wide_permissions",
    "permissions_of",
]

PERMISSIONS: Mapping[str, str] = MappingProxyType(
    {
        "catalogue.codes.approve": "校核发布标准编码",
        "catalogue.codes.read": "查询标准编码",
        "catalogue.codes.use": "收藏编码、提交编码问题和建议",
        "catalogue.codes.write": "维护标准编码",
        "catalogue.prices.apply": "申请收费项目、答复价格自查",
        "catalogue.prices.approve": "复核价格",
        "catalogue.prices.direct": "分管院长审批价格",
        "catalogue.prices.finance": "财务审批价格",
        "catalogue.prices.public": "查询价格公示",
        "catalogue.prices.read": "查询价格",
        "catalogue.prices.write": "维护价格",
        "operations.audit.read": "查阅审计记录",
        "operations.maintenance.read": "查看运行状态",
        "operations.maintenance.write": "运行维护操作",
        "organisation.structure.assign_post": "任免岗位",
        "organisation.structure.delegate": "安排代班",
        "organisation.structure.open_campus": "开设院区",
        "organisation.structure.read": "查询组织机构",
        "organisation.structure.read_scans": "查看执业证书扫描件",
        "organisation.structure.write": "维护组织机构",
        "organisation.structure.write_beds": "维护床位",
        "organisation.structure.write_privilege": "授予医疗权限",
        "organisation.structure.write_staff": "维护人员档案",
        "outpatient.registration.approve_release": "审批接诊后退号",
        "outpatient.registration.read": "查询就诊登记",
        "outpatient.registration.release": "放行接诊后退号",
        "outpatient.registration.self": "本人挂号",
        "outpatient.registration.write": "挂号、退号、换号",
        "outpatient.schedule.approve": "审批排班",
        "outpatient.schedule.head": "科室审签停诊、请假、互换",
        "outpatient.schedule.medical": "医务会签停诊、审核医生介绍",
        "outpatient.schedule.own": "本人出诊：签到、请假、互换、加号、介绍",
        "outpatient.schedule.quota": "调配、冻结号源",
        "outpatient.schedule.read": "查询排班号源",
        "outpatient.schedule.write": "编制排班",
        "patients.index.break_glass": "紧急调阅他院区病历",
        "patients.index.exchange": "与其他系统交换患者身份",
        "patients.index.merge": "合并患者主索引",
        "patients.index.migrate": "迁移老系统患者",
        "patients.index.read": "查询患者",
        "patients.index.record_safety": "登记过敏与警示",
        "patients.index.refute_safety": "否定过敏记录",
        "patients.index.review_access": "审查病历调阅",
        "patients.index.self": "查看本人及家人信息",
        "patients.index.unmerge": "拆分患者主索引",
        "patients.index.write": "登记、修改患者",
        "payments.billing.approve": "审批退费",
        "payments.billing.approve_large": "审批大额退费",
        "payments.billing.manage": "管理票据任务、存量预交金与收费设置",
        "payments.billing.read": "查询费用结算",
        "payments.billing.request_refund": "申请退费",
        "payments.billing.write": "记费、结算、执行退费",
        "payments.cashier.read": "查询收费班次",
        "payments.cashier.receive": "财务收款确认",
        "payments.cashier.supervise": "监督收费窗口",
        "payments.cashier.write": "收款、交款、日结",
        "payments.gateway.approve": "审批支付商户与密钥",
        "payments.gateway.approve_transfer": "审批异常退款转账",
        "payments.gateway.configure": "配置支付商户与密钥",
        "payments.gateway.operate": "停用、恢复支付渠道",
        "payments.gateway.query": "查询渠道支付结果、关单",
        "payments.gateway.read": "查阅电子支付",
        "payments.gateway.terminal": "登记刷卡结果、终端结算",
        "payments.gateway.transfer": "登记转账到账与异常退款转账",
        "platform.permissions.apply": "申请权限",
        "platform.permissions.approve": "归口审批权限与参数",
        "platform.permissions.attest": "复核本科室权限",
        "platform.permissions.configure": "设置参数与功能开关",
        "platform.permissions.freeze": "冻结账号",
        "platform.permissions.grant": "授予权限",
        "platform.permissions.packages": "查看配置包、参数变更与编号规则",
        "platform.permissions.read": "查询权限",
        "platform.permissions.self": "查看本人权限",
        "platform.sso.bind_family": "窗口确认、解除成年家属绑定",
        "platform.sso.contingency": "领取离线登录凭据、回传离线登录记录",
        "platform.sso.devices": "管理接入设备",
        "platform.sso.end_sessions": "强制下线",
        "platform.sso.enrol": "发放胸卡与换班口令",
        "platform.sso.limit": "限制同时在线、登录时间和地点",
        "platform.sso.read": "查看登录与会话",
        "platform.sso.self": "本人登录与绑定",
    }
)
"""Every permission a route may ask for, with its Chinese name."""


EVERY_POST = frozenset({"platform.permissions.self", "platform.sso.self"})
"""What everybody who works here may do: see the own rights and menus, lock, switch and sign out."""


def _of_staff(*posts: Post) -> Mapping[str, Post]:
    return by_code(*(replace(post, permissions=post.permissions | EVERY_POST) for post in posts))


_MONEY_READS = ("payments.billing.read", "payments.cashier.read", "payments.gateway.read")

POSTS: Mapping[str, Post] = _of_staff(
    template(
        "registrar",
        "挂号收费员",
        *DESK_READS,
        *_MONEY_READS,
        "outpatient.registration.write",
        "patients.index.write",
        "payments.billing.write",
        "payments.cashier.write",
        "payments.gateway.query",
        "payments.gateway.terminal",
        "platform.sso.bind_family",
    ),
    # 收费与退费审批不相容: the lead supervises and approves and takes no money, so a lead who stands in at a window
    # needs another person for the approval, not another post.
    template(
        "cashier_lead",
        "收费组长",
        *DESK_READS,
        *_MONEY_READS,
        "outpatient.registration.approve_release",
        "payments.billing.approve",
        "payments.cashier.supervise",
        "payments.gateway.operate",
        "payments.gateway.query",
    ),
    template(
        "finance",
        "门诊收费处财务",
        *DESK_READS,
        *_MONEY_READS,
        "payments.billing.approve_large",
        "payments.billing.manage",
        "payments.cashier.receive",
        "payments.gateway.approve_transfer",
        "payments.gateway.query",
        "payments.gateway.transfer",
    ),
    template(
        "consortium_finance",
        "医共体财务",
        *_MONEY_READS,
        "catalogue.prices.finance",
        "catalogue.prices.read",
        "organisation.structure.read",
        "payments.gateway.approve",
        "payments.gateway.approve_transfer",
        consortium_wide=True,
    ),
    template(
        "schedule_clerk",
        "排班员",
        "catalogue.prices.read",
        "organisation.structure.read",
        "outpatient.schedule.own",
        "outpatient.schedule.quota",
        "outpatient.schedule.read",
        "outpatient.schedule.write",
    ),
    template(
        "schedule_approver",
        "门诊部",
        "catalogue.prices.read",
        "organisation.structure.read",
        "outpatient.registration.read",
        "outpatient.schedule.approve",
        "outpatient.schedule.quota",
        "outpatient.schedule.read",
    ),
    template(
        "number_manager",
        "号源管理员",
        "organisation.structure.read",
        "outpatient.schedule.quota",
        "outpatient.schedule.read",
        consortium_wide=True,
    ),
    template(
        "price_officer", "物价员", "catalogue.prices.read", "catalogue.prices.write", "organisation.structure.read"
    ),
    template(
        "price_checker", "物价复核", "catalogue.prices.approve", "catalogue.prices.read", "organisation.structure.read"
    ),
    template(
        "vice_president",
        "分管院长",
        "catalogue.prices.direct",
        "catalogue.prices.read",
        "organisation.structure.read",
    ),
    template(
        "standard_manager",
        "数据标准管理员",
        "catalogue.codes.read",
        "catalogue.codes.use",
        "catalogue.codes.write",
        "organisation.structure.read",
    ),
    template(
        "standard_checker",
        "数据标准复核",
        "catalogue.codes.approve",
        "catalogue.codes.read",
        "organisation.structure.read",
    ),
    template(
        "coder",
        "病案编码员",
        "catalogue.codes.read",
        "catalogue.codes.use",
        "catalogue.prices.read",
        "organisation.structure.read",
    ),
    template(
        "campus_admin", "院区管理员", "organisation.structure.read", "organisation.structure.write", privileged=True
    ),
    template(
        "consortium_admin",
        "医共体管理员",
        "organisation.structure.open_campus",
        "organisation.structure.read",
        "organisation.structure.write",
        consortium_wide=True,
        privileged=True,
    ),
    template(
        "personnel",
        "人事",
        "organisation.structure.assign_post",
        "organisation.structure.delegate",
        "organisation.structure.read",
        "organisation.structure.read_scans",
        "organisation.structure.write_staff",
        privileged=True,
    ),
    template("unit_head", "科室负责人", "organisation.structure.delegate", "organisation.structure.read"),
    template(
        "nursing_office",
        "护理部",
        "organisation.structure.read",
        "organisation.structure.read_scans",
        "organisation.structure.write_beds",
    ),
    template(
        "medical_affairs",
        "医务科",
        "organisation.structure.read",
        "organisation.structure.read_scans",
        "organisation.structure.write_privilege",
        "outpatient.schedule.medical",
        "outpatient.schedule.read",
        privileged=True,
    ),
    template("outpatient_pharmacist", "门诊药师", *DESK_READS, "patients.index.record_safety"),
    template(
        "index_steward",
        "主索引管理员",
        "organisation.structure.read",
        "patients.index.merge",
        "patients.index.migrate",
        "patients.index.read",
        "patients.index.unmerge",
        "patients.index.write",
    ),
    template(
        "privacy_officer",
        "隐私专员",
        "organisation.structure.read",
        "patients.index.read",
        "patients.index.review_access",
        privileged=True,
    ),
    template(
        "outpatient_doctor",
        "门诊医生",
        *DESK_READS,
        "outpatient.registration.release",
        "catalogue.codes.read",
        "catalogue.codes.use",
        "catalogue.prices.apply",
        "outpatient.schedule.own",
        "patients.index.break_glass",
        "patients.index.record_safety",
        "patients.index.refute_safety",
        "payments.billing.read",
        "payments.billing.request_refund",
        dimension="own",
    ),
    template(
        "department_head",
        "科主任",
        "organisation.structure.read",
        "outpatient.schedule.head",
        "outpatient.schedule.own",
        "outpatient.schedule.read",
        "platform.permissions.apply",
        "platform.permissions.attest",
        "platform.permissions.read",
        dimension="department",
    ),
    template(
        "owner_office",
        "归口管理部门",
        "organisation.structure.read",
        "platform.permissions.approve",
        "platform.permissions.packages",
        "platform.permissions.read",
        privileged=True,
    ),
    template(
        "system_admin",
        "系统管理员",
        "operations.maintenance.read",
        "operations.maintenance.write",
        "organisation.structure.read",
        "payments.gateway.configure",
        "payments.gateway.operate",
        "payments.gateway.read",
        "platform.permissions.configure",
        "platform.permissions.packages",
        "platform.sso.devices",
        consortium_wide=True,
        privileged=True,
    ),
    template(
        "security_admin",
        "安全管理员",
        "organisation.structure.read",
        "platform.permissions.freeze",
        "platform.permissions.grant",
        "platform.permissions.packages",
        "platform.permissions.read",
        "platform.sso.end_sessions",
        "platform.sso.enrol",
        "platform.sso.limit",
        "platform.sso.read",
        privileged=True,
    ),
    template("audit_admin", "审计管理员", "operations.audit.read", consortium_wide=True, privileged=True),
)
"""Posts a person may hold, by code."""

_GRANTS: Mapping[str, Post] = MappingProxyType({**POSTS, **DEVICES})


@lru_cache(maxsize=4096)
def permissions_of(posts: frozenset[str]) -> frozenset[str]:
    """The union of what these posts may do. A code this release doesn't know grants nothing."""
    return frozenset().union(*(_GRANTS[code].permissions for code in posts if code in _GRANTS))


@lru_cache(maxsize=4096)
def consortium_wide_permissions(posts: frozenset[str]) -> frozenset[str]:
    """What of it may be read over all campuses."""
    return permissions_of(frozenset(code for code in posts if code in _GRANTS and _GRANTS[code].consortium_wide))
