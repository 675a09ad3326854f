"""Refusals of changing the own password."""

from shared.problems import Problem


class PresentPasswordWrong(Problem):
    """Not the password of now, or the account is locked."""

    code = "present_password_wrong"
    title = "原密码不正确"
