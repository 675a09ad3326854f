"""HTTP route of the own password."""

from functions.platform.sso import service
from functions.platform.sso.schemas_passwords import ChangePassword, PasswordChangedView
from shared.command import command
from shared.http import Router
from shared.tx import Tx

router = Router()


@router.post("/my/password", status_code=201)
@command("platform.sso.self")
def change_password(tx: Tx, body: ChangePassword) -> PasswordChangedView:
    """Set another password for oneself, by the rule of one's posts (修改本人密码)."""
    return service.change_password(tx, body)  # type: ignore[return-value]
