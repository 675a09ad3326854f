"""Operation and maintenance (基础运维管理), module 46."""

from functions.operations.maintenance import api
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "operations/maintenance",
    module=46,
    title="基础运维管理",
    router=api.router,
    scaling=Scaling(warm=0, peak=2, concurrency=5),
)
