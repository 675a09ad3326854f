"""Refusals of patients' sign-on by phone code and of relatives."""

from typing import ClassVar

from shared.problems import NotFound, Problem


class SmsOutOfReach(Problem):
    status = 503
    code = "sms_out_of_reach"
    title = "短信暂不可用"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "60"}


class CodeTooSoon(Problem):
    """One code a minute for a phone, five an hour; known phones and unknown ones alike."""

    status = 429
    code = "phone_code_too_soon"
    title = "验证码获取过于频繁"


class CodeRefused(Problem):
    """Wrong, used, older than five minutes, tried five times, or of a phone no account belongs to: one answer."""

    status = 401
    code = "phone_code_refused"
    title = "验证码不正确或不能登录"


class TooManyFailures(Problem):
    """Thirty failures a minute from one address are no typing errors (spec 42)."""

    status = 429
    code = "phone_code_throttled"
    title = "尝试次数过多"


class FamilyRequestNotFound(NotFound):
    code = "family_request_not_found"
    title = "没有待确认的家属绑定申请"


class FamilyRequestOver(Problem):
    status = 409
    code = "family_request_over"
    title = "家属绑定申请已失效"


class FamilyNotPossible(Problem):
    """A minor is bound by a guardian; nobody is a relative of oneself."""

    code = "family_not_possible"
    title = "不能按成年家属绑定"
