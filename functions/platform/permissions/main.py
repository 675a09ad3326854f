"""Permissions and parameters (配置权限管理): decisions are taken from the token; this administers what it says."""

from functions.platform.permissions import api, service
from shared.function import FunctionApp, Scaling, Trust

app = FunctionApp(
    "platform/permissions",
    module=41,
    title="配置权限管理",
    router=api.router,
    minute=service.each_minute,
    scaling=Scaling(warm=0, peak=3, concurrency=5),
    trust=Trust(keys="his-package-keys"),
)
