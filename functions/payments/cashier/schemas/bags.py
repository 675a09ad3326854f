"""Requests and answers about cash bags and the bank's calls."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.payments.cashier.schemas.shifts import Version
from shared.money import Money, MoneyAmount, PositiveMoney
from shared.schemas import Code, Input, LongText, Moment, Text, View


class SealBag(Input):
    """Put deposit slips with their cash into a bag and seal it (装袋封签). `amount` is what was counted into it."""

    seal_no: Code
    amount: PositiveMoney
    hand_in_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)]


class OpenBag(Input):
    """Unseal a bag that has not left (拆封): its slips may be put into another."""

    version: Version
    reason: LongText


class BagSeen(Input):
    """A bag as it lies on the table."""

    bag_id: UUID
    version: Version


class HandOver(Input):
    """Hand sealed bags to the bank's courier (上门收款交接), whose work card was looked at."""

    bags: Annotated[list[BagSeen], Field(min_length=1, max_length=50)]
    company: Text
    courier_name: Text
    courier_no: Code


class CountBag(Input):
    """The bank's confirmation of a bag: what it counted and the number of its receipt."""

    version: Version
    counted_amount: MoneyAmount
    bank_receipt_no: Text


class ExplainBag(Input):
    """What finance found about a difference between the slips and the bank's count."""

    version: Version
    explanation: LongText


class BagSlipView(View):
    """A deposit slip, to be bagged or in a bag."""

    hand_in_id: UUID
    hand_in_no: str
    kind: str
    amount: Money
    handed_in_by_name: str
    handed_in_at: Moment
    shift_no: str


class BagView(View):
    """A sealed bag. State: sealed, opened, handed_over, counted. `difference` is counted less amount."""

    bag_id: UUID
    seal_no: str
    amount: Money
    slip_count: int
    state: str
    state_label: str
    sealed_by_name: str
    sealed_at: Moment
    opened_by_name: str | None
    opened_at: Moment | None
    open_reason: str | None
    collection_id: UUID | None
    counted_amount: Money | None
    difference: Money | None
    bank_receipt_no: str | None
    counted_by_name: str | None
    counted_at: Moment | None
    explanation: str | None
    explained_by_name: str | None
    explained_at: Moment | None
    days_underway: int | None
    """Days since it was sealed while the bank has not counted it."""
    version: int


class BagWithSlips(BagView):
    """A bag and the deposit slips in it."""

    slips: list[BagSlipView]


class CollectionView(View):
    """A call of the bank's courier."""

    collection_id: UUID
    collection_no: str
    company: str
    courier_name: str
    courier_no: str
    bag_count: int
    amount: Money
    handed_over_by_name: str
    handed_over_at: Moment


class CollectionWithBags(CollectionView):
    """A call of the courier with the bags taken."""

    bags: list[BagView]
