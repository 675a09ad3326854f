"""Refusals of sign-on by CAS tickets that a person reads. A program reads codes of its protocol (rules_cas)."""

from shared.problems import Problem


class ServiceUnknown(Problem):
    """No program in use is registered with this address: nobody is sent there, and no ticket is made for it."""

    status = 403
    code = "cas_service_unknown"
    title = "该系统没有接入"


class ServiceTaken(Problem):
    """A ticket is bound to an address, so an address is one program's."""

    status = 409
    code = "cas_service_taken"
    title = "服务地址已登记"


class SignOnLost(Problem):
    """The cookie of this sign-on is missing, older than ten minutes, or of another one."""

    status = 400
    code = "cas_sign_on_lost"
    title = "登录已超时"


class SignOnBroken(Problem):
    """The realm refused, or what it said does not fit what was asked."""

    status = 403
    code = "cas_sign_on_broken"
    title = "登录没有完成"


class NotFresh(Problem):
    """The program asks for the password again (renew), and the realm let an earlier sign-on pass."""

    status = 403
    code = "cas_not_fresh"
    title = "请重新验证身份"
