"""Steps of a session's life (spec 44, "States and rules")."""

from collections.abc import Mapping

from functions.outpatient.schedule.problems import SessionStateWrong

TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "discard": ("draft",),
    "edit": ("draft",),
    "submit": ("draft",),
    "send_back": ("submitted", "approved"),
    "approve": ("submitted",),
    "publish": ("approved",),
    "change": ("published", "open"),
    "open": ("published", "open"),
    "close": ("open", "published"),
    "stop": ("published", "open"),
}
"""From which states a session may take a step."""

RESULT: Mapping[str, str] = {
    "discard": "discarded",
    "submit": "submitted",
    "send_back": "draft",
    "approve": "approved",
    "publish": "published",
    "open": "open",
    "close": "closed",
    "stop": "stopped",
}

STATE_NAMES: Mapping[str, str] = {
    "draft": "草稿",
    "submitted": "已提交",
    "approved": "已审批",
    "published": "已发布",
    "open": "出诊中",
    "closed": "已结束",
    "stopped": "已停诊",
    "discarded": "已作废",
}
_STEP_NAMES: Mapping[str, str] = {
    "discard": "作废",
    "edit": "修改草稿",
    "submit": "提交",
    "send_back": "退回",
    "approve": "审批",
    "publish": "发布",
    "change": "变更",
    "open": "开诊",
    "close": "结束出诊",
    "stop": "停诊",
}
UNPUBLISHED = ("draft", "submitted", "approved")
LIVE = ("draft", "submitted", "approved", "published", "open")
"""States in which a session keeps its doctor and room busy."""


def require_state(action: str, status: str) -> None:
    """Refuse a step the session's state does not allow."""
    if status not in TRANSITIONS[action]:
        raise SessionStateWrong(
            f"该班次当前为“{STATE_NAMES[status]}”，不能{_STEP_NAMES[action]}。", current_status=status
        )
