"""Fees the system has still to set right: asked for, due now, carried out, waiting."""

from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.outpatient.registration.models import FeeCorrection, Visit
from shared.database.model import MONEY
from shared.database.query import Query, among, constant

_MOMENT = DateTime(timezone=True)
_OPEN = FeeCorrection.done_at.is_(null())
_LONGEST_WAIT = 60
"""Minutes between two tries at most."""

_asked = insert(FeeCorrection).values(
    correction_id=bindparam("correction"),
    campus_id=bindparam("campus"),
    encounter_id=bindparam("visit"),
    patient_id=bindparam("patient"),
    kind=bindparam("what"),
    reason_code=bindparam("code"),
    reason=bindparam("why"),
    price=bindparam("to_price", type_=MONEY),
    item_code=bindparam("item", type_=Text()),
    doctor_id=bindparam("doctor", type_=Uuid()),
    asked_at=bindparam("now", type_=_MOMENT),
    tries=literal(0),
)
ASK = Query(
    UUID,
    _asked.on_conflict_do_update(
        index_elements=[FeeCorrection.encounter_id, FeeCorrection.kind],
        index_where=_OPEN,
        set_={
            "price": _asked.excluded.price,
            "item_code": _asked.excluded.item_code,
            "doctor_id": _asked.excluded.doctor_id,
        },
    ).returning(FeeCorrection.correction_id),
)
"""One of a kind waits for a visit; asked again, it is what was asked last."""

LOWERED = Query(
    UUID,
    select(FeeCorrection.encounter_id).where(
        among(FeeCorrection.encounter_id, "visits"),
        FeeCorrection.kind == constant("lower"),
        FeeCorrection.price == bindparam("to_price", type_=MONEY),
        FeeCorrection.done_at.is_not(null()),
    ),
)
"""Visits whose fee was lowered to a price already."""

DUE = Query(
    UUID,
    select(FeeCorrection.correction_id)
    .where(
        FeeCorrection.campus_id == bindparam("campus"),
        _OPEN,
        or_(
            FeeCorrection.tried_at.is_(null()),
            FeeCorrection.tried_at
            <= bindparam("now", type_=_MOMENT)
            - func.make_interval(0, 0, 0, 0, 0, func.least(FeeCorrection.tries, _LONGEST_WAIT)),
        ),
    )
    .order_by(FeeCorrection.correction_id)
    .limit(bindparam("limit")),
)
"""Corrections to be tried now: each failed try makes the next wait a minute longer, an hour at most."""

LOCK = Query(
    FeeCorrection,
    select(FeeCorrection)
    .where(FeeCorrection.correction_id == bindparam("correction_id"), _OPEN)
    .with_for_update(skip_locked=True),
)
LOCK_VISIT = Query(Visit, select(Visit).where(Visit.encounter_id == bindparam("encounter_id")).with_for_update())

DONE = Query(
    object,
    update(FeeCorrection)
    .where(FeeCorrection.correction_id == bindparam("id_"))
    .values(done_at=bindparam("now"), outcome=bindparam("how"), refusal=literal(None, Text)),
)
FAILED = Query(
    object,
    update(FeeCorrection)
    .where(FeeCorrection.correction_id == bindparam("id_"), _OPEN)
    .values(tries=func.least(FeeCorrection.tries + 1, 30_000), tried_at=bindparam("now"), refusal=bindparam("why")),
)
WAITING = Query(
    FeeCorrection,
    select(FeeCorrection)
    .where(
        FeeCorrection.campus_id == bindparam("campus"),
        _OPEN,
        FeeCorrection.correction_id > bindparam("after"),
    )
    .order_by(FeeCorrection.correction_id)
    .limit(bindparam("limit")),
)
