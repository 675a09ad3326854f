"""HTTP route of setting a new password by oneself (自助重置密码)."""

from functions.platform.sso import service
from functions.platform.sso.schemas_reset import ResetPassword, ResetView
from shared.command import command
from shared.http import Router
from shared.tx import Tx

router = Router()


@router.post("/password-resets", status_code=201)
@command("platform.sso.self")
def reset_password(tx: Tx, body: ResetPassword) -> ResetView:
    """A new password by the dynamic password of the bound telephone, at a registered workstation (自助重置密码)."""
    return service.reset_password(tx, body)  # type: ignore[return-value]
