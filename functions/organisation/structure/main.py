"""Organisation (组织机构): read by every module, changed some fifty times a day."""

from functions.organisation.structure import api
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "organisation/structure",
    module="P",
    title="组织机构",
    router=api.router,
    scaling=Scaling(warm=1, peak=5, concurrency=5),
)
