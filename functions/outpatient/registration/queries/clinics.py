"""What registration reads of the clinic schedule without taking a number: clinics, and the days they were held."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Boolean, Date, Text, Uuid, bindparam, column, select, table, true

from shared.database.query import Query, one_of

_clinics = table(
    "clinics",
    column("clinic_id", Uuid),
    column("campus_id", Text),
    column("unit_id", Uuid),
    column("name", Text),
    column("grade", Text),
    column("fee_item_code", Text),
    column("follow_up_allowed", Boolean),
    column("active", Boolean),
    schema="outpatient",
)
_sessions = table(
    "sessions", column("clinic_id", Uuid), column("day", Date), column("status", Text), schema="outpatient"
)


class ClinicInfo(NamedTuple):
    """A clinic: its department, its grade, the item of its fee, whether a 续诊号 is given there."""

    clinic_id: UUID
    campus_id: str
    unit_id: UUID
    name: str
    grade: str
    fee_item_code: str
    follow_up_allowed: bool


CLINIC = Query(
    ClinicInfo,
    select(*(_clinics.c[name] for name in ClinicInfo._fields)).where(
        _clinics.c.clinic_id == bindparam("clinic_id", type_=Uuid()), _clinics.c.active == true()
    ),
)

DAYS_HELD = Query(
    date,
    select(_sessions.c.day)
    .where(
        _sessions.c.clinic_id == bindparam("clinic_id", type_=Uuid()),
        _sessions.c.day >= bindparam("since", type_=Date()),
        _sessions.c.day < bindparam("until", type_=Date()),
        one_of(_sessions.c.status, "published", "open", "closed"),
    )
    .distinct(),
)
"""Days on which a clinic was open; a stopped session opens none."""
