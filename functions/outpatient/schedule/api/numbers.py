"""Routes: extra numbers, quotas, releases, return rules, freezes."""

from uuid import UUID

from functions.outpatient.schedule import service
from functions.outpatient.schedule.api.routing import router, session_view
from functions.outpatient.schedule.models import Slot
from functions.outpatient.schedule.queries import upkeep as queries
from functions.outpatient.schedule.schemas.plans import Channel, SessionView
from functions.outpatient.schedule.schemas.pool import (
    AddExtra,
    ExtraCap,
    ExtraView,
    FreezePool,
    FreezeView,
    LiftFreeze,
    MoveQuota,
    QuotaView,
    ReleaseByHand,
    ReleasedView,
    ReturnView,
    SetReturn,
)
from shared.command import command, query
from shared.tx import Tx


@router.post("/sessions/{session_id}/extras", status_code=201)
@command("outpatient.schedule.own")
def add_extra(tx: Tx, session_id: UUID, body: AddExtra) -> ExtraView:
    """An extra number for a named patient (加号)."""
    return _extra(service.add_extra(tx, session_id, body))


@router.post("/sessions/{session_id}/extra-cap")
@command("outpatient.schedule.head")
def set_extra_cap(tx: Tx, session_id: UUID, body: ExtraCap) -> SessionView:
    """How many extra numbers the session may have (加号上限)."""
    return session_view(*service.set_extra_cap(tx, session_id, body))


@router.post("/sessions/{session_id}/quotas")
@command("outpatient.schedule.quota")
def move_quota(tx: Tx, session_id: UUID, body: MoveQuota) -> QuotaView:
    """Give unsold numbers of a channel to another (调配号源)."""
    moved, totals = service.move_quota(tx, session_id, body)
    return QuotaView(session_id=session_id, moved=moved, totals=totals)


@router.post("/sessions/{session_id}/release")
@command("outpatient.schedule.quota")
def release_by_hand(tx: Tx, session_id: UUID, body: ReleaseByHand) -> ReleasedView:
    """Put numbers kept back on sale (手工放号)."""
    return ReleasedView(session_id=session_id, slots=service.release_by_hand(tx, session_id, body))


@router.get("/return-rules")
@query("outpatient.schedule.read")
def list_return_rules(tx: Tx) -> list[ReturnView]:
    """Where unsold numbers go at this campus, and when (回收规则)."""
    return [
        ReturnView(
            channel=rule.channel,
            moment=rule.moment,
            minute=rule.minute,
            to_channels=list(rule.to_channels),
            own=own,
        )
        for rule, own in service.return_rules(tx)
    ]


@router.put("/return-rules/{channel}")
@command("outpatient.schedule.approve")
def set_return_rule(tx: Tx, channel: Channel, body: SetReturn) -> list[ReturnView]:
    """Set where a channel's unsold numbers go (设置回收规则)."""
    service.set_return_rule(tx, channel.value, body)
    return [
        ReturnView(channel=r.channel, moment=r.moment, minute=r.minute, to_channels=list(r.to_channels), own=own)
        for r, own in service.return_rules(tx)
    ]


@router.post("/freezes", status_code=201)
@command("outpatient.schedule.quota")
def freeze_pool(tx: Tx, body: FreezePool) -> FreezeView:
    """Keep today's numbers for this campus's windows (应急冻结)."""
    return FreezeView.model_validate(service.freeze_today(tx, body.cause))


@router.post("/freezes/lift")
@command("outpatient.schedule.quota")
def lift_freeze(tx: Tx, body: LiftFreeze) -> list[FreezeView]:
    """The campus is back: what was not sold returns (解除冻结)."""
    return [FreezeView.model_validate(one) for one in service.lift_freeze(tx, body.reason)]


@router.get("/freezes")
@query("outpatient.schedule.read")
def list_freezes(tx: Tx) -> list[FreezeView]:
    """Freezes in force at this campus."""
    return [FreezeView.model_validate(one) for one in tx.session.all(queries.FREEZES, campus=tx.campus)]


def _extra(slot: Slot) -> ExtraView:
    return ExtraView(
        slot_id=slot.slot_id,
        session_id=slot.session_id,
        number=slot.number,
        label=f"加{slot.extra_no}",
        band_start=slot.band_start,
        band_end=slot.band_end,
    )
