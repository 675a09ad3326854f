"""Refusals of changing the own password."""

from shared.problems import Problem


class PresentPasswordWrong(Problem):
    """Not the password of now, or the account is locked."""

    code = "present_password_wrong"
    title = "原密码不正确"


class KnownPassword(Problem):
    """On the list of leaked and common passwords (泄露密码库)."""

    code = "known_password"
    title = "密码过于常见或已泄露"


class PageLost(Problem):
    """The sign-on this page rests on is missing, too old, of another, or has been used."""

    status = 400
    code = "password_page_lost"
    title = "页面已失效"


class NotProved(Problem):
    """The realm did not say what the page asks for."""

    status = 403
    code = "password_page_not_proved"
    title = "身份没有得到验证"
