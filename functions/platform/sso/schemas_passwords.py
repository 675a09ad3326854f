"""Inputs and outputs of changing the own password."""

from typing import Literal

from functions.platform.sso.schemas_reset import NewPassword
from shared.schemas import Input, View


class ChangePassword(Input):
    """The password of now and the one to be."""

    present: NewPassword
    password: NewPassword


class PasswordChangedView(View):
    """`done`: every session has ended, the new password signs on. `pending` in the answer to a repeated command."""

    state: Literal["done", "pending"]
