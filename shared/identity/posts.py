"""Posts (岗位) and what each may do, as data.

A permission is `<area>.<module>.<action>`. A post is a template of permissions; who holds which post at which campus is
organisation/structure's. There are no negative rules: rights are the union of the posts held at the acting campus.
Separation rules (不相容岗位) say which permissions one person must not join; a post that broke one would be refused
by the test of this file, a person's posts by organisation/structure at assignment.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from types import MappingProxyType
from typing import Literal

Dimension = Literal["campus", "department", "own"]

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
        "catalogue.prices.read": "查询价格",
        "catalogue.prices.write": "维护价格",
        "operations.audit.read": "查阅审计记录",
        "operations.maintenance.read": "查看运行状态",
        "operations.maintenance.write": "运行维护操作",
        "organisation.structure.assign_post": "任免岗位",
        "organisation.structure.delegate": "安排代班",
        "organisation.structure.open_campus": "开设院区",
        "organisation.structure.read": "查询组织机构",
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
        "patients.index.merge": "合并患者主索引",
        "patients.index.migrate": "迁移老系统患者",
        "patients.index.read": "查询患者",
        "patients.index.record_safety": "登记过敏与警示",
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
        "platform.permissions.read": "查询权限",
        "platform.permissions.self": "查看本人权限",
        "platform.sso.devices": "管理接入设备",
        "platform.sso.end_sessions": "强制下线",
        "platform.sso.enrol": "发放胸卡与换班口令",
        "platform.sso.read": "查看登录与会话",
        "platform.sso.self": "本人登录与绑定",
    }
)
"""Every permission a route may ask for, with its Chinese name."""


@dataclass(frozen=True, slots=True)
class Post:
    """A post template (岗位模板).

    `consortium_wide`: its holder reads the rows of every campus (总院监管), and still writes only while acting there.
    `privileged`: holders sign on with a second factor and hold the post for 12 months at most (GB/T 22239-2019).
    `dimension`: whose rows the post is about (数据范围): campus, department (its units), own (the own patients).
    """

    code: str
    title: str
    permissions: frozenset[str]
    consortium_wide: bool = False
    privileged: bool = False
    dimension: Dimension = "campus"


def _post(
    code: str,
    title: str,
    *permissions: str,
    consortium_wide: bool = False,
    privileged: bool = False,
    dimension: Dimension = "campus",
) -> Post:
    return Post(code, title, frozenset(permissions), consortium_wide, privileged, dimension)


def _by_code(*posts: Post) -> Mapping[str, Post]:
    return MappingProxyType({post.code: post for post in posts})


EVERY_POST = frozenset({"platform.permissions.self", "platform.sso.self"})
"""What everybody who works here may do: see the own rights and menus, lock, switch and sign out."""


def _of_staff(*posts: Post) -> Mapping[str, Post]:
    return _by_code(*(replace(post, permissions=post.permissions | EVERY_POST) for post in posts))


_DESK_READS = (
    "catalogue.prices.read",
    "organisation.structure.read",
    "outpatient.registration.read",
    "outpatient.schedule.read",
    "patients.index.read",
)
_MONEY_READS = ("payments.billing.read", "payments.cashier.read", "payments.gateway.read")

POSTS: Mapping[str, Post] = _of_staff(
    _post(
        "registrar",
        "挂号收费员",
        *_DESK_READS,
        *_MONEY_READS,
        "outpatient.registration.write",
        "patients.index.write",
        "payments.billing.write",
        "payments.cashier.write",
        "payments.gateway.query",
        "payments.gateway.terminal",
    ),
    # 收费与退费审批不相容: the lead supervises and approves and takes no money, so a lead who stands in at a window
    # needs another person for the approval, not another post.
    _post(
        "cashier_lead",
        "收费组长",
        *_DESK_READS,
        *_MONEY_READS,
        "outpatient.registration.approve_release",
        "payments.billing.approve",
        "payments.cashier.supervise",
        "payments.gateway.operate",
        "payments.gateway.query",
    ),
    _post(
        "finance",
        "门诊收费处财务",
        *_DESK_READS,
        *_MONEY_READS,
        "payments.billing.approve_large",
        "payments.billing.manage",
        "payments.cashier.receive",
        "payments.gateway.approve_transfer",
        "payments.gateway.query",
        "payments.gateway.transfer",
    ),
    _post(
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
    _post(
        "schedule_clerk",
        "排班员",
        "catalogue.prices.read",
        "organisation.structure.read",
        "outpatient.schedule.own",
        "outpatient.schedule.quota",
        "outpatient.schedule.read",
        "outpatient.schedule.write",
    ),
    _post(
        "schedule_approver",
        "门诊部",
        "catalogue.prices.read",
        "organisation.structure.read",
        "outpatient.registration.read",
        "outpatient.schedule.approve",
        "outpatient.schedule.quota",
        "outpatient.schedule.read",
    ),
    _post(
        "number_manager",
        "号源管理员",
        "organisation.structure.read",
        "outpatient.schedule.quota",
        "outpatient.schedule.read",
        consortium_wide=True,
    ),
    _post("price_officer", "物价员", "catalogue.prices.read", "catalogue.prices.write", "organisation.structure.read"),
    _post(
        "price_checker", "物价复核", "catalogue.prices.approve", "catalogue.prices.read", "organisation.structure.read"
    ),
    _post(
        "vice_president",
        "分管院长",
        "catalogue.prices.direct",
        "catalogue.prices.read",
        "organisation.structure.read",
    ),
    _post(
        "standard_manager",
        "数据标准管理员",
        "catalogue.codes.read",
        "catalogue.codes.use",
        "catalogue.codes.write",
        "organisation.structure.read",
    ),
    _post(
        "standard_checker",
        "数据标准复核",
        "catalogue.codes.approve",
        "catalogue.codes.read",
        "organisation.structure.read",
    ),
    _post(
        "coder",
        "病案编码员",
        "catalogue.codes.read",
        "catalogue.codes.use",
        "catalogue.prices.read",
        "organisation.structure.read",
    ),
    _post("campus_admin", "院区管理员", "organisation.structure.read", "organisation.structure.write", privileged=True),
    _post(
        "consortium_admin",
        "医共体管理员",
        "organisation.structure.open_campus",
        "organisation.structure.read",
        "organisation.structure.write",
        consortium_wide=True,
        privileged=True,
    ),
    _post(
        "personnel",
        "人事",
        "organisation.structure.assign_post",
        "organisation.structure.delegate",
        "organisation.structure.read",
        "organisation.structure.write_staff",
        privileged=True,
    ),
    _post("unit_head", "科室负责人", "organisation.structure.delegate", "organisation.structure.read"),
    _post("nursing_office", "护理部", "organisation.structure.read", "organisation.structure.write_beds"),
    _post(
        "medical_affairs",
        "医务科",
        "organisation.structure.read",
        "organisation.structure.write_privilege",
        "outpatient.schedule.medical",
        "outpatient.schedule.read",
        privileged=True,
    ),
    _post("outpatient_pharmacist", "门诊药师", *_DESK_READS),
    _post(
        "index_steward",
        "主索引管理员",
        "organisation.structure.read",
        "patients.index.merge",
        "patients.index.migrate",
        "patients.index.read",
        "patients.index.unmerge",
        "patients.index.write",
    ),
    _post(
        "privacy_officer",
        "隐私专员",
        "organisation.structure.read",
        "patients.index.read",
        "patients.index.review_access",
        privileged=True,
    ),
    _post(
        "outpatient_doctor",
        "门诊医生",
        *_DESK_READS,
        "outpatient.registration.release",
        "catalogue.codes.read",
        "catalogue.codes.use",
        "catalogue.prices.apply",
        "outpatient.schedule.own",
        "patients.index.break_glass",
        "patients.index.record_safety",
        "payments.billing.read",
        "payments.billing.request_refund",
        dimension="own",
    ),
    _post(
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
    _post(
        "owner_office",
        "归口管理部门",
        "organisation.structure.read",
        "platform.permissions.approve",
        "platform.permissions.read",
        privileged=True,
    ),
    _post(
        "system_admin",
        "系统管理员",
        "operations.maintenance.read",
        "operations.maintenance.write",
        "organisation.structure.read",
        "payments.gateway.configure",
        "payments.gateway.operate",
        "payments.gateway.read",
        "platform.permissions.configure",
        "platform.sso.devices",
        consortium_wide=True,
        privileged=True,
    ),
    _post(
        "security_admin",
        "安全管理员",
        "organisation.structure.read",
        "platform.permissions.freeze",
        "platform.permissions.grant",
        "platform.permissions.read",
        "platform.sso.end_sessions",
        "platform.sso.enrol",
        "platform.sso.read",
        privileged=True,
    ),
    _post("audit_admin", "审计管理员", "operations.audit.read", consortium_wide=True, privileged=True),
)
"""Posts a person may hold, by code."""

PATIENT = _post("patient", "患者本人", "outpatient.registration.self", "patients.index.self", "platform.sso.self")
"""What every signed-on patient may do, at any campus and for the persons bound to the account only."""

DEVICES: Mapping[str, Post] = _by_code(
    _post(
        "device:kiosk",
        "自助机",
        *_DESK_READS,
        "outpatient.registration.write",
        "payments.billing.read",
        "payments.billing.write",
    ),
    _post("device:signage", "公示屏", "catalogue.prices.read", "outpatient.schedule.read"),
    _post(
        "device:bridge",
        "院区网桥",
        "catalogue.prices.read",
        "organisation.structure.read",
        "payments.gateway.read",
        "payments.gateway.terminal",
    ),
    _post("device:miniprogram", "小程序网关", "platform.sso.self"),
    _post("device:workstation", "共用工作站", "platform.sso.self"),
)
"""What a kind of device may do at the one campus it is bound to. The colon keeps these out of reach of a group path."""


@dataclass(frozen=True, slots=True)
class SeparationRule:
    """Permissions of two different `sides` must not meet in one person (职责分离).

    Checked campus by campus; with `anywhere`, over all campuses together, as the three administrators (三员) demand.
    """

    code: str
    title: str
    sides: tuple[frozenset[str], ...]
    anywhere: bool = False

    def broken_by(self, permissions: Collection[str]) -> bool:
        """Whether one holder of all these permissions would stand on two sides."""
        return sum(not side.isdisjoint(permissions) for side in self.sides) > 1


def _rule(code: str, title: str, *sides: Iterable[str], anywhere: bool = False) -> SeparationRule:
    return SeparationRule(code, title, tuple(frozenset(side) for side in sides), anywhere)


SEPARATION_RULES: tuple[SeparationRule, ...] = (
    _rule(
        "cashier_refund_approval",
        "收费与退费审批不相容",
        {"payments.billing.write", "payments.cashier.write"},
        {"payments.billing.approve", "payments.billing.approve_large"},
    ),
    _rule(
        "cashier_receipt",
        "收款与收款监督、财务收款确认不相容",
        {"payments.cashier.write"},
        {"payments.cashier.supervise", "payments.cashier.receive"},
    ),
    _rule("price_approval", "物价维护与物价复核不相容", {"catalogue.prices.write"}, {"catalogue.prices.approve"}),
    _rule(
        "access_review", "紧急调阅与调阅审查不相容", {"patients.index.break_glass"}, {"patients.index.review_access"}
    ),
    _rule(
        "three_administrators",
        "系统管理、安全管理、审计管理三员分立",
        {"operations.maintenance.write", "platform.permissions.configure", "platform.sso.devices"},
        {"platform.permissions.grant", "platform.permissions.freeze"},
        {"operations.audit.read"},
        anywhere=True,
    ),
    _rule(
        "permission_approval",
        "授予权限、设置参数与归口审批不相容",
        {"platform.permissions.grant", "platform.permissions.configure"},
        {"platform.permissions.approve"},
    ),
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Posts of one person that break a rule; `campus` is None for a rule that holds over all campuses."""

    rule: SeparationRule
    campus: str | None
    posts: frozenset[str]


_GRANTS: Mapping[str, Post] = MappingProxyType({**POSTS, **DEVICES})


@lru_cache(maxsize=4096)
def permissions_of(posts: frozenset[str]) -> frozenset[str]:
    """The union of what these posts may do. A code this release doesn't know grants nothing."""
    return frozenset().union(*(_GRANTS[code].permissions for code in posts if code in _GRANTS))


@lru_cache(maxsize=4096)
def consortium_wide_permissions(posts: frozenset[str]) -> frozenset[str]:
    """What of it may be read over all campuses."""
    return permissions_of(frozenset(code for code in posts if code in _GRANTS and _GRANTS[code].consortium_wide))


def conflicts(posts: Mapping[str, Collection[str]]) -> list[Conflict]:
    """Every separation rule broken by the posts one person holds, given as campus -> post codes.

    A rule looks at one campus at a time, so 收费员 at one campus and 退费审批 at another are allowed; the three
    administrators are kept apart over all campuses.
    """
    everywhere = frozenset(code for held in posts.values() for code in held)
    found: list[Conflict] = []
    for rule in SEPARATION_RULES:
        places = (
            [(None, everywhere)] if rule.anywhere else [(campus, frozenset(held)) for campus, held in posts.items()]
        )
        for campus, held in places:
            if rule.broken_by(permissions_of(held)):
                sides = frozenset().union(*rule.sides)
                guilty = frozenset(c for c in held if not sides.isdisjoint(permissions_of(frozenset((c,)))))
                found.append(Conflict(rule, campus, guilty))
    return found


def incompatible_pairs() -> dict[tuple[str, str], SeparationRule]:
    """Pairs of posts one person must not hold (不相容岗位), first post before second by code, with the rule."""
    pairs: dict[tuple[str, str], SeparationRule] = {}
    for first, second in combinations(sorted(POSTS), 2):
        joined = permissions_of(frozenset((first, second)))
        rule = next((rule for rule in SEPARATION_RULES if rule.broken_by(joined)), None)
        if rule:
            pairs[first, second] = rule
    return pairs
