"""Inputs and outputs of setting a new password by oneself."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, StringConstraints

from shared.schemas import Code, Input, View


def _plain(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("密码中含有不可用的字符")
    return value


NewPassword = Annotated[str, BeforeValidator(_plain), StringConstraints(min_length=1, max_length=128)]


class ResetPassword(Input):
    """工号, the code the bound telephone shows at this moment, and the password to be."""

    staff_no: Code
    code: Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
    password: NewPassword


class ResetView(View):
    """`pending` in the answer to a repeated command."""

    state: Literal["done", "pending"]
