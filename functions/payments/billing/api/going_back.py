"""Answers of commands that send money back through channels: committed first, carried out after, shown as it stands."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from functions.payments.billing import service
from functions.payments.billing.models import ChannelRefund
from shared.command import Onward
from shared.steps import Steps
from shared.tx import Tx

T = TypeVar("T")


def going_back(tx: Tx, settlement_id: UUID | None, view: T, again: Callable[[Tx], T]) -> T:
    """`view`, or an answer that first carries out what of a settlement waits to go back, then shows `again`."""
    if settlement_id is None or not has_waiting(tx, settlement_id):
        return view

    def go_on(steps: Steps) -> T:
        carry_out_waiting(steps, settlement_id)
        return steps.step(again)

    return Onward(view, go_on)  # type: ignore[return-value]  # the edge unwraps it; the answer is a T


def has_waiting(tx: Tx, settlement_id: UUID) -> bool:
    """Whether money of a settlement has been asked back of a channel and not been sent yet."""
    return bool(_waiting(tx, settlement_id))


def carry_out_waiting(steps: Steps, settlement_id: UUID) -> None:
    """Send it."""
    service.carry_out_refunds(steps, steps.step(lambda tx: _waiting(tx, settlement_id)))


def _waiting(tx: Tx, settlement_id: UUID) -> list[ChannelRefund]:
    return [row for row in service.refunds_of(tx, settlement_id) if row.state == "requested"]
