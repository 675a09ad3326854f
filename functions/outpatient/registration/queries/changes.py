"""Changes of visits: each guarded by the state it starts from, each returning the new row or None."""

from typing import Any

from sqlalchemy import (
    DateTime,
    SmallInteger,
    Text,
    Uuid,
    bindparam,
    case,
    column,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.rules import BEGUN, CANCELLABLE, OPEN, SLIP
from shared.database.query import Query, among, constant, one_of

_MOMENT = DateTime(timezone=True)


def _step(*conditions: Any, **values: Any) -> Query[Visit]:
    return Query(
        Visit,
        update(Visit)
        .where(Visit.encounter_id == bindparam("id_"), Visit.campus_id == bindparam("campus"), *conditions)
        .values(**values, version=Visit.version + 1)
        .returning(Visit),
    )


def _cancel(states: tuple[str, ...]) -> Query[Visit]:
    return _step(
        Visit.version == bindparam("seen"),
        one_of(Visit.status, *states),
        status="cancelled",
        cancelled_at=bindparam("at"),
        cancelled_by=bindparam("who"),
        cancel_reason=bindparam("why"),
    )


CANCEL = _cancel(CANCELLABLE)
"""Cancel the version seen; None when somebody was quicker."""
CANCEL_BEGUN = _cancel(BEGUN)
"""The same for a visit that began and was released."""

LOCK_OPEN_OF_SLOTS = Query(
    Visit,
    select(Visit)
    .where(among(Visit.slot_id, "slots"), one_of(Visit.status, *CANCELLABLE))
    .order_by(Visit.encounter_id)
    .with_for_update(),
)
LOCK_OPEN_OF_SESSION = Query(
    Visit,
    select(Visit)
    .where(Visit.session_id == bindparam("session_id"), one_of(Visit.status, *CANCELLABLE))
    .order_by(Visit.encounter_id)
    .with_for_update(),
)

_places = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Uuid())),
        bindparam("starts", type_=ARRAY(_MOMENT)),
        bindparam("ends", type_=ARRAY(_MOMENT)),
        bindparam("rooms", type_=ARRAY(Uuid())),
        bindparam("until", type_=ARRAY(_MOMENT)),
    )
    .table_valued(
        column("encounter_id", Uuid()),
        column("band_start", _MOMENT),
        column("band_end", _MOMENT),
        column("room_id", Uuid()),
        column("valid_until", _MOMENT),
        name="places",
    )
    .render_derived()
)
FOLLOW_SLOTS = Query(
    object,
    update(Visit)
    .where(Visit.encounter_id == _places.c.encounter_id, one_of(Visit.status, *CANCELLABLE))
    .values(
        band_start=_places.c.band_start,
        band_end=_places.c.band_end,
        room_id=_places.c.room_id,
        valid_until=_places.c.valid_until,
        version=Visit.version + 1,
    ),
)
"""Visits where their numbers are now."""
REPLACE_DOCTOR = Query(
    object,
    update(Visit)
    .where(
        among(Visit.encounter_id, "visits"),
        one_of(Visit.status, *CANCELLABLE),
        Visit.doctor_id.is_distinct_from(bindparam("doctor", type_=Uuid())),
    )
    .values(doctor_id=bindparam("doctor"), version=Visit.version + 1),
)
CANCEL_ALL = Query(
    Visit,
    update(Visit)
    .where(among(Visit.encounter_id, "visits"), one_of(Visit.status, *CANCELLABLE))
    .values(
        status="cancelled",
        cancelled_at=bindparam("at"),
        cancelled_by=bindparam("who"),
        cancel_reason=bindparam("why"),
        version=Visit.version + 1,
    )
    .returning(Visit),
)
"""Visits of a stopped session, locked before."""

SET_FEE = _step(
    one_of(Visit.status, *CANCELLABLE),
    fee_item_code=bindparam("item"),
    fee_module=bindparam("module"),
    fee_source=bindparam("source"),
)
"""The fee is charged by another item from now on."""

CHECK_IN = _step(
    one_of(Visit.status, "registered"),
    status="waiting",
    checked_in_at=bindparam("at"),
)
START = _step(
    one_of(Visit.status, *CANCELLABLE),
    status="in_consultation",
    checked_in_at=func.coalesce(Visit.checked_in_at, bindparam("at", type_=_MOMENT)),
    started_at=bindparam("at", type_=_MOMENT),
    doctor_id=bindparam("doctor", type_=Uuid()),
    room_id=func.coalesce(bindparam("room", type_=Uuid()), Visit.room_id),
)
FINISH = _step(
    one_of(Visit.status, "in_consultation"),
    status="finished",
    finished_at=bindparam("at"),
    ended_by=bindparam("who"),
)
REOPEN = _step(
    one_of(Visit.status, "finished"),
    Visit.valid_until > bindparam("at", type_=_MOMENT),
    status="in_consultation",
    finished_at=literal(None, _MOMENT),
    ended_by=literal(None, Text),
    doctor_id=bindparam("doctor", type_=Uuid()),
)
MISS = _step(
    Visit.status == bindparam("state"),
    one_of(Visit.status, *CANCELLABLE),
    status="no_show",
    ended_by=bindparam("who"),
)
TAKE_OVER = _step(
    one_of(Visit.status, "in_consultation"),
    Visit.doctor_id.is_not_distinct_from(bindparam("before", type_=Uuid())),
    doctor_id=bindparam("doctor", type_=Uuid()),
    room_id=func.coalesce(bindparam("room", type_=Uuid()), Visit.room_id),
)

_due = (
    select(Visit.encounter_id)
    .where(
        Visit.campus_id == bindparam("campus"),
        one_of(Visit.status, *OPEN),
        Visit.valid_until <= bindparam("now"),
    )
    .order_by(Visit.valid_until, Visit.encounter_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
END_DUE = Query(
    Visit,
    update(Visit)
    .where(Visit.encounter_id.in_(_due.scalar_subquery()))
    .values(
        status=case((Visit.status == constant("in_consultation"), constant("finished")), else_=constant("no_show")),
        finished_at=case((Visit.status == constant("in_consultation"), Visit.valid_until)),
        ended_by=bindparam("who"),
        version=Visit.version + 1,
    )
    .returning(Visit),
)
"""The sweep: what is still open when its validity ends was seen, or was not."""

SET_LEVEL = _step(
    one_of(Visit.status, *OPEN),
    Visit.kind == constant("emergency"),
    triage_level=bindparam("level", type_=SmallInteger()),
)
SET_PAYER = _step(
    Visit.version == bindparam("seen"),
    Visit.status != constant("cancelled"),
    payer_kind=bindparam("payer"),
    insutype=bindparam("insurance"),
    med_type=bindparam("medical"),
    special_disease=bindparam("disease"),
    work_injury=bindparam("at_work"),
    trauma=bindparam("injury"),
    third_party=bindparam("third"),
)
SET_INSURANCE_VISIT = _step(Visit.status != constant("cancelled"), insurance_mdtrt_id=bindparam("mdtrt"))

DROP_INSURANCE_VISIT = _step(Visit.insurance_mdtrt_id == bindparam("mdtrt"), insurance_mdtrt_id=literal(None, Text))

MOVE = _step(
    Visit.version == bindparam("seen"),
    one_of(Visit.status, *CANCELLABLE),
    status="registered",
    checked_in_at=literal(None, _MOMENT),
    kind=bindparam("to_kind"),
    follow_up_of=bindparam("right"),
    first_visit=bindparam("first"),
    unit_id=bindparam("unit"),
    clinic_id=bindparam("clinic"),
    clinic_name=bindparam("clinic_label"),
    session_id=bindparam("session"),
    slot_id=bindparam("slot"),
    slot_number=bindparam("number"),
    slot_label=bindparam("label"),
    doctor_id=bindparam("doctor"),
    room_id=bindparam("room"),
    band_start=bindparam("starts"),
    band_end=bindparam("ends"),
    valid_until=bindparam("until"),
    fee_item_code=bindparam("item"),
    fee_module=bindparam("module"),
    fee_source=bindparam("source"),
    med_type=bindparam("medical"),
)
"""Another session for the version seen: the visit starts anew there, its number stays."""

COUNT_SLIP = _step(one_of(Visit.status, *SLIP), slips_printed=Visit.slips_printed + 1)
