"""Selects and guarded updates of visits."""

from uuid import UUID

from sqlalchemy import Text, bindparam, or_, select, update

from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.rules import CANCELLABLE
from shared.database.query import Query, constant, one_of

VISIT = Query(Visit, select(Visit).where(Visit.encounter_id == bindparam("encounter_id")))

SEEN_IN_UNIT = Query(
    UUID,
    select(Visit.encounter_id)
    .where(
        Visit.patient_id == bindparam("patient_id"),
        Visit.unit_id == bindparam("unit_id"),
        Visit.status != constant("cancelled"),
    )
    .limit(1),
)
"""Any earlier visit of the patient in a unit: then this one is 复诊."""

VISITS = Query(
    Visit,
    select(Visit)
    .where(
        Visit.campus_id == bindparam("campus"),
        Visit.registered_at >= bindparam("since"),
        Visit.registered_at < bindparam("until"),
        or_(bindparam("status", type_=Text).is_(None), Visit.status == bindparam("status", type_=Text)),
        Visit.encounter_id < bindparam("before"),
    )
    .order_by(Visit.encounter_id.desc())
    .limit(bindparam("limit")),
)
"""Visits of a day, newest first (encounter ids grow with time)."""

VISITS_OF_PATIENT = Query(
    Visit,
    select(Visit)
    .where(Visit.patient_id == bindparam("patient_id"), Visit.encounter_id < bindparam("before"))
    .order_by(Visit.encounter_id.desc())
    .limit(bindparam("limit")),
)

OPEN_VISITS_OF_SESSION = Query(
    Visit,
    select(Visit)
    .where(Visit.session_id == bindparam("session_id"), one_of(Visit.status, *CANCELLABLE))
    .order_by(Visit.encounter_id)
    .with_for_update(),
)

OPEN_VISIT_OF_UNIT = Query(
    UUID,
    select(Visit.encounter_id)
    .where(Visit.unit_id == bindparam("unit_id"), one_of(Visit.status, "registered", "waiting"))
    .limit(1),
)

CANCEL = Query(
    Visit,
    update(Visit)
    .where(
        Visit.encounter_id == bindparam("id_"),
        Visit.version == bindparam("seen"),
        one_of(Visit.status, *CANCELLABLE),
    )
    .values(
        status="cancelled",
        cancelled_at=bindparam("at"),
        cancelled_by=bindparam("who"),
        cancel_reason=bindparam("why"),
        version=Visit.version + 1,
    )
    .returning(Visit),
)
"""Cancel the version seen; None when somebody was quicker."""

COUNT_SLIP = Query(
    Visit,
    update(Visit)
    .where(Visit.encounter_id == bindparam("id_"), Visit.campus_id == bindparam("campus"))
    .values(slips_printed=Visit.slips_printed + 1, version=Visit.version + 1)
    .returning(Visit),
)
