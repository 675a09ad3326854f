"""A campus cut off sells today's numbers at its own windows only (应急冻结); afterwards they come back."""

from uuid import UUID

from functions.outpatient.schedule.models import PoolFreeze
from functions.outpatient.schedule.problems import RequestStateWrong
from functions.outpatient.schedule.queries import pool, upkeep
from functions.outpatient.schedule.queries.pool import SlotTaken
from functions.outpatient.schedule.service.pool import told_released
from shared.ids import new_id
from shared.problems import NotFound
from shared.tx import Tx


def freeze_today(tx: Tx, cause: str) -> PoolFreeze:
    """Keep today's free numbers of this campus for its windows. Other channels are refused until it is lifted."""
    frozen = tx.session.all(upkeep.FREEZE_SLOTS, campus=tx.campus, day_=tx.today, now=tx.now)
    freeze = PoolFreeze(
        freeze_id=new_id(),
        campus_id=tx.campus,
        day=tx.today,
        cause=cause,
        frozen_at=tx.now,
        frozen_by=tx.actor.subject,
        slots=len(frozen),
    )
    tx.session.add(freeze)
    tx.audit("pool.frozen", "campus", tx.campus, slots=len(frozen))
    return freeze


def lift_freeze(tx: Tx, reason: str) -> list[PoolFreeze]:
    """The campus is back and signed off: what its windows did not sell returns to the pool."""
    lifted = tx.session.all(upkeep.LIFT_FREEZE, campus_=tx.campus, now=tx.now, who=tx.actor.subject)
    if not lifted:
        raise RequestStateWrong("本院区号源没有冻结，请刷新后核对。")
    for freeze in lifted:
        thawed = tx.session.all(upkeep.THAW_SLOTS, campus=tx.campus, day_=freeze.day, now=tx.now)
        told_released(tx, thawed, "unfrozen")
    tx.audit("pool.thawed", "campus", tx.campus, reason=reason)
    return lifted


def take_frozen_slot(tx: Tx, session_id: UUID, number: int, owner_id: UUID, *, owner_kind: str = "visit") -> SlotTaken:
    """Book a number a window sold while the campus was cut off; NotFound when it was sold before the freeze."""
    slot = tx.session.first(pool.TAKE_FROZEN, id_=session_id, number_=number, kind=owner_kind, owner=owner_id)
    if slot is None:
        raise NotFound("该号在冻结前已售出或不在冻结范围，请按冲突处理加号。")
    return slot
