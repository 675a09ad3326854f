"""Organisation (组织机构): read by every module, changed some fifty times a day."""

from events.platform import AccountLocked
from functions.organisation.structure import api, service
from shared.function import FunctionApp, Scaling, Trust

app = FunctionApp(
    "organisation/structure",
    module="P",
    title="组织机构",
    router=api.router,
    on={AccountLocked: service.note_lock},
    minute=service.each_minute,
    scaling=Scaling(warm=1, peak=5, concurrency=5),
    trust=Trust(secrets=("his-columns",)),
)
