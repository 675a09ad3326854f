"""Where the channels report (支付通知). Nobody signs on here: the channel's signature is the only proof."""

from uuid import UUID

from functions.payments.gateway import service
from shared.callback import Message, Reply, callback
from shared.http import Router
from shared.tx import Tx

router = Router()


@router.post("/notifications/{channel}/{merchant_id}", include_in_schema=False)
@callback(service.campus_of)
def receive(tx: Tx, message: Message, channel: str, merchant_id: UUID) -> Reply:
    """A channel tells what became of a payment or a refund."""
    return service.receive(tx, message, channel, merchant_id)
