"""Clinic schedule and number pool (门诊排班管理), module 44."""

from events.organisation import (
    CalendarChanged,
    LicenceExpired,
    PrivilegeRevoked,
    SecondmentEnded,
    SecondmentStarted,
    StaffLeft,
)
from functions.outpatient.schedule import api, service
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "outpatient/schedule",
    module=44,
    title="门诊排班管理",
    router=api.router,
    on={
        CalendarChanged: service.calendar_changed,
        LicenceExpired: service.licence_expired,
        PrivilegeRevoked: service.privilege_revoked,
        StaffLeft: service.staff_left,
        SecondmentStarted: service.secondment_started,
        SecondmentEnded: service.secondment_ended,
    },
    minute=service.each_minute,
    scaling=Scaling(warm=1, peak=10, concurrency=5),
)
