"""Refusals and errors as RFC 9457 problem documents, in Chinese, with a stable English code.

A module declares one class per refusal. The class carries what never changes (status, code, title,
and, where the database is the judge, the name of the constraint that was broken); the instance says
in `detail` what this user should do now.
"""

from typing import Any, ClassVar

PROBLEM_JSON = "application/problem+json"


class Problem(Exception):
    """A refusal a person can act on.

    `status` is the HTTP status, `code` the stable English name, `title` the Chinese heading.
    `constraint` names a database constraint; its violation becomes this problem with `constraint_detail`.
    """

    status: ClassVar[int] = 422
    code: ClassVar[str] = "rule_violated"
    title: ClassVar[str] = "不符合业务规则"
    constraint: ClassVar[str | None] = None
    constraint_detail: ClassVar[str] = ""
    headers: ClassVar[dict[str, str]] = {}
    traced: ClassVar[bool] = False
    """Whether the attempt itself must stay on record: who tried, what, when (an audit row `refused`)."""

    _by_constraint: ClassVar[dict[str, type["Problem"]]] = {}
    _by_code: ClassVar[dict[str, type["Problem"]]] = {}

    def __init__(self, detail: str = "", *, errors: list[dict[str, str]] | None = None, **extra: Any) -> None:
        self.detail = detail or self.constraint_detail or self.title
        self.errors = errors or []
        self.extra = extra
        super().__init__(self.detail)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.constraint and "constraint" in cls.__dict__:
            Problem._by_constraint[cls.constraint] = cls
        if "code" in cls.__dict__:
            known = Problem._by_code.get(cls.code)
            if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
                raise TypeError(f"problem code {cls.code!r} is declared by {known.__module__} and {cls.__module__}")
            Problem._by_code[cls.code] = cls

    @staticmethod
    def for_constraint(name: str | None) -> "Problem | None":
        """The problem a module declared for a broken database constraint, if any."""
        kind = Problem._by_constraint.get(name or "")
        return kind() if kind else None

    @staticmethod
    def catalogue() -> dict[str, type["Problem"]]:
        """Every declared problem by code: the error catalogue of the documentation."""
        return dict(sorted(Problem._by_code.items()))

    def document(self, trace_id: str | None = None) -> dict[str, Any]:
        """The RFC 9457 document: type, title, status, detail, code, errors, trace_id and extensions."""
        body: dict[str, Any] = {
            "type": f"urn:his:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = self.errors
        if self.extra:
            body.update(self.extra)
        if trace_id:
            body["trace_id"] = trace_id
        return body


class Unreadable(Problem):
    status = 400
    code = "unreadable"
    title = "请求无法读取"


class BodyTooLarge(Problem):
    status = 413
    code = "body_too_large"
    title = "提交内容过大"


class Invalid(Problem):
    status = 422
    code = "invalid"
    title = "填写内容有误"


class NotFound(Problem):
    """Also the answer for what another campus owns, so that existence is not revealed."""

    status = 404
    code = "not_found"
    title = "未找到"


class Stale(Problem):
    """Somebody changed the record since it was read."""

    status = 409
    code = "version_conflict"
    title = "内容已被他人修改"


class Conflict(Problem):
    status = 409
    code = "conflict"
    title = "当前状态不允许此操作"


class Busy(Problem):
    """The database could not finish in time; nothing was written, the same request may be sent again."""

    status = 503
    code = "busy"
    title = "系统繁忙"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class Locked(Problem):
    status = 423
    code = "locked"
    title = "他人正在处理"


class Internal(Problem):
    status = 500
    code = "internal_error"
    title = "系统内部错误"
