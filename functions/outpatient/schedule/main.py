"""Clinic schedule and number pool (门诊排班管理), module 44."""

from functions.outpatient.schedule import api
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "outpatient/schedule",
    module=44,
    title="门诊排班管理",
    router=api.router,
    scaling=Scaling(warm=1, peak=10, concurrency=5),
)
