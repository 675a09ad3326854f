"""Refusals of identity: not signed on (401), not allowed (403), sign-on service out of reach (503)."""

from typing import ClassVar

from shared.problems import Problem


class Unauthenticated(Problem):
    """The caller is not known. `headers` carries the challenge of RFC 6750."""

    status = 401
    code = "unauthenticated"
    title = "未登录"
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer realm="his"'}


class TokenMissing(Unauthenticated):
    code = "token_missing"
    title = "未登录"


class TokenExpired(Unauthenticated):
    code = "token_expired"
    title = "登录已过期"
    headers: ClassVar[dict[str, str]] = {
        "WWW-Authenticate": 'Bearer realm="his", error="invalid_token", error_description="expired"'
    }


class TokenInvalid(Unauthenticated):
    code = "token_invalid"
    title = "登录凭证无效"
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer realm="his", error="invalid_token"'}


class SubjectDenied(Unauthenticated):
    """The person was frozen, has left, or was signed off everywhere, though the token still lives."""

    code = "subject_denied"
    title = "账号已停用"
    headers: ClassVar[dict[str, str]] = {
        "WWW-Authenticate": 'Bearer realm="his", error="invalid_token", error_description="revoked"'
    }


class FreshSignOnRequired(Unauthenticated):
    """The act asks for the password again (再认证, RFC 9470): refund approval, break-glass, narcotics."""

    code = "fresh_sign_on_required"
    title = "请再次验证身份"
    headers: ClassVar[dict[str, str]] = {
        "WWW-Authenticate": 'Bearer realm="his", error="insufficient_user_authentication", max_age="300"'
    }


class SecondFactorRequired(Problem):
    """A privileged post was used on a sign-on by password alone (GB/T 22239-2019, 8.1.4.1 d)."""

    status = 403
    code = "second_factor_required"
    title = "需要双因素登录"
    traced = True


class PasswordDue(Problem):
    """Somebody else has set the password, or it is too short or too old for a privileged post (密码规则)."""

    status = 403
    code = "password_due"
    title = "须先设置新密码"


class PermissionDenied(Problem):
    status = 403
    code = "permission_denied"
    title = "没有权限"
    traced = True


class CampusNotAllowed(Problem):
    """The person holds no post at the acting campus today (院区)."""

    status = 403
    code = "acting_campus"
    title = "不能在该院区办理业务"
    traced = True


class IdentityUnavailable(Problem):
    """No signing keys could be had, so nobody can be recognised. Never answered as 401: screens would sign off."""

    status = 503
    code = "identity_unavailable"
    title = "认证服务不可用"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}
