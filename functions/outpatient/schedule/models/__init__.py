"""Tables of the clinic schedule."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.outpatient.schedule.models.changes import (
        Attendance,
        ChangedNumber,
        DoctorBar,
        SessionChange,
        SessionTask,
    )
    from functions.outpatient.schedule.models.clinics import Clinic, ClinicPrice, Template
    from functions.outpatient.schedule.models.people import AttendanceCorrection, DoctorProfile, Leave, Swap
    from functions.outpatient.schedule.models.pool import PoolFreeze, ReleaseWave, ReturnRule, Slot
    from functions.outpatient.schedule.models.sessions import ON_SALE, Session

__all__ = [
    "ON_SALE",
    "Attendance",
    "AttendanceCorrection",
    "ChangedNumber",
    "Clinic",
    "ClinicPrice",
    "DoctorBar",
    "DoctorProfile",
    "Leave",
    "PoolFreeze",
    "ReleaseWave",
    "ReturnRule",
    "Session",
    "SessionChange",
    "SessionTask",
    "Slot",
    "Swap",
    "Template",
]

__getattr__ = loaded_on_use(__name__)
