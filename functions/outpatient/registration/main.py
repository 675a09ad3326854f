"""Outpatient registration (门急诊挂号), module 1."""

from events.outpatient import DoctorReplaced, GreenChannelOpened, SessionMoved, SessionStopped
from functions.outpatient.registration import api, service
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "outpatient/registration",
    module=1,
    title="门急诊挂号",
    router=api.router,
    on={
        SessionStopped: service.refund_stopped_session,
        SessionMoved: service.follow_moved_session,
        DoctorReplaced: service.follow_replaced_doctor,
        GreenChannelOpened: service.owe_green_channel,
    },
    minute=service.each_minute,
    scaling=Scaling(warm=1, peak=20, concurrency=5),
)
