"""Pages of the own password: another after a sign-on, another by a security key, a key to be bound."""

from functions.platform.sso import service
from functions.platform.sso.pages import refused
from functions.platform.sso.visitors import Asked, Reply, visited
from shared.http import Router
from shared.steps import Steps

router = Router()


@router.get("/password", include_in_schema=False)
@visited(refused)
def own_page(steps: Steps, asked: Asked) -> Reply:
    """Sign on to set another password (设置新密码)."""
    return service.own_page(steps, asked)


@router.get("/password/by-key", include_in_schema=False)
@visited(refused)
def own_page_by_key(steps: Steps, asked: Asked) -> Reply:
    """Show a security key to set another password (用安全密钥重置密码)."""
    return service.own_page_by_key(steps, asked)


@router.get("/password/key", include_in_schema=False)
@visited(refused)
def bind_key(steps: Steps, asked: Asked) -> Reply:
    """Sign on to bind a security key (登记安全密钥)."""
    return service.bind_key(steps, asked)


@router.get("/password/back", include_in_schema=False)
@visited(refused)
def own_page_back(steps: Steps, asked: Asked) -> Reply:
    """Back from the realm's page (验证返回)."""
    return service.own_page_back(steps, asked)


@router.post("/password", include_in_schema=False)
@visited(refused)
def own_password(steps: Steps, asked: Asked) -> Reply:
    """Another password (提交新密码)."""
    return service.own_password(steps, asked)
