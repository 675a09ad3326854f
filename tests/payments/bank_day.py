"""The cash of a random day on its way: floats raised and lowered, slips in sealed bags, the bank's count.

The machine keeps its own books of every slip and bag: what left the drawers lies on slips, each slip loose, in one bag
or received by finance, and what the bank counted is what the slips say, but for a difference somebody explained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import initialize, invariant, precondition, rule

from functions.payments.cashier import service as cashier
from functions.payments.cashier.problems import (
    BagCounted,
    BagUnsettled,
    CashInsufficient,
    FloatPending,
    FloatTooSmall,
    SlipBagged,
    SlipReceived,
)
from functions.payments.cashier.schemas.bags import BagSeen, CountBag, ExplainBag, HandOver, OpenBag, SealBag
from functions.payments.cashier.schemas.floats import ConfirmFloat, OfferFloat, WithdrawFloat
from functions.payments.cashier.schemas.shifts import ChangeShift, Denomination, ReceiveShift
from shared.ids import new_id
from shared.money import ZERO
from tests.payments.books import CounterDay, Window, person
from tests.payments.conftest import pieces


@dataclass(eq=False)
class Slip:
    """Cash that left a drawer: its amount, its shift, the bag it lies in."""

    hand_in_id: UUID
    shift_id: UUID
    amount: Decimal
    bag: Bag | None = None


@dataclass(eq=False)
class Bag:
    """A sealed bag in the machine's own books."""

    bag_id: UUID
    slips: list[Slip]
    version: int = 1
    state: str = "sealed"
    difference: Decimal = ZERO
    explained: bool = False

    @property
    def settled(self) -> bool:
        return self.state == "counted" and (not self.difference or self.explained)


@dataclass(eq=False)
class Done:
    """A closed shift and what it brings to finance."""

    shift_id: UUID
    slips: list[Slip] = field(default_factory=list)
    received: bool = False


class BankDay(CounterDay):
    """A day at the counters whose floats change and whose cash goes to the bank in bags."""

    @initialize()
    def empty_books(self) -> None:
        self.slips: list[Slip] = []
        self.bags: list[Bag] = []
        self.done: list[Done] = []

    def _somebody(self, post: str) -> Any:
        return person("经手人", post, self.hall.hospital.clock())

    # -- floats

    @rule(place=st.integers(0, 1), cents=st.integers(1, 20000), end=st.sampled_from(["confirm", "withdraw", "wait"]))
    def raise_float(self, place: int, cents: int, end: str) -> None:
        window, amount = self.windows[place], Decimal(cents) / 100
        with self._as(self._somebody("cashier_lead")) as tx:
            change = cashier.hand_float(tx, window.shift_id, self._offer(amount))
        if end == "wait":
            self._waits(window)
        with self._as(window.actor) as tx:
            if end == "confirm":
                cashier.take_float(tx, change.change_id, ConfirmFloat(version=1, amount=amount))
            else:
                cashier.withdraw_own_float(tx, change.change_id, WithdrawFloat(version=1, reason="不需要"))
        if end == "confirm":
            window.drawer += amount
            window.change += amount

    @rule(place=st.integers(0, 1), cents=st.integers(1, 20000), end=st.sampled_from(["confirm", "withdraw"]))
    def lower_float(self, place: int, cents: int, end: str) -> None:
        window, amount = self.windows[place], Decimal(cents) / 100
        if amount > min(window.change, window.drawer):
            expected = FloatTooSmall if amount > window.change else CashInsufficient
            with pytest.raises(expected), self._as(window.actor) as tx:
                cashier.return_float(tx, window.shift_id, self._offer(amount))
            return
        with self._as(window.actor) as tx:
            change = cashier.return_float(tx, window.shift_id, self._offer(amount))
        with self._as(self._somebody("cashier_lead")) as tx:
            if end == "confirm":
                cashier.take_float_back(tx, change.change_id, ConfirmFloat(version=1, amount=amount))
            else:
                cashier.withdraw_float(tx, change.change_id, WithdrawFloat(version=1, reason="留用"))
        if end == "confirm":
            window.drawer -= amount
            window.change -= amount

    def _offer(self, amount: Decimal) -> OfferFloat:
        lines = [Denomination(**one) for one in pieces(str(amount))]
        return OfferFloat(amount=amount, denominations=lines, reason="试验")

    def _waits(self, window: Window) -> None:
        with self._as(window.actor) as tx:
            version = cashier.find_shift(tx, window.shift_id).version
        with pytest.raises(FloatPending), self._as(window.actor) as tx:
            cashier.start_count(tx, window.shift_id, ChangeShift(version=version))

    # -- slips

    def brought(self, window: Window, hand_in_id: UUID, amount: Decimal) -> None:
        self.slips.append(Slip(hand_in_id, window.shift_id, amount))

    def closed(self, window: Window) -> None:
        stays = min(window.change, window.drawer)
        found = self.hall.hospital.rows(
            "SELECT hand_in_id, amount FROM payments.cash_hand_ins WHERE shift_id = %s AND kind = 'closing'",
            [window.shift_id],
        )
        assert [row["amount"] for row in found] == ([window.drawer - stays] if window.drawer > stays else [])
        for row in found:
            self.brought(window, row["hand_in_id"], row["amount"])
        self.done.append(Done(window.shift_id, [slip for slip in self.slips if slip.shift_id == window.shift_id]))

    @precondition(lambda self: any(not one.received for one in self.done))
    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        done = data.draw(st.sampled_from([one for one in self.done if not one.received]))
        finance = self._somebody("finance")
        with self._as(finance) as tx:
            version = cashier.find_shift(tx, done.shift_id).version
        amount = sum((slip.amount for slip in done.slips), ZERO)
        command = ReceiveShift(version=version, amount=amount, bank_slip_no="NY-1")
        if any(slip.bag and not slip.bag.settled for slip in done.slips):
            with pytest.raises(BagUnsettled), self._as(finance) as tx:
                cashier.receive_shift(tx, done.shift_id, command)
            return
        with self._as(finance) as tx:
            cashier.receive_shift(tx, done.shift_id, command)
        done.received = True

    # -- bags

    @precondition(lambda self: self.slips)
    @rule(data=st.data())
    def seal(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.slips), min_size=1, max_size=4, unique=True))
        received = {slip for one in self.done if one.received for slip in one.slips}
        command = SealBag(
            seal_no=new_id().hex,
            amount=sum((slip.amount for slip in chosen), ZERO),
            hand_in_ids=[slip.hand_in_id for slip in chosen],
        )
        lead = self._somebody("cashier_lead")
        if any(slip in received or slip.bag for slip in chosen):
            expected = SlipReceived if any(slip in received for slip in chosen) else SlipBagged
            with pytest.raises(expected), self._as(lead) as tx:
                cashier.seal_bag(tx, command)
            return
        with self._as(lead) as tx:
            bag = Bag(cashier.seal_bag(tx, command).bag_id, chosen)
        self.bags.append(bag)
        for slip in chosen:
            slip.bag = bag

    def _in(self, *states: str) -> list[Bag]:
        return [bag for bag in self.bags if bag.state in states]

    @precondition(lambda self: self._in("sealed"))
    @rule(data=st.data())
    def unseal(self, data: st.DataObject) -> None:
        bag = data.draw(st.sampled_from(self._in("sealed")))
        with self._as(self._somebody("cashier_lead")) as tx:
            cashier.open_bag(tx, bag.bag_id, OpenBag(version=bag.version, reason="封签破损"))
        bag.state, bag.version = "opened", bag.version + 1
        for slip in bag.slips:
            slip.bag = None

    @precondition(lambda self: self._in("sealed"))
    @rule(data=st.data())
    def courier_calls(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self._in("sealed")), min_size=1, unique=True))
        command = HandOver(
            bags=[BagSeen(bag_id=bag.bag_id, version=bag.version) for bag in chosen],
            company="农行",
            courier_name="韦志强",
            courier_no="317",
        )
        with self._as(self._somebody("cashier_lead")) as tx:
            collection = cashier.hand_over(tx, command)
        assert collection.amount == sum((slip.amount for bag in chosen for slip in bag.slips), ZERO)
        for bag in chosen:
            bag.state, bag.version = "handed_over", bag.version + 1

    @precondition(lambda self: self._in("handed_over", "counted"))
    @rule(data=st.data(), cents=st.integers(-300, 300))
    def bank_counts(self, data: st.DataObject, cents: int) -> None:
        bag = data.draw(st.sampled_from(self._in("handed_over", "counted")))
        said = sum((slip.amount for slip in bag.slips), ZERO)
        counted = max(ZERO, said + Decimal(cents) / 100)
        command = CountBag(version=bag.version, counted_amount=counted, bank_receipt_no="NY-7")
        finance = self._somebody("finance")
        if bag.state == "counted":
            with pytest.raises(BagCounted), self._as(finance) as tx:
                cashier.count_bag(tx, bag.bag_id, command)
            return
        with self._as(finance) as tx:
            cashier.count_bag(tx, bag.bag_id, command)
        bag.state, bag.version, bag.difference = "counted", bag.version + 1, counted - said

    @precondition(lambda self: any(bag.difference and not bag.explained for bag in self.bags))
    @rule(data=st.data())
    def explain(self, data: st.DataObject) -> None:
        bag = data.draw(st.sampled_from([bag for bag in self.bags if bag.difference and not bag.explained]))
        with self._as(self._somebody("finance")) as tx:
            cashier.explain_bag(tx, bag.bag_id, ExplainBag(version=bag.version, explanation="残币"))
        bag.explained, bag.version = True, bag.version + 1

    # -- laws

    @invariant()
    def what_left_the_drawers_lies_on_slips(self) -> None:
        """Handed in meanwhile and brought at the end, of every shift: the slips, each where the machine put it."""
        slips = getattr(self, "slips", [])
        shifts = list({slip.shift_id for slip in slips})
        row = self.hall.hospital.rows(
            """
            SELECT coalesce(sum(handed_in + CASE WHEN state IN ('closed', 'received') THEN counted - float_kept
                                                 ELSE 0 END), 0) AS brought
            FROM payments.shifts WHERE shift_id = ANY (%s)
            """,
            [shifts],
        )[0]
        assert row["brought"] == sum((slip.amount for slip in slips), ZERO)

    @invariant()
    def every_bag_holds_what_its_slips_say(self) -> None:
        bags = getattr(self, "bags", [])
        found = self.hall.hospital.rows(
            "SELECT bag_id, state, amount, coalesce(counted_amount - amount, 0) AS difference, version"
            " FROM payments.cash_bags WHERE bag_id = ANY (%s) ORDER BY bag_id",
            [[bag.bag_id for bag in bags]],
        )
        assert [(row["bag_id"], row["state"], row["amount"], row["difference"], row["version"]) for row in found] == [
            (bag.bag_id, bag.state, sum((slip.amount for slip in bag.slips), ZERO), bag.difference, bag.version)
            for bag in sorted(bags, key=lambda bag: bag.bag_id)
        ]
