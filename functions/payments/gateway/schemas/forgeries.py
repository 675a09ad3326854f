"""Requests and answers of alarms over notifications that were not believed."""

from uuid import UUID

from functions.payments.gateway.schemas import Version
from shared.schemas import Input, LongText, Moment, View


class AcknowledgeForgery(Input):
    """What the notifications were and what was done about them (核实伪造通知)."""

    version: Version
    finding: LongText


class ForgeryAlarmView(View):
    """An alarm over notifications of a merchant's channel that were not to be believed.

    `forged` counts them from the first to now, or to the acknowledgement, as far as they were kept (50 an hour).
    """

    alarm_id: UUID
    campus_id: str
    merchant_id: UUID
    merchant_no: str
    channel: str
    channel_name: str
    forged: int
    first_at: Moment
    raised_at: Moment
    reason: str
    acknowledged_at: Moment | None
    acknowledged_by_name: str | None
    finding: str | None
    version: int
