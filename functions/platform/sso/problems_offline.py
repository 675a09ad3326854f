"""Refusals of signing on offline and of resetting a password by oneself."""

from typing import ClassVar

from shared.problems import Problem


class OfflineEntryDiffers(Problem):
    """An entry of the bridge's journal that had been told otherwise: somebody has been at the journal."""

    status = 409
    code = "offline_entry_differs"
    title = "离线登录记录与已回传的不一致"
    traced = True


class OfflineEntryTwice(Problem):
    """The same batch arrives twice at once."""

    status = 409
    code = "offline_entry_twice"
    title = "离线登录记录正在接收"
    constraint = "uq_offline_sessions_campus_id_entry_id"
    constraint_detail = "同一批离线登录记录正在接收，请稍后原样重发。"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "2"}


class ResetRefused(Problem):
    """Unknown name, wrong dynamic password, none bound, locked, disabled: one answer for all."""

    status = 401
    code = "reset_refused"
    title = "不能重置密码"


class ResetThrottled(Problem):
    """The same for a name that does not exist."""

    status = 429
    code = "reset_throttled"
    title = "尝试次数过多"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "3600"}


class WeakPassword(Problem):
    code = "weak_password"
    title = "新密码不符合要求"
