"""Forms of permissions: 用户权限申请审批表, 权限复核确认表, 岗位权限清单, 参数变更单, 三员职责与授权书."""

from typing import Any
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries, rules
from functions.platform.permissions.models import ParameterValue
from functions.platform.permissions.parameters import LEVEL_TITLES, PARAMETERS
from functions.platform.permissions.problems import RequestNotFound, ValueNotFound
from functions.platform.permissions.service.attesting import attestation
from functions.platform.permissions.service.templating import template, versions_of
from shared.command import Document
from shared.identity.posts import PERMISSIONS, POSTS
from shared.tx import Tx

_REQUEST_STATES = {"requested": "待归口审批", "agreed": "已审批，待授权", "approved": "已授权", "refused": "已驳回"}
_REVIEW_STATES = {"open": "待复核", "answered": "已完成", "overdue": "逾期未办"}
_VERDICTS = {"keep": "保留", "strike": "取消"}
_VALUE_STATES = {"asked": "待复核", "effective": "已生效", "refused": "未同意"}
_OFFICERS = {
    "system_admin": ("设置参数与功能开关，管理接入设备，维护系统运行。", "授予权限、冻结账号、查阅或整理审计记录。"),
    "security_admin": ("授予权限，发布岗位模板与数据规则，冻结账号。", "设置参数与功能开关、查阅审计内容。"),
    "audit_admin": ("查阅、分析审计记录。", "设置参数、授予权限、修改或删除审计记录。"),
}


def request_form(tx: Tx, request_id: UUID) -> Document:
    """用户权限申请审批表 of an application of the acting campus, at whatever desk it is. Raises RequestNotFound."""
    row = tx.session.first(queries.REQUEST, id_=request_id)
    if row is None or row.campus_id != tx.campus:
        raise RequestNotFound("本院区没有这份申请，请刷新后核对。")
    person = organisation.staff_member(tx, row.staff_id)
    companion = None if row.companion_id is None else organisation.staff_member(tx, row.companion_id)
    is_post = row.kind == "post"
    refused = row.state == "refused"
    tx.audit("request.printed", "permission_request", request_id, staff_id=str(row.staff_id))
    data = {
        "request_no": row.request_no or "—",
        "staff_no": person.staff_no,
        "name": person.name,
        "staff_title": person.title or None,
        "kind": "岗位" if is_post else "单项授权",
        "what": POSTS[row.code].title if row.code in POSTS else PERMISSIONS.get(row.code, row.code),
        "code": row.code,
        "risk": None if is_post or row.code not in PERMISSIONS else rules.RISK_TITLES[rules.risk_of(row.code)],
        "unit": None if row.unit_id is None else organisation.unit(tx, row.unit_id).name,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "companion": None if companion is None else f"{companion.name}（{companion.staff_no}）",
        "ground": row.ground,
        "state": _REQUEST_STATES[row.state],
        "refusal": row.refusal,
        "steps": [
            _step("科室申请", row.asked_name, row.asked_at),
            _step("归口审批", row.agreed_name, row.agreed_at),
            _step("驳回" if refused else "安全管理员授权", row.decided_name, row.decided_at),
        ],
    }
    return organisation.office_form(tx, "permission_application", data, f"用户权限申请审批表-{person.staff_no}.pdf")


def attestation_form(tx: Tx, attestation_id: UUID) -> Document:
    """权限复核确认表 of a review within the actor's data scope. Raises AttestationNotFound."""
    row, lines = attestation(tx, attestation_id)
    people = organisation.staff_members(tx, sorted({line.staff_id for line in lines}))
    unit = organisation.unit(tx, row.unit_id)
    tx.audit("attestation.printed", "attestation", attestation_id, lines=len(lines))
    data = {
        "unit": unit.name,
        "period": _period(row.quarter),
        "state": _REVIEW_STATES[row.state],
        "due_at": row.due_at,
        "answered_by": row.answered_name,
        "answered_at": row.answered_at,
        "kept": sum(line.verdict == "keep" for line in lines),
        "struck": sum(line.verdict == "strike" for line in lines),
        "rows": [
            {
                "staff_no": people[line.staff_id].staff_no,
                "name": people[line.staff_id].name,
                "kind": "岗位" if line.assignment_id is not None else "单项授权",
                "title": POSTS[line.code].title if line.code in POSTS else PERMISSIONS.get(line.code, line.code),
                "verdict": None if line.verdict is None else _VERDICTS[line.verdict],
            }
            for line in sorted(lines, key=lambda one: (people[one.staff_id].staff_no, one.code))
        ],
    }
    return organisation.office_form(tx, "attestation_sheet", data, f"权限复核确认表-{unit.name}-{row.quarter}.pdf")


def post_form(tx: Tx, post: str) -> Document:
    """岗位权限清单 of the template in force. Raises TemplateNotFound."""
    meant = template(tx, post)
    known = POSTS[post]
    row = next((one for one in versions_of(tx, post, meant.version_no + 1, 1)), None) if meant.version_no else None
    data = {
        "post": known.title,
        "code": post,
        "version": f"第 {meant.version_no} 版" if meant.version_no else "程序内置版",
        "dimension": rules.DIMENSION_TITLES[meant.dimension],
        "privileged": "是" if known.privileged else "否",
        "valid_from": None if row is None else row.valid_from,
        "holders": len({held.staff_id for held in organisation.holders(tx, post)}),
        "rows": [
            {"title": PERMISSIONS[code], "code": code, "risk": rules.RISK_TITLES[rules.risk_of(code)]}
            for code in sorted(meant.permissions)
        ],
    }
    return organisation.office_form(tx, "post_permissions", data, f"岗位权限清单-{known.title}.pdf")


def parameter_form(tx: Tx, value_id: UUID) -> Document:
    """参数变更单 of one change of a parameter, with what counted at that level before. Raises ValueNotFound."""
    row = tx.session.first(queries.VALUE, value_id=value_id)
    if row is None or row.key not in PARAMETERS:
        raise ValueNotFound("没有这条参数变更，请刷新后核对。")
    known = PARAMETERS[row.key]
    former = tx.session.first(
        queries.VALUE_BEFORE, key=row.key, level=row.level, level_id=row.level_id, since=row.valid_from, id_=value_id
    )
    risky = known.risky or row.approved_by is not None
    data = {
        "change_no": row.change_no or "—",
        "title": known.title,
        "key": row.key,
        "meaning": known.meaning,
        "owner": known.owner,
        "risk": "高风险，须两人办理" if known.risky else "一般",
        "level": LEVEL_TITLES[row.level],
        "place": _place(tx, row),
        "before": "本级未设置（取上级或默认值）" if former is None else _shown(former.value),
        "after": _shown(row.value),
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "reason": row.reason,
        "state": _VALUE_STATES[row.state],
        "steps": [
            _step("系统管理员设置", row.asked_name, row.asked_at),
            *([_step("归口复核", row.approved_name, row.approved_at)] if risky else []),
        ],
    }
    return organisation.office_form(tx, "parameter_change", data, f"参数变更单-{known.title}.pdf")


def administrators_form(tx: Tx) -> Document:
    """三员职责与授权书: the three administrators of all campuses, what each may and may not do, who holds it now."""
    accounts = [one for one in organisation.staff_accounts(tx) if one.enabled]
    officers = []
    for post, (duties, barred) in _OFFICERS.items():
        people = sorted(
            (one.staff_no, one.name) for one in accounts if any(post in held for held in one.posts.values())
        )
        officers.append(
            {
                "title": POSTS[post].title,
                "duties": duties,
                "barred": barred,
                "permissions": "、".join(PERMISSIONS[code] for code in sorted(template(tx, post).permissions)),
                "people": "、".join(f"{name}（{staff_no}）" for staff_no, name in people) or "暂无",
            }
        )
    tx.audit("administrators.printed", "campus", tx.campus)
    return organisation.office_form(tx, "administrator_charter", {"officers": officers}, "三员职责与授权书.pdf")


# -- inside


def _step(step: str, name: str | None, at: Any) -> dict[str, Any]:
    return {"step": step, "name": name, "at": at}


def _period(code: str) -> str:
    year, month = code[:4], code[5:]
    return f"{year}年第{month}季度" if code[4] == "Q" else f"{year}年{int(month)}月（特权）"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return str(value)


def _place(tx: Tx, row: ParameterValue) -> str:
    match row.level:
        case "campus":
            return organisation.campus(tx, row.level_id).short_name
        case "department":
            return organisation.unit(tx, UUID(row.level_id)).name
        case "workstation":
            return organisation.place(tx, UUID(row.level_id)).name
    return "全部院区"
