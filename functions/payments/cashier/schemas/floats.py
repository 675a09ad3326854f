"""Requests and answers about floats raised and lowered during a shift."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.payments.cashier.schemas.shifts import Denomination, Version
from shared.money import Money, PositiveMoney
from shared.schemas import Input, LongText, Moment, View


class OfferFloat(Input):
    """Hand change to a cashier, or back from the drawer. Amount and denominations must agree."""

    amount: PositiveMoney
    denominations: Annotated[list[Denomination], Field(min_length=1, max_length=26)]
    reason: LongText


class ConfirmFloat(Input):
    """Confirm having the money; `amount` is what the second person counted."""

    version: Version
    amount: PositiveMoney


class WithdrawFloat(Input):
    """Give up a change nobody confirmed: the money went back to who handed it."""

    version: Version
    reason: LongText


class FloatChangeView(View):
    """A float raised or lowered. Direction: raise, lower. State: offered, confirmed, withdrawn."""

    change_id: UUID
    shift_id: UUID
    direction: str
    direction_label: str
    amount: Money
    denominations: dict[str, int]
    reason: str
    handed_by_name: str
    handed_at: Moment
    state: str
    state_label: str
    ended_by_name: str | None
    ended_at: Moment | None
    withdraw_reason: str | None
    version: int
