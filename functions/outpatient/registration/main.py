"""Outpatient registration (门急诊挂号), module 1."""

from events.outpatient import SessionStopped
from functions.outpatient.registration import api, service
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "outpatient/registration",
    module=1,
    title="门急诊挂号",
    router=api.router,
    on={SessionStopped: service.refund_stopped_session},
    scaling=Scaling(warm=1, peak=20, concurrency=5),
)
