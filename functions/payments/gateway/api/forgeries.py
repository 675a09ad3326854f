"""Routes of alarms over notifications that were not believed."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.payments.gateway import rules, service
from functions.payments.gateway.queries.forgeries import Line
from functions.payments.gateway.schemas.forgeries import AcknowledgeForgery, ForgeryAlarmView
from shared.command import command, query
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
LAST = UUID(int=2**128 - 1)
Limit = Annotated[int, Parameter(ge=1, le=200)]


@router.get("/forgery-alarms")
@query("payments.gateway.read")
def list_forgery_alarms(
    tx: Tx, unfinished: bool = False, limit: Limit = 50, cursor: UUID | None = None
) -> Page[ForgeryAlarmView]:
    """Alarms over forged notifications of the acting campus (伪造通知告警), newest first; `unfinished` only those
    nobody has looked into."""
    lines = service.forgery_alarms(tx, open_only=unfinished, before=cursor or LAST, limit=limit)
    return Page[ForgeryAlarmView](
        items=[_view(line) for line in lines], next=str(lines[-1].alarm_id) if len(lines) == limit else None
    )


@router.post("/forgery-alarms/{alarm_id}/acknowledge")
@command("payments.gateway.operate")
def acknowledge_forgery(tx: Tx, alarm_id: UUID, body: AcknowledgeForgery) -> ForgeryAlarmView:
    """Say what forged notifications were and what was done (核实伪造通知); counting begins anew."""
    return _view(service.acknowledge_forgery(tx, alarm_id, body))


def _view(line: Line) -> ForgeryAlarmView:
    return ForgeryAlarmView(**line._asdict(), channel_name=rules.CHANNELS[line.channel])
