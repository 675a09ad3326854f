"""Enterprise master patient index (患者主索引)."""

from functions.patients.index import api
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "patients/index",
    module="P",
    title="患者主索引",
    router=api.router,
    scaling=Scaling(warm=1, peak=20, concurrency=5),
)
